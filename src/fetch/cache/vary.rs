//! `Vary`: which of the request's headers choose among the responses of one key (RFC 9111, section 4.1).

use http::{HeaderMap, HeaderName, header};

use super::directives::list_items;
use crate::{fetch::UpstreamRequest, telemetry};

/// The values that the named headers had in the request that a response was stored for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected(Vec<(HeaderName, Option<Vec<u8>>)>);

impl Selected {
    /// None where the response was chosen by something that no header tells (`*`), or by what cannot be a header.
    pub(super) fn of(request: &UpstreamRequest, response: &HeaderMap) -> Option<Self> {
        let mut names: Vec<HeaderName> = Vec::new();
        for value in response.get_all(header::VARY) {
            for item in list_items(value.as_bytes()) {
                if item == b"*" {
                    return None;
                }
                names.push(HeaderName::from_bytes(item).ok()?);
            }
        }
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        Some(Selected(names.into_iter().map(|name| (name.clone(), value_of(request, &name))).collect()))
    }

    /// Whether another request would have chosen the same response.
    pub(super) fn matches(&self, request: &UpstreamRequest) -> bool {
        self.0.iter().all(|(name, value)| value_of(request, name) == *value)
    }

    /// Whether a header that the gateway makes anew for each of its client's requests chooses the response.
    pub(super) fn is_by_own_header(&self) -> bool {
        self.0.iter().any(|(name, _)| telemetry::PASSED_ALONG.contains(&name))
    }

    /// Each header and its value.
    pub(super) fn each(&self, mut see: impl FnMut(&HeaderName, Option<&[u8]>)) {
        self.0.iter().for_each(|(name, value)| see(name, value.as_deref()));
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.as_str().len() + value.as_ref().map_or(0, Vec::len) + 48).sum()
    }
}

/// All values of a header as one list, blanks around its items left out; none where it is absent.
fn value_of(request: &UpstreamRequest, name: &HeaderName) -> Option<Vec<u8>> {
    let mut joined: Option<Vec<u8>> = None;
    for (_, value) in request.all_headers().filter(|(known, _)| *known == name) {
        let joined = joined.get_or_insert_default();
        for item in list_items(value.as_bytes()) {
            joined.extend_from_slice(if joined.is_empty() { b"" } else { b"," });
            joined.extend_from_slice(item);
        }
    }
    joined
}
