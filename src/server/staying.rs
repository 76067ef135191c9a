//! Clients that stay, whatever keeps them: how many may come from one address, how they begin what they ask for, and how they are
//! asked to leave when the process ends. Each of the transports says it in its own words.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::{sync::watch, time::Instant};

use super::refusal::Refusal;
use crate::{
    error::{ClientError, Code},
    events::{Events, Payload, Started},
    execute::{Request, Response, ResponseKind},
    response,
};

/// The longest time over which clients are asked to leave, so that they do not come back as one wave.
const SPREAD_MAX: Duration = Duration::from_secs(10);

/// Begins what a client asks for.
pub(super) type Start = Arc<dyn Fn(Request) -> Pin<Box<dyn Future<Output = Started> + Send>> + Send + Sync>;

/// What an operation comes to.
pub(super) enum Outcome {
    /// It is a subscription, which nobody waits for when the process ends.
    Lasts,
    Next(Payload),
    /// It was refused, with a response that has no `data`.
    Refused(Bytes),
    Done,
}

/// Why a request is shed.
pub(super) const TOO_MANY_IN_FLIGHT: &str = "The gateway has too many requests in flight; try again shortly.";

/// What an operation comes to, in order.
pub(super) fn outcomes(started: Started) -> Pin<Box<dyn Stream<Item = Outcome> + Send>> {
    match started {
        Started::Once(response) if response.kind == ResponseKind::Executed => {
            let payload = Payload { body: response.body, event: None };
            Box::pin(stream::iter([Outcome::Next(payload), Outcome::Done]))
        }
        Started::Once(response) => Box::pin(stream::iter([Outcome::Refused(response.body)])),
        Started::Stream(payloads) => {
            let payloads = payloads.map(Outcome::Next);
            Box::pin(stream::iter([Outcome::Lasts]).chain(payloads).chain(stream::iter([Outcome::Done])))
        }
    }
}

/// The start of operations that come over connections which were let in before: while there is too much to do they are refused,
/// like requests.
pub(super) fn start(events: Events) -> Start {
    Arc::new(move |request| {
        let events = events.clone();
        Box::pin(async move {
            let gateway = events.gateway();
            let meter = gateway.meter();
            let Some(_in_flight) = meter.admit(gateway.config().shed_in_flight_max) else {
                meter.errors.count(Code::Overloaded);
                return Started::Once(refused(Code::Overloaded, TOO_MANY_IN_FLIGHT));
            };
            events.start(request).await
        })
    })
}

/// There are too many clients from one address, or the process is about to end: another instance may have room.
pub(super) fn no_place() -> Refusal {
    let message = "There are too many connections from this address, or the gateway is about to end; try again shortly.";
    Refusal::new(Code::Overloaded, message).closing()
}

/// The answer to an operation that is not begun.
pub(super) fn refused(code: Code, message: &'static str) -> Response {
    let body = response::refusal(&ClientError::new(code, message));
    let kind = ResponseKind::Refused(http::StatusCode::SERVICE_UNAVAILABLE);
    Response { body, kind, caching: None, packed: None, errors: 1 }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Everybody is asked to leave, one after another.
    Draining,
    /// Whoever is still there is cut.
    Over,
}

/// Everybody who stays.
pub(super) struct Staying {
    per_address_max: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    phase: watch::Sender<Phase>,
    spread: Duration,
    came: AtomicU64,
}

/// One who stays; its place is free again when this is dropped.
pub(super) struct Guest {
    all: Arc<Staying>,
    address: IpAddr,
    phase: watch::Receiver<Phase>,
    /// After the process was told to end.
    leaves_after: Duration,
    leaves_at: Option<Instant>,
}

impl Staying {
    /// Nobody yet; `drain` is how long they may stay when the process ends.
    pub(super) fn new(per_address_max: usize, drain: Duration) -> Arc<Staying> {
        Arc::new(Staying {
            per_address_max,
            by_address: Mutex::default(),
            phase: watch::Sender::new(Phase::Serving),
            spread: (drain / 2).min(SPREAD_MAX),
            came: AtomicU64::new(0),
        })
    }

