//! Requests: whatever a connector's templates and mappings say, made with whatever a client sends.
//!
//! Input: base URL, URL, `path`, `queryParams`, a header's template, `body`, and arguments as JSON. A base URL that
//! begins with `form ` makes the body a form.
//!
//! What must hold: nothing panics; a URL that is built parses, and keeps the host of its source; no value from outside
//! makes a dot segment, another segment, another parameter or another header; a JSON body is JSON, a form is plain ASCII.

#![no_main]

use std::{collections::HashMap, sync::Arc};

use bumpalo::Bump;
use ficus::{
    connector::{
        BodyFormat, Caching, Connector, ErrorMapping, Header, HeaderValue, Inputs, Kind, Request, Source,
    },
    diagnostic::Place,
    fetch::{Findings, Given, Scope, UpstreamRequest, build},
    mapping::{
        ast::{Grammar, Mapping},
        json, parse,
        template::{Part, Template, UrlTemplate, parse_base_url, parse_template, parse_url},
    },
    telemetry::ConnectorMeter,
};
use http::{HeaderName, Method};
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Json;

fuzz_target!(|input: &[u8]| {
    let Some([base, url, path, query, header, body, args]) = ficus_fuzz::sections(input) else { return };
    let (base, body_format) = match base.strip_prefix("form ") {
        Some(base) => (base, BodyFormat::Form),
        None => (base, BodyFormat::Json),
    };
    let Some(connector) = connector([base, url, path, query, header, body], body_format) else { return };
    let args = ficus_fuzz::json(args);
    let Some(request) = built(&connector, &args) else { return };
    check(&connector, &request);
    // Methods may make any number of segments of one text; without them the letters of a text change nothing else.
    if ![url, path, query].iter().any(|text| text.contains("->"))
        && let Some(plain) = built(&connector, &with_plain_texts(&args))
    {
        assert_eq!(skeleton(&request.url), skeleton(&plain.url), "{} and {}", request.url, plain.url);
    }
});

fn connector(texts: [&str; 6], body_format: BodyFormat) -> Option<Connector> {
    let grammar = Grammar::V0_4;
    let [base, url, path, query, header, body] = texts;
    let optional = |text: &str| -> Option<Option<Mapping>> {
        if text.is_empty() { Some(None) } else { parse(text, grammar).ok().map(Some) }
    };
    let header = HeaderValue::Template(parse_template(header, grammar).ok()?);
    let source = Source {
        base_url: if base.is_empty() { None } else { Some(parse_base_url(base, grammar).ok()?) },
        config: serde_json::json!({ "host": "configured.example:8080", "base": "https://configured.example/v1" }),
        ..Source::named("shop")
    };
    let request = Request {
        method: Method::POST,
        url: parse_url(url, grammar).ok()?,
        path: optional(path)?,
        query_params: optional(query)?,
        headers: vec![Header { name: HeaderName::from_static("x-fuzz"), value: header }],
        body: optional(body)?,
        body_format,
    };
    Some(Connector {
        coordinate: "Query.a[0]".to_owned(),
        place: Place::whole("schema/a.graphql"),
        id: None,
        kind: Kind::Root { parent: "Query".try_into().ok()?, field: "a".try_into().ok()? },
        source: Arc::new(source),
        request: Some(request),
        selection: parse("$", grammar).ok()?,
        errors: ErrorMapping::default(),
        is_success: None,
        batch: None,
        inputs: Inputs { config: true, ..Inputs::default() },
        caching: Caching::default(),
        invalidates: Vec::new(),
        meter: ConnectorMeter::default(),
    })
}

fn built(connector: &Connector, args: &Json) -> Option<UpstreamRequest> {
    let arena = Bump::new();
    let env = HashMap::new();
    let args = Some(json::from_json(args, &arena));
    let given = Given { args, ..Given::new(&env) };
    let variables = given.variables(connector, &arena);
    let mut findings = Findings::default();
    let mut scope = Scope { variables: &variables, arena: &arena, findings: &mut findings };
    build(connector, connector.request.as_ref()?, None, &mut scope).ok()
}

fn check(connector: &Connector, request: &UpstreamRequest) {
    let (url, declared) = (&request.url, connector.request.as_ref().expect("it was built"));
    assert!(url.bytes().all(|byte| byte.is_ascii_graphic() || !byte.is_ascii()), "{url:?}");
    let base = connector.source.base_url.as_ref().filter(|base| base.origin.is_some());
    let template = base.unwrap_or(&declared.url);
    // What is written in a template is the checker's business at load; here it is what values do to it.
    if let Some(origin) = literal_origin(template)
        && let Ok(expected) = url::Url::parse(&origin)
        && expected.has_host()
    {
        let parsed = url::Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(parsed.origin(), expected.origin(), "{url}");
        assert_eq!(
            (parsed.username(), parsed.password()),
            (expected.username(), expected.password()),
            "{url}"
        );
        let templates = [connector.source.base_url.as_ref().map(|base| &base.path), Some(&declared.url.path)];
        if !templates.into_iter().flatten().any(has_dot_segment) && origin.is_ascii() {
            let raw = url.get(origin.len()..).unwrap_or_default();
            let raw_path = raw.split('?').next().unwrap_or_default();
            assert_eq!(parsed.path().matches('/').count(), raw_path.matches('/').count().max(1), "{url}");
        }
    }
    for (name, value) in &request.headers {
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name}: {value:?}");
    }
    match (&request.body, declared.body_format) {
        (Some(body), BodyFormat::Json) => {
            let text = std::str::from_utf8(body).expect("a JSON body is text");
            json::read(text, &Bump::new()).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        (Some(body), BodyFormat::Form) => {
            assert!(body.iter().all(|byte| byte.is_ascii_alphanumeric() || b"*-._%+=&".contains(byte)));
        }
        (None, _) => {}
    }
}

/// `scheme://authority` where it holds no expression.
fn literal_origin(url: &UrlTemplate) -> Option<String> {
    let parts = &url.origin.as_ref()?.parts;
    parts.iter().map(|part| if let Part::Literal(text) = part { Some(text.as_str()) } else { None }).collect()
}

/// Whether a template's own text holds a piece that may be a dot segment, by itself or around a value.
fn has_dot_segment(template: &Template) -> bool {
    let is_dots = |piece: &str| {
        let piece = piece.to_ascii_lowercase().replace("%2e", ".");
        !piece.is_empty() && piece.bytes().all(|byte| byte == b'.')
    };
    template
        .parts
        .iter()
        .any(|part| matches!(part, Part::Literal(text) if text.split(['/', '\\']).any(is_dots)))
}

/// Every text of more than nothing becomes `x`.
fn with_plain_texts(json: &Json) -> Json {
    match json {
        Json::String(text) if !text.is_empty() => "x".into(),
        Json::Array(elements) => elements.iter().map(with_plain_texts).collect(),
        Json::Object(entries) => {
            Json::Object(entries.iter().map(|(key, value)| (key.clone(), with_plain_texts(value))).collect())
        }
        other => other.clone(),
    }
}

/// What gives a URL its structure.
fn skeleton(url: &str) -> String {
    url.chars().filter(|letter| "/?&=#;:@".contains(*letter)).collect()
}
