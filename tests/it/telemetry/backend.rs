//! A backend on a socket that answers well, badly, and with what may be kept; and a graph over it.

use std::{net::SocketAddr, path::Path};

use axum::{
    Router,
    extract::Request,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

pub(crate) const SCHEMA: &str = r#"
type Query {
  kept: Thing @connect(source: "shop", http: { GET: "/kept" }, selection: "id name")
  broken: String @connect(source: "shop", http: { GET: "/broken?secret=hush-hush" }, selection: "$")
  flaky: String @connect(source: "shop", http: { GET: "/flaky?key={$env.SHOP_KEY}" }, selection: "$.text")
  nameless: String @connect(http: { GET: "BACKEND/kept" }, selection: "$.id->toString")
}
type Mutation {
  write: String @connect(source: "shop", http: { POST: "/written", body: "a: 1" }, selection: "$.text")
}
type Thing { id: ID name: String }
"#;

/// A backend that runs until the test ends.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    /// The headers of each request.
    pub(crate) asked: UnboundedReceiver<HeaderMap>,
}

impl Backend {
    pub(crate) async fn start() -> Backend {
        let (heard, asked) = unbounded_channel();
        let heard_kept = heard.clone();
        let kept = move |request: Request| {
            hear(&heard_kept, &request);
            async { ([("content-type", "application/json"), ("cache-control", "max-age=60")], r#"{"id":7}"#) }
        };
        let flakes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let heard_flaky = heard.clone();
        let flaky = move |request: Request| {
            hear(&heard_flaky, &request);
            let first = flakes.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
            async move {
                if first {
                    return StatusCode::SERVICE_UNAVAILABLE.into_response();
                }
                ([("content-type", "application/json")], r#"{"text":"at last"}"#).into_response()
            }
        };
        let written = || async { ([("content-type", "application/json")], r#"{"text":"done"}"#) };
        let router = Router::new()
            .route("/kept", get(kept))
            .route("/flaky", get(flaky))
            .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .route("/written", axum::routing::post(written));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Backend { address, asked }
    }

    /// The graph over it, as files.
    pub(crate) fn files(&self, config: &str) -> Vec<(String, String)> {
        let url = format!("http://{}", self.address);
        let connector = format!("base_url: {url}\nretry: {{ backoff: 1ms }}\n");
        vec![
            ("schema/schema.graphql".to_owned(), SCHEMA.replace("BACKEND", &url)),
            ("connectors/shop.yaml".to_owned(), connector),
            ("ficus.yaml".to_owned(), config.to_owned()),
        ]
    }

    /// Writes the files of the graph into a folder.
    pub(crate) fn write_files(&self, folder: &Path, config: &str) {
        for (name, text) in self.files(config) {
            let file = folder.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
    }
}

fn hear(heard: &UnboundedSender<HeaderMap>, request: &Request) {
    // A test that does not listen is no fault.
    let _ = heard.send(request.headers().clone());
}
