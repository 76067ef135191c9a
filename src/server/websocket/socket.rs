//! One WebSocket from its handshake to its end: asks `protocol` what each message means, drives the operations, and minds the time.
//! While the client takes nothing, nothing is read of it and no operation is asked for more (`wire`), so that what waits here is
//! bounded; the queue of each subscription decides what becomes of its answers.

use std::{collections::HashMap, future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _, Stream, StreamExt as _,
    stream::{AbortHandle, Abortable, SelectAll},
};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use super::{
    frame::{self, Incoming},
    handshake::init_headers,
    protocol::{Action, Closing, Protocol, Serial},
    wire::{Happened, STALL, Wire},
};
use crate::{
    config::{Config, WebSocket},
    error::Code,
    execute::Request,
    server::staying::{Guest, Outcome, Start, outcomes, refused},
};

/// How long a client may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

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

/// An operation that its client may still hear of.
struct Running {
    stop: AbortHandle,
    lasts: bool,
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
