//! Entries as bytes and back; the scripts and the connection are tested against a server, in `tests/it/redis.rs`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;
use ring::hmac;
use tokio::time::Instant;

use super::codec;
use crate::fetch::{
    UpstreamRequest,
    cache::{
        epochs::{Epochs, Mark},
        policy::{Lifetimes, Policy},
        store::{Entry, Marks},
        vary::Selected,
    },
};

fn secret() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, b"secret")
}

fn request(language: &str) -> UpstreamRequest {
    let language = (HeaderName::from_static("accept-language"), HeaderValue::from_str(language).unwrap());
    UpstreamRequest { headers: vec![language], ..UpstreamRequest::new(Method::GET, "http://shop/things") }
}

fn entry(status: u16, headers: &[(String, Vec<u8>)], body: &[u8], seconds: [u32; 4]) -> Entry {
    let mut map = HeaderMap::new();
    map.insert("vary", HeaderValue::from_static("accept-language"));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.append(name, HeaderValue::from_bytes(value).unwrap());
    }
    let [age, fresh, stale_while_revalidate, stale_if_error] =
        seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
    let lifetimes = Lifetimes {
        fresh,
        stale_while_revalidate,
        stale_if_error,
        allows_max_stale: status.is_multiple_of(2),
    };
    Entry {
        status: StatusCode::from_u16(status).unwrap(),
        policy: Policy::restored(lifetimes, age, Instant::now()),
        selected: Selected::of(&request("en"), &map).unwrap(),
        headers: Arc::new(map),
        body: Bytes::copy_from_slice(body),
        begun: Epochs::default().now(),
        marks: Marks::new(),
        tags: ["products", "product:7"].map(Arc::from).into(),
        is_asked_again: AtomicBool::new(false),
        replaced: Default::default(),
    }
}

fn decode(bytes: Vec<u8>, language: &str) -> Option<Entry> {
    let begun = Epochs::default().now();
    codec::decode(Bytes::from(bytes), &secret(), &request(language), begun, Marks::new())
}

proptest! {
    #[test]
    fn an_entry_comes_back_as_it_was(
        status in 200_u16..600,
        headers in prop::collection::vec(("x-[a-z]{1,8}", prop::collection::vec(0x21_u8..=0x7e, 0..40)), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..200),
        seconds in any::<[u32; 4]>(),
    ) {
        let stored = entry(status, &headers, &body, seconds);
        let bytes = codec::encode(&stored, &secret());
        let read = decode(bytes.clone(), "en").unwrap();
        prop_assert_eq!(read.status, stored.status);
        prop_assert_eq!(&read.headers, &stored.headers);
        prop_assert_eq!(&read.body, &stored.body);
        prop_assert_eq!(&read.tags, &stored.tags);
        prop_assert_eq!(read.policy.lifetimes(), stored.policy.lifetimes());
        let (read_age, age) = (read.policy.age(Instant::now()), stored.policy.age(Instant::now()));
        prop_assert!(read_age.abs_diff(age) < Duration::from_secs(5));
        prop_assert!(decode(bytes.clone(), "de").is_none(), "another language would have got another response");
        let other = hmac::Key::new(hmac::HMAC_SHA256, b"another");
        let begun = Epochs::default().now();
        prop_assert!(codec::decode(bytes.into(), &other, &request("en"), begun, Marks::new()).is_none());
    }

    #[test]
    fn damage_is_no_entry_or_another_one_and_never_a_panic(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut bytes = codec::encode(&entry(200, &[("x-a".into(), b"b".to_vec())], b"body", [1, 2, 3, 4]), &secret());
        let position = at.index(bytes.len());
        bytes[position] = byte;
        decode(bytes.clone(), "en");
        bytes.truncate(cut.index(bytes.len()));
        decode(bytes, "en");
        decode(noise, "en");
    }
}

#[test]
fn marks_are_read_as_they_are_written() {
    let marks: Marks =
        [Mark::all(), Mark::source("shop"), Mark::url("http://shop/things")].into_iter().collect();
    assert_eq!(codec::read_marks(&codec::write_marks(&marks)), Some(marks));
    assert_eq!(codec::read_marks(""), Some(Marks::new()));
    for wrong in ["1,x", "70000", "-1"] {
        assert_eq!(codec::read_marks(wrong), None, "{wrong}");
    }
}
