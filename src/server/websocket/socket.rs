//! One WebSocket from its handshake to its end: moves bytes, asks `protocol` what each message means, and drives the operations.
//! While the client takes nothing, nothing is read of it and no operation is asked for more, so that what waits here is bounded; the
//! queue of each subscription decides what becomes of its answers.

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    FutureExt as _, Stream, StreamExt as _,
    stream::{AbortHandle, Abortable, SelectAll},
};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{
    frame::{self, Decoder, FrameError, Incoming},
    handshake::init_headers,
    protocol::{Action, Closing, Protocol, Serial},
};
use crate::{
    config::{Config, WebSocket},
    error::Code,
    execute::Request,
    server::staying::{Guest, Outcome, Start, outcomes, refused},
};

/// From so many bytes that wait to be sent on, nothing is read and no answer is taken.
const WAITING_BYTES_MAX: usize = 16 << 10;

/// A client that takes nothing of what waits for so long is cut: it can be told nothing any more.
const STALL: Duration = Duration::from_secs(30);

/// How long a client may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// What is read at once. On the stack: a socket that waits holds no buffer.
const READ_BYTES: usize = 8 << 10;

/// How a socket treats its client.
#[derive(Debug, Clone)]
pub(in crate::server) struct Settings {
    init_timeout: Duration,
    ping: Duration,
    idle: Duration,
    operations_max: usize,
    message_bytes_max: usize,
    init_headers: Arc<[HeaderName]>,
}

impl Settings {
    /// As `ficus.yaml` says.
    pub(in crate::server) fn new(config: &Config) -> Self {
        let WebSocket { init_timeout, ping, idle, per_socket_max, ref init_headers, .. } = config.websocket;
        Settings {
            init_timeout,
            ping,
            idle,
            operations_max: per_socket_max,
            message_bytes_max: config.limits.body_bytes_max,
            init_headers: init_headers.as_slice().into(),
        }
    }
}

type Operation = Abortable<Pin<Box<dyn Stream<Item = (Serial, Outcome)> + Send>>>;

/// An operation that its client may still hear of.
struct Running {
    stop: AbortHandle,
    lasts: bool,
}

/// What happens to a socket.
enum Happened {
    Heard(Incoming),
    Broken(FrameError),
    Outcome(Serial, Outcome),
    /// Some time is over.
    Late,
    /// It is this client's turn to leave.
    Turn,
    /// Nobody is there any more.
    Gone,
}

/// One WebSocket. Dropping it ends all its operations.
pub(super) struct Socket<S> {
    wire: Wire<S>,
    guest: Guest,
    start: Start,
    headers: HeaderMap,
    settings: Settings,
    protocol: Protocol,
    running: HashMap<Serial, Running>,
    opened: Instant,
    heard: Instant,
    pinged: Instant,
    leaving: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(io: S, guest: Guest, start: Start, headers: HeaderMap, settings: Settings) -> Self {
        let now = Instant::now();
        Socket {
            wire: Wire::new(io, settings.message_bytes_max),
            guest,
            start,
            headers,
            settings,
            protocol: Protocol::default(),
            running: HashMap::new(),
            opened: now,
            heard: now,
            pinged: now,
            leaving: false,
        }
    }

    /// Tells a client that it speaks another language.
    pub(super) async fn refuse_subprotocol(mut self) {
        self.close(Closing::Subprotocol);
        self.finish().await;
    }

    /// Serves the client until it leaves, or has to.
    pub(super) async fn serve(mut self) {
        loop {
            match self.happens().await {
                Happened::Heard(Incoming::Text(text)) => self.take(&text),
                Happened::Heard(Incoming::Ping(payload)) => frame::write_pong(&payload, &mut self.wire.out),
                Happened::Heard(Incoming::Pong) => {}
                Happened::Heard(Incoming::Close) => {
                    self.wire.close(1000, "");
                    self.wire.closed_by_client = true;
                }
                Happened::Broken(error) => self.wire.close(error.close_code(), &error.to_string()),
                Happened::Outcome(serial, outcome) => self.tell(serial, outcome),
                Happened::Late => self.mind_the_time(),
                Happened::Turn => self.leaving = true,
                Happened::Gone => return,
            }
            // Queries and mutations have their answers first.
            if self.leaving && self.running.values().all(|running| running.lasts) {
                self.close(Closing::Draining);
            }
            if self.wire.is_closing() {
                break;
            }
        }
        self.finish().await;
    }

