//! What keeps a web page from using its visitor's browser against the gateway: requests that a browser sends without asking
//! first are refused, and a gateway that serves its playground on loopback answers to loopback names only.

use http::{HeaderMap, HeaderName, header, request::Parts};

use super::{cors::Cors, refusal::Refusal};
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

/// Refuses what a foreign page could have made its visitor's browser send where no header can be asked for: a WebSocket's handshake,
/// and the GET of an `EventSource`. Browsers name the page's origin there; who names none must be nobody's browser, or the page's
/// own site.
pub(super) fn check_origin(parts: &Parts, cors: &Cors) -> Result<(), Refusal> {
    let headers = &parts.headers;
    let with_credentials = headers.contains_key(header::COOKIE);
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let allowed = match (origins.next(), origins.next()) {
        (Some(origin), None) => is_own(origin, parts) || cors.allows(origin, with_credentials),
        (Some(_), Some(_)) => false,
        (None, _) => match headers.get(&FETCH_SITE) {
            Some(site) => site == "same-origin" || site == "none",
            None => !with_credentials,
        },
    };
    if allowed {
        return Ok(());
    }
    let message =
        "A page of this origin may not open a connection that stays; `cors.origins` names those that may.";
    Err(Refusal::new(Code::OriginRefused, message).closing())
}

/// From where a browser says that a request comes, also where it names no origin.
static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page comes from where the request goes to. The scheme is not compared: TLS may end before us.
fn is_own(origin: &http::HeaderValue, parts: &Parts) -> bool {
    let authority = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = authority.or_else(|| parts.headers.get(header::HOST)?.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    matches!((origin, host), (Some((_, origin)), Some(host)) if !host.is_empty() && origin.eq_ignore_ascii_case(host))
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

    fn may(headers: &[(&str, &str)], origins: &[&str]) -> bool {
        let mut request = http::Request::get("/graphql").header("host", "shop.example:4000");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cors = Cors::new(&origins.iter().map(ToString::to_string).collect::<Vec<_>>());
        check_origin(&request.body(()).unwrap().into_parts().0, &cors).is_ok()
    }

    #[test]
    fn a_connection_that_stays_is_for_own_and_named_origins() {
        let app = ["https://app.example"];
        for origin in ["http://shop.example:4000", "https://SHOP.example:4000", "https://app.example"] {
            assert!(may(&[("origin", origin), ("cookie", "a=b")], &app), "{origin}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "https://shop.example",
            "https://app.example.evil.example",
            "https://evil.example/://shop.example:4000",
            "shop.example:4000",
        ] {
            assert!(!may(&[("origin", origin)], &app), "{origin}");
        }
        assert!(!may(&[("origin", "https://app.example"), ("origin", "https://app.example")], &app));
        // Any origin means no credentials.
        assert!(may(&[("origin", "https://anyone.example")], &["*"]));
        assert!(!may(&[("origin", "null")], &["*"]));
        assert!(!may(&[("origin", "https://anyone.example"), ("cookie", "a=b")], &["*"]));
    }

    #[test]
    fn without_an_origin_it_is_for_programs_and_the_own_site() {
        assert!(may(&[], &[]));
        assert!(!may(&[("cookie", "a=b")], &["*"]));
        assert!(may(&[("cookie", "a=b"), ("sec-fetch-site", "same-origin")], &[]));
        assert!(!may(&[("cookie", "a=b"), ("sec-fetch-site", "cross-site")], &[]));
        assert!(!may(&[("sec-fetch-site", "same-site")], &["*"]));
    }

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
