//! Operations over server-sent events, as graphql-sse has it: here what the events look like, and the mode in which each operation
//! has a response of its own; `single` is the mode in which many share one.

mod single;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};

pub(super) use single::{Reservations, answer, begin, is_asked};

use super::{response_body::Chunks, streaming::Words};
use crate::events::{EventId, Payload, Payloads};

pub(super) const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

/// A stream that ends without `complete` is one that clients open again.
pub(super) const WORDS: Words = Words { opening: ":\n\n", heartbeat: ":\n\n", leaving: ":\n\n" };

/// The data is empty and not left out: an `EventSource` hears of no event without any.
const COMPLETE: &str = "event: complete\ndata: \n\n";

/// The answers to a subscription, and that they are all.
pub(super) fn chunks(payloads: Payloads) -> Chunks {
    let events = payloads.map(|Payload { body, event }| next(&[&body], event));
    Box::pin(events.chain(stream::iter([Bytes::from_static(COMPLETE.as_bytes())])))
}

/// One answer.
pub(super) fn once(body: &Bytes) -> Bytes {
    [&next(&[body], None), COMPLETE.as_bytes()].concat().into()
}

/// An answer as an event. Its id comes back with `Last-Event-ID` when a browser reconnects.
fn next(data: &[&[u8]], id: Option<EventId>) -> Bytes {
    let length: usize = data.iter().map(|part| part.len()).sum();
    let mut out = BytesMut::with_capacity(length + 80);
    out.put_slice(b"event: next\n");
    if let Some(id) = id {
        out.put_slice(format!("id: {id}\n").as_bytes());
    }
    out.put_slice(b"data: ");
    for part in data {
        one_line(part, &mut out);
    }
    out.put_slice(b"\n\n");
    out.freeze()
}

/// Where JSON has line breaks they are white space, and here they would end the event: what backends wrote is passed on as it was.
fn one_line(json: &[u8], out: &mut BytesMut) {
    if !json.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return out.put_slice(json);
    }
    out.extend(json.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_are_events_with_their_ids() {
        let payload =
            |body: &'static str, event| Payload { body: Bytes::from_static(body.as_bytes()), event };
        let id = EventId { ms: 7, number: 1 };
        let payloads: Payloads =
            Box::pin(stream::iter([payload("{\"data\":\r\n{}}", Some(id)), payload("{}", None)]));
        let said: Vec<Bytes> = chunks(payloads).collect().await;
        let expected = [
            "event: next\nid: 7-1\ndata: {\"data\":  {}}\n\n",
            "event: next\ndata: {}\n\n",
            "event: complete\ndata: \n\n",
        ];
        assert_eq!(said, expected);
        assert_eq!(once(&Bytes::from_static(b"{}")), "event: next\ndata: {}\n\nevent: complete\ndata: \n\n");
    }
}
