//! What people see of an operation, beyond single cases: no secret in any place or writing, bounds, and one line in the log.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use ficus::{
    Gateway,
    connector::Source,
    execute::Request,
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::gateway::from_files;

/// Answers every request alike.
struct Always(UpstreamResponse);

impl Upstream for Always {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn gateway(schema: &str, connector: &str, env: &[(&str, &str)], answer: UpstreamResponse) -> Gateway {
    let files = [
        ("schema/s.graphql", schema),
        ("connectors/api.yaml", connector),
        ("ficus.yaml", "debugger: true\nlimits: { fields: 10000, aliases: 10000, root_fields: 10000 }"),
    ];
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<Vec<_>>()
    };
    from_files(&owned(&files), &owned(env), Arc::new(Always(answer))).unwrap()
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: impl Into<Bytes>) -> UpstreamResponse {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse::<HeaderValue>().unwrap()));
    let status = StatusCode::from_u16(status).unwrap();
    UpstreamResponse::new(status, headers.collect(), body.into())
}

/// Runs an operation that asks for the debugger; gives what it shows.
fn debug(gateway: &Gateway, query: &str, mut headers: HeaderMap) -> Value {
    headers.insert("apollo-connectors-debugging", HeaderValue::from_static("true"));
    let request = Request { query: query.to_owned(), headers: Some(headers), ..Request::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let response = runtime.block_on(gateway.execute(request));
    let mut body: Value = serde_json::from_slice(&response.body).unwrap();
    body["extensions"]["apolloConnectorsDebugging"].take()
}

const SECRETIVE: &str = r#"
extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@source", "@connect"])
type Query {
  thing: Thing
    @connect(
      source: "api"
      http: {
        POST: "/things/{$env.FIRST}?a={$config.second}"
        path: "$(['x', $env.FIRST])"
        queryParams: "b: $env.FIRST c: $request.headers.authorization->first"
        headers: [{name: "x-first", value: "is {$env.FIRST}!"}, {name: "authorization", from: "authorization"}]
        body: "first: $env.FIRST, deep: [{ second: $config.second }], said: $request.headers.cookie"
      }
      selection: "id all: $ first: $env.FIRST->withWarning($config.second)->jsonParse said: $response.headers.'x-said'"
      errors: {message: "$->jsonStringify->joinNotNull('')", extensions: "all: $"}
    )
}
type Thing { id: ID all: Any first: Any said: Any }
scalar Any
"#;

/// The ways in which texts are written in URLs, forms and JSON.
fn written(secret: &str, way: usize) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    match way {
        0 => secret.to_owned(),
        1 => encode(secret),
        2 => encode(&encode(secret)),
        3 => encode(secret).replace("%20", "+"),
        _ => json!(secret).to_string().trim_matches('"').to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_secret_is_ever_shown(
        secrets in prop::collection::vec("[a-zA-Z0-9][a-zA-Z0-9/+%&=\"\\\\é _.-]{6,14}[a-zA-Z0-9]", 4),
        tokens in prop::collection::vec("[a-zA-Z0-9][a-zA-Z0-9._~+/-]{10,30}", 3),
        places in prop::collection::vec((0..7usize, 0..5usize, "[a-z/ %:{\"]{0,6}"), 0..8),
        status in prop::sample::select(vec![200u16, 204, 404, 500]),
        kind in prop::sample::select(vec!["application/json", "text/plain", "text/html", "application/json; charset=latin1"]),
    ) {
        let connector = "base_url: 'http://${THIRD}:${FOURTH}@api/v1'\n\
                         config: { second: 'x ${SECOND}' }\n\
                         headers: [{ name: x-second, value: 'v ${SECOND}' }]\n";
        // The base URL takes only what a URL can hold. What begins so is no part of a word that stands in the connector, such as `tens`.
        let letters = |secret: &String| secret.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        let plain = |secret: &String| format!("Q7{}", letters(secret));
        let (third, fourth) = (plain(&secrets[2]), plain(&secrets[3]));
        let all = [secrets[0].as_str(), &secrets[1], &third, &fourth, &tokens[0], &tokens[1], &tokens[2]];
        let mut body = String::from("{\"id\": 1, \"n\": \"");
        for (which, way, around) in &places {
            body.push_str(around);
            body.push_str(&written(all[*which], *way));
        }
        if status == 200 && body.matches('"').count() % 2 == 1 {
            body.push_str("\"}");
        }
        let said = written(all[0], 1);
        let cookie = format!("sid={}; Path=/", tokens[2]);
        let headers = [("content-type", kind), ("x-said", said.as_str()), ("set-cookie", cookie.as_str())];
        let env = [("FIRST", all[0]), ("SECOND", all[1]), ("THIRD", all[2]), ("FOURTH", all[3])];
        let gateway = gateway(SECRETIVE, connector, &env, answer(status, &headers, body));
        let mut client = HeaderMap::new();
        client.insert("authorization", format!("Bearer {}", tokens[0]).parse().unwrap());
        client.insert("cookie", format!("a={}", tokens[1]).parse().unwrap());
        let shown = debug(&gateway, "{ thing { id all first said } }", client).to_string();
        prop_assert!(shown.contains("\"Query.thing[0]\""), "{shown}");
        for secret in all.iter().filter(|secret| secret.len() > 3) {
            for way in 0..5 {
                prop_assert!(!shown.contains(&written(secret, way)), "{secret:?} in {shown}");
            }
        }
    }
}

#[test]
fn more_calls_than_are_shown_are_counted() {
    let schema = r#"
    type Query { item(id: ID): Item @connect(source: "api", http: {GET: "/items/{$args.id}"}, selection: "id") }
    type Item { id: ID }
    "#;
    let gateway = gateway(schema, "base_url: http://api", &[], answer(200, &[], r#"{"id": 1}"#));
    let fields: String = (0..103).map(|id| format!("i{id}: item(id: {id}) {{ id }} ")).collect();
    let shown = debug(&gateway, &format!("{{ {fields} }}"), HeaderMap::new());
    assert_eq!((shown["data"].as_array().unwrap().len(), &shown["omitted"]), (100, &json!(3)));
}

#[test]
fn ten_thousand_rows_with_a_problem_are_one_line_in_the_log() {
    let schema = r#"
    type Query { items: [Item] @connect(source: "api", http: {GET: "/items"}, selection: "id name: $.title") }
    type Item { id: ID name: String }
    "#;
    let rows: Vec<Value> = (0..10_000).map(|id| json!({ "id": id })).collect();
    let gateway = gateway(schema, "base_url: http://api", &[], answer(200, &[], json!(rows).to_string()));
    let run = |level: &str| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(level)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        debug(&gateway, "{ items { id name } }", HeaderMap::new());
        let log = log.0.lock().unwrap();
        String::from_utf8(log.clone()).unwrap()
    };
    // Another test's thread, without a log, may be the first to come by: what it learns holds until the next log starts.
    run("ficus::problems=debug");
    assert_eq!(run("info"), "");
    let log = run("ficus::problems=debug");
    let expected = "DEBUG ficus::problems: mapping problems source=\"api\" connector=\"Query.items[0]\" \
                    mapping=\"selection\" path=\"@.title\" problem=\"Property .title not found in object\" count=10000";
    assert_eq!(log.trim(), expected);
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
