//! The bytes of a socket, in both directions, and the operations that make what is sent. What any of it means is `socket`'s affair.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{Abortable, SelectAll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

use super::{
    frame::{self, Decoder, FrameError, Incoming},
    protocol::Serial,
};
use crate::server::staying::Outcome;

/// From so many bytes that wait to be sent on, nothing is read and no answer is taken.
const WAITING_BYTES_MAX: usize = 16 << 10;

/// A client that takes nothing of what waits for so long is cut: it can be told nothing any more.
pub(super) const STALL: Duration = Duration::from_secs(30);

/// What is read at once. On the stack: a socket that waits holds no buffer.
const READ_BYTES: usize = 8 << 10;

pub(super) type Operation = Abortable<Pin<Box<dyn Stream<Item = (Serial, Outcome)> + Send>>>;

/// What happens to a socket.
pub(super) enum Happened {
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

/// The bytes of a socket, in both directions, with what makes them.
pub(super) struct Wire<S> {
    io: S,
    decoder: Decoder,
    /// What is to be sent.
    pub(super) out: Vec<u8>,
    /// The client does not take it at once.
    pub(super) waits: bool,
    /// When it last took something, or began not to.
    pub(super) moved: Instant,
    pub(super) operations: SelectAll<Operation>,
    timer: Pin<Box<Sleep>>,
    /// The close frame is written.
    closing: bool,
    pub(super) closed_by_client: bool,
    /// The client takes nothing any more.
    pub(super) abandoned: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(io: S, message_bytes_max: usize) -> Self {
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

    pub(super) fn is_closing(&self) -> bool {
        self.closing || self.abandoned
    }

    pub(super) fn close(&mut self, code: u16, reason: &str) {
        if !std::mem::replace(&mut self.closing, true) {
            frame::write_close(code, reason, &mut self.out);
        }
    }

    /// Rings at a time. The timer is not touched where it rings earlier: when it does, one looks again.
    pub(super) fn alarm(&mut self, deadline: Instant) {
        if self.timer.is_elapsed() || self.timer.deadline() > deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Happened> {
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
    pub(super) async fn take_leave(&mut self) {
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
