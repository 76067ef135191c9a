//! Who asks, and the graph they ask: sources that see everybody, somebody's token, tenant, language, cookie or claim, kept and
//! shared in every way a connector file knows.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

/// A caller. Each of its names is in every value that a backend makes for it, and nowhere else.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) token: String,
    /// Shared with every second user.
    pub(crate) tenant: String,
    /// Shared with every third user.
    pub(crate) language: String,
    pub(crate) session: String,
    /// What the host application knows of it.
    pub(crate) claim: String,
}

impl User {
    pub(crate) fn new(number: usize) -> User {
        User {
            token: format!("~u{number}~"),
            tenant: format!("~t{}~", number % 2),
            language: format!("~l{}~", number % 3),
            session: format!("~s{number}~"),
            claim: format!("~c{number}~"),
        }
    }

    /// Whether a name is one of its own, or everybody's.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        name == EVERYBODY
            || [&self.token, &self.tenant, &self.language, &self.session, &self.claim]
                .iter()
                .any(|own| *own == name)
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let headers = [
            ("authorization", format!("Bearer {}", self.token)),
            ("x-tenant", self.tenant.clone()),
            ("accept-language", self.language.clone()),
            ("cookie", format!("session={}", self.session)),
            ("x-claim", self.claim.clone()),
        ];
        let pair = |(name, value): (&'static str, String)| {
            (HeaderName::from_static(name), HeaderValue::try_from(value).unwrap())
        };
        headers.into_iter().map(pair).collect()
    }

    pub(crate) fn context(&self) -> Map<String, Value> {
        json!({ "claim": self.claim }).as_object().unwrap().clone()
    }
}

/// In what belongs to nobody.
pub(crate) const EVERYBODY: &str = "~all~";

/// What mutations change elsewhere than where it is read, so that nothing but tags ends what is kept of it; with the source.
pub(crate) const TAGGED: &[(&str, &str)] = &[
    ("tagged", "mine"),
    ("told", "public"),
    ("asked", "claims"),
    ("size", "rows"),
    ("rank", "windowed"),
    ("weight", "public"),
    ("order", "rows"),
    ("lot", "windowed"),
    ("review", "public"),
];

const SCHEMA: &str = r#"
type Query {
  open(id: ID!): Thing @connect(source: "open", http: { GET: "/open/{$args.id}" }, selection: "id text")
  items(first: Int): [Item!]
    @connect(source: "open", http: { GET: "/items", queryParams: "first: $args.first" }, selection: "$.items { id name }")
  note(id: ID!): Thing @connect(source: "mine", http: { GET: "/note/{$args.id}" }, selection: "id text")
  tenant(id: ID!): Thing @connect(source: "tenant", http: { GET: "/tenant/{$args.id}" }, selection: "id text")
  words(id: ID!): Thing @connect(source: "words", http: { GET: "/words/{$args.id}" }, selection: "id text")
  session: Thing @connect(source: "session", http: { GET: "/session/0" }, selection: "id text")
  claim: Thing @connect(source: "claims", http: { GET: "/claim/{$context.claim}" }, selection: "id text")
  spoken(id: ID!): Thing
    @connect(
      source: "claims"
      http: { GET: "/spoken/{$args.id}", headers: [{ name: "x-spoken", value: "{$context.claim}" }] }
      selection: "id text"
    )
  posted(id: ID!): Thing
    @connect(source: "claims", http: { POST: "/posted/{$args.id}", body: "claim: $context.claim" }, selection: "id text")
  mixed(id: ID!): Mixed
    @connect(source: "mixed", http: { GET: "/mixed/{$args.id}" }, selection: "id token tenant language")
  kept(id: ID!): Thing @connect(source: "kept", http: { GET: "/kept/{$args.id}" }, selection: "id text")
  traced(id: ID!): Thing @connect(source: "traced", http: { GET: "/traced/{$args.id}" }, selection: "id text")
  alone(id: ID!): Thing @connect(source: "alone", http: { GET: "/alone/{$args.id}" }, selection: "id text")
  hedged(id: ID!): Thing @connect(source: "hedged", http: { GET: "/hedged/{$args.id}" }, selection: "id text")
  failing(id: ID!): Thing
    @connect(
      source: "mine"
      http: { GET: "/failing/{$args.id}" }
      selection: "id text"
      errors: { message: "$.error", extensions: "reason: $.error" }
    )
  tagged(id: ID!): Thing
    @connect(source: "mine", http: { GET: "/tagged/{$args.id}" }, selection: "id text")
    @cached(ttl: "2s", scope: PRIVATE, tags: ["tagged:{$args.id}"])
  told(id: ID!): Thing
    @connect(source: "public", http: { GET: "/told/{$args.id}" }, selection: "id text")
    @cached(ttl: "3s", staleWhileRevalidate: "1s", scope: PUBLIC, tags: ["told:{$.id}"])
  asked(id: ID!): Thing
    @connect(source: "claims", http: { POST: "/asked/{$args.id}", body: "claim: $context.claim" }, selection: "id text")
    @cached(ttl: "2s", staleIfError: "1h", tags: ["asked:{$args.id}"])
  echo: Echo
    @connect(source: "open", http: { GET: "/echo/0" }, selection: "text claim: $request.headers.'x-claim'->first")
}

