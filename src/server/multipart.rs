//! Subscriptions as multipart responses (`multipart/mixed;subscriptionSpec=1.0`), as Apollo's clients read them. A part is read
//! when the boundary behind it is there, so each chunk ends with one.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;

use super::{response_body::Chunks, streaming::Words};
use crate::{
    events::{Payload, Payloads},
    execute::{Response, ResponseKind},
};

pub(super) const CONTENT_TYPE: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";

const OPENING: &str = "\r\n--graphql";
const HEAD: &str = "\r\ncontent-type: application/json\r\n\r\n";
/// Behind a boundary, it ends the response.
const END: &str = "--\r\n";

pub(super) const WORDS: Words = Words {
    opening: OPENING,
    heartbeat: "\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql",
    leaving: "\r\ncontent-type: application/json\r\n\r\n\
              {\"payload\":null,\"errors\":[{\"message\":\"The gateway is about to end; subscribe again.\",\
              \"extensions\":{\"code\":\"OVERLOADED\"}}]}\r\n--graphql--\r\n",
};

/// The answers to a subscription, and the end.
pub(super) fn chunks(payloads: Payloads) -> Chunks {
    let parts = payloads.map(|Payload { body, .. }| part(br#"{"payload":"#, &body));
    Box::pin(parts.chain(stream::iter([Bytes::from_static(END.as_bytes())])))
}

/// One answer, for a client that takes nothing else. What did not run is a fatal error.
pub(super) fn once(response: &Response) -> Bytes {
    let part = if response.kind == ResponseKind::Executed {
        part(br#"{"payload":"#, &response.body)
    } else {
        let errors =
            serde_json::from_slice::<Refused>(&response.body).map(|refused| refused.errors.to_string());
        part(br#"{"payload":null,"errors":"#, errors.unwrap_or_else(|_| "[]".to_owned()).as_bytes())
    };
    [OPENING.as_bytes(), &part, END.as_bytes()].concat().into()
}

#[derive(Deserialize)]
struct Refused {
    errors: serde_json::Value,
}

fn part(before: &[u8], json: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD.len() + before.len() + json.len() + 1 + OPENING.len());
    for text in [HEAD.as_bytes(), before, json, b"}", OPENING.as_bytes()] {
        out.put_slice(text);
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once_of(body: &'static str, kind: ResponseKind) -> String {
        let body = Bytes::from_static(body.as_bytes());
        let response = Response { body, kind, caching: None, packed: None, errors: 0 };
        String::from_utf8(once(&response).to_vec()).unwrap()
    }

    #[tokio::test]
    async fn every_part_is_followed_by_a_boundary() {
        let payload = Payload { body: Bytes::from_static(br#"{"data":{}}"#), event: None };
        let payloads: Payloads = Box::pin(stream::iter([payload.clone(), payload]));
        let said: Vec<Bytes> = chunks(payloads).collect().await;
        let part = "\r\ncontent-type: application/json\r\n\r\n{\"payload\":{\"data\":{}}}\r\n--graphql";
        assert_eq!(said, [part, part, "--\r\n"]);
    }

    #[test]
    fn what_did_not_run_is_fatal() {
        assert_eq!(
            once_of(r#"{"errors":[{"message":"no"}]}"#, ResponseKind::RequestError),
            "\r\n--graphql\r\ncontent-type: application/json\r\n\r\n\
             {\"payload\":null,\"errors\":[{\"message\":\"no\"}]}\r\n--graphql--\r\n"
        );
        assert!(once_of(r#"{"data":null}"#, ResponseKind::Executed).contains(r#"{"payload":{"data":null}}"#));
    }
}
