//! Sources: `@source` and `connectors/<name>.yaml` are one thing seen twice. The file wins, key by key.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    expect::Expect,
    headers::{file_headers, schema_headers},
    mappings::{Mappings, Stands, sentence},
    reads::Readable,
    settings::settings,
    transport::{add_token, transport},
    webhooks::webhooks,
};
use crate::{
    config::{
        ConnectorFile, Placed,
        environment::{Piece, Text},
    },
    connector::{ErrorMapping, Source},
    diagnostic::{Code, Diagnostic, Diagnostics, Place, nearest},
    graph::{
        compose::Composed,
        written::{DirectiveReader, WrittenSource},
    },
    mapping::{
        ParseError,
        references::Reference,
        template::{Part, UrlTemplate, parse_base_url},
    },
};

/// All named sources, and what went into them.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) by_name: BTreeMap<String, NamedSource>,
    /// Sources that a connector names, or meant.
    pub(super) used: BTreeSet<String>,
    /// Names that nothing more is said about: declared with a fault, or reported as missing.
    told: BTreeSet<String>,
}

/// A source, and what its own templates and mappings read.
#[derive(Debug)]
pub(super) struct NamedSource {
    pub(super) source: Arc<Source>,
    pub(super) read: Vec<Reference>,
    /// The connector file, where there is one.
    file: Option<Place>,
    /// Where a base URL should stand, of a source that has none: it may send webhooks and answer nothing.
    unbased: Option<Place>,
}

/// Reads `@source` directives and merges the connector files into them.
pub(super) fn bind_sources(
    composed: &Composed,
    files: &[ConnectorFile],
    diagnostics: &mut Diagnostics,
) -> Sources {
    let mut written: BTreeMap<String, WrittenSource> = BTreeMap::new();
    let mut sources = Sources::default();
    for source in read_sources(composed, diagnostics) {
        let Some(text) = &source.name else { continue };
        let (name, place) = (text.value.clone(), text.place.clone());
        if !valid_name(&name, &place, diagnostics) {
            sources.told.insert(name);
            continue;
        }
        if let Some(first) = written.get(&name) {
            let message = format!("the source `{name}` is declared twice");
            let diagnostic = Diagnostic::new(Code::DuplicateSourceName, place, message)
                .also(first.place.clone(), "first declared here")
                .help("keep one of them: a graph has one set of sources");
            diagnostics.push(diagnostic);
            continue;
        }
        written.insert(name, source);
    }
    let mut by_file: BTreeMap<&str, &ConnectorFile> = BTreeMap::new();
    for file in files {
        if !valid_name(&file.name, &file.place, diagnostics) {
            sources.told.insert(file.name.clone());
            continue;
        }
        if let Some(first) = by_file.insert(&file.name, file) {
            let message = format!("two files describe the source `{}`", file.name);
            let diagnostic = Diagnostic::new(Code::DuplicateSourceName, file.place.clone(), message);
            diagnostics.push(diagnostic.also(first.place.clone(), "the other file").help("keep one of them"));
        }
    }
    let names: BTreeSet<&str> = written.keys().map(String::as_str).chain(by_file.keys().copied()).collect();
    let no_config = serde_json::json!({});
    for name in names {
        let file = by_file.get(name).copied();
        let mut mappings = Mappings {
            schema: &composed.schema,
            grammar: composed.links.grammar,
            diagnostics,
            coordinate: format!("source {name}"),
            source: name,
            config: file.and_then(|file| file.config.as_ref()).unwrap_or(&no_config),
            read: Vec::new(),
        };
        let source = merge(&mut mappings, name, written.get(name), file);
        let read = mappings.read;
        let place = || written.get(name).map(|written| &written.place).or(file.map(|file| &file.place));
        let sends_only = file.is_some_and(|file| file.has_webhooks && !file.faulty_base_url);
        let unbased = if source.base_url.is_none() && sends_only { place().cloned() } else { None };
        let file = file.map(|file| file.place.clone());
        let source = Arc::new(source);
        sources.by_name.insert(name.to_owned(), NamedSource { source, read, file, unbased });
    }
    sources
}