    /// Waits for the next thing to happen.
    async fn happens(&mut self) -> Happened {
        let deadline = self.deadline();
        let Socket { wire, guest, leaving, heard, .. } = self;
        wire.alarm(deadline);
        let told = async {
            if *leaving {
                guest.cut().await;
                return Happened::Gone;
            }
            guest.turn_to_leave().await;
            Happened::Turn
        };
        let happened = tokio::select! {
            biased;
            happened = poll_fn(|cx| wire.poll(cx)) => happened,
            happened = told => happened,
        };
        if matches!(happened, Happened::Heard(_)) {
            *heard = Instant::now();
        }
        happened
    }

    /// When something is to be done though nothing happens.
    fn deadline(&self) -> Instant {
        let mut deadline = self.heard.max(self.pinged) + self.settings.ping;
        deadline = deadline.min(self.heard + self.settings.idle);
        if !self.protocol.is_acknowledged() {
            deadline = deadline.min(self.opened + self.settings.init_timeout);
        }
        if self.wire.waits {
            deadline = deadline.min(self.wire.moved + STALL);
        }
        deadline
    }

    fn mind_the_time(&mut self) {
        let now = Instant::now();
        if self.wire.waits && now >= self.wire.moved + STALL {
            self.wire.abandoned = true;
        } else if !self.protocol.is_acknowledged() && now >= self.opened + self.settings.init_timeout {
            self.close(Closing::InitTimeout);
        } else if now >= self.heard + self.settings.idle {
            self.close(Closing::Silent);
        } else if now >= self.heard.max(self.pinged) + self.settings.ping {
            self.pinged = now;
            // A client that does not take the one before would only be given more to not take.
            if self.wire.out.is_empty() {
                frame::write_ping(&mut self.wire.out);
            }
        }
    }

    fn close(&mut self, why: Closing) {
        let (code, reason) = why.code();
        self.wire.close(code, reason);
    }

    fn say(&mut self, text: &str) {
        frame::write_text(&[text.as_bytes()], &mut self.wire.out);
    }

    /// Takes a message.
    fn take(&mut self, text: &str) {
        match self.protocol.received(text) {
            Action::None => {}
            Action::Reply(text) => self.say(&text),
            Action::Init(payload) => {
                match init_headers(&mut self.headers, &payload, &self.settings.init_headers) {
                    Ok(()) => self.say(r#"{"type":"connection_ack"}"#),
                    Err(_) => self.close(Closing::Forbidden),
                }
            }
            Action::Begin(serial, _) if self.leaving => {
                let refused = refused(Code::Overloaded, "The gateway is about to end; connect again.");
                self.tell(serial, Outcome::Refused(refused.body));
            }
            Action::Begin(serial, _) if self.protocol.live() > self.settings.operations_max => {
                let refused = refused(Code::Overloaded, "There are too many operations on this connection.");
                self.tell(serial, Outcome::Refused(refused.body));
            }
            Action::Begin(serial, asked) => self.begin(serial, asked.0),
            Action::End(serial) => {
                if let Some(running) = self.running.remove(&serial) {
                    running.stop.abort();
                }
            }
            Action::Close(why) => self.close(why),
        }
    }

    fn begin(&mut self, serial: Serial, request: Request) {
        let started = (self.start)(Request { headers: Some(self.headers.clone()), ..request });
        let outcomes = started.map(outcomes).flatten_stream().map(move |outcome| (serial, outcome));
        let (stop, registration) = AbortHandle::new_pair();
        let operation: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(outcomes);
        self.wire.operations.push(Abortable::new(operation, registration));
        self.running.insert(serial, Running { stop, lasts: false });
    }

    /// Tells the client what became of an operation, if it still wants to hear of it.
    fn tell(&mut self, serial: Serial, outcome: Outcome) {
        let last = match outcome {
            Outcome::Lasts => {
                if let Some(running) = self.running.get_mut(&serial) {
                    running.lasts = true;
                }
                return;
            }
            Outcome::Next(payload) => {
                let out = &mut self.wire.out;
                return self.protocol.next(serial, &payload.body, |parts| frame::write_text(parts, out));
            }
            Outcome::Refused(body) => self.protocol.error(serial, &errors(&body)),
            Outcome::Done => self.protocol.complete(serial),
        };
        self.running.remove(&serial);
        if let Some(text) = last {
            self.say(&text);
        }
    }

    /// Sends what is left to say, and waits a moment for the client to take leave. The operations have ended.
    async fn finish(mut self) {
        self.wire.operations = SelectAll::new();
        if !self.wire.abandoned {
            // What comes of it changes nothing.
            drop(tokio::time::timeout(CLOSE_WAIT, self.wire.take_leave()).await);
        }
    }
}

/// The list of errors in a response without `data`.
fn errors(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refused {
        errors: serde_json::Value,
    }
    serde_json::from_slice::<Refused>(body)
        .map_or_else(|_| "[]".to_owned(), |refused| refused.errors.to_string())
}

/// The bytes of a socket, in both directions, with what makes them.
struct Wire<S> {
    io: S,
    decoder: Decoder,
    /// What is to be sent.
    out: Vec<u8>,
    /// The client does not take it at once.
    waits: bool,
    /// When it last took something, or began not to.
    moved: Instant,
    operations: SelectAll<Operation>,
    timer: Pin<Box<Sleep>>,
    /// The close frame is written.
    closing: bool,
    closed_by_client: bool,
    /// The client takes nothing any more.
    abandoned: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(io: S, message_bytes_max: usize) -> Self {
        let now = Instant::now();
        Wire {
            io,
            decoder: Decoder::new(message_bytes_max),
            out: Vec::new(),
            waits: false,
            moved: now,
            operations: SelectAll::new(),
            timer: Box::pin(tokio::time::sleep_until(now + STALL)),
            closing: false,
            closed_by_client: false,
            abandoned: false,
        }
    }

