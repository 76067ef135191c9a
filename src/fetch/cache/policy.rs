//! Whether a response may be stored, and how long it may be used (RFC 9111, sections 3 and 4; RFC 5861).
//! As a shared cache, with explicit freshness only. Knows nothing of where entries are kept.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use super::directives::{self, RequestDirectives, ResponseDirectives};
use crate::{
    connector::{CacheRules, CacheScope},
    fetch::{UpstreamRequest, UpstreamResponse},
};

/// Statuses that may be stored without explicit freshness, to be asked for again with a validator (RFC 9110, section
/// 15.1), and that `must-understand` is understood for. Not 206: parts are never put together here.
const UNDERSTOOD: &[u16] = &[200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 421, 451, 501];

/// When an exchange took place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    pub(super) sent: Instant,
    pub(super) received: Instant,
    /// The wall clock as the response came, to be compared with its `Date`.
    pub(super) received_at: SystemTime,
}

/// How long a stored response may be used, and what may be done with it afterwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    received: Instant,
    age_when_received: Duration,
    lifetimes: Lifetimes,
}

/// For how long a response is of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetimes {
    /// Freshness lifetime.
    pub(super) fresh: Duration,
    /// Beyond it: used once more while it is asked for again.
    pub(super) stale_while_revalidate: Duration,
    /// Beyond it: used when asking fails.
    pub(super) stale_if_error: Duration,
    /// Beyond it: used where the request allows it.
    pub(super) allows_max_stale: bool,
}

/// What a stored response is good for, at a time and for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Used as it is.
    Fresh,
    /// Used as it is, and asked for again behind the scenes.
    UsedWhileRevalidating,
    /// Asked for again before it is used.
    Stale,
}

impl Policy {
    /// The policy of a response; none where it must not be stored.
    pub(super) fn of(
        rules: &CacheRules,
        request: &UpstreamRequest,
        status: StatusCode,
        headers: &HeaderMap,
        exchange: Exchange,
    ) -> Option<Self> {
        let says = ResponseDirectives::of(headers);
        if is_refused(&says, rules, request, status, headers) {
            return None;
        }
        if (status.is_client_error() || status.is_server_error()) && !rules.stores_errors {
            let is_missing = status == StatusCode::NOT_FOUND;
            return if is_missing { Policy::missing(rules, &says, headers, exchange) } else { None };
        }
        let is_understood = UNDERSTOOD.contains(&status.as_u16());
        let stated = stated_lifetime(&says, headers, exchange);
        let has_validator = headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED);
        if stated.is_none() && rules.ttl.is_none() && !(has_validator && (is_understood || says.public)) {
            return None;
        }
        let fresh = if says.no_cache { Duration::ZERO } else { stated.unwrap_or_default() };
        let fresh = fresh.max(rules.ttl.unwrap_or_default());
        // A freshness of our own goes beyond what the response says, and so do its stale windows.
        let forbids_stale = says.forbids_stale() && rules.ttl.is_none();
        let window = |said: Option<u64>, ours: Option<Duration>| {
            if forbids_stale {
                return Duration::ZERO;
            }
            ours.or(said.map(Duration::from_secs)).unwrap_or_default()
        };
        let lifetimes = Lifetimes {
            fresh,
            stale_while_revalidate: window(says.stale_while_revalidate, rules.stale_while_revalidate),
            stale_if_error: window(says.stale_if_error, rules.stale_if_error),
            allows_max_stale: !forbids_stale,
        };
        Some(Policy::new(lifetimes, headers, exchange))
    }

    fn new(lifetimes: Lifetimes, headers: &HeaderMap, exchange: Exchange) -> Self {
        let age_when_received = age_when_received(headers, exchange);
        Policy { received: exchange.received, age_when_received, lifetimes }
    }

    /// The policy of a response that was stored elsewhere and is so old now.
    pub(super) fn restored(lifetimes: Lifetimes, age: Duration, now: Instant) -> Self {
        Policy { received: now, age_when_received: age, lifetimes }
    }

    /// How long it is of use, counted from an age of zero.
    pub(super) fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// The policy of what a good response to a batch does not hold.
    pub(super) fn of_absent(
        rules: &CacheRules,
        request: &UpstreamRequest,
        status: StatusCode,
        headers: &HeaderMap,
        exchange: Exchange,
    ) -> Option<Self> {
        let says = ResponseDirectives::of(headers);
        if !status.is_success() || is_refused(&says, rules, request, status, headers) {
            return None;
        }
        Policy::missing(rules, &says, headers, exchange)
    }

    /// That something is not there is remembered only where the rules say so, no longer than they say, and no longer than
    /// the response says. It is never used beyond that.
    fn missing(
        rules: &CacheRules,
        says: &ResponseDirectives,
        headers: &HeaderMap,
        exchange: Exchange,
    ) -> Option<Self> {
        let ours = rules.missing.filter(|_| !says.no_cache)?;
        let stated = stated_lifetime(says, headers, exchange);
        let lifetimes = Lifetimes {
            fresh: stated.map_or(ours, |stated| stated.min(ours)),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            allows_max_stale: false,
        };
        Some(Policy::new(lifetimes, headers, exchange))
    }

    /// Its age now (section 4.2.3).
    pub(super) fn age(&self, now: Instant) -> Duration {
        self.age_when_received + now.duration_since(self.received)
    }

    /// How long it is still fresh.
    pub(super) fn fresh_for(&self, now: Instant) -> Duration {
        self.lifetimes.fresh.saturating_sub(self.age(now))
    }

    /// What it is good for now, for a request that wants this.
    pub(super) fn judge(&self, wants: &RequestDirectives, now: Instant) -> Verdict {
        let age = self.age(now);
        let too_old = wants.max_age.is_some_and(|max| age > Duration::from_secs(max));
        if wants.no_cache || too_old {
            return Verdict::Stale;
        }
        let fresh_for = self.fresh_for(now);
        let min_fresh = Duration::from_secs(wants.min_fresh.unwrap_or(0));
        if !fresh_for.is_zero() {
            return if fresh_for >= min_fresh { Verdict::Fresh } else { Verdict::Stale };
        }
        let stale_for = age.saturating_sub(self.lifetimes.fresh);
        let accepted = wants.max_stale.map(Duration::from_secs).filter(|_| self.lifetimes.allows_max_stale);
        if accepted.is_some_and(|accepted| stale_for <= accepted) {
            return Verdict::Fresh;
        }
        // A caller that states bounds of its own wants them kept.
        if stale_for < self.lifetimes.stale_while_revalidate && wants.max_age.is_none() && min_fresh.is_zero()
        {
            return Verdict::UsedWhileRevalidating;
        }
        Verdict::Stale
    }

    /// Whether it may stand in for an answer that failed.
    pub(super) fn usable_on_error(&self, now: Instant) -> bool {
        self.age(now) < self.lifetimes.fresh + self.lifetimes.stale_if_error
    }

    /// How long it can be of any use without being asked for again.
    pub(super) fn useful_for(&self, now: Instant) -> Duration {
        let stale = self.lifetimes.stale_while_revalidate.max(self.lifetimes.stale_if_error);
        (self.lifetimes.fresh + stale).saturating_sub(self.age(now))
    }
}

