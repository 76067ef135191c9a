//! What a run shows must never be what only the backend may know; and the library's own view of one run.

use std::sync::Arc;

use ficus::{
    fetch::{HttpUpstream, Redaction},
    graph::{Sources, load_sources},
    trial::{Inputs, find, run, shown},
};
use serde_json::json;

use super::backend::Backend;

#[tokio::test]
async fn secrets_reach_the_backend_and_nobody_else() {
    let backend = Backend::start(
        "GET /me/tenant-one -> 200\ncontent-type: application/json\nset-cookie: session=s3\n\n{\"name\": \"hush-hush and more\"}",
    );
    let schema = r#"
        type Query {
          me: String @connect(source: "api", http: { GET: "/me/{$env.TENANT}", headers: [{ name: "authorization", from: "authorization" }] }, selection: "name")
        }
    "#;
    let file = format!("base_url: {}\nheaders: [{{ name: x-key, value: \"${{KEY}}\" }}]\n", backend.url);
    let text = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let graph = load_sources(&Sources {
        schema: vec![text(
            "schema/a.graphql",
            &schema.replace("selection: \"name\"", "selection: \"$.name\""),
        )],
        connectors: vec![text("connectors/api.yaml", &file)],
        config: None,
        env: [text("KEY", "hush-hush"), text("TENANT", "tenant-one")].into_iter().collect(),
    })
    .unwrap_or_else(|faults| panic!("{}", ficus::diagnostic::render(&faults, false)))
    .graph;
    let variables = json!({ "$request.headers": { "authorization": "Bearer t0ken" } });
    let inputs = Inputs::read(variables.as_object().unwrap()).unwrap();
    let connector = Arc::clone(find(&graph, "Query.me").unwrap());
    let trial = run(&graph, &connector, &inputs, &HttpUpstream::new().unwrap()).await.unwrap();
    let sent = backend.requests.lock().unwrap().join("\n");
    for secret in ["/me/tenant-one", "x-key: hush-hush", "authorization: Bearer t0ken"] {
        assert!(sent.contains(secret), "{secret} in {sent}");
    }
    let shown = shown::trial_json(&trial, &Redaction::of(&graph));
    let printed = shown.to_string();
    for secret in ["tenant-one", "hush-hush", "t0ken", "s3"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
    assert_eq!(shown["result"], "*** and more");
    assert_eq!(trial.result, "hush-hush and more");
}