    fn is_closing(&self) -> bool {
        self.closing || self.abandoned
    }

    fn close(&mut self, code: u16, reason: &str) {
        if !std::mem::replace(&mut self.closing, true) {
            frame::write_close(code, reason, &mut self.out);
        }
    }

    /// Rings at a time. The timer is not touched where it rings earlier: when it does, one looks again.
    fn alarm(&mut self, deadline: Instant) {
        if self.timer.is_elapsed() || self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        if self.poll_send(cx).is_err() {
            return Poll::Ready(Happened::Gone);
        }
        if self.out.len() < WAITING_BYTES_MAX {
            if let Poll::Ready(happened) = self.poll_hear(cx) {
                return Poll::Ready(happened);
            }
            if let Poll::Ready(Some((serial, outcome))) = self.operations.poll_next_unpin(cx) {
                return Poll::Ready(Happened::Outcome(serial, outcome));
            }
        }
        self.timer.as_mut().poll(cx).map(|()| Happened::Late)
    }

    /// Sends as much as the client takes.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        while !self.out.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.out.drain(..count);
                    self.waits = false;
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    if !std::mem::replace(&mut self.waits, true) {
                        self.moved = Instant::now();
                    }
                    return Ok(());
                }
            }
        }
        // A socket that waits holds no buffer.
        self.out = Vec::new();
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
        loop {
            match self.decoder.next() {
                Ok(Some(incoming)) => return Poll::Ready(Happened::Heard(incoming)),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Happened::Broken(error)),
            }
            let mut bytes = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.decoder.feed(buffer.filled()),
                Poll::Ready(_) => return Poll::Ready(Happened::Gone),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Sends the rest, and reads until the client has said its last word, so that ours is not lost with bytes that nobody read.
    async fn take_leave(&mut self) {
        let mut readable = true;
        let said = poll_fn(|cx| {
            if self.poll_send(cx).is_err() {
                return Poll::Ready(false);
            }
            while readable && !self.closed_by_client {
                match self.poll_hear(cx) {
                    Poll::Ready(Happened::Heard(Incoming::Close)) => self.closed_by_client = true,
                    Poll::Ready(Happened::Heard(_)) => {}
                    // After a frame that could not be read there is no telling where the next begins.
                    Poll::Ready(Happened::Broken(_)) => self.decoder = Decoder::new(0),
                    Poll::Ready(_) => readable = false,
                    Poll::Pending => return Poll::Pending,
                }
            }
            if self.out.is_empty() || !readable { Poll::Ready(readable) } else { Poll::Pending }
        });
        if said.await {
            drop(poll_fn(|cx| Pin::new(&mut self.io).poll_shutdown(cx)).await);
        }
    }
}
