//! Headers of stored responses: which are stored, what a 304 changes of them, and the conditions made of them (RFC 9111, sections
//! 3 and 4.3). Not for what they say of freshness: `directives`.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{directives, store::Entry};
use crate::fetch::{UpstreamRequest, UpstreamResponse};

/// Headers that concern one connection, or that are made anew for each answer: never stored (RFC 9111, section 3.1).
const NEVER_STORED: &[&str] = &[
    "age",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// Headers that belong to the stored body: a 304 does not change them (RFC 9111, section 3.2).
const OF_THE_BODY: &[&str] = &["content-encoding", "content-length", "content-md5", "content-range", "etag"];

/// Makes a request conditional on what is stored (RFC 9111, section 4.3.1).
pub(super) fn ask_again(known: &Entry, request: &mut UpstreamRequest) {
    let validators =
        [(header::ETAG, header::IF_NONE_MATCH), (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE)];
    for (validator, condition) in validators {
        if let Some(value) = known.headers.get(validator) {
            request.own_headers.0.push((condition, value.clone()));
        }
    }
}

/// Whether a 304 is about the stored response (RFC 9111, section 4.3.4).
pub(super) fn is_of(known: &Entry, response: &UpstreamResponse) -> bool {
    let weak = |value: &HeaderValue| {
        let bytes = value.as_bytes();
        bytes.strip_prefix(b"W/").unwrap_or(bytes).to_vec()
    };
    match (known.headers.get(header::ETAG), response.headers.get(header::ETAG)) {
        (Some(ours), Some(theirs)) => weak(ours) == weak(theirs),
        (None, Some(_)) => false,
        (_, None) => {
            match (known.headers.get(header::LAST_MODIFIED), response.headers.get(header::LAST_MODIFIED)) {
                (Some(ours), Some(theirs)) => ours == theirs,
                _ => true,
            }
        }
    }
}

/// The headers of a stored response with those of a 304 in their place.
pub(super) fn freshened(stored: &HeaderMap, new: &HeaderMap) -> HeaderMap {
    let mut headers = stored.clone();
    let new = storable(new);
    for name in new.keys().filter(|name| !OF_THE_BODY.contains(&name.as_str())) {
        headers.remove(name);
        for value in new.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers
}

/// What of the headers may be stored.
pub(super) fn storable(headers: &HeaderMap) -> HeaderMap {
    let mut kept = headers.clone();
    for value in headers.get_all(header::CONNECTION) {
        for named in directives::list_items(value.as_bytes()) {
            if let Ok(name) = HeaderName::from_bytes(named) {
                kept.remove(name);
            }
        }
    }
    for name in NEVER_STORED {
        kept.remove(*name);
    }
    kept
}

/// The URL that a response names, absolute or as a path, where it is of the same origin as the request.
pub(super) fn same_origin(url: &str, named: &str) -> Option<String> {
    let path = url.find("://")? + 3;
    let origin = url.get(..url.get(path..)?.find(['/', '?']).map_or(url.len(), |at| path + at))?;
    let below = named.strip_prefix(origin).unwrap_or(named);
    (below.starts_with('/') && !below.starts_with("//")).then(|| format!("{origin}{below}"))
}
