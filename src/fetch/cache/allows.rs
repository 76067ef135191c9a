//! What an answer of a backend allows of what is made of it: a client, or a cache before it, must not keep the whole longer
//! than any part may be kept. Not for what is stored here: `policy`.

use std::time::Duration;

use http::{HeaderMap, header};

use super::directives::{self, ResponseDirectives, list_items};
use crate::{connector::CacheRules, fetch::UpstreamResponse};

/// What an answer allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allows {
    /// Nobody may keep it, or it cannot be told for which requests it would be the answer.
    pub nothing: bool,
    /// It is for one client alone.
    pub private: bool,
    /// How old it is.
    pub age: Duration,
    /// How long it may still be kept; none where neither the answer nor its source says.
    pub fresh_for: Option<Duration>,
}

impl Allows {
    /// Reads an answer. `rules` are its source's; a `ttl` of theirs gives freshness where the answer says less, and lifts
    /// neither `no-store` nor `private`.
    #[must_use]
    pub fn of(rules: Option<&CacheRules>, response: &UpstreamResponse) -> Self {
        let headers = &*response.headers;
        let says = ResponseDirectives::of(headers);
        let age = response.age.unwrap_or_else(|| directives::age(headers));
        // `s-maxage` is for caches that many share; the client keeps answers too.
        let stated = match (says.max_age, says.s_maxage) {
            (Some(a), Some(b)) => Some(Duration::from_secs(a.min(b))),
            (Some(seconds), None) | (None, Some(seconds)) => Some(Duration::from_secs(seconds)),
            (None, None) => expires_after(headers),
        };
        let stated = if says.no_cache { Some(Duration::ZERO) } else { stated };
        let ttl = rules.and_then(|rules| rules.ttl);
        Allows {
            nothing: says.no_store || varies_by_anything(headers),
            private: says.private || headers.contains_key(header::SET_COOKIE),
            age,
            fresh_for: stated.max(ttl).map(|lifetime| lifetime.saturating_sub(age)),
        }
    }
}

/// `Expires` minus `Date`; without a `Date` it is over: there is no telling when the answer was made.
fn expires_after(headers: &HeaderMap) -> Option<Duration> {
    let expires = directives::expires(headers)?;
    let lifetime = directives::date(headers).and_then(|date| expires.duration_since(date).ok());
    Some(lifetime.unwrap_or_default())
}

fn varies_by_anything(headers: &HeaderMap) -> bool {
    headers.get_all(header::VARY).iter().any(|value| list_items(value.as_bytes()).any(|item| item == b"*"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderName, HeaderValue, StatusCode};

    use super::*;

    fn allows(ttl_s: Option<u64>, age_s: Option<u64>, headers: &[(&'static str, &'static str)]) -> Allows {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let rules = CacheRules { ttl: ttl_s.map(Duration::from_secs), ..CacheRules::default() };
        let mut response = UpstreamResponse::new(StatusCode::OK, headers, Bytes::new());
        response.age = age_s.map(Duration::from_secs);
        Allows::of(Some(&rules), &response)
    }

    fn fresh_s(ttl_s: Option<u64>, age_s: Option<u64>, cache_control: &'static str) -> Option<u64> {
        allows(ttl_s, age_s, &[("cache-control", cache_control)]).fresh_for.map(|fresh| fresh.as_secs())
    }

    #[test]
    fn what_is_left_of_the_stated_freshness() {
        assert_eq!(fresh_s(None, None, "max-age=60"), Some(60));
        assert_eq!(fresh_s(None, Some(45), "max-age=60"), Some(15));
        assert_eq!(fresh_s(None, Some(75), "max-age=60, stale-while-revalidate=60"), Some(0));
        assert_eq!(fresh_s(None, None, "max-age=5, s-maxage=600"), Some(5));
        assert_eq!(fresh_s(None, None, "no-cache, max-age=60"), Some(0));
        assert_eq!(fresh_s(None, None, "public"), None);
    }

    #[test]
    fn a_freshness_of_the_source_where_the_answer_says_less() {
        assert_eq!(fresh_s(Some(30), Some(10), "public"), Some(20));
        assert_eq!(fresh_s(Some(30), None, "max-age=0"), Some(30));
        assert_eq!(fresh_s(Some(30), None, "max-age=60"), Some(60));
    }

    #[test]
    fn an_answer_from_a_cache_on_its_way_is_as_old_as_it_says() {
        let allows = allows(None, None, &[("cache-control", "max-age=60"), ("age", "50")]);
        assert_eq!((allows.age.as_secs(), allows.fresh_for.unwrap().as_secs()), (50, 10));
    }

    #[test]
    fn expires_counts_from_the_date() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let expires = ("expires", "Sun, 06 Nov 1994 08:50:37 GMT");
        assert_eq!(allows(None, None, &[date, expires]).fresh_for, Some(Duration::from_secs(60)));
        assert_eq!(allows(None, None, &[expires]).fresh_for, Some(Duration::ZERO));
    }

    #[test]
    fn whose_it_is() {
        let private = |header| allows(Some(9), None, &[header]).private;
        assert!(private(("cache-control", "private")) && private(("set-cookie", "a=1")));
        assert!(!private(("cache-control", "public")));
        let nothing = |header| allows(Some(9), None, &[header]).nothing;
        assert!(nothing(("cache-control", "no-store")) && nothing(("vary", "accept, *")));
        assert!(!nothing(("vary", "accept")));
    }
}
