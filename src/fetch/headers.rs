//! Some of the headers of a message. Not for what a request sends (`request`) or what of an answer is stored (`cache`).

use http::{HeaderMap, HeaderName};

/// The headers with these names, each with all of its values; a name stands once in the list.
pub fn headers_named<'n>(headers: &HeaderMap, names: impl IntoIterator<Item = &'n HeaderName>) -> HeaderMap {
    let mut found = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            found.append(name, value.clone());
        }
    }
    found
}
