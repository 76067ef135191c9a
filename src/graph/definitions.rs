//! The directives that are always defined: those of the connect spec under their names here, Ficus's own, and those of
//! federation that schemas commonly carry. Also which documented directives are not built yet.

use super::link::Links;

/// Directives that are documented and not built; they are refused, never ignored. Security directives most of all.
pub(super) const LATER: &[&str] =
    &["migrate", "saga", "authenticated", "requiresScopes", "policy", "cost", "listSize"];

/// Federation directives that have no meaning in one graph of connectors.
pub(super) const UNSUPPORTED_FEDERATION: &[&str] = &["context", "fromContext"];

/// Scalars and inputs of the connect spec's directives. Lists take a single value too, as always in GraphQL.
const CONNECT_TYPES: &str = r#"
"A mapping: which values of a response become which fields, such as `id name: full_name`."
scalar connect__JSONSelection
"A URL with `{ expression }` in it, such as `/orders/{$args.id}`."
scalar connect__URLTemplate
"A header: its name, and either where it is copied from or what it is."
input connect__HTTPHeaderMapping {
  "The header's name."
  name: String!
  "The client's header whose values are copied."
  from: String
  "A template, such as `Bearer {$config.token}`."
  value: String
}
"What all requests to a source have in common."
input connect__SourceHTTP {
  "Scheme, host, and the path and query that every request begins with. It may read `$config` and `$env`."
  baseURL: connect__URLTemplate
  "Headers of every request."
  headers: [connect__HTTPHeaderMapping!]
  "Further path segments: a mapping that gives a list."
  path: connect__JSONSelection
  "Further query parameters: a mapping that gives an object."
  queryParams: connect__JSONSelection
}
"A request: exactly one method with its URL."
input connect__ConnectHTTP {
  "The URL of a GET; relative to the source's base URL."
  GET: connect__URLTemplate
  "The URL of a POST."
  POST: connect__URLTemplate
  "The URL of a PUT."
  PUT: connect__URLTemplate
  "The URL of a PATCH."
  PATCH: connect__URLTemplate
  "The URL of a DELETE."
  DELETE: connect__URLTemplate
  "The request body: a mapping of variables, such as `name: $args.name`."
  body: connect__JSONSelection
  "Headers of this request; they win over the source's."
  headers: [connect__HTTPHeaderMapping!]
  "Further path segments: a mapping that gives a list."
  path: connect__JSONSelection
  "Further query parameters: a mapping that gives an object. Null values are left out, lists repeat the key."
  queryParams: connect__JSONSelection
}
"How many objects a request asks for at once."
input connect__ConnectBatch {
  "Objects in one request; more are asked for in several."
  maxSize: Int
}
"What a failed request says to the client."
input connect__ConnectorErrors {
  "A mapping that gives the message."
  message: connect__JSONSelection
  "A mapping that gives an object of extensions; `code` among them replaces the default."
  extensions: connect__JSONSelection
}
"#;

/// Ficus's own.
const FICUS: &str = r#"
"How the rows that a field's `@connect` gets for many parents at once find their parents: by equal values. Ficus's own."
directive @groupBy(
  "A path in a row of the response, or a list of paths."
  item: [String!]!
  "A path in the parent, or as many as `item` has."
  parent: [String!]!
  "Parents in one request; more are asked for in several."
  maxSize: Int
) on FIELD_DEFINITION
"For whom answers are kept."
enum cached__Scope {
  "For all clients: nothing of the client's request goes into the request."
  PUBLIC
  "For clients whose requests are equal in every declared header."
  PRIVATE
}
"How the answers to the `@connect` beside it are kept, instead of `cache` of its source. On a type with several, it belongs to the one that stands before it. Ficus's own."
directive @cached(
  "Freshness where a response says nothing or says less, such as `60s`."
  ttl: String
  "Beyond its freshness an answer is used once more while it is asked for again."
  staleWhileRevalidate: String
  "Beyond its freshness an answer stands in for one that failed."
  staleIfError: String
  "For whom answers are kept."
  scope: cached__Scope
  "What a purge finds the answers by: templates such as `product:{$args.id}`, or `product:{$.id}` for each row."
  tags: [String!]
) repeatable on FIELD_DEFINITION | OBJECT
"Ends what is kept under these tags once the mutation was sent. Ficus's own."
directive @invalidates(
  "Templates such as `product:{$args.id}`, or `order:{$.id}` of the response."
  tags: [String!]!
) on FIELD_DEFINITION
"Who may listen: `{source: \"orders\", http: {GET: \"/orders/{$args.id}\"}, every: \"60s\"}` asks a backend with the subscriber's own headers, and 2xx means yes; `NONE` lets everybody."
scalar subscribe__Authorize
"Where a field of `Subscription` comes from: the events of a topic, or what a backend answers when it is asked again and again. Ficus's own."
directive @subscribe(
  "The topic whose events are heard, such as `order/{$args.id}`. Each value is one encoded segment."
  topic: String
  "Which of its events: a mapping of the event that gives true, such as `$.status->eq($args.status)`."
  where: connect__JSONSelection
  "Who may listen to the topic: a request, or `NONE`."
  authorize: subscribe__Authorize
  "How often the backend is asked, such as `2s`. What it says is told when it changed."
  poll: String
  "For `poll`: the backend, a `@source` or a file `connectors/<source>.yaml`. Without it the URL is absolute."
  source: String
  "For `poll`: the request."
  http: connect__ConnectHTTP
  "Which values of the event, or of the response, become which fields. What it does not give is completed as in a query."
  selection: connect__JSONSelection!
) on FIELD_DEFINITION
"Who may keep a response."
enum CacheControlScope {
  "Anybody on its way."
  PUBLIC
  "The client that asked, and nobody else."
  PRIVATE
}
"How long a response that holds this may be kept, and by whom: its `Cache-Control`. Of all that is selected, the strictest counts."
directive @cacheControl(
  "Seconds. Without it: 0 for root fields and objects, and for other leaves what they stand in."
  maxAge: Int
  "PRIVATE keeps the response out of shared caches."
  scope: CacheControlScope
  "For an object: as long as what it stands in, instead of 0."
  inheritMaxAge: Boolean
) on FIELD_DEFINITION | OBJECT | INTERFACE | UNION
"#;

