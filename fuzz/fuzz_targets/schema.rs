//! A whole graph: any schema and connector file, loaded; and where that succeeds, asked.
//!
//! Input: a schema file, a connector file of the source `shop`, and the body that every request is answered with.
//!
//! What must hold: nothing panics; a graph that does not load says why; one that loads answers `{ __typename }` and an
//! operation over much of its schema, in JSON, and with `data`.

#![no_main]

use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use ficus::{
    Gateway, Graph,
    connector::Source,
    diagnostic::{render, to_json},
    execute::{Request, ResponseKind},
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some([schema, connectors, body]) = ficus_fuzz::sections(input) else { return };
    let sources = Sources {
        schema: vec![("schema/a.graphql".to_owned(), schema.to_owned())],
        connectors: if connectors.is_empty() {
            Vec::new()
        } else {
            vec![("connectors/shop.yaml".to_owned(), connectors.to_owned())]
        },
        config: None,
        env: HashMap::from([("KEY".to_owned(), "value".to_owned())]),
    };
    match load_sources(&sources) {
        Err(found) => {
            assert!(!found.is_empty(), "refused without a reason");
            let _ = (render(&found, true), to_json(&found));
        }
        Ok(loaded) => {
            let operation = operation(&loaded.graph);
            let upstream = Arc::new(Always(Bytes::copy_from_slice(body.as_bytes())));
            let gateway = Gateway::new(loaded.graph, loaded.config, upstream);
            let answer = ask(&gateway, "{ __typename }");
            assert_eq!(
                answer.get("data").map(ToString::to_string).as_deref(),
                Some(r#"{"__typename":"Query"}"#)
            );
            ask(&gateway, &operation);
        }
    }
});

/// Answers every request with one body.
struct Always(Bytes);

impl Upstream for Always {
    fn send<'a>(
        &'a self,
        _source: &'a Arc<Source>,
        _request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let response = UpstreamResponse::new(StatusCode::OK, headers, self.0.clone());
        Box::pin(std::future::ready(Ok(response)))
    }
}

fn ask(gateway: &Gateway, query: &str) -> serde_json::Value {
    let request = Request { query: query.to_owned(), headers: Some(HeaderMap::new()), ..Request::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let response = runtime.block_on(gateway.execute(request));
    let text = String::from_utf8_lossy(&response.body);
    let answer: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    match response.kind {
        ResponseKind::Executed => assert!(answer.get("data").is_some(), "{text}"),
        // A schema may ask for more than one operation may.
        ResponseKind::Refused(status) => assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {text}"),
        ResponseKind::RequestError => panic!("{query}: {text}"),
    }
    answer
}

/// An operation over what can be asked for without arguments, three levels deep.
fn operation(graph: &Graph) -> String {
    let root = graph.schema.root_operation(apollo_compiler::ast::OperationType::Query);
    let fields = root.map(|root| selection(graph, root.as_str(), 3, &mut 60)).unwrap_or_default();
    format!("{{ __typename {fields} }}")
}

fn selection(graph: &Graph, type_name: &str, depth: usize, left: &mut usize) -> String {
    use apollo_compiler::schema::ExtendedType;
    let fields = match graph.schema.types.get(type_name) {
        Some(ExtendedType::Object(object)) => &object.fields,
        Some(ExtendedType::Interface(interface)) => &interface.fields,
        Some(ExtendedType::Union(_)) => return "__typename".to_owned(),
        _ => return String::new(),
    };
    let mut text = String::new();
    for (name, field) in fields {
        if *left == 0 || field.arguments.iter().any(|argument| argument.is_required()) {
            continue;
        }
        let inner = field.ty.inner_named_type();
        let is_leaf =
            matches!(graph.schema.types.get(inner), Some(ExtendedType::Scalar(_) | ExtendedType::Enum(_)));
        if is_leaf {
            *left -= 1;
            text.push_str(&format!(" {name}"));
        } else if depth > 0 {
            *left -= 1;
            let inner = selection(graph, inner, depth - 1, left);
            text.push_str(&format!(" {name} {{ __typename {inner} }}"));
        }
    }
    text
}
