//! The schema for other tools: with only the connect directives left (`ficus schema --connect`), and the definitions of all
//! directives for editors (`ficus schema --directives`). Says what the connect language cannot express.

use std::collections::BTreeMap;

use apollo_compiler::{
    Name, Node,
    ast::{Argument, Document, Value},
    schema::{Component, Directive, ExtendedType},
};

use super::{
    Sources,
    compose::{Composed, compose},
    definitions::sdl,
    link::Links,
    public::keep,
};
use crate::{
    config::{ConnectorFile, read_connector_file},
    diagnostic::{Diagnostics, TextFile},
};

/// A schema in the connect language.
#[derive(Debug)]
pub struct ConnectSchema {
    /// Its text.
    pub sdl: String,
    /// What it does not say, one sentence each.
    pub lost: Vec<String>,
}

/// The schema with only the connect directives left. The files are read as they are: check them first.
#[must_use]
pub fn connect_schema(sources: &Sources) -> ConnectSchema {
    let mut unread = Diagnostics::default();
    let composed = compose(&sources.schema, &mut unread);
    let mut lost = lost_directives(&composed);
    let links = &composed.links;
    let connect = |name: &str| links.connect.iter().chain(&links.source).any(|known| known == name);
    let kept = |name: &str| connect(name) || name == "link";
    let written = |name: &str| !composed.added.contains(name) && !name.contains("__");
    let mut schema = keep(&composed.schema, &kept, &written);
    schema.directive_definitions.clear();
    let definition = schema.schema_definition.make_mut();
    definition.directives.retain(|directive| directive.name != "link" || links_connect(directive));
    if !definition.directives.has("link") {
        definition.directives.insert(0, link());
    }
    for file in files(sources, &mut unread) {
        let named = |directive: &&mut Component<Directive>| {
            let name = directive.specified_argument_by_name("name").and_then(|name| name.as_str());
            name == Some(file.name.as_str())
        };
        let url = base_url(&file);
        match definition.directives.iter_mut().find(named) {
            Some(directive) => url.into_iter().for_each(|url| set_base_url(directive, &url)),
            None => definition.directives.push(source(&file.name, url.as_deref().unwrap_or_default())),
        }
        lost.extend(lost_settings(&file));
    }
    ConnectSchema { sdl: schema.serialize().to_string(), lost }
}

/// The definitions of all directives that Ficus reads, and of what their arguments are made of.
#[must_use]
pub fn directive_definitions() -> String {
    let text = sdl(&Links::default());
    match Document::parse(text.as_str(), "directives") {
        Ok(document) => document.to_string(),
        // They always parse: a test composes schemas with them.
        Err(_) => text,
    }
}

fn links_connect(directive: &Directive) -> bool {
    let url = directive.specified_argument_by_name("url").and_then(|url| url.as_str());
    url.is_some_and(|url| url.contains("/connect/"))
}

/// `@link` to the version that a graph without a link is read as.
fn link() -> Component<Directive> {
    let import = Value::List(vec![text("@source"), text("@connect")]);
    directive("link", [("url", text("https://specs.apollo.dev/connect/v0.4")), ("import", Node::new(import))])
}

fn text(text: &str) -> Node<Value> {
    Node::new(Value::String(text.to_owned()))
}

fn source(name: &str, base_url: &str) -> Component<Directive> {
    let http = Value::Object(vec![(Name::new_unchecked("baseURL"), text(base_url))]);
    directive("source", [("name", text(name)), ("http", Node::new(http))])
}

/// A file's base URL without what this machine's environment says: where it reads that, its default.
fn base_url(file: &ConnectorFile) -> Option<String> {
    let url = file.base_url.as_ref()?.value.value();
    url.contains("://").then_some(url)
}

/// The file wins over what `@source` says.
fn set_base_url(directive: &mut Component<Directive>, url: &str) {
    let directive = directive.node.make_mut();
    let mut http = match directive.specified_argument_by_name("http").and_then(|http| http.as_object()) {
        Some(entries) => entries.iter().filter(|(name, _)| name != "baseURL").cloned().collect(),
        None => Vec::new(),
    };
    http.insert(0, (Name::new_unchecked("baseURL"), text(url)));
    directive.arguments.retain(|argument| argument.name != "http");
    let value = Node::new(Value::Object(http));
    directive.arguments.push(Node::new(Argument { name: Name::new_unchecked("http"), value }));
}

fn directive<const N: usize>(name: &str, arguments: [(&str, Node<Value>); N]) -> Component<Directive> {
    let argument =
        |(name, value): (&str, Node<Value>)| Node::new(Argument { name: Name::new_unchecked(name), value });
    let arguments = arguments.into_iter().map(argument).collect();
    Component::new(Directive { name: Name::new_unchecked(name), arguments })
}