impl Sources {
    /// The source that a connector names; where it has a slip, the one that was meant, so that the rest is checked too.
    pub(super) fn find(
        &mut self,
        name: &str,
        place: &Place,
        coordinate: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<&NamedSource> {
        if !self.by_name.contains_key(name) && !self.told.contains(name) {
            diagnostics.push(self.missing(name, place).on(coordinate));
        }
        self.used.insert(name.to_owned());
        if let Some(place) = self.by_name.get_mut(name).and_then(|named| named.unbased.take()) {
            diagnostics.push(missing_base_url(name, place));
        }
        let meant = || nearest(name, self.by_name.keys().map(String::as_str));
        self.by_name.get(name).or_else(|| self.by_name.get(meant()?))
    }

    /// A source that is not there. One that was never declared is told once, a slip each time.
    fn missing(&mut self, name: &str, place: &Place) -> Diagnostic {
        let known: Vec<String> = self.by_name.keys().take(8).map(|name| format!("`{name}`")).collect();
        let declare = || {
            let known =
                if known.is_empty() { String::new() } else { format!("; known here: {}", known.join(", ")) };
            format!("declare it with `@source(name: \"{name}\", …)` or in connectors/{name}.yaml{known}")
        };
        let (code, message, help) = match nearest(name, self.by_name.keys().map(String::as_str)) {
            Some(near) => {
                self.used.insert(near.to_owned());
                let help = format!("did you mean `{near}`?");
                (Code::SourceNameMismatch, format!("there is no source `{name}`"), help)
            }
            None => {
                self.told.insert(name.to_owned());
                match self.by_name.is_empty() && self.told.len() == 1 {
                    true => {
                        let message = format!("there is no source `{name}`: the graph has none at all");
                        (Code::NoSourcesDefined, message, declare())
                    }
                    false => (Code::SourceNameMismatch, format!("there is no source `{name}`"), declare()),
                }
            }
        };
        Diagnostic::new(code, place.clone(), message).help(help)
    }

    /// Warns of connector files that no connector uses.
    pub(super) fn warn_of_unused(&self, diagnostics: &mut Diagnostics) {
        for (name, named) in &self.by_name {
            let is_used = self.used.contains(name) || !named.source.webhooks.is_empty();
            if let (false, Some(place)) = (is_used, &named.file) {
                let message = format!("no `@connect` uses the source `{name}`");
                let diagnostic = Diagnostic::new(Code::UnusedConnectorFile, place.clone(), message);
                diagnostics.push(
                    diagnostic.help(format!("use it: `@connect(source: \"{name}\", …)`, or remove the file")),
                );
            }
        }
    }
}

fn read_sources(composed: &Composed, diagnostics: &mut Diagnostics) -> Vec<WrittenSource> {
    let directives = &composed.schema.schema_definition.directives;
    let mut found = Vec::new();
    for directive in
        directives.iter().filter(|d| composed.links.source.iter().any(|name| d.name == name.as_str()))
    {
        if composed.links.source_not_imported && directive.name == "source" {
            let place = composed.files.place(directive.name.location());
            let message = "`@source` is used, and the link to the connect spec does not import it";
            let diagnostic = Diagnostic::new(Code::NoSourceImport, place, message);
            diagnostics.push(diagnostic.help("write `import: [\"@source\", \"@connect\"]` in the link"));
        }
        let coordinate = "schema".to_owned();
        let mut reader = DirectiveReader { files: &composed.files, diagnostics, coordinate };
        found.push(reader.source(&directive.node));
    }
    found
}

fn valid_name(name: &str, place: &Place, diagnostics: &mut Diagnostics) -> bool {
    let help = "1 to 64 letters, digits, `_` and `-`, beginning with a letter";
    if name.is_empty() {
        let message = "the name of a source is empty";
        diagnostics.push(Diagnostic::new(Code::EmptySourceName, place.clone(), message).help(help));
        return false;
    }
    let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let valid = letters && name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !valid {
        let message = format!("`{name}` cannot be the name of a source");
        diagnostics.push(Diagnostic::new(Code::InvalidSourceName, place.clone(), message).help(help));
    }
    valid
}

fn merge(
    mappings: &mut Mappings<'_>,
    name: &str,
    written: Option<&WrittenSource>,
    file: Option<&ConnectorFile>,
) -> Source {
    let in_url = Readable { place: "the base URL of a source", ..Readable::NOTHING };
    let in_request = Readable { place: "the request of a source", request: true, ..Readable::NOTHING };
    let in_response = Readable {
        place: "`errors` and `isSuccess` of a source",
        request: true,
        response: true,
        data: true,
        ..Readable::NOTHING
    };
    let mut file_headers = file.map(|file| file_headers(mappings, file, in_request)).unwrap_or_default();
    let mut settings = settings(file);
    if let Some(file) = file {
        transport(mappings, file, &mut settings);
        if let Some(auth) = &settings.auth {
            add_token(mappings, file, auth, &mut file_headers);
        }
    }
    let mut headers =
        written.map(|w| schema_headers(mappings, &w.request.headers, in_request)).unwrap_or_default();
    headers.retain(|header| file_headers.iter().all(|other| other.name != header.name));
    let mut mapping =
        |text: Option<&_>, code, expect, readable| mappings.mapping(text, code, expect, readable);
    let request = written.map(|written| &written.request);
    let (path, parameters) = request.map_or((None, None), |r| (r.path.as_ref(), r.query_params.as_ref()));
    let path = mapping(path, Code::InvalidUrlProperty, Expect::Segments, in_request);
    let query_params = mapping(parameters, Code::InvalidUrlProperty, Expect::Parameters, in_request);
    let errors = written.map(|written| &written.errors);
    let (message, extensions) = errors.map_or((None, None), |e| (e.message.as_ref(), e.extensions.as_ref()));
    let message = mapping(message, Code::InvalidErrorsMessage, Expect::Message, in_response);
    let extensions = mapping(extensions, Code::InvalidErrorsMessage, Expect::Extensions, in_response);
    let success = written.and_then(|w| w.is_success.as_ref());
    let is_success = mapping(success, Code::InvalidIsSuccess, Expect::Condition, in_response);
    Source {
        name: name.to_owned(),
        base_url: base_url(mappings, name, written, file, in_url),
        path,
        query_params,
        headers,
        file_headers,
        config: file.and_then(|file| file.config.clone()).unwrap_or_else(|| serde_json::json!({})),
        errors: ErrorMapping { message, extensions },
        is_success,
        settings,
        webhooks: file.map(|file| webhooks(mappings, file)).unwrap_or_default(),
        meter: crate::telemetry::SourceMeterSlot::default(),
    }
}

fn base_url(
    mappings: &mut Mappings<'_>,
    name: &str,
    written: Option<&WrittenSource>,
    file: Option<&ConnectorFile>,
    readable: Readable<'_>,
) -> Option<UrlTemplate> {
    let in_file = file.and_then(|file| file.base_url.as_ref());
    let in_schema = written.and_then(|written| written.base_url.as_ref());
    let parsed = match (in_file, in_schema) {
        (Some(text), _) => file_url(mappings, text),
        (None, Some(text)) => parse_base_url(&text.value, mappings.grammar)
            .map_err(|errors| mappings.faults(errors, Code::InvalidUrl, Stands::Schema(text)))
            .ok(),
        (None, None) => {
            let place = written.map(|w| w.place.clone()).or_else(|| file.map(|file| file.place.clone()))?;
            // A file whose `base_url` has a fault of its own is reported already.
            let broken = file.is_some_and(|file| file.faulty_base_url);
            // A source that only sends needs none; whoever calls it is told.
            let sends = file.is_some_and(|file| file.has_webhooks);
            if !broken && !sends {
                mappings.report(missing_base_url(name, place));
            }
            return None;
        }
    };
    let url = parsed?;
    let stands = match (in_file, in_schema) {
        (Some(text), _) => Stands::File(&text.place),
        (None, Some(text)) => Stands::Schema(text),
        (None, None) => return None,
    };
    if let Some(fault) = scheme_fault(&url, stands.at(0..url.text.len())) {
        mappings.report(fault);
    }
    let sections = url.origin.iter().chain([&url.path]).chain(&url.query);
    sections.for_each(|section| mappings.parts(section, Code::InvalidUrl, readable, stands));
    Some(url)
}

fn missing_base_url(name: &str, place: Place) -> Diagnostic {
    let message = format!("the source `{name}` has no base URL");
    let help = format!("write `base_url` in connectors/{name}.yaml, or `http: {{baseURL: …}}` in `@source`");
    Diagnostic::new(Code::MissingBaseUrl, place, message).help(help)
}

/// A base URL of a connector file. Braces from the environment are text, so they are encoded before the URL is read.
fn file_url(mappings: &mut Mappings<'_>, text: &Placed<Text>) -> Option<UrlTemplate> {
    let literal = |text: &String| text.replace('{', "%7B").replace('}', "%7D");
    let pieces = text.value.pieces.iter().map(|piece| match piece {
        Piece::Written(text) => text.clone(),
        Piece::Literal(text) => literal(text),
    });
    let filled: String = pieces.collect();
    match parse_base_url(filled.trim(), mappings.grammar) {
        Ok(url) => Some(UrlTemplate { text: text.value.written.clone(), ..url }),
        Err(errors) => {
            for error in errors {
                // An error may quote the text, which may be secret.
                let ParseError { message, help, .. } = match text.value.has_literal() {
                    true => ParseError {
                        message: "this is not a URL once its variables are filled in".to_owned(),
                        span: 0..0,
                        help: Some("example: `https://orders.internal/v1`".to_owned()),
                    },
                    false => error,
                };
                let diagnostic = Diagnostic::new(Code::InvalidUrl, text.place.clone(), sentence(&message));
                mappings.report(match help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
            }
            None
        }
    }
}

/// What is wrong with where a URL leads, as far as it is written out.
pub(super) fn scheme_fault(url: &UrlTemplate, place: Place) -> Option<Diagnostic> {
    let help = "example: `https://orders.internal/v1`";
    let Some(origin) = &url.origin else {
        return Some(Diagnostic::new(Code::InvalidUrl, place, "the URL has no scheme and host").help(help));
    };
    let Some(Part::Literal(start)) = origin.parts.first() else { return None };
    let (scheme, _) = start.split_once("://")?;
    if ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let message = format!("`{scheme}` is not a scheme that Ficus speaks");
    Some(Diagnostic::new(Code::InvalidUrlScheme, place, message).help("use `http` or `https`"))
}
