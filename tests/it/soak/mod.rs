//! The gateway as a process of its own under trouble that lasts: storms of errors, a source that hangs, clients that never
//! finish, connections that come and go, a stop in the middle of it. Short slices run here, and judge what no busy machine can
//! blur; `tests/soak/run.sh` runs them in full, against the clock too.

mod churn;
mod drain;
mod flood;
mod report;
mod shedding;
mod slow_clients;
mod slow_source;
mod socket;
mod sockets;
mod storm;
mod subscribers;

use std::time::Duration;

use serde_json::json;

use crate::support::{
    http::Message,
    stub::{Said, Stub},
};

/// How much of a soak is run, and what is judged.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// The length of its trouble.
    trouble: Duration,
    /// Whether times are held against their pass lines; a slice among other tests has none to show.
    timed: bool,
    /// Requests a second of one kind of client.
    rate: u32,
    /// Connections of hostile clients.
    sockets: usize,
}

impl Extent {
    const SLICE: Extent = Extent { trouble: Duration::from_secs(3), timed: false, rate: 10, sockets: 100 };

    fn full(seconds: u64) -> Extent {
        let overridden = std::env::var("FICUS_SOAK_SECONDS").ok().and_then(|value| value.parse().ok());
        let trouble = Duration::from_secs(overridden.unwrap_or(seconds));
        Extent { trouble, timed: true, rate: 50, sockets: 4_000 }
    }
}

/// What a healthy source takes for an answer.
const HEALTHY: Duration = Duration::from_millis(20);

/// A backend that answers with what it was asked for, after a while.
async fn healthy() -> Stub {
    Stub::start(|request| Said { after: HEALTHY, message: answer(request) }).await
}

fn answer(request: &Message) -> Message {
    Message::response(200, "", &json!({ "id": request.word(1) }).to_string())
}

/// A graph with one field for each source, and what stands in the source's file beside its base URL.
fn files(sources: &[(&str, &Stub, &str)], config: &str) -> Vec<(String, String)> {
    let mut schema = "type Thing { id: ID! }\ntype Query {\n".to_owned();
    let mut files = vec![("ficus.yaml".to_owned(), format!("admin: {{ enabled: false }}\n{config}"))];
    for (name, stub, rules) in sources {
        let connect =
            format!(r#"@connect(source: "{name}", http: {{ GET: "/{{$args.n}}" }}, selection: "id")"#);
        schema.push_str(&format!("  {name}(n: String): Thing {connect}\n"));
        files
            .push((format!("connectors/{name}.yaml"), format!("base_url: http://{}\n{rules}", stub.address)));
    }
    schema.push('}');
    files.push(("schema/schema.graphql".to_owned(), schema));
    files
}
