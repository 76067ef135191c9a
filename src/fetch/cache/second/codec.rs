//! A stored response as bytes, and back. Times are written by the wall clock, since no other is common to all instances; of the
//! request's headers only a digest is. What cannot be read, what another version wrote too, is no entry.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ring::hmac;
use tokio::time::Instant;

use crate::fetch::{
    TAGS_MAX, UpstreamRequest,
    cache::{
        epochs::{Epoch, Mark},
        policy::{Lifetimes, Policy},
        store::{Entry, Marks},
        vary::Selected,
    },
};

/// Goes up with every change of the format.
const VERSION: u8 = 2;
const DIGEST_BYTES: usize = 32;
/// No response has more; a number beyond it is damage.
const HEADERS_MAX: u32 = 10_000;

pub(super) fn encode(entry: &Entry, secret: &hmac::Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entry.body.len() + 1024);
    bytes.put_u8(VERSION);
    bytes.put_u16(entry.status.as_u16());
    bytes.put_u64(milliseconds(since_1970()));
    bytes.put_u64(milliseconds(entry.policy.age(Instant::now())));
    let Lifetimes { fresh, stale_while_revalidate, stale_if_error, allows_max_stale } =
        entry.policy.lifetimes();
    for duration in [fresh, stale_while_revalidate, stale_if_error] {
        bytes.put_u64(milliseconds(duration));
    }
    bytes.put_u8(u8::from(allows_max_stale));
    bytes.put_slice(digest(&entry.selected, secret).as_ref());
    bytes.put_u32(u32::try_from(entry.headers.len()).unwrap_or(u32::MAX));
    for (name, value) in &*entry.headers {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            bytes.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
            bytes.put_slice(part);
        }
    }
    bytes.put_u32(u32::try_from(entry.tags.len()).unwrap_or(u32::MAX));
    for tag in &entry.tags {
        bytes.put_u32(u32::try_from(tag.len()).unwrap_or(u32::MAX));
        bytes.put_slice(tag.as_bytes());
    }
    bytes.put_slice(&entry.body);
    bytes
}

/// The entry in these bytes, if it is one that this request would have chosen (`Vary`).
pub(super) fn decode(
    bytes: Bytes,
    secret: &hmac::Key,
    request: &UpstreamRequest,
    begun: Epoch,
    marks: Marks,
) -> Option<Entry> {
    let mut bytes = bytes;
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let status = StatusCode::from_u16(bytes.try_get_u16().ok()?).ok()?;
    let written = Duration::from_millis(bytes.try_get_u64().ok()?);
    let age = Duration::from_millis(bytes.try_get_u64().ok()?);
    let mut duration = || bytes.try_get_u64().ok().map(Duration::from_millis);
    let (fresh, stale_while_revalidate, stale_if_error) = (duration()?, duration()?, duration()?);
    let allows_max_stale = bytes.try_get_u8().ok()? != 0;
    let lifetimes = Lifetimes { fresh, stale_while_revalidate, stale_if_error, allows_max_stale };
    let chosen_by = take(&mut bytes, DIGEST_BYTES)?;
    let count = bytes.try_get_u32().ok().filter(|count| *count <= HEADERS_MAX)?;
    let mut headers = HeaderMap::new();
    for _ in 0..count {
        let name = part(&mut bytes)?;
        let value = part(&mut bytes)?;
        headers.append(HeaderName::from_bytes(&name).ok()?, HeaderValue::from_maybe_shared(value).ok()?);
    }
    let count = bytes.try_get_u32().ok().filter(|count| *count as usize <= TAGS_MAX)?;
    let tag = |_| Some(Arc::from(std::str::from_utf8(&part(&mut bytes)?).ok()?));
    let tags: Box<[Arc<str>]> = (0..count).map(tag).collect::<Option<_>>()?;
    let selected = Selected::of(request, &headers)?;
    if digest(&selected, secret).as_ref() != &*chosen_by {
        return None;
    }
    // Where clocks differ, an entry from the future is as old as it was when it was written.
    let age = age.saturating_add(since_1970().saturating_sub(written));
    let policy = Policy::restored(lifetimes, age, Instant::now());
    Some(Entry {
        status,
        headers: Arc::new(headers),
        body: bytes,
        policy,
        selected,
        begun,
        marks,
        tags,
        is_asked_again: AtomicBool::new(false),
        replaced: AtomicBool::new(false),
    })
}

/// What of the request chose the response, without a value that could be read.
fn digest(selected: &Selected, secret: &hmac::Key) -> hmac::Tag {
    let mut context = hmac::Context::with_key(secret);
    selected.each(|name, value| {
        put(&mut context, name.as_str().as_bytes());
        put(&mut context, &[u8::from(value.is_some())]);
        put(&mut context, value.unwrap_or_default());
    });
    context.sign()
}

/// Adds a part whose end is known, so that no two lists of parts give one digest.
pub(super) fn put(context: &mut hmac::Context, part: &[u8]) {
    context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    context.update(part);
}

fn part(bytes: &mut Bytes) -> Option<Bytes> {
    let size = bytes.try_get_u32().ok()?;
    take(bytes, usize::try_from(size).ok()?)
}

fn take(bytes: &mut Bytes, size: usize) -> Option<Bytes> {
    (bytes.len() >= size).then(|| bytes.split_to(size))
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Marks as Redis keeps them: numbers with commas.
pub(super) fn write_marks(marks: &[Mark]) -> String {
    let numbers: Vec<String> = marks.iter().map(|mark| mark.number().to_string()).collect();
    numbers.join(",")
}

/// Nothing where one of them is no mark.
pub(super) fn read_marks(text: &str) -> Option<Marks> {
    text.split(',')
        .filter(|number| !number.is_empty())
        .map(|number| number.parse().ok().map(Mark::numbered))
        .collect()
}
