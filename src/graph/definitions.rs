//! The directives that are always defined: those of the connect spec under their names here, Ficus's own, and those of
//! federation that schemas commonly carry. Also which documented directives are not built yet.

use super::link::Links;

/// Directives that are documented and not built; they are refused, never ignored. Security directives most of all.
pub(super) const LATER: &[&str] = &[
    "subscribe",
    "cached",
    "invalidates",
    "cacheControl",
    "migrate",
    "saga",
    "authenticated",
    "requiresScopes",
    "policy",
    "cost",
    "listSize",
];

/// Federation directives that have no meaning in one graph of connectors.
pub(super) const UNSUPPORTED_FEDERATION: &[&str] = &["context", "fromContext"];

/// Scalars and inputs of the connect spec's directives. Lists take a single value too, as always in GraphQL.
const CONNECT_TYPES: &str = "
scalar connect__JSONSelection
scalar connect__URLTemplate
input connect__HTTPHeaderMapping { name: String! from: String value: String }
input connect__SourceHTTP {
  baseURL: connect__URLTemplate
  headers: [connect__HTTPHeaderMapping!]
  path: connect__JSONSelection
  queryParams: connect__JSONSelection
}
input connect__ConnectHTTP {
  GET: connect__URLTemplate
  POST: connect__URLTemplate
  PUT: connect__URLTemplate
  PATCH: connect__URLTemplate
  DELETE: connect__URLTemplate
  body: connect__JSONSelection
  headers: [connect__HTTPHeaderMapping!]
  path: connect__JSONSelection
  queryParams: connect__JSONSelection
}
input connect__ConnectBatch { maxSize: Int }
input connect__ConnectorErrors { message: connect__JSONSelection extensions: connect__JSONSelection }
";

/// Ficus's own.
const FICUS: &str = "
directive @groupBy(item: [String!]!, parent: [String!]!, maxSize: Int) on FIELD_DEFINITION
";

/// `@link`, and what its arguments are made of.
const LINK: &str = "
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
scalar federation__FieldSet
";

/// Federation's directives: name, then arguments and locations.
const FEDERATION: &[(&str, &str)] = &[
    ("key", "(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE"),
    ("requires", "(fields: federation__FieldSet!) on FIELD_DEFINITION"),
    ("provides", "(fields: federation__FieldSet!) on FIELD_DEFINITION"),
    ("external", "(reason: String) on OBJECT | FIELD_DEFINITION"),
    ("shareable", " repeatable on OBJECT | FIELD_DEFINITION"),
    ("override", "(from: String!, label: String) on FIELD_DEFINITION"),
    (
        "tag",
        "(name: String!) repeatable on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR \
         | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA",
    ),
    (
        "inaccessible",
        " on FIELD_DEFINITION | INTERFACE | OBJECT | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM | ENUM_VALUE \
         | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    ),
    ("interfaceObject", " on OBJECT"),
    ("extends", " on OBJECT | INTERFACE"),
    ("composeDirective", "(name: String!) repeatable on SCHEMA"),
];

/// SDL of all of them, under the names that the links give.
pub(super) fn sdl(links: &Links) -> String {
    let mut sdl = [LINK, CONNECT_TYPES, FICUS].concat();
    for name in &links.source {
        sdl.push_str(&format!(
            "directive @{name}(name: String!, http: connect__SourceHTTP, errors: connect__ConnectorErrors, \
             isSuccess: connect__JSONSelection) repeatable on SCHEMA\n"
        ));
    }
    for name in &links.connect {
        sdl.push_str(&format!(
            "directive @{name}(source: String, id: String, http: connect__ConnectHTTP, \
             batch: connect__ConnectBatch, errors: connect__ConnectorErrors, isSuccess: connect__JSONSelection, \
             selection: connect__JSONSelection!, entity: Boolean = false) repeatable on FIELD_DEFINITION | OBJECT\n"
        ));
    }
    for (name, rest) in FEDERATION {
        let renamed =
            links.federation.iter().filter(|(there, _)| there == name).map(|(_, here)| here.clone());
        for name in [(*name).to_owned(), format!("federation__{name}")].into_iter().chain(renamed) {
            sdl.push_str(&format!("directive @{name}{rest}\n"));
        }
    }
    sdl
}
