//! What keeps a web page from using its visitor's browser against the gateway: requests that a browser sends without asking
//! first are refused, and a gateway that serves its playground on loopback answers to loopback names only.

use http::{HeaderMap, HeaderName, request::Parts};

use super::refusal::Refusal;
use crate::error::Code;

/// Any of these makes a browser ask (preflight) before it sends a request across origins.
pub(super) const PREFLIGHT_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("apollo-require-preflight"),
    HeaderName::from_static("x-apollo-operation-name"),
    HeaderName::from_static("graphql-require-preflight"),
];

/// Refuses a GET that a link, an image or a form could have sent. A POST needs no such check: it must be
/// `application/json`, which a browser does not send across origins without asking.
pub(super) fn check_get(headers: &HeaderMap) -> Result<(), Refusal> {
    let proven =
        PREFLIGHT_HEADERS.iter().any(|name| headers.get(name).is_some_and(|value| !value.is_empty()));
    if proven {
        return Ok(());
    }
    Err(Refusal::new(
        Code::CsrfRefused,
        "A GET needs one of the headers apollo-require-preflight, x-apollo-operation-name or graphql-require-preflight, \
         so that no web page can send it unasked.",
    ))
}

/// Whether a request is addressed to this machine by a loopback name or address. A page whose name was made to
/// point at 127.0.0.1 (DNS rebinding) sends its own name.
#[must_use]
pub fn is_addressed_to_loopback(request: &Parts) -> bool {
    let authority = request
        .uri
        .authority()
        .map(http::uri::Authority::as_str)
        .or_else(|| request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()));
    // HTTP/1.0 needs no Host; a browser always sends one.
    authority.is_none_or(names_loopback)
}

/// Whether `host`, `host:port`, `[v6]` or `[v6]:port` is a loopback name or address.
fn names_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => authority.split(':').next(),
    }
    .unwrap_or_default();
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_its_names() {
        for name in [
            "localhost",
            "LOCALHOST:4000",
            "127.0.0.1:4000",
            "127.8.8.8",
            "[::1]:4000",
            "[::1]",
            "ficus.localhost",
        ] {
            assert!(names_loopback(name), "{name}");
        }
        for name in [
            "evil.example",
            "localhost.evil.example:4000",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "",
            "notlocalhost",
        ] {
            assert!(!names_loopback(name), "{name}");
        }
    }
}
