//! A gateway on a free port, with a backend whose answers a test holds back for as long as it likes.

use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc};

use ficus::{
    Gateway, Graph,
    config::Config,
    connector::Source,
    events::{Delivery, Events, Hub, NewEvent, Published},
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

use super::client::soon;

/// A server that runs until the test ends, or until it is told to stop.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) backend: Arc<Backend>,
    pub(crate) gateway: Gateway,
    pub(crate) events: Events,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<io::Result<()>>,
}

impl Server {
    /// With the defaults of `ficus serve`, changed as the test needs.
    pub(crate) async fn start(change: impl FnOnce(&mut Config)) -> Server {
        let mut config = Config::default();
        change(&mut config);
        let backend = Arc::new(Backend::new());
        let gateway = Gateway::new(graph(), config, Arc::clone(&backend) as Arc<dyn Upstream>);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let events = Events::new(gateway.clone(), Hub::default());
        let task = tokio::spawn(ficus::server::serve(listener, events.clone(), async {
            // A test that ends without stopping the server leaves it running until its runtime ends.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        }));
        Server { address, backend, gateway, events, stop: Some(stop), task }
    }

    /// Publishes an event of a clock that `ticked` tells of; gives its id.
    pub(crate) async fn tick(&self, clock: &str, number: u32) -> String {
        let data = format!(r#"{{"clock":"{clock}","number":{number}}}"#).into();
        let event = NewEvent { topic: format!("clock/{clock}").into(), data };
        let delivery = Delivery { events: vec![event], ..Delivery::default() };
        match self.events.hub().publish(delivery).await.expect("published") {
            Published::Kept(ids) => ids[0].to_string(),
            Published::Duplicate => panic!("a duplicate"),
        }
    }

    /// Waits until so many subscribers are there.
    pub(crate) async fn subscribed(&self, subscribers: usize) {
        soon("subscribers", async {
            while self.events.figures().subscribers != subscribers {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// What SIGTERM does.
    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("stopped once").send(()).expect("a running server");
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the server to end.
    pub(crate) async fn ended(self) {
        soon("the server's end", self.task).await.expect("no panic").expect("no error");
    }
}

/// The backend of `slow` and `change`: answers when the test says so.
pub(crate) struct Backend {
    asked: Semaphore,
    answers: Semaphore,
    given_up: Semaphore,
}

impl Backend {
    fn new() -> Backend {
        Backend { asked: Semaphore::new(0), answers: Semaphore::new(0), given_up: Semaphore::new(0) }
    }

    /// Waits for a request to have arrived.
    pub(crate) async fn asked(&self) {
        soon("a request to the backend", self.asked.acquire()).await.expect("open").forget();
    }

    /// Whether a request has arrived that was not waited for.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.available_permits() > 0
    }

    /// Waits for a request to have been given up before it was answered.
    pub(crate) async fn gave_up(&self) {
        soon("the end of a request to the backend", self.given_up.acquire()).await.expect("open").forget();
    }

    /// Whether an answer waits for its request.
    pub(crate) fn has_answers(&self) -> bool {
        self.answers.available_permits() > 0
    }

    /// Lets one request be answered.
    pub(crate) fn answer(&self) {
        self.answers.add_permits(1);
    }
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _source: &'a std::sync::Arc<Source>,
        _request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async {
            let waiting = Waiting(&self.given_up);
            self.asked.add_permits(1);
            self.answers.acquire().await.expect("open").forget();
            std::mem::forget(waiting);
            let mut headers = http::HeaderMap::new();
            headers.insert("content-type", http::HeaderValue::from_static("application/json"));
            let body = bytes::Bytes::from_static(b"\"done\"");
            Ok(UpstreamResponse::new(http::StatusCode::OK, headers, body))
        })
    }
}

/// Notes when it is dropped.
struct Waiting<'a>(&'a Semaphore);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

/// `hello` and `kept` need no backend; the others wait for it.
const SCHEMA: &str = r#"
type Query {
  hello(name: String): String! @connect(selection: "$(['Hello, ', $args.name ?? 'world']->joinNotNull(''))")
  kept(name: String): String!
    @connect(selection: "$(['Hello, ', $args.name ?? 'world']->joinNotNull(''))")
    @cacheControl(maxAge: 60)
  mine: String!
    @connect(source: "backend", http: { GET: "/mine", headers: [{ name: "authorization", from: "authorization" }] }, selection: "$")
    @cacheControl(maxAge: 60)
  slow: String! @connect(source: "backend", http: { GET: "/slow" }, selection: "$")
}

type Subscription {
  ticked(clock: ID!): Tick @subscribe(topic: "clock/{$args.clock}", selection: "clock number", authorize: NONE)
}

type Tick {
  clock: ID!
  number: Int!
}

type Mutation {
  change: String! @connect(source: "backend", http: { POST: "/change" }, selection: "$")
}
"#;

fn graph() -> Graph {
    let sources = Sources {
        schema: vec![("schema/schema.graphql".into(), SCHEMA.into())],
        connectors: vec![("connectors/backend.yaml".into(), "base_url: http://backend.example".into())],
        ..Sources::default()
    };
    load_sources(&sources).expect("a graph").graph
}
