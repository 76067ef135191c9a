//! The schema for other tools: with only the connect directives left (`ficus schema --connect`), and the definitions of all
//! directives for editors (`ficus schema --directives`). Says what the connect language cannot express.

use std::collections::{BTreeMap, BTreeSet};

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
    config::{ConnectorFile, environment::Text, read_connector_file},
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
    let declared: BTreeSet<String> = definition
        .directives
        .iter()
        .filter_map(|directive| Some(directive.specified_argument_by_name("name")?.as_str()?.to_owned()))
        .collect();
    for file in files(sources, &mut unread) {
        if let (false, Some(url)) = (declared.contains(&file.name), &file.base_url) {
            definition.directives.push(source(&file.name, &url.value));
        }
        lost.extend(lost_settings(&file, declared.contains(&file.name)));
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
    let text = |text: &str| Node::new(Value::String(text.to_owned()));
    let import = Value::List(vec![text("@source"), text("@connect")]);
    directive("link", [("url", text("https://specs.apollo.dev/connect/v0.4")), ("import", Node::new(import))])
}

fn source(name: &str, base_url: &Text) -> Component<Directive> {
    // What the environment says stays out of the file; other tools have an environment of their own.
    let text = |text: &str| Node::new(Value::String(text.to_owned()));
    let http = Value::Object(vec![(Name::new_unchecked("baseURL"), text(&base_url.written))]);
    directive("source", [("name", text(name)), ("http", Node::new(http))])
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
        for field in object.fields.values().filter(|field| field.directives.has("groupBy")) {
            lost.push(format!("{}.{}: `@groupBy`, and `$batch` on a field", object.name, field.name));
        }
    }
    lost
}

fn files(sources: &Sources, unread: &mut Diagnostics) -> Vec<ConnectorFile> {
    let lookup = |name: &str| Some(sources.env.get(name).cloned().unwrap_or_default());
    let read = |(name, text): &(String, String)| {
        let stem = std::path::Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let file = TextFile::new(name.as_str(), text.as_str());
        read_connector_file(&stem.unwrap_or_default(), &file, &lookup, unread)
    };
    sources.connectors.iter().map(read).collect()
}

fn lost_settings(file: &ConnectorFile, declared: bool) -> Vec<String> {
    let base_url = file.base_url.as_ref();
    let settings: BTreeMap<&str, bool> = [
        ("base_url", base_url.is_some_and(|url| declared || url.value.has_literal())),
        ("config", file.config.is_some()),
        ("headers", !file.headers.is_empty()),
        ("timeout", file.timeout.is_some()),
        (
            "concurrency",
            file.concurrency_max.is_some() || file.queue_max.is_some() || file.queue_timeout.is_some(),
        ),
        ("statuses", !file.statuses.is_empty()),
        ("response", file.format.is_some() || file.body_bytes_max.is_some()),
    ]
    .into();
    let of_file = |(key, _)| format!("source {}: `{key}` of its connector file", file.name);
    settings.into_iter().filter(|(_, lost)| *lost).map(of_file).collect()
}