/// `@link`, and what its arguments are made of.
const LINK: &str = r#"
"A name that a link imports, such as `\"@connect\"`, or `{name: \"@connect\", as: \"@rest\"}`."
scalar link__Import
"What a link is needed for."
enum link__Purpose {
  "Security depends on it."
  SECURITY
  "Execution depends on it."
  EXECUTION
}
"Uses a specification's directives in this schema."
directive @link(
  "Of the specification, with its version."
  url: String
  "The prefix of what is not imported."
  as: String
  "What it is needed for."
  for: link__Purpose
  "The directives that are used by their own names."
  import: [link__Import]
) repeatable on SCHEMA
"Fields of a type, such as `id` or `tenant { id }`."
scalar federation__FieldSet
"#;

/// Federation's directives: name, what it says, then arguments and locations.
const FEDERATION: &[(&str, &str, &str)] = &[
    (
        "key",
        "Fields that tell the objects of a type apart.",
        r#"("The fields." fields: federation__FieldSet!, "Whether objects can be asked for by it." resolvable: Boolean = true)
         repeatable on OBJECT | INTERFACE"#,
    ),
    (
        "requires",
        "Fields of the object that this field is made of.",
        r#"("The fields." fields: federation__FieldSet!) on FIELD_DEFINITION"#,
    ),
    (
        "provides",
        "Fields of the object that this field gives along.",
        r#"("The fields." fields: federation__FieldSet!) on FIELD_DEFINITION"#,
    ),
    (
        "external",
        "A field that comes from elsewhere.",
        r#"("Why." reason: String) on OBJECT | FIELD_DEFINITION"#,
    ),
    ("shareable", "Several graphs may give it.", " repeatable on OBJECT | FIELD_DEFINITION"),
    (
        "override",
        "This graph gives the field instead of another.",
        r#"("The other graph." from: String!, "When it does." label: String) on FIELD_DEFINITION"#,
    ),
    (
        "tag",
        "A label for tools.",
        r#"("The label." name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR
         | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA"#,
    ),
    (
        "inaccessible",
        "Clients do not see it; connectors may read it.",
        " on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE \
         | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    ),
    ("interfaceObject", "An interface of other graphs, as an object here.", " on OBJECT"),
    ("extends", "An extension of a type of another graph.", " on OBJECT | INTERFACE"),
    (
        "composeDirective",
        "Keeps a directive in the composed schema.",
        r#"("The directive." name: String!) repeatable on SCHEMA"#,
    ),
];

/// A backend, under each name that the links give the directive.
const SOURCE: &str = r#"(
  "What `@connect(source:)` calls it. A file `connectors/<name>.yaml` says more of it, and wins."
  name: String!
  "What all its requests have in common."
  http: connect__SourceHTTP
  "What a failed request says to the client."
  errors: connect__ConnectorErrors
  "A mapping that gives true when a response is a success; without it: 2xx."
  isSuccess: connect__JSONSelection
) repeatable on SCHEMA
"#;

/// A connector, likewise.
const CONNECT: &str = r#"(
  "The backend: a `@source` or a file `connectors/<source>.yaml`. Without it the URL is absolute."
  source: String
  "A name for tools: letters, digits and `_`."
  id: String
  "The request. Without it the value is made without one."
  http: connect__ConnectHTTP
  "How many objects a request asks for at once, where it reads `$batch`."
  batch: connect__ConnectBatch
  "What a failed request says to the client; wins over the source's."
  errors: connect__ConnectorErrors
  "A mapping that gives true when the response is a success; wins over the source's."
  isSuccess: connect__JSONSelection
  "Which values of the response become which fields."
  selection: connect__JSONSelection!
  "On a field of Query: it finds one object by its key, so that it may complete objects that lack fields."
  entity: Boolean = false
) repeatable on FIELD_DEFINITION | OBJECT
"#;

/// SDL of all of them, under the names that the links give.
pub(super) fn sdl(links: &Links) -> String {
    let mut sdl = [LINK, CONNECT_TYPES, FICUS].concat();
    for name in &links.source {
        sdl.push_str(&format!("\"A backend that connectors ask.\"\ndirective @{name}{SOURCE}"));
    }
    for name in &links.connect {
        sdl.push_str(&format!("\"Where a field or an object comes from.\"\ndirective @{name}{CONNECT}"));
    }
    for (name, about, rest) in FEDERATION {
        let renamed =
            links.federation.iter().filter(|(there, _)| there == name).map(|(_, here)| here.clone());
        for name in [(*name).to_owned(), format!("federation__{name}")].into_iter().chain(renamed) {
            sdl.push_str(&format!("\"{about}\"\ndirective @{name}{rest}\n"));
        }
    }
    sdl
}
