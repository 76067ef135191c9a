//! Connectors for the tests of this module, from the texts that a schema would hold.

use std::{collections::HashMap, sync::Arc};

use bumpalo::Bump;
use http::{HeaderMap, HeaderName, Method};
use serde_json::Value as Json;

use super::{FetchError, Findings, Given, Scope, UpstreamRequest, UpstreamResponse, build};
use crate::{
    connector::{
        BodyFormat, Caching, Connector, ErrorMapping, Header, HeaderValue, Inputs, Kind, Request, Source,
    },
    diagnostic::Place,
    mapping::{
        ast::{Grammar, Mapping},
        json, parse,
        template::{parse_base_url, parse_template, parse_url},
        value::Value,
    },
};

pub(super) fn mapping(text: &str) -> Mapping {
    parse(text, Grammar::V0_4).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

pub(super) fn source(base_url: &str) -> Source {
    Source {
        base_url: (!base_url.is_empty()).then(|| parse_base_url(base_url, Grammar::V0_4).unwrap()),
        ..Source::named("shop")
    }
}

pub(super) fn request(method: Method, url: &str) -> Request {
    Request {
        method,
        url: parse_url(url, Grammar::V0_4).unwrap(),
        path: None,
        query_params: None,
        headers: Vec::new(),
        body: None,
        body_format: BodyFormat::Json,
    }
}

/// A field connector that reads whatever there is.
pub(super) fn connector(source: Source, request: Request) -> Connector {
    Connector {
        coordinate: "Query.order[0]".to_owned(),
        place: Place::whole("schema.graphql"),
        id: None,
        kind: Kind::Root { parent: "Query".try_into().unwrap(), field: "order".try_into().unwrap() },
        source: Arc::new(source),
        request: Some(request),
        selection: mapping("id"),
        errors: ErrorMapping::default(),
        is_success: None,
        batch: None,
        inputs: Inputs {
            env: vec!["REGION".to_owned()],
            config: true,
            context: true,
            response_headers: true,
            all_client_headers: true,
            ..Inputs::default()
        },
        caching: Caching::default(),
        invalidates: Vec::new(),
        meter: crate::telemetry::ConnectorMeter::default(),
    }
}

pub(super) fn template(name: &str, text: &str) -> Header {
    let value = HeaderValue::Template(parse_template(text, Grammar::V0_4).unwrap());
    Header { name: HeaderName::from_bytes(name.as_bytes()).unwrap(), value }
}

pub(super) fn copied(name: &str, from: &str) -> Header {
    let value = HeaderValue::From(HeaderName::from_bytes(from.as_bytes()).unwrap());
    Header { name: HeaderName::from_bytes(name.as_bytes()).unwrap(), value }
}

pub(super) fn client(headers: &[(&str, &str)]) -> HeaderMap {
    let parse = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), http::HeaderValue::from_str(value).unwrap())
    };
    headers.iter().map(parse).collect()
}

/// Evaluates with `args`, a client's headers and a response.
pub(super) fn scoped<T>(
    connector: &Connector,
    args: &Json,
    client: Option<&HeaderMap>,
    response: Option<&UpstreamResponse>,
    run: impl for<'a> FnOnce(&'a Connector, &'a Bump, Option<&'a UpstreamResponse>, &mut Scope<'_, 'a>) -> T,
) -> T {
    let arena = Bump::new();
    let env = HashMap::from([("REGION".to_owned(), "eu".to_owned())]);
    let args: Option<Value<'_>> = Some(json::from_json(args, &arena));
    let given = Given { client, args, response, ..Given::new(&env) };
    let variables = given.variables(connector, &arena);
    let mut findings = Findings::default();
    run(
        connector,
        &arena,
        response,
        &mut Scope { variables: &variables, arena: &arena, findings: &mut findings },
    )
}

/// What is sent for `args`.
pub(super) fn built(
    connector: &Connector,
    args: &Json,
    client: Option<&HeaderMap>,
) -> Result<UpstreamRequest, FetchError> {
    scoped(connector, args, client, None, |connector, _, _, scope| {
        build(connector, connector.request.as_ref().unwrap(), client, scope)
    })
}
