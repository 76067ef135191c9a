//! Who may reach the admin graph: decided from a request's head alone, before its body is read.

use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use subtle::ConstantTimeEq;

use crate::{error::Code, server};

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// A name that was made to point here (DNS rebinding).
    #[error("A loopback listener answers to loopback names only.")]
    ForeignHost,
    /// Another site's page.
    #[error("Requests from other origins are refused.")]
    ForeignOrigin,
    /// Neither JSON by POST nor a WebSocket.
    #[error("The admin graph takes POST, or a WebSocket.")]
    Method,
    /// A form could have sent it.
    #[error("The admin graph takes application/json.")]
    MediaType,
    /// No token, or another one.
    #[error("The admin graph needs its token: Authorization: Bearer <token>.")]
    Token,
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Refusal::ForeignHost | Refusal::ForeignOrigin => StatusCode::FORBIDDEN,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Token => StatusCode::UNAUTHORIZED,
        }
    }

    pub(super) fn code(self) -> Code {
        match self {
            Refusal::ForeignHost | Refusal::ForeignOrigin => Code::CsrfRefused,
            Refusal::Method => Code::MethodNotAllowed,
            Refusal::MediaType => Code::UnsupportedMediaType,
            Refusal::Token => Code::Unauthenticated,
        }
    }

    /// The header that the status asks for.
    pub(super) fn header(self) -> Option<(header::HeaderName, HeaderValue)> {
        match self {
            Refusal::Method => Some((header::ALLOW, HeaderValue::from_static("POST"))),
            Refusal::Token => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ => None,
        }
    }
}

/// What the listener knows of itself.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Only this machine can connect.
    pub(super) loopback: bool,
    /// What a client must know.
    pub(super) token: Option<String>,
}

impl Guard {
    /// For every path: the name that a browser believes to talk to.
    pub(super) fn check_host(&self, request: &Parts) -> Result<(), Refusal> {
        let named_here = !self.loopback || server::is_addressed_to_loopback(request);
        if named_here { Ok(()) } else { Err(Refusal::ForeignHost) }
    }

    /// For the endpoint: no page but our own may use it, not even to open a socket.
    pub(super) fn check_origin(&self, request: &Parts) -> Result<(), Refusal> {
        let site = request.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        if !matches!(site, None | Some(b"same-origin" | b"none")) {
            return Err(Refusal::ForeignOrigin);
        }
        let Some(origin) = request.headers.get(header::ORIGIN) else { return Ok(()) };
        // HTTP/2 has the host in its pseudo-header.
        let host = request
            .uri
            .authority()
            .map(http::uri::Authority::as_str)
            .or_else(|| request.headers.get(header::HOST).and_then(|host| host.to_str().ok()));
        let from = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        match (from, host) {
            (Some(from), Some(host)) if from.eq_ignore_ascii_case(host) => Ok(()),
            _ => Err(Refusal::ForeignOrigin),
        }
    }

    /// For an operation by POST.
    pub(super) fn check_post(&self, request: &Parts) -> Result<(), Refusal> {
        if request.method != http::Method::POST {
            return Err(Refusal::Method);
        }
        let essence = request
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
            return Err(Refusal::MediaType);
        }
        self.check_token(&request.headers)
    }

    /// The token as `Authorization` brings it.
    pub(super) fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_credentials(headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()))
    }

    /// `credentials` is what stands in `Authorization`, or in a WebSocket's first message under that name.
    pub(super) fn check_credentials(&self, credentials: Option<&str>) -> Result<(), Refusal> {
        let Some(token) = &self.token else { return Ok(()) };
        let given = credentials
            .and_then(|credentials| credentials.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map_or("", |(_, given)| given.trim_start());
        // Takes as long for a near miss as for a wild guess; only the length shows.
        if bool::from(given.as_bytes().ct_eq(token.as_bytes())) { Ok(()) } else { Err(Refusal::Token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri("/admin/graphql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    const OPEN: Guard = Guard { loopback: true, token: None };

    #[test]
    fn a_rebound_name_is_refused_on_loopback() {
        assert_eq!(OPEN.check_host(&request("POST", &[("host", "localhost:4001")])), Ok(()));
        assert_eq!(
            OPEN.check_host(&request("POST", &[("host", "evil.example:4001")])),
            Err(Refusal::ForeignHost)
        );
        let network = Guard { loopback: false, token: Some("t".to_owned()) };
        assert_eq!(network.check_host(&request("POST", &[("host", "ops.example")])), Ok(()));
    }

    #[test]
    fn another_sites_page_is_refused() {
        let host = ("host", "localhost:4001");
        assert_eq!(OPEN.check_origin(&request("POST", &[host])), Ok(()));
        assert_eq!(OPEN.check_origin(&request("GET", &[host, ("origin", "http://localhost:4001")])), Ok(()));
        for foreign in
            ["http://evil.example", "null", "http://localhost:4000", "http://localhost:4001.evil.example"]
        {
            let request = request("GET", &[host, ("origin", foreign)]);
            assert_eq!(OPEN.check_origin(&request), Err(Refusal::ForeignOrigin), "{foreign}");
        }
        for (site, verdict) in [
            ("same-origin", Ok(())),
            ("none", Ok(())),
            ("same-site", Err(Refusal::ForeignOrigin)),
            ("cross-site", Err(Refusal::ForeignOrigin)),
        ] {
            assert_eq!(
                OPEN.check_origin(&request("POST", &[host, ("sec-fetch-site", site)])),
                verdict,
                "{site}"
            );
        }
    }

    #[test]
    fn the_host_of_http2_is_the_authority() {
        let mut own = request("POST", &[("origin", "https://ops.example")]);
        own.uri = "https://ops.example/admin/graphql".parse().expect("a URI");
        assert_eq!(OPEN.check_origin(&own), Ok(()));
        let mut foreign = request("POST", &[("origin", "https://evil.example")]);
        foreign.uri = own.uri.clone();
        assert_eq!(OPEN.check_origin(&foreign), Err(Refusal::ForeignOrigin));
    }

    #[test]
    fn only_json_by_post_is_an_operation() {
        let json = ("content-type", "Application/JSON; charset=utf-8");
        assert_eq!(OPEN.check_post(&request("POST", &[json])), Ok(()));
        assert_eq!(OPEN.check_post(&request("GET", &[json])), Err(Refusal::Method));
        for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
            let request = request("POST", &[("content-type", other)]);
            assert_eq!(OPEN.check_post(&request), Err(Refusal::MediaType), "{other}");
        }
        assert_eq!(OPEN.check_post(&request("POST", &[])), Err(Refusal::MediaType));
    }

    #[test]
    fn the_token_must_be_the_token() {
        let guard = Guard { loopback: true, token: Some("s3cret".to_owned()) };
        for given in ["Bearer s3cret", "bearer s3cret", "Bearer  s3cret"] {
            assert_eq!(guard.check_credentials(Some(given)), Ok(()), "{given}");
        }
        for given in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Bearer", "s3cret", "Basic s3cret", ""] {
            assert_eq!(guard.check_credentials(Some(given)), Err(Refusal::Token), "{given}");
        }
        assert_eq!(guard.check_credentials(None), Err(Refusal::Token));
        assert_eq!(OPEN.check_credentials(None), Ok(()));
    }
}