    /// Lets one in; none when there are too many from this address, or all are leaving. Nobody is asked to leave later than
    /// `within` after the signal.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, within: Duration) -> Option<Guest> {
        if *self.phase.borrow() != Phase::Serving {
            return None;
        }
        let address = network(address);
        let mut by_address = self.by_address();
        let count = by_address.entry(address).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        drop(by_address);
        // Multiples of the golden ratio: however many there are, they spread evenly.
        let turn = self.came.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let share = f64::from((turn >> 32) as u32) / f64::from(u32::MAX);
        Some(Guest {
            all: Arc::clone(self),
            address,
            phase: self.phase.subscribe(),
            leaves_after: self.spread.min(within).mul_f64(share),
            leaves_at: None,
        })
    }

    /// Asks everybody to leave.
    pub(super) fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Ready when all have left.
    pub(super) async fn have_left(&self) {
        self.phase.closed().await;
    }

    /// Cuts who is still there.
    pub(super) fn cut(&self) {
        self.phase.send_replace(Phase::Over);
    }

    fn by_address(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// Ready when it is this one's turn to leave. May be given up and asked again.
    pub(super) async fn turn_to_leave(&mut self) {
        if self.leaves_at.is_none() {
            if self.phase.wait_for(|phase| *phase != Phase::Serving).await.is_err() {
                return;
            }
            self.leaves_at = Some(Instant::now() + self.leaves_after);
        }
        let turn = tokio::time::sleep_until(self.leaves_at.unwrap_or_else(Instant::now));
        tokio::select! {
            () = turn => {}
            () = self.cut() => {}
        }
    }

    /// Ready when there is no time left at all.
    pub(super) async fn cut(&mut self) {
        // The sender is `all`'s and cannot be gone before its guest.
        drop(self.phase.wait_for(|phase| *phase == Phase::Over).await);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut by_address = self.all.by_address();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
        }
    }
}

/// Who an address stands for: with IPv6 a customer has a whole network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let all = Staying::new(2, LONG);
        let first = all.enter(address("10.0.0.1"), LONG);
        let second = all.enter(address("::ffff:10.0.0.1"), LONG);
        assert!(first.is_some() && second.is_some() && all.enter(address("10.0.0.1"), LONG).is_none());
        let other = all.enter(address("10.0.0.2"), LONG);
        assert!(other.is_some());
        drop(first);
        let again = all.enter(address("10.0.0.1"), LONG);
        assert!(again.is_some());
        drop((second, other, again));
        assert!(all.by_address().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let all = Staying::new(1, LONG);
        let first = all.enter(address("2001:db8::1"), LONG);
        assert!(first.is_some() && all.enter(address("2001:db8::ffff:1"), LONG).is_none());
        assert!(all.enter(address("2001:db8:0:1::1"), LONG).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn they_leave_one_after_another_and_within_the_time() {
        let all = Staying::new(1000, Duration::from_secs(8));
        let mut guests: Vec<Guest> = (0..100).filter_map(|_| all.enter(address("10.0.0.1"), LONG)).collect();
        let told = Instant::now();
        all.drain();
        assert!(all.enter(address("10.0.0.1"), LONG).is_none(), "nobody is let in any more");
        let turns = guests.iter_mut().map(|guest| async {
            guest.turn_to_leave().await;
            told.elapsed()
        });
        let mut turns = futures_util::future::join_all(turns).await;
        assert!(told.elapsed() <= Duration::from_secs(4), "{:?}", told.elapsed());
        turns.sort();
        let widest = turns.windows(2).map(|pair| pair[1] - pair[0]).max().expect("gaps");
        assert!(widest < Duration::from_millis(120), "{widest:?}");
        drop(guests);
        all.have_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_does_not_wait_for_turns() {
        let all = Staying::new(10, LONG);
        let mut guests: Vec<Guest> = (0..9).filter_map(|_| all.enter(address("10.0.0.1"), LONG)).collect();
        let begun = Instant::now();
        all.drain();
        all.cut();
        for guest in &mut guests {
            guest.turn_to_leave().await;
        }
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
