//! Backends over real sockets: their TLS, HTTP versions, proxies, redirects and tokens. Each test reads what really arrived.

mod oauth2;
mod proxies;
mod redirects;
mod tls;
mod versions;

use std::sync::Arc;

use ficus::{Gateway, config::Config, execute::Request, fetch};
use serde_json::{Value, json};

use crate::support::gateway;

/// The schema of most tests: one read, one write.
const SCHEMA: &str = r#"
type Query { value(of: String): String @connect(source: "api", http: {GET: "/value", queryParams: "of: $args.of"}, selection: "$.value") }
type Mutation { set(to: String): String @connect(source: "api", http: {POST: "/value", body: "to: $args.to"}, selection: "$.value") }
"#;

/// What a backend of `SCHEMA` answers.
const VALUE: &str = r#"{"value":"v"}"#;

/// A gateway whose source `api` has this connector file, in front of real sockets.
fn gateway(connector: &str) -> Gateway {
    gateway_of(SCHEMA, &[("connectors/api.yaml", connector)])
}

fn gateway_of(schema: &str, files: &[(&str, &str)]) -> Gateway {
    let mut all = vec![("schema/a.graphql".to_owned(), schema.to_owned())];
    all.extend(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    gateway::from_files(&all, &[], fetch::upstream(&Config::default()).unwrap())
        .unwrap_or_else(|found| panic!("{found}"))
}

/// The answer to a document.
async fn ask(gateway: &Gateway, query: &str) -> Value {
    let request =
        Request { query: query.to_owned(), headers: Some(Default::default()), ..Request::default() };
    serde_json::from_slice(&gateway.execute(request).await.body).unwrap()
}

/// The message of the only error.
fn error(answer: &Value) -> &str {
    answer["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// `{"data": {"value": "v"}}`.
fn value() -> Value {
    json!({"data": {"value": "v"}})
}

/// The value of a header of a request as it came.
fn header<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    let lines = request.split("\r\n\r\n").next()?.lines().skip(1);
    let mut named =
        lines.filter_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)));
    named.next().map(|(_, value)| value)
}

/// Many at once.
async fn ask_often(gateway: &Arc<Gateway>, times: usize) -> Vec<Value> {
    let asked = (0..times).map(|number| {
        let gateway = Arc::clone(gateway);
        tokio::spawn(async move { ask(&gateway, &format!("{{ value(of: \"{number}\") }}")).await })
    });
    let mut answers = Vec::new();
    for answer in asked.collect::<Vec<_>>() {
        answers.push(answer.await.unwrap());
    }
    answers
}
