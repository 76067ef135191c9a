//! What lets a response be kept and asked for again (RFC 9111): its `Cache-Control`, `Vary` and `ETag`, and whether a client has it
//! already. Whether and how long it may be kept is decided where it is made (`execute::caching`).

use std::fmt::Write as _;

use ahash::RandomState;
use http::{HeaderMap, HeaderValue, header};

use super::{header_list, media::MediaType};
use crate::{
    config::Config,
    execute::{Caching, DEBUGGING},
};

/// The headers of a response that may be kept.
pub(super) fn kept(caching: &Caching, config: &Config) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(4);
    if let Ok(value) = HeaderValue::from_str(&caching.to_string()) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    // The media type chooses the status of what is refused, so a response to one is none to the other.
    let mut vary = "accept".to_owned();
    if config.compression {
        vary.push_str(", accept-encoding");
    }
    for name in &*caching.vary {
        let _ = write!(vary, ", {name}");
    }
    if config.debugger {
        let _ = write!(vary, ", {DEBUGGING}");
    }
    if let Ok(value) = HeaderValue::from_str(&vary) {
        headers.insert(header::VARY, value);
    }
    headers
}

/// The entity tag of a body. It is weak: the same data may travel in several content codings.
///
/// A fast hash and not a cryptographic one: it has to tell a client's last answer from the next, and who could make two answers
/// that collide could send the wrong one as well. Its keys are fixed, so that all instances of one build agree.
pub(super) fn tag(body: &[u8], media: MediaType) -> HeaderValue {
    let hasher = RandomState::with_seeds(0x6669_6375, 0x735f_6574, 0x6167_5f6b, 0x6579_7321);
    let hash = hasher.hash_one((body, media == MediaType::Json));
    HeaderValue::from_str(&format!("W/\"{hash:016x}-{:x}\"", body.len()))
        .unwrap_or(HeaderValue::from_static("W/\"\""))
}

/// Whether `If-None-Match` names a tag (RFC 9110, section 13.1.2: compared weakly).
pub(super) fn matches(if_none_match: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (if_none_match.to_str(), tag.to_str()) else { return false };
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    known.trim() == "*" || header_list::items(known).any(|item| opaque(item.name()) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderName;

    use super::*;

    #[test]
    fn what_a_kept_response_says() {
        let vary: Arc<[HeaderName]> = [header::AUTHORIZATION].into();
        let caching = Caching { max_age_s: 60, private: true, vary };
        let headers = kept(&caching, &Config::default());
        assert_eq!(headers.get("cache-control").unwrap(), "max-age=60, private");
        assert_eq!(headers.get("vary").unwrap(), "accept, accept-encoding, authorization");
        let caching = Caching { max_age_s: 1, private: false, vary: [].into() };
        let headers = kept(&caching, &Config { compression: false, debugger: true, ..Config::default() });
        assert_eq!(headers.get("cache-control").unwrap(), "max-age=1, public");
        assert_eq!(headers.get("vary").unwrap(), "accept, apollo-connectors-debugging");
    }

    #[test]
    fn a_tag_is_of_the_body_and_its_media_type() {
        let of = |body: &str| tag(body.as_bytes(), MediaType::Json);
        assert_eq!(of("{}"), of("{}"));
        assert_ne!(of("{}"), of("[]"));
        assert_ne!(of("{}"), tag(b"{}", MediaType::GraphqlResponse));
        assert!(of("{}").to_str().unwrap().starts_with("W/\""));
    }

    #[test]
    fn any_tag_of_the_list_matches_weakly() {
        let tag = HeaderValue::from_static("W/\"ab-1\"");
        for (known, expected) in [
            ("W/\"ab-1\"", true),
            ("\"ab-1\"", true),
            ("\"x\", W/\"ab-1\"", true),
            ("*", true),
            ("\"a, b\",\"ab-1\"", true),
            ("W/\"ab-2\"", false),
            ("\"x, W/\"ab-1", false),
            ("ab-1", false),
            ("", false),
        ] {
            assert_eq!(matches(&HeaderValue::from_static(known), &tag), expected, "{known}");
        }
    }
}
