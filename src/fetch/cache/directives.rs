//! `Cache-Control`, `Expires`, `Age` and `Date` as a response or a request carries them (RFC 9111, section 5).
//! Only reading: what follows from them is decided in `policy`.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header};

/// `Cache-Control` of a response (RFC 9111, section 5.2.2; RFC 5861).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ResponseDirectives {
    pub(super) no_store: bool,
    /// Also with a list of fields: what is partly not to be reused is not reused.
    pub(super) no_cache: bool,
    /// Also with a list of fields.
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) must_revalidate: bool,
    pub(super) proxy_revalidate: bool,
    pub(super) must_understand: bool,
    pub(super) max_age: Option<Seconds>,
    pub(super) s_maxage: Option<Seconds>,
    pub(super) stale_while_revalidate: Option<Seconds>,
    pub(super) stale_if_error: Option<Seconds>,
}

/// `Cache-Control` of a request (RFC 9111, section 5.2.1), or `Pragma: no-cache` where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RequestDirectives {
    pub(super) no_store: bool,
    pub(super) no_cache: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<Seconds>,
    pub(super) min_fresh: Option<Seconds>,
    /// Without a value: any staleness.
    pub(super) max_stale: Option<Seconds>,
}

/// Whole seconds; what cannot be read counts as none, which is the careful side of every directive here.
pub(super) type Seconds = u64;

/// Larger values are as good as for ever, and sums of them stay within bounds (RFC 9111, section 1.2.2).
const SECONDS_MAX: Seconds = 1 << 31;

impl ResponseDirectives {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut read = ResponseDirectives::default();
        each_directive(headers, &header::CACHE_CONTROL, |name, value| match name {
            "no-store" => read.no_store = true,
            "no-cache" => read.no_cache = true,
            "private" => read.private = true,
            "public" => read.public = true,
            "must-revalidate" => read.must_revalidate = true,
            "proxy-revalidate" => read.proxy_revalidate = true,
            "must-understand" => read.must_understand = true,
            "max-age" => shortest(&mut read.max_age, value),
            "s-maxage" => shortest(&mut read.s_maxage, value),
            "stale-while-revalidate" => shortest(&mut read.stale_while_revalidate, value),
            "stale-if-error" => shortest(&mut read.stale_if_error, value),
            _ => {}
        });
        if !headers.contains_key(header::CACHE_CONTROL) && pragma_no_cache(headers) {
            read.no_cache = true;
        }
        read
    }

    /// Whether a stale response may never be used without asking (section 4.2.4; `s-maxage` implies it for a shared cache).
    pub(super) fn forbids_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some() || self.no_cache
    }
}

impl RequestDirectives {
    pub(super) fn of<'a>(
        headers: impl Iterator<Item = (&'a HeaderName, &'a http::HeaderValue)> + Clone,
    ) -> Self {
        let mut read = RequestDirectives::default();
        let mut has_cache_control = false;
        for (_, value) in headers.clone().filter(|(name, _)| **name == header::CACHE_CONTROL) {
            has_cache_control = true;
            directives(value.as_bytes(), |name, value| match name {
                "no-store" => read.no_store = true,
                "no-cache" => read.no_cache = true,
                "only-if-cached" => read.only_if_cached = true,
                "max-age" => shortest(&mut read.max_age, value),
                "min-fresh" => read.min_fresh = value.and_then(seconds).max(read.min_fresh),
                "max-stale" => match value {
                    None => read.max_stale = read.max_stale.or(Some(SECONDS_MAX)),
                    some => shortest(&mut read.max_stale, some),
                },
                _ => {}
            });
        }
        if !has_cache_control {
            read.no_cache = headers
                .filter(|(name, _)| **name == header::PRAGMA)
                .any(|(_, value)| contains_token(value.as_bytes(), "no-cache"));
        }
        read
    }
}

/// A directive given twice counts with its smaller value; one that cannot be read counts as 0.
fn shortest(into: &mut Option<Seconds>, value: Option<&str>) {
    let read = value.and_then(seconds).unwrap_or(0);
    *into = Some(into.map_or(read, |known| known.min(read)));
}

/// Digits only; too many of them are a very long time.
fn seconds(text: &str) -> Option<Seconds> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().map_or(SECONDS_MAX, |value: Seconds| value.min(SECONDS_MAX)))
}

fn each_directive(headers: &HeaderMap, name: &HeaderName, mut each: impl FnMut(&str, Option<&str>)) {
    for value in headers.get_all(name) {
        directives(value.as_bytes(), &mut each);
    }
}