type Mutation {
  write(id: ID!): Thing @connect(source: "mine", http: { PUT: "/note/{$args.id}" }, selection: "id text")
  rewrite(id: ID!): Thing @connect(source: "kept", http: { PUT: "/kept/{$args.id}" }, selection: "id text")
  reprice(id: ID!): Thing
    @connect(source: "open", http: { PUT: "/change/weight/{$args.id}" }, selection: "id text")
    @invalidates(tags: ["weight:{$.id}"])
}

type Thing @cacheControl(maxAge: 1) {
  id: ID!
  text: String
}

type Mixed {
  id: ID!
  token: String
  tenant: String
  language: String
}

type Echo {
  text: String
  claim: String
}

type Item
  @connect(
    source: "mine"
    http: { GET: "/price", queryParams: "id: $batch.id" }
    batch: { maxSize: 3 }
    selection: "id price: text"
  )
  @connect(
    source: "kept"
    http: { GET: "/stock", queryParams: "id: $batch.id" }
    batch: { maxSize: 10 }
    selection: "id stock: text"
  )
  @connect(
    source: "rows"
    http: { GET: "/size", queryParams: "id: $batch.id" }
    batch: { maxSize: 3 }
    selection: "id size: text"
  )
  @cached(ttl: "2s", staleWhileRevalidate: "1s", staleIfError: "1h", tags: ["size:{$this.id}"])
  @connect(
    source: "windowed"
    http: { GET: "/rank", queryParams: "id: $batch.id" }
    batch: { maxSize: 4 }
    selection: "id rank: text"
  )
  @cached(ttl: "2s", scope: PRIVATE, tags: ["rank:{$.id}"])
  @connect(
    source: "public"
    http: { GET: "/weight", queryParams: "id: $batch.id" }
    batch: { maxSize: 10 }
    selection: "id weight: text"
  )
  @cached(ttl: "3s", staleWhileRevalidate: "1s", scope: PUBLIC, tags: ["weights", "weight:{$.id}"]) {
  id: ID!
  name: String
  price: String
  stock: String
  size: String
  rank: String
  weight: String
  remarks: [Remark!]
    @connect(
      source: "mixed"
      http: { GET: "/remark", queryParams: "itemId: $batch.id" }
      selection: "id token"
    )
    @groupBy(item: "itemId", parent: "id", maxSize: 4)
  orders: [Remark!]
    @connect(source: "rows", http: { GET: "/order", queryParams: "itemId: $batch.id" }, selection: "id token")
    @groupBy(item: "itemId", parent: "id", maxSize: 4)
    @cached(ttl: "2s", staleIfError: "1h", tags: ["order:{$this.id}"])
  lots: [Remark!]
    @connect(source: "windowed", http: { GET: "/lot", queryParams: "itemId: $batch.id" }, selection: "id token")
    @groupBy(item: "itemId", parent: "id", maxSize: 4)
    @cached(ttl: "2s", staleWhileRevalidate: "1s", tags: ["lot:{$this.id}"])
  reviews: [Remark!]
    @connect(source: "public", http: { GET: "/review", queryParams: "itemId: $batch.id" }, selection: "id token")
    @groupBy(item: "itemId", parent: "id", maxSize: 3)
    @cached(ttl: "3s", staleIfError: "1h", scope: PUBLIC, tags: ["review:{$this.id}"])
}