/// Whether a response must not be stored whatever its freshness (section 3).
fn is_refused(
    says: &ResponseDirectives,
    rules: &CacheRules,
    request: &UpstreamRequest,
    status: StatusCode,
    headers: &HeaderMap,
) -> bool {
    let wants = RequestDirectives::of(request.all_headers());
    let is_understood = UNDERSTOOD.contains(&status.as_u16());
    // Who understands the status of a `must-understand` goes by its other directives (section 5.2.2.3).
    let is_forbidden = if says.must_understand { !is_understood } else { says.no_store };
    // Section 3.5. The entry is reachable only with an equal `Authorization`, so rules of our own may allow it.
    let is_authorized = request.all_headers().any(|(name, _)| *name == header::AUTHORIZATION);
    let may_share = says.public || says.must_revalidate || says.s_maxage.is_some();
    let we_share = rules.ttl.is_some() || rules.scope == Some(CacheScope::Public);
    is_forbidden
        || says.private
        || wants.no_store
        || matches!(status, StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
        || status.is_informational()
        || headers.contains_key(header::SET_COOKIE) && !rules.stores_cookies
        || is_authorized && !may_share && !we_share
}

/// Whether parts of a response may be worth keeping, as far as it tells without the request: a first look that costs little.
pub(super) fn may_keep_parts(rules: &CacheRules, status: StatusCode, headers: &HeaderMap) -> bool {
    let is_silent = || {
        ![header::CACHE_CONTROL, header::EXPIRES].iter().any(|name| headers.contains_key(name))
            && rules.ttl.is_none()
            && rules.missing.is_none()
    };
    status.is_success() && !is_silent() && {
        let says = ResponseDirectives::of(headers);
        !(says.no_store || says.private)
    }
}

/// Whether a failed answer may be replaced by a stale one (RFC 5861, section 4).
pub(super) fn is_error(response: &UpstreamResponse) -> bool {
    matches!(response.status.as_u16(), 500 | 502 | 503 | 504)
}

/// Section 4.2.1, without heuristics.
fn stated_lifetime(says: &ResponseDirectives, headers: &HeaderMap, exchange: Exchange) -> Option<Duration> {
    if let Some(seconds) = says.s_maxage.or(says.max_age) {
        return Some(Duration::from_secs(seconds));
    }
    let expires = directives::expires(headers)?;
    let date = directives::date(headers).unwrap_or(exchange.received_at);
    Some(expires.duration_since(date).unwrap_or_default())
}

/// `corrected_initial_age` of section 4.2.3.
fn age_when_received(headers: &HeaderMap, exchange: Exchange) -> Duration {
    let apparent = directives::date(headers)
        .and_then(|date| exchange.received_at.duration_since(date).ok())
        .unwrap_or_default();
    let delay = exchange.received.duration_since(exchange.sent);
    apparent.max(directives::age(headers) + delay)
}
