//! The edge: sockets and HTTP. `listener` and `connection` serve connections within limits; `edge` says what is at which path;
//! `graphql` is GraphQL over HTTP, step by step, each rule in a module of its own. What an operation means is `execute`'s affair.

mod access_log;
mod body;
mod coding;
mod connection;
mod cors;
mod csrf;
mod edge;
mod graphql;
mod header_list;
pub(crate) mod health;
mod listener;
mod media;
mod multipart;
mod parameters;
pub mod playground;
mod proxies;
mod refusal;
mod reply;
mod response_body;
mod sse;
mod staying;
mod streaming;
mod trace;
mod validators;
mod webhooks;
mod websocket;

use std::{
    io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use hyper::service::service_fn;
use tokio::net::TcpListener;

pub use csrf::is_addressed_to_loopback;
pub use listener::{ListenerSettings, serve_connections};
pub use response_body::ResponseBody;
pub use webhooks::Webhooks;

use crate::events::Events;

/// Serves a gateway and its events on a bound listener until `shutdown` is ready. From then on it is not ready (`/health/ready` says 503)
/// and takes no new connections; requests in flight, and mutations whose client has left, may go on for `drain`, and what is
/// still busy then is cut.
///
/// ```no_run
/// # async fn example(events: ficus::events::Events) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind(events.gateway().config().listen).await?;
/// ficus::server::serve(listener, events, async { _ = tokio::signal::ctrl_c().await }).await
/// # }
/// ```
///
/// # Errors
/// When the listener itself is broken.
pub async fn serve(
    listener: TcpListener,
    events: Events,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let edge = edge::Edge::new(events.clone(), listener.local_addr()?);
    let gateway = events.gateway();
    let _end = CutWhoStays(&edge);
    let told = OnceLock::new();
    let shutdown = async {
        shutdown.await;
        told.get_or_init(Instant::now);
        edge.start_draining();
    };
    serve_connections(listener, ListenerSettings::new(gateway.config()), shutdown, |peer| {
        let edge = Arc::clone(&edge);
        service_fn(move |request| Arc::clone(&edge).handle(peer, request))
    })
    .await?;
    // A mutation goes on without its client, and its connection is then no longer there to be waited for. Nor is that of a
    // WebSocket, which is none of HTTP any more.
    let spent = told.get().map_or(Duration::ZERO, Instant::elapsed);
    let left = gateway.config().drain.saturating_sub(spent);
    let all_ended = async { tokio::join!(gateway.mutations_ended(), edge.staying().have_left()) };
    if tokio::time::timeout(left, all_ended).await.is_err() {
        tracing::warn!("cut mutations and sockets that were still busy after `drain`");
    }
    Ok(())
}

/// However serving ends, nobody is served after it.
struct CutWhoStays<'a>(&'a edge::Edge);

impl Drop for CutWhoStays<'_> {
    fn drop(&mut self) {
        self.0.staying().cut();
    }
}
