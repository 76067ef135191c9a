//! One connection: how long it may take to say something, when it counts as idle, and how it ends. Requests are not
//! looked at here.
//!
//! Hyper's own timer for headers also runs between two requests of a kept-alive connection, and does not run at all before
//! the first bytes are read. So the clock is here: a first request within `header_read` of the connection's
//! start, the headers of a further one within `header_read` of their first byte, and `idle` in between.

use std::{
    io,
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};

/// Never: a request is being answered.
const NEVER: u64 = u64::MAX;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The first request, or the rest of a further one's headers: nothing is lost when it is cut.
    Head = 0,
    /// A further request, or the client to take what was answered.
    Idle = 1,
}

/// What is known of a connection's progress; shared by its socket, its requests and its clock.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    header_read_ms: u64,
    idle_ms: AtomicU64,
    /// When it must have moved on, in milliseconds since `started`.
    deadline_ms: AtomicU64,
    phase: AtomicU8,
    in_flight: AtomicUsize,
    http2: AtomicBool,
}

impl Progress {
    pub(super) fn new(header_read: Duration, idle: Duration) -> Progress {
        let header_read_ms = millis(header_read);
        Progress {
            started: Instant::now(),
            header_read_ms,
            idle_ms: AtomicU64::new(millis(idle)),
            deadline_ms: AtomicU64::new(header_read_ms),
            phase: AtomicU8::new(Phase::Head as u8),
            in_flight: AtomicUsize::new(0),
            http2: AtomicBool::new(false),
        }
    }

    /// A request's headers are complete; it is in flight until the guard is dropped.
    pub(super) fn begin_request(&self, http2: bool) {
        if http2 {
            self.http2.store(true, Relaxed);
        }
        self.in_flight.fetch_add(1, Relaxed);
        self.deadline_ms.store(NEVER, Relaxed);
    }

    /// A request has its response, or its client went away.
    pub(super) fn end_request(&self) {
        if self.in_flight.fetch_sub(1, Relaxed) == 1 {
            self.phase.store(Phase::Idle as u8, Relaxed);
            self.restart_idle();
        }
    }

    /// Bytes came in. Between two requests of HTTP/1 that is a further request's beginning; HTTP/2 sends other things too.
    fn received(&self) {
        let idle = self.in_flight.load(Relaxed) == 0 && self.phase.load(Relaxed) == Phase::Idle as u8;
        if idle && !self.http2.load(Relaxed) {
            self.phase.store(Phase::Head as u8, Relaxed);
            self.deadline_ms.store(self.now_ms().saturating_add(self.header_read_ms), Relaxed);
        }
    }

    /// The client took some bytes of a response, so it is not stuck.
    fn sent(&self) {
        if self.in_flight.load(Relaxed) == 0 && self.phase.load(Relaxed) == Phase::Idle as u8 {
            self.restart_idle();
        }
    }

    /// From now on idleness ends after `linger`. True when something is in flight.
    pub(super) fn start_draining(&self, linger: Duration) -> bool {
        self.idle_ms.store(millis(linger), Relaxed);
        if self.in_flight.load(Relaxed) > 0 || self.http2.load(Relaxed) {
            return true;
        }
        let deadline = self.now_ms().saturating_add(millis(linger));
        self.deadline_ms.fetch_min(deadline, Relaxed);
        false
    }

    /// Gives it so long to end by itself.
    pub(super) fn end_within(&self, grace: Duration) {
        self.phase.store(Phase::Head as u8, Relaxed);
        self.deadline_ms.store(self.now_ms().saturating_add(millis(grace)), Relaxed);
    }

    fn restart_idle(&self) {
        self.deadline_ms.store(self.now_ms().saturating_add(self.idle_ms.load(Relaxed)), Relaxed);
    }

    fn now_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

/// Wakes its connection when it should have moved on and has not. The timer is moved only to an earlier time; a later
/// deadline is found when it fires, so that a busy connection does not touch the timer with each request.
pub(super) struct Clock<'a> {
    progress: &'a Progress,
    sleep: Pin<&'a mut Sleep>,
    armed_ms: u64,
}

impl<'a> Clock<'a> {
    /// A clock on a timer of any time.
    pub(super) fn new(progress: &'a Progress, sleep: Pin<&'a mut Sleep>) -> Self {
        Clock { progress, sleep, armed_ms: NEVER }
    }