fn lost_directives(composed: &Composed) -> Vec<String> {
    let mut lost = Vec::new();
    for ty in composed.schema.types.values() {
        let ExtendedType::Object(object) = ty else { continue };
        if object.directives.has("cached") {
            lost.push(format!("{}: `@cached`", object.name));
        }
        for field in object.fields.values() {
            let of_field = [
                ("groupBy", "`@groupBy`, and `$batch` on a field"),
                ("cached", "`@cached`"),
                ("invalidates", "`@invalidates`"),
                ("subscribe", "`@subscribe`"),
            ];
            for (_, what) in of_field.iter().filter(|(name, _)| field.directives.has(name)) {
                lost.push(format!("{}.{}: {what}", object.name, field.name));
            }
        }
    }
    lost
}

fn files(sources: &Sources, unread: &mut Diagnostics) -> Vec<ConnectorFile> {
    // An empty variable takes its default. What is set on this machine must not end up in a printed schema.
    let lookup = |_: &str| Some(String::new());
    let read = |(name, text): &(String, String)| {
        let stem = std::path::Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let file = TextFile::new(name.as_str(), text.as_str());
        read_connector_file(&stem.unwrap_or_default(), &file, &lookup, unread)
    };
    sources.connectors.iter().map(read).collect()
}

fn lost_settings(file: &ConnectorFile) -> Vec<String> {
    let reads_environment = file.base_url.as_ref().is_some_and(|url| url.value.has_literal());
    let settings: BTreeMap<&str, bool> = [
        ("base_url: ${…}", reads_environment),
        ("config", file.config.is_some()),
        ("headers", !file.headers.is_empty()),
        ("timeout", file.timeout.is_some()),
        (
            "concurrency",
            file.concurrency_max.is_some() || file.queue_max.is_some() || file.queue_timeout.is_some(),
        ),
        ("statuses", !file.statuses.is_empty()),
        ("response", file.format.is_some() || file.body_bytes_max.is_some()),
        ("redirects", file.follows_redirects),
        ("http", file.http.is_some()),
        ("tls", file.tls.is_some()),
        ("auth", file.auth.is_some()),
    ]
    .into();
    let of_file = |(key, _)| format!("source {}: `{key}` of its connector file", file.name);
    settings.into_iter().filter(|(_, lost)| *lost).map(of_file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Sources {
        let schema = r#"
            type Query {
              user: User @connect(source: "users", http: {GET: "/me"}, selection: "id") @deprecated
            }
            type User @key(fields: "id") { id: ID! }
            extend type User {
              posts: [Post] @connect(source: "posts", http: {GET: "/p", queryParams: "u: $batch.id"}, selection: "id")
                @groupBy(item: "u", parent: "id")
            }
            type Post { id: ID! }
            extend schema @source(name: "posts", http: {path: "$(['v1'])"})
        "#;
        let file = |name: &str, text: &str| (format!("connectors/{name}.yaml"), text.to_owned());
        Sources {
            schema: vec![("a.graphql".to_owned(), schema.to_owned())],
            connectors: vec![
                file("users", "base_url: ${USERS_URL:-http://127.0.0.1:1}\ntimeout: 2s\n"),
                file("posts", "base_url: http://127.0.0.1:2\n"),
            ],
            env: [("USERS_URL".to_owned(), "http://secret.internal".to_owned())].into(),
            ..Sources::default()
        }
    }

    #[test]
    fn the_connect_schema_has_only_connect_directives_and_every_base_url() {
        let written = connect_schema(&sources());
        let expected = [
            "@source(name: \"posts\", http: {baseURL: \"http://127.0.0.1:2\", path: \"$(['v1'])\"})",
            "@source(name: \"users\", http: {baseURL: \"http://127.0.0.1:1\"})",
            "user: User @connect(source: \"users\", http: {GET: \"/me\"}, selection: \"id\")",
        ];
        for part in expected {
            assert!(written.sdl.contains(part), "{part} in\n{}", written.sdl);
        }
        for part in ["@groupBy", "@key", "extend type", "secret", "connect__"] {
            assert!(!written.sdl.contains(part), "{part} in\n{}", written.sdl);
        }
        assert_eq!(
            written.lost,
            [
                "User.posts: `@groupBy`, and `$batch` on a field",
                "source users: `base_url: ${…}` of its connector file",
                "source users: `timeout` of its connector file"
            ]
        );
    }

    #[test]
    fn the_connect_schema_can_be_read_again() {
        let written = connect_schema(&sources());
        let again = Sources { schema: vec![("again.graphql".to_owned(), written.sdl)], ..Sources::default() };
        let mut diagnostics = Diagnostics::default();
        compose(&again.schema, &mut diagnostics);
        assert_eq!(diagnostics.into_sorted(), []);
    }

    #[test]
    fn the_definitions_of_directives_are_graphql() {
        let text = directive_definitions();
        assert!(Document::parse(text.as_str(), "directives").is_ok());
        for name in ["source", "connect", "groupBy", "key"] {
            assert!(text.contains(&format!("directive @{name}(")), "{name}");
        }
    }
}
