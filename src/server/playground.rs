//! The explorer page that the binary embeds: `playground/dist`, with the headers it needs. Knows nothing of who asks:
//! the gateway's listener and the admin listener serve the same page, each pointed at its own endpoint.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

/// One embedded file.
struct File {
    /// Below `playground/dist/`.
    path: &'static str,
    media_type: &'static str,
    body: &'static [u8],
}

/// A file of `playground/dist`.
macro_rules! file {
    ($path:literal, $media_type:literal) => {
        File {
            path: $path,
            media_type: $media_type,
            body: include_bytes!(concat!("../../playground/dist/", $path)),
        }
    };
}

/// Everything that the page loads.
static FILES: &[File] = &[
    file!("playground/index.js", "text/javascript; charset=utf-8"),
    file!("playground/editor.worker.js", "text/javascript; charset=utf-8"),
    file!("playground/graphql.worker.js", "text/javascript; charset=utf-8"),
    file!("playground/json.worker.js", "text/javascript; charset=utf-8"),
    file!("playground/style.css", "text/css; charset=utf-8"),
    file!("playground/codicon.ttf", "font/ttf"),
];

const PAGE: &str = include_str!("../../playground/dist/index.html");

/// SHA-256 of every built file, as `playground/build.sh` records them: the entity tags.
const DIGESTS: &str = include_str!("../../playground/dist.sha256");

/// Nothing is loaded from elsewhere and nobody frames the page. The editor writes style elements and carries fonts and
/// cursors as data URLs; it needs no `eval`.
const POLICY: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; \
     font-src 'self' data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page, pointed at one endpoint, and its files.
#[derive(Debug, Clone)]
pub struct Playground {
    page: Bytes,
}

impl Playground {
    /// A page for the GraphQL endpoint at the path `endpoint` of the same origin. `subscriptions` says whether the
    /// endpoint also speaks WebSocket.
    #[must_use]
    pub fn new(endpoint: &str, subscriptions: bool) -> Self {
        let endpoint = endpoint.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        let page =
            PAGE.replace("data-endpoint=\"/graphql\"", &format!("data-endpoint=\"{endpoint}\"")).replace(
                "data-subscriptions=\"no\"",
                if subscriptions { "data-subscriptions=\"yes\"" } else { "" },
            );
        Playground { page: page.into() }
    }

    /// Answers a GET for `path`, the page at `/` or one of its files; none for any other path.
    #[must_use]
    pub fn respond(&self, path: &str, headers: &HeaderMap) -> Option<Response<Bytes>> {
        if path == "/" {
            let mut response = respond(self.page.clone(), "text/html; charset=utf-8");
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            // The page is written at start, so that a new release must show at once.
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return Some(response);
        }
        let file = FILES.iter().find(|file| path.strip_prefix('/') == Some(file.path))?;
        let mut response = respond(Bytes::from_static(file.body), file.media_type);
        if let Some(tag) = entity_tag(file.path) {
            if headers.get_all(header::IF_NONE_MATCH).iter().any(|known| matches(known, &tag)) {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                *response.body_mut() = Bytes::new();
            }
            response.headers_mut().insert(header::ETAG, tag);
        }
        // Names carry no version: ask each time, and be told that nothing changed.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Some(response)
    }
}

fn respond(body: Bytes, media_type: &'static str) -> Response<Bytes> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // On every file, because a worker goes by its own response's policy.
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Weak, because a compressed answer is the same page in other bytes.
fn entity_tag(path: &str) -> Option<HeaderValue> {
    let digest = DIGESTS.lines().find_map(|line| {
        let (digest, file) = line.split_once("  ")?;
        (file.strip_prefix("dist/") == Some(path)).then_some(digest)
    })?;
    HeaderValue::try_from(format!("W/\"{digest}\"")).ok()
}

/// Whether an `If-None-Match` value lists the tag.
fn matches(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else { return false };
    known.to_str().is_ok_and(|list| list.split(',').any(|one| one.trim() == tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Option<Response<Bytes>> {
        Playground::new("/graphql", false).respond(path, &HeaderMap::new())
    }

    #[test]
    fn the_page_names_its_endpoint_and_lets_nothing_else_in() {
        let page = Playground::new("/admin/graphql", true).respond("/", &HeaderMap::new()).expect("a page");
        let text = std::str::from_utf8(page.body()).expect("text");
        assert!(text.contains("data-endpoint=\"/admin/graphql\" data-subscriptions=\"yes\""), "{text}");
        assert!(
            !text.contains("http://") && !text.contains("https://") && !text.contains("<style"),
            "{text}"
        );
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe-eval"), "{policy}");
    }

    #[test]
    fn an_endpoint_cannot_leave_its_attribute() {
        let page = Playground::new("/a\"><script>", false).respond("/", &HeaderMap::new()).expect("a page");
        let text = std::str::from_utf8(page.body()).expect("text");
        assert!(text.contains("data-endpoint=\"/a&quot;>&lt;script>\""), "{text}");
    }

    #[test]
    fn every_file_the_page_names_is_embedded() {
        for named in PAGE.split('"').filter_map(|part| part.strip_prefix("./")) {
            let file = get(&format!("/{named}")).expect("an embedded file");
            assert_eq!(file.status(), StatusCode::OK);
            assert!(file.body().len() > 1000, "{named}");
        }
        assert!(get("/playground/").is_none() && get("/playground/../Cargo.toml").is_none());
    }

    #[test]
    fn an_unchanged_file_is_not_sent_again() {
        let playground = Playground::new("/graphql", false);
        let first = playground.respond("/playground/style.css", &HeaderMap::new()).expect("a file");
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let again = playground.respond("/playground/style.css", &headers).expect("a file");
        assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
        let other = playground.respond("/playground/index.js", &headers).expect("a file");
        assert_eq!(other.status(), StatusCode::OK);
    }
}