    /// Ready when the deadline has passed, with what the connection was waiting for.
    pub(super) fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<Phase> {
        loop {
            let deadline_ms = self.progress.deadline_ms.load(Relaxed);
            if deadline_ms < self.armed_ms {
                self.arm(deadline_ms);
            }
            if self.armed_ms == NEVER {
                // A request is in flight and no timer runs yet; look again once it could have ended and become overdue.
                let idle_ms = self.progress.idle_ms.load(Relaxed);
                self.arm(self.progress.now_ms().saturating_add(idle_ms).max(1));
            }
            ready!(self.sleep.as_mut().poll(cx));
            self.armed_ms = NEVER;
            if self.progress.deadline_ms.load(Relaxed) <= self.progress.now_ms() {
                let head = self.progress.phase.load(Relaxed) == Phase::Head as u8;
                return Poll::Ready(if head { Phase::Head } else { Phase::Idle });
            }
        }
    }

    fn arm(&mut self, at_ms: u64) {
        self.armed_ms = at_ms;
        self.sleep.as_mut().reset(self.progress.started + Duration::from_millis(at_ms));
    }
}

/// A socket that reports its progress, and holds its place among the connections until it is closed, upgraded or not.
pub(super) struct Socket {
    stream: TcpStream,
    progress: std::sync::Arc<Progress>,
    _place: OwnedSemaphorePermit,
}

impl Socket {
    pub(super) fn new(
        stream: TcpStream,
        progress: std::sync::Arc<Progress>,
        place: OwnedSemaphorePermit,
    ) -> Socket {
        Socket { stream, progress, _place: place }
    }

    fn note_sent(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(result, Poll::Ready(Ok(bytes)) if bytes > 0) {
            self.progress.sent();
        }
        result
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.progress.received();
        }
        result
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_sent(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note_sent(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use super::*;

    const HEADER_READ: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(75);

    /// Runs the clock from now on; gives how long it took (the test's clock is paused, so it takes no time).
    async fn overdue(progress: &Progress) -> (Phase, u64) {
        let begun = Instant::now();
        let mut sleep = pin!(tokio::time::sleep(Duration::ZERO));
        let mut clock = Clock::new(progress, sleep.as_mut());
        let phase = poll_fn(|cx| clock.poll_overdue(cx)).await;
        (phase, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_overdue_after_the_header_time() {
        let progress = Progress::new(HEADER_READ, IDLE);
        progress.received();
        assert_eq!(overdue(&progress).await, (Phase::Head, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_it_may_be_idle_for_longer() {
        let progress = Progress::new(HEADER_READ, IDLE);
        progress.begin_request(false);
        tokio::time::advance(Duration::from_secs(100)).await;
        progress.end_request();
        assert_eq!(overdue(&progress).await, (Phase::Idle, 75));
    }

    #[tokio::test(start_paused = true)]
    async fn further_headers_have_their_own_time() {
        let progress = Progress::new(HEADER_READ, IDLE);
        progress.begin_request(false);
        progress.end_request();
        progress.received();
        tokio::time::advance(Duration::from_secs(4)).await;
        progress.received();
        assert_eq!(overdue(&progress).await, (Phase::Head, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn what_http2_sends_between_requests_is_no_header() {
        let progress = Progress::new(HEADER_READ, IDLE);
        progress.begin_request(true);
        progress.end_request();
        progress.received();
        assert_eq!(overdue(&progress).await, (Phase::Idle, 75));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_in_flight_is_never_overdue() {
        let progress = Progress::new(HEADER_READ, IDLE);
        progress.begin_request(true);
        progress.begin_request(true);
        progress.end_request();
        let waited = tokio::time::timeout(Duration::from_secs(1_000), overdue(&progress)).await;
        assert!(waited.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn draining_ends_idleness_but_nothing_in_flight() {
        let linger = Duration::from_secs(1);
        let idle = Progress::new(HEADER_READ, IDLE);
        assert!(!idle.start_draining(linger));
        assert_eq!(overdue(&idle).await.1, 1);
        let busy = Progress::new(HEADER_READ, IDLE);
        busy.begin_request(false);
        assert!(busy.start_draining(linger));
        busy.end_request();
        assert_eq!(overdue(&busy).await, (Phase::Idle, 1));
    }
}
