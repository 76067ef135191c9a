//! Where a redirect leads, and whether it is followed: a few times at most, and never to another scheme, host or port, so
//! that credentials stay where they belong.

use http::{HeaderValue, Method, StatusCode, header};
use reqwest::Url;

use super::{UpstreamResponse, attempt::Sending};
use crate::connector::Source;

/// More than this is a loop, or a backend that should be called by another URL.
const FOLLOWED_MAX: usize = 3;

/// The redirects that a request has gone through.
#[derive(Debug, Default)]
pub(super) struct Path {
    followed: usize,
    /// Whether one of them held only for this once.
    is_temporary: bool,
}

impl Path {
    /// The request that a response asks for; none where it is the answer.
    pub(super) fn next(
        &mut self,
        source: &Source,
        sent: &Sending,
        response: &UpstreamResponse,
    ) -> Option<Sending> {
        let status = response.status;
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let refuse = |why: &str| {
            tracing::warn!(source = source.name, status = status.as_u16(), why, "redirect not followed");
            None
        };
        if self.followed == FOLLOWED_MAX {
            return refuse("there were three before it");
        }
        let named = response.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
        let Some(url) = named.and_then(|location| target(&sent.url, location)) else {
            return refuse("it leads to no URL of the same scheme, host and port");
        };
        self.followed += 1;
        self.is_temporary |=
            !matches!(status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT);
        let mut next = Sending { url, ..sent.clone() };
        if becomes_get(status, &sent.method) {
            next.method = Method::GET;
            next.body = None;
            for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
                next.headers.remove(name);
            }
        }
        Some(next)
    }

    /// What a temporary redirect led to must not be kept for the URL that was asked: the next one may lead elsewhere.
    pub(super) fn mark(&self, response: &mut UpstreamResponse) {
        if self.is_temporary {
            let headers = std::sync::Arc::make_mut(&mut response.headers);
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

/// Whether a request is repeated as a GET, as all clients have it (RFC 9110, section 15.4).
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => *method != Method::GET && *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

/// The URL that `Location` names, with the user and password of the request's own; none of another origin.
fn target(from: &Url, location: &str) -> Option<Url> {
    let mut url = from.join(location).ok()?;
    let origin =
        |url: &Url| Some((url.scheme().to_owned(), url.host_str()?.to_owned(), url.port_or_known_default()));
    if origin(&url)? != origin(from)? {
        return None;
    }
    url.set_fragment(None);
    url.set_username(from.username()).ok()?;
    url.set_password(from.password()).ok()?;
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_scheme_host_and_port_is_followed() {
        let from = Url::parse("http://ann:hush@127.0.0.1:8080/api/v1/x?k=1#f").unwrap();
        let cases = [
            ("/y", Some("http://ann:hush@127.0.0.1:8080/y")),
            ("z?a=1#top", Some("http://ann:hush@127.0.0.1:8080/api/v1/z?a=1")),
            ("//127.0.0.1:8080/y", Some("http://ann:hush@127.0.0.1:8080/y")),
            ("http://bob:else@127.0.0.1:8080/y", Some("http://ann:hush@127.0.0.1:8080/y")),
            // The same address, written otherwise.
            ("http://2130706433:8080/y", Some("http://ann:hush@127.0.0.1:8080/y")),
            ("http://0x7f.1:8080/y", Some("http://ann:hush@127.0.0.1:8080/y")),
            ("https://127.0.0.1:8080/y", None),
            ("http://127.0.0.1/y", None),
            ("http://127.0.0.1:8081/y", None),
            ("http://localhost:8080/y", None),
            ("http://[::ffff:127.0.0.1]:8080/y", None),
            ("http://169.254.169.254/latest", None),
            ("http://127.0.0.1:8080@evil.example/y", None),
            ("http:\\\\evil.example/y", None),
            ("/\\evil.example/y", None),
            ("file:///etc/passwd", None),
            ("javascript:alert(1)", None),
            ("http://", None),
        ];
        for (location, expected) in cases {
            assert_eq!(target(&from, location).as_ref().map(Url::as_str), expected, "{location}");
        }
        let default = Url::parse("https://h/a").unwrap();
        assert_eq!(target(&default, "https://h:443/b").unwrap().as_str(), "https://h/b");
    }

    #[test]
    fn a_write_becomes_a_read_as_clients_have_it() {
        let cases = [
            (303, Method::PUT, true),
            (303, Method::GET, false),
            (302, Method::POST, true),
            (301, Method::DELETE, false),
            (307, Method::POST, false),
            (308, Method::POST, false),
        ];
        for (status, method, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(becomes_get(status, &method), expected, "{status} {method}");
        }
    }
}