type Remark {
  id: ID!
  token: String
}
"#;

/// A mutation for each kind of thing that tags end.
fn changes() -> String {
    let change = |(kind, source): &(&str, &str)| {
        format!(
            "  change_{kind}(id: ID!): Thing\n    @connect(source: \"{source}\", http: {{ PUT: \"/change/{kind}/{{$args.id}}\" }}, selection: \"id text\")\n    \
             @invalidates(tags: [\"{kind}:{{$args.id}}\"])\n"
        )
    };
    format!("extend type Mutation {{\n{}}}\n", TAGGED.iter().map(change).collect::<String>())
}

const TOKEN: &str = "{ name: authorization, from: authorization }";
const TENANT: &str = "{ name: x-tenant, from: x-tenant }";
const LANGUAGE: &str = "{ name: accept-language, from: accept-language }";

/// Sources and what stands in their files beside the base URL.
fn connectors() -> Vec<(&'static str, String)> {
    vec![
        ("open", String::new()),
        ("mine", format!("headers: [{TOKEN}]\n")),
        ("tenant", format!("headers: [{TENANT}]\n")),
        ("words", format!("headers: [{LANGUAGE}]\ncache: {{ ttl: 2s }}\n")),
        ("session", "headers: [{ name: cookie, from: cookie }]\ncache: { ttl: 1s }\n".to_owned()),
        ("claims", String::new()),
        ("mixed", format!("headers: [{TOKEN}, {TENANT}, {LANGUAGE}]\nbatch_window: 3ms\n")),
        (
            "kept",
            format!(
                "headers: [{TOKEN}]\ncache: {{ ttl: 1s, stale_while_revalidate: 1s, stale_if_error: 1h }}\n"
            ),
        ),
        (
            "traced",
            format!(
                "headers: [{TOKEN}, {{ name: x-tenant, from: x-tenant }}]\ncache: {{ ttl: 5s, ignore_headers: [x-tenant] }}\n"
            ),
        ),
        ("rows", format!("headers: [{TOKEN}]\n")),
        ("windowed", format!("headers: [{TOKEN}, {TENANT}]\nbatch_window: 3ms\n")),
        ("public", "batch_window: 2ms\n".to_owned()),
        ("alone", format!("headers: [{TOKEN}]\ncache: off\nshare_in_flight: false\n")),
        ("hedged", format!("headers: [{TOKEN}]\nhedge: {{ after: 10ms, max_ratio: 0.5 }}\n")),
    ]
}

/// The graph's files; `change` may spoil what stands in a source's file.
pub(crate) fn files(change: impl Fn(&str, String) -> String) -> Vec<(String, String)> {
    let mut files = vec![
        ("schema/schema.graphql".to_owned(), SCHEMA.to_owned()),
        ("schema/changes.graphql".to_owned(), changes()),
        ("ficus.yaml".to_owned(), "debugger: true\ndeadline: 20s\nadmin: { enabled: false }\n".to_owned()),
    ];
    for (name, text) in connectors() {
        let text = format!("base_url: http://{name}\n{}", change(name, text));
        files.push((format!("connectors/{name}.yaml"), text));
    }
    files
}
