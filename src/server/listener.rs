//! Accepts connections and serves them with any service, within limits, until told to stop; then lets what is in flight
//! end. HTTP/1 and HTTP/2 (with prior knowledge) on one port.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    Request, Response,
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};

use super::connection::{Clock, Phase, Progress, Socket};
use crate::config::Config;

/// Longer than the 60 s that common load balancers keep their end open, so that they close first and no request meets a
/// connection that we are closing.
const IDLE: Duration = Duration::from_secs(75);

/// How long a kept-alive connection stays after the signal, for a request that is already on its way.
const LINGER: Duration = Duration::from_millis(200);

/// How long a client may take to take notice that its connection is being closed.
const GRACE: Duration = Duration::from_secs(5);

/// After an error that is not one connection's: most likely no file descriptors are left, and trying again at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(250);

/// All headers of one HTTP/1 request together with its request line. How many there may be is hyper's own bound, 100: to name it,
/// even the same, makes hyper clear room for them with each request.
const HTTP1_HEAD_BYTES_MAX: usize = 64 << 10;

/// Headers of one HTTP/2 request, after HPACK.
const HTTP2_HEADER_LIST_BYTES_MAX: u32 = 32 << 10;

/// Requests at once on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 200;

/// Streams reset by the client before they were looked at; more is a rapid-reset attack, and the connection is closed.
const HTTP2_PENDING_RESETS_MAX: usize = 20;

/// Streams that we had to reset for the client's faults; more is an attack (CVE-2025-8671), and the connection is closed.
const HTTP2_LOCAL_RESETS_MAX: usize = 256;

/// How a listener treats its connections.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// Connections at once; more are closed unanswered.
    pub connections_max: usize,
    /// How long a client may take to send the headers of a request.
    pub header_read: Duration,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// How long requests in flight may go on after the signal.
    pub drain: Duration,
}

impl ListenerSettings {
    /// As `ficus.yaml` says.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        ListenerSettings {
            connections_max: config.limits.connections_max,
            header_read: config.limits.header_read,
            idle: IDLE,
            drain: config.drain,
        }
    }
}

/// Serves connections until `shutdown` is ready; then accepts no more, lets requests in flight end within `settings.drain`, and
/// returns. `service_for` makes the service of one connection from its peer's address.
///
/// # Errors
/// When the listener itself is broken.
pub async fn serve_connections<S, B>(
    listener: TcpListener,
    settings: ListenerSettings,
    shutdown: impl Future<Output = ()>,
    service_for: impl Fn(SocketAddr) -> S,
) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let address = listener.local_addr()?;
    let protocol = Arc::new(protocol());
    let places = Arc::new(Semaphore::new(settings.connections_max.min(Semaphore::MAX_PERMITS)));
    let (drain, draining) = watch::channel(false);
    let mut connections = JoinSet::new();
    let admit = |stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>| {
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::warn!(%peer, "refused a connection: limits.connections is reached");
            return;
        };
        let service = service_for(peer);
        let settings = settings.clone();
        connections.spawn(serve_one(
            Arc::clone(&protocol),
            stream,
            place,
            service,
            settings,
            draining.clone(),
        ));
    };
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => admit(stream, peer, &mut connections),
                Err(error) => pause_after(&error).await,
            },
            () = shutdown.as_mut() => break,
            // Ended connections are reaped as they end.
            Some(_) = connections.join_next() => {}
        }
    }
    // Those that the system has already accepted for us would otherwise be reset with their requests.
    let listener = listener.into_std()?;
    while let Ok((stream, peer)) = listener.accept() {
        stream.set_nonblocking(true)?;
        admit(TcpStream::from_std(stream)?, peer, &mut connections);
    }
    drop(listener);
    tracing::info!(%address, connections = connections.len(), "draining");
    drain.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(settings.drain, all_ended).await.is_err() {
        tracing::warn!(%address, connections = connections.len(), "cut connections that were still busy after `drain`");
    }
    Ok(())
}

/// The limits of the protocols; see the constants for why.
fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // The clock of `connection` does this for both protocols.
        .header_read_timeout(None)
        .max_buf_size(HTTP1_HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEADER_LIST_BYTES_MAX)
        .max_pending_accept_reset_streams(HTTP2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_LOCAL_RESETS_MAX)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    // The connection was gone before it was accepted: nothing is wrong here.
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(%error, "cannot accept connections");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection to its end. What goes wrong on it is the client's affair, or its network's.
async fn serve_one<S, B>(
    protocol: Arc<auto::Builder<TokioExecutor>>,
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    service: S,
    settings: ListenerSettings,
    mut draining: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Responses are written whole: waiting for more of them only delays the last packet.
    let _ = stream.set_nodelay(true);
    let progress = Arc::new(Progress::new(settings.header_read, settings.idle));
    let socket = TokioIo::new(Socket::new(stream, Arc::clone(&progress), place));
    let counted = {
        let progress = Arc::clone(&progress);
        service_fn(move |request: Request<Incoming>| {
            let in_flight = InFlight::begin(&progress, request.version() == hyper::Version::HTTP_2);
            Counted { response: service.call(request), in_flight }
        })
    };
    let mut connection = pin!(protocol.serve_connection_with_upgrades(socket, counted));
    let sleep = pin!(tokio::time::sleep(settings.header_read));
    let mut clock = Clock::new(&progress, sleep);
    let mut told_to_drain = false;
    loop {
        tokio::select! {
            biased;
            _ = connection.as_mut() => return,
            phase = poll_fn(|cx| clock.poll_overdue(cx)) => match phase {
                Phase::Head => return,
                Phase::Idle => {
                    connection.as_mut().graceful_shutdown();
                    progress.end_within(GRACE);
                }
            },
            _ = draining.wait_for(|draining| *draining), if !told_to_drain => {
                told_to_drain = true;
                if progress.start_draining(LINGER) {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

pin_project_lite::pin_project! {
    /// A response on its way. Not an `async` block: that would hold the response's future twice, some kilobytes that are
    /// moved with every request.
    struct Counted<F> {
        #[pin]
        response: F,
        in_flight: InFlight,
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().response.poll(cx)
    }
}

/// A request between its headers and its response.
struct InFlight(Arc<Progress>);

impl InFlight {
    fn begin(progress: &Arc<Progress>, http2: bool) -> InFlight {
        progress.begin_request(http2);
        InFlight(Arc::clone(progress))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.end_request();
    }
}
