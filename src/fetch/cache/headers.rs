//! The headers of stored responses: which may be stored, and what a 304 makes of them.

use http::{HeaderMap, HeaderName, header};

use super::directives::list_items;

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
        for named in list_items(value.as_bytes()) {
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