/// Splits `a, b=1, c="x, y"`; names come in lower case, quoted values without their quotes.
fn directives(text: &[u8], mut each: impl FnMut(&str, Option<&str>)) {
    for item in list_items(text) {
        let Ok(item) = std::str::from_utf8(item) else { continue };
        let (name, value) = item.split_once('=').map_or((item, None), |(name, value)| (name, Some(value)));
        // A blank before `=` makes it another, unknown directive.
        if name.is_empty() || name.ends_with([' ', '\t']) {
            continue;
        }
        let value = value
            .map(|value| value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value));
        each(&name.to_ascii_lowercase(), value);
    }
}

/// The items of a comma-separated list, trimmed; commas within quotes do not separate.
pub(super) fn list_items(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |byte| {
        let separates = *byte == b',' && !is_quoted;
        match *byte {
            b'"' if !is_escaped => is_quoted = !is_quoted,
            b'\\' if is_quoted && !is_escaped => {
                is_escaped = true;
                return separates;
            }
            _ => {}
        }
        is_escaped = false;
        separates
    })
    .map(<[u8]>::trim_ascii)
    .filter(|item| !item.is_empty())
}

fn contains_token(text: &[u8], token: &str) -> bool {
    list_items(text).any(|item| item.eq_ignore_ascii_case(token.as_bytes()))
}

fn pragma_no_cache(headers: &HeaderMap) -> bool {
    headers.get_all(header::PRAGMA).iter().any(|value| contains_token(value.as_bytes(), "no-cache"))
}

/// `Age`. One that cannot be read, or several, say that the response is very old: the careful side.
pub(super) fn age(headers: &HeaderMap) -> Duration {
    let mut values = headers.get_all(header::AGE).iter();
    let Some(value) = values.next() else { return Duration::ZERO };
    let read = if values.next().is_some() { None } else { value.to_str().ok().and_then(seconds) };
    Duration::from_secs(read.unwrap_or(SECONDS_MAX))
}

/// `Date`, where it can be read.
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(header::DATE)?.to_str().ok()?).ok()
}

/// `Expires`. One that cannot be read, `0` say, or that stands twice with different values, has passed (section 5.3).
pub(super) fn expires(headers: &HeaderMap) -> Option<SystemTime> {
    let mut values = headers.get_all(header::EXPIRES).iter();
    let first = values.next()?;
    if values.any(|other| other != first) {
        return Some(SystemTime::UNIX_EPOCH);
    }
    let read = first.to_str().ok().and_then(|text| httpdate::parse_http_date(text).ok());
    Some(read.unwrap_or(SystemTime::UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn response(values: &[&'static str]) -> ResponseDirectives {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static(value));
        }
        ResponseDirectives::of(&headers)
    }

    #[test]
    fn directives_are_read_whatever_their_case_and_over_several_lines() {
        let read = response(&["Max-Age=60, PUBLIC", "s-maxage=\"30\",stale-if-error=5"]);
        let expected = ResponseDirectives {
            public: true,
            max_age: Some(60),
            s_maxage: Some(30),
            stale_if_error: Some(5),
            ..ResponseDirectives::default()
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_quoted_is_no_directive() {
        assert!(!response(&["ext=\"a, no-store\", max-age=1"]).no_store);
        assert!(!response(&[r#"ext="\", no-store", max-age=1"#]).no_store);
        assert!(response(&["private=\"x-a, x-b\""]).private);
    }

    #[test]
    fn doubtful_numbers_are_the_careful_ones() {
        for value in ["max-age=-1", "max-age=1.5", "max-age=x", "max-age", "max-age=", "max-age= 5"] {
            assert_eq!(response(&[value]).max_age, Some(0), "{value}");
        }
        assert_eq!(response(&["max-age=3600, max-age=1"]).max_age, Some(1));
        assert_eq!(response(&["max-age=99999999999999999999999"]).max_age, Some(SECONDS_MAX));
        assert_eq!(response(&["max-age =5"]).max_age, None);
    }

    #[test]
    fn an_age_that_cannot_be_read_is_very_old() {
        let age_of = |value| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AGE, HeaderValue::from_static(value));
            age(&headers).as_secs()
        };
        assert_eq!(age_of("7"), 7);
        assert_eq!(age_of("7, 7"), SECONDS_MAX);
        assert_eq!(age_of("-1"), SECONDS_MAX);
        assert_eq!(age_of("7.5"), SECONDS_MAX);
    }
}
