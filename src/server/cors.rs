//! Which web pages may call the gateway from a browser (`cors.origins`), and the answers to a browser's preflight question.

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::graphql::METHODS;

/// How long a browser may remember an answer; more than two hours is cut by browsers.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("7200");

/// The origins of `cors.origins`.
#[derive(Debug)]
pub(super) struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
}

impl Cors {
    /// `*` is any origin, without credentials. What is not a header value can be no browser's origin and is left out.
    pub(super) fn new(origins: &[String]) -> Self {
        Cors {
            any: origins.iter().any(|origin| origin == "*"),
            origins: origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect(),
        }
    }

    /// Whether there is nothing to say to any origin.
    pub(super) fn is_off(&self) -> bool {
        !self.any && self.origins.is_empty()
    }

    /// Whether a page of this origin may use a connection without asking first, as WebSockets are opened. `null` is
    /// what sandboxed pages send: nobody's.
    pub(super) fn allows(&self, origin: &HeaderValue, with_credentials: bool) -> bool {
        self.origins.contains(origin) || (self.any && !with_credentials && origin != "null")
    }

    /// Adds to a response what lets a page of an allowed origin read it.
    pub(super) fn allow(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        if self.is_off() {
            return;
        }
        response.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
        let Some(origin) = origin else { return };
        if self.origins.contains(origin) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        } else if self.any {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            return;
        }
        response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("x-request-id"));
    }

    /// Answers an OPTIONS request: a preflight, or a question about methods.
    pub(super) fn preflight(&self, request: &HeaderMap, response: &mut HeaderMap) -> StatusCode {
        response.insert(header::ALLOW, HeaderValue::from_static(METHODS));
        let asks = request.get(header::ACCESS_CONTROL_REQUEST_METHOD);
        if let (Some(method), Some(origin)) = (asks, request.get(header::ORIGIN)) {
            self.allow(Some(origin), response);
            let allowed = response.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
                && [Method::GET, Method::POST, Method::PUT, Method::DELETE]
                    .iter()
                    .any(|known| known.as_str().as_bytes() == method.as_bytes());
            if allowed {
                response.insert(
                    header::ACCESS_CONTROL_ALLOW_METHODS,
                    HeaderValue::from_static("GET, POST, PUT, DELETE"),
                );
                response.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
                response.append(header::VARY, HeaderValue::from_name(header::ACCESS_CONTROL_REQUEST_HEADERS));
                // Connectors may read any header, so an origin that is trusted may send any.
                if let Some(headers) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
                    response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
                }
            }
        } else {
            self.allow(None, response);
        }
        StatusCode::NO_CONTENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], origin: &'static str) -> Option<(String, bool)> {
        let cors = Cors::new(&origins.iter().map(ToString::to_string).collect::<Vec<_>>());
        let mut headers = HeaderMap::new();
        cors.allow(Some(&HeaderValue::from_static(origin)), &mut headers);
        let allowed = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN)?.to_str().unwrap().to_owned();
        Some((allowed, headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS)))
    }

    #[test]
    fn an_origin_is_allowed_only_as_written() {
        let origins = ["https://app.example"];
        assert_eq!(allowed(&origins, "https://app.example"), Some(("https://app.example".into(), true)));
        for origin in
            ["https://app.example.evil", "http://app.example", "https://app.example:8443", "null", ""]
        {
            assert_eq!(allowed(&origins, origin), None, "{origin}");
        }
        assert_eq!(allowed(&[], "https://app.example"), None);
    }

    #[test]
    fn any_origin_means_no_credentials() {
        assert_eq!(allowed(&["*"], "https://anyone.example"), Some(("*".into(), false)));
        assert_eq!(allowed(&["*"], "null"), Some(("*".into(), false)));
        let both = ["*", "https://app.example"];
        assert_eq!(allowed(&both, "https://app.example"), Some(("https://app.example".into(), true)));
    }
}
