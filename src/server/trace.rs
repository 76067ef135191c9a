//! What ties together the lines that one request leaves in several logs: its id (`x-request-id`) and the trace it
//! belongs to (`traceparent`). What a client sends is taken only when it is harmless; everything else is made here.

use std::{
    cell::RefCell,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::telemetry::{REQUEST_ID, TRACEPARENT, TRACESTATE};

/// Longer ids are somebody's attempt to fill the log.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// Digits of an id that is made here.
const ID_DIGITS: usize = 32;

/// So many ids are made at once, in one piece of memory.
const IDS_AHEAD: usize = 64;

/// Leaves in the headers exactly one request id, and a trace context only when it is one. Gives the id.
pub(super) fn settle(headers: &mut HeaderMap) -> HeaderValue {
    // Most requests have none of these: one look at the names is cheaper than three hashes.
    let (mut ids, mut traced) = (false, false);
    for name in headers.keys() {
        ids |= *name == REQUEST_ID;
        traced |= *name == TRACEPARENT || *name == TRACESTATE;
    }
    if traced {
        settle_trace(headers);
    }
    if ids && let Some(id) = sent_request_id(headers) {
        return id;
    }
    let id = new_request_id();
    headers.insert(&REQUEST_ID, id.clone());
    id
}

fn settle_trace(headers: &mut HeaderMap) {
    if headers.contains_key(&TRACEPARENT) && !has_valid_traceparent(headers) {
        headers.remove(&TRACEPARENT);
    }
    if headers.contains_key(&TRACESTATE) && !headers.contains_key(&TRACEPARENT) {
        headers.remove(&TRACESTATE);
    }
}

/// The id that the client sent, where it is one and there is no other.
fn sent_request_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut sent = headers.get_all(&REQUEST_ID).iter();
    match (sent.next(), sent.next()) {
        (Some(id), None) if is_sane(id.as_bytes()) => Some(id.clone()),
        _ => None,
    }
}

/// Letters, digits and the punctuation that UUIDs, base64 and the ids of common proxies use.
fn is_sane(id: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+/=~@".contains(byte))
}

/// 32 hex digits that no other request has.
fn new_request_id() -> HeaderValue {
    thread_local! { static AHEAD: RefCell<Bytes> = const { RefCell::new(Bytes::new()) }; }
    let id = AHEAD.with_borrow_mut(|ahead| {
        if ahead.len() < ID_DIGITS {
            *ahead = new_ids();
        }
        ahead.split_to(ID_DIGITS.min(ahead.len()))
    });
    HeaderValue::from_maybe_shared(id).unwrap_or(HeaderValue::from_static("0"))
}

/// Ids, one behind the other: a counter through two randomly keyed hashes. They name, they do not protect.
fn new_ids() -> Bytes {
    static KEYS: LazyLock<[ahash::RandomState; 2]> =
        LazyLock::new(|| [ahash::RandomState::new(), ahash::RandomState::new()]);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let first = COUNT.fetch_add(IDS_AHEAD as u64, Ordering::Relaxed);
    let mut text = vec![0; IDS_AHEAD * ID_DIGITS];
    for (id, count) in text.chunks_exact_mut(ID_DIGITS).zip(first..) {
        for (half, keys) in id.chunks_exact_mut(ID_DIGITS / 2).zip(&*KEYS) {
            for (digits, byte) in half.chunks_exact_mut(2).zip(keys.hash_one(count).to_be_bytes()) {
                digits.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 0xf)]);
            }
        }
    }
    Bytes::from(text)
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble }
}

fn has_valid_traceparent(headers: &HeaderMap) -> bool {
    let mut sent = headers.get_all(&TRACEPARENT).iter();
    matches!((sent.next(), sent.next()), (Some(value), None) if is_traceparent(value.as_bytes()))
}

/// W3C Trace Context, section 3.2: `version-trace_id-parent_id-flags` in lower-case hex, ids not all zero. A version
/// after `00` may carry more.
fn is_traceparent(value: &[u8]) -> bool {
    let Some((head, rest)) = value.split_at_checked(55) else { return false };
    let mut parts = head.split(|byte| *byte == b'-');
    let mut hex = |digits: usize| {
        parts.next().filter(|part| {
            part.len() == digits && part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let (Some(version), Some(trace), Some(parent), Some(_flags)) = (hex(2), hex(32), hex(16), hex(2)) else {
        return false;
    };
    let named = |id: &[u8]| id.iter().any(|digit| *digit != b'0');
    let ends_well =
        if version == b"00" { rest.is_empty() } else { rest.is_empty() || rest.starts_with(b"-") };
    version != b"ff" && named(trace) && named(parent) && ends_well
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        for id in ["7", "0f8fad5b-d9cb-469f-a165-70867728950e", "Root=1-67891233-abcdef012345678912345678"] {
            let mut sent = headers(&[("x-request-id", id)]);
            assert_eq!(settle(&mut sent), id);
        }
        let long = "a".repeat(129);
        for id in ["", "a b", "a\"b", "<script>", "${jndi:x}", long.as_str()] {
            let mut sent = headers(&[("x-request-id", id)]);
            let made = settle(&mut sent);
            assert_ne!(made, id);
            assert_eq!(made.len(), 32);
            assert_eq!(sent.get_all(&REQUEST_ID).iter().collect::<Vec<_>>(), [&made]);
        }
        let mut twice = headers(&[("x-request-id", "a")]);
        twice.append(&REQUEST_ID, HeaderValue::from_static("b"));
        assert_eq!(settle(&mut twice).len(), 32);
        assert_ne!(settle(&mut HeaderMap::new()), settle(&mut HeaderMap::new()));
    }

    #[test]
    fn only_a_valid_trace_context_is_handed_on() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let later = format!("01{}-more", &good[2..]);
        for value in [good, later.as_str()] {
            let mut sent = headers(&[("traceparent", value), ("tracestate", "a=b")]);
            settle(&mut sent);
            assert_eq!(sent.get("traceparent").unwrap(), value);
            assert_eq!(sent.get("tracestate").unwrap(), "a=b");
        }
        let bad = [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more",
        ];
        for value in bad {
            let mut sent = headers(&[("traceparent", value), ("tracestate", "a=b")]);
            settle(&mut sent);
            assert_eq!(sent.get("traceparent"), None, "{value}");
            assert_eq!(sent.get("tracestate"), None, "{value}");
        }
    }
}
