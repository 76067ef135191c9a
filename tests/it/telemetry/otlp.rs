//! Spans on their way to a collector: a stub that reads OTLP over HTTP as one would.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post as to};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

use super::{backend::Backend, process::Process};
use crate::http::client::{post, send};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const UNSAMPLED: &str = "1af7651916cd43dd8448eb211c80319c";

/// A collector that keeps what it is sent.
async fn collector() -> (SocketAddr, UnboundedReceiver<ResourceSpans>) {
    async fn take(State(taken): State<UnboundedSender<ResourceSpans>>, headers: HeaderMap, body: Bytes) {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body).expect("a batch of spans");
        request.resource_spans.into_iter().for_each(|spans| taken.send(spans).expect("a listener"));
    }
    let (taken, spans) = unbounded_channel();
    let router = Router::new().route("/v1/traces", to(take)).with_state(taken);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, spans)
}

fn text(attributes: &[KeyValue]) -> BTreeMap<&str, String> {
    let shown = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(is)) => is.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (&*attribute.key, shown(attribute))).collect()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All spans and the resource that they are of.
fn all(mut received: UnboundedReceiver<ResourceSpans>) -> (Vec<Span>, BTreeMap<String, String>) {
    let (mut spans, mut resource) = (Vec::new(), BTreeMap::new());
    while let Ok(batch) = received.try_recv() {
        let of = batch.resource.expect("a resource").attributes;
        resource.extend(text(&of).into_iter().map(|(name, value)| (name.to_owned(), value)));
        spans.extend(batch.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    (spans, resource)
}

/// The spans below another one, in the order they began.
fn below<'s>(spans: &'s [Span], parent: &[u8]) -> Vec<&'s Span> {
    let mut found: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == parent).collect();
    found.sort_by_key(|span| span.start_time_unix_nano);
    found
}

#[tokio::test]
async fn an_operation_is_a_tree_of_spans_below_its_callers() {
    let folder = tempfile::tempdir().unwrap();
    let (collector, received) = collector().await;
    let mut backend = Backend::start().await;
    let config = format!("telemetry: {{ otlp: 'http://{collector}' }}");
    let process = Process::start(folder.path(), &backend, &config, "warn").await;
    let traced = |trace: &str, flags: &str| {
        post()
            .header("x-request-id", "abc")
            .header("traceparent", format!("00-{trace}-b7ad6b7169203331-{flags}"))
            .header("tracestate", "vendor=1")
    };
    let query = r#"{"query":"query Mine { flaky kept { id } }"}"#;
    assert_eq!(send(process.address, traced(TRACE, "01"), query).await.status, 200);
    let again = r#"{"query":"query Again { kept { id } wrong: flaky }"}"#;
    assert_eq!(send(process.address, traced(UNSAMPLED, "00"), again).await.status, 200);
    process.end().await;

    let (spans, resource) = all(received);
    assert_eq!(resource["service.name"], "ficus");
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "the other trace is not to be sampled");
    assert_eq!(spans.len(), 1 + 2 + 3);

    let caller: Vec<u8> = vec![0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31];
    let [operation] = below(&spans, &caller)[..] else { panic!("{spans:?}") };
    assert_eq!((&*operation.name, operation.kind()), ("query", SpanKind::Server));
    let said = text(&operation.attributes);
    assert_eq!((&*said["graphql.operation.type"], &*said["graphql.operation.name"]), ("query", "Mine"));
    assert_eq!((said["ficus.request_id"].as_str(), said.get("graphql.document")), ("abc", None));

    let fetches = below(&spans, &operation.span_id);
    let of = |coordinate: &str| {
        let is = |span: &&&Span| text(&span.attributes)["ficus.connector"] == coordinate;
        *fetches.iter().find(is).expect("a fetch")
    };
    assert_eq!(
        (fetches.len(), fetches[0].name.as_str(), fetches[0].kind()),
        (2, "fetch", SpanKind::Internal)
    );
    assert_eq!(text(&of("Query.kept[0]").attributes)["ficus.cache.result"], "miss");

    let [failed, retried] = below(&spans, &of("Query.flaky[0]").span_id)[..] else { panic!("{spans:?}") };
    let (first, second) = (text(&failed.attributes), text(&retried.attributes));
    assert_eq!((failed.name.as_str(), failed.kind()), ("GET", SpanKind::Client));
    assert_eq!(first["http.request.method"], "GET");
    assert_eq!(first["http.response.status_code"], "503");
    assert_eq!(first["error.type"], "503");
    assert_eq!(failed.status.as_ref().unwrap().code(), StatusCode::Error);
    assert_eq!(first["url.full"], format!("http://{}/flaky?key", backend.address));
    assert_eq!(
        (&*first["server.address"], &*first["server.port"]),
        ("127.0.0.1", &*backend.address.port().to_string())
    );
    assert_eq!(first.get("http.request.resend_count"), None);
    assert_eq!(second["http.request.resend_count"], "1");
    assert_eq!((&*second["http.response.status_code"], second.get("error.type")), ("200", None));
    assert!(!format!("{spans:?}").contains("hush"), "values from the environment are hidden");

    // Each request names the span of its own attempt, and says on what it was told.
    let mut named = Vec::new();
    while let Ok(headers) = backend.asked.try_recv() {
        assert_eq!(headers.get_all("traceparent").iter().count(), 1);
        assert_eq!(headers["tracestate"], "vendor=1");
        named.push(headers["traceparent"].to_str().unwrap().to_owned());
    }
    let (sampled, unsampled): (Vec<String>, Vec<String>) =
        named.into_iter().partition(|id| id.contains(TRACE));
    let mut sampled = sampled;
    sampled.sort();
    let attempts = spans.iter().filter(|span| span.kind() == SpanKind::Client);
    let mut expected: Vec<String> =
        attempts.map(|span| format!("00-{TRACE}-{}-01", hex(&span.span_id))).collect();
    expected.sort();
    assert_eq!(sampled, expected);
    assert_eq!(unsampled.len(), 1, "`kept` came from the cache");
    assert!(
        unsampled[0].starts_with(&format!("00-{UNSAMPLED}-")) && unsampled[0].ends_with("-00"),
        "{unsampled:?}"
    );
}

#[tokio::test]
async fn a_collector_that_is_not_there_costs_a_line_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let backend = Backend::start().await;
    let config = format!("telemetry: {{ otlp: 'http://{nobody}', sample: 1.0, documents: true }}");
    let process = Process::start(folder.path(), &backend, &config, "warn").await;
    for _ in 0..3 {
        assert_eq!(
            send(process.address, post(), r#"{"query":"{kept{id}}"}"#).await.json()["data"]["kept"]["id"],
            "7"
        );
    }
    let log = process.end().await;
    assert_eq!(log.matches("spans are lost").count(), 1, "{log}");
    assert!(!log.contains(&nobody.to_string()), "{log}");
}
