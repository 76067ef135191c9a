//! From an HTTP request to a WebSocket (RFC 6455, section 4.2): who is let in, with which sub-protocol, and which headers the
//! operations of the connection have.

use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version, header, request::Parts,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::{Map, Value};

use super::socket::{Settings, Socket};
use crate::{
    error::Code,
    server::{
        ResponseBody,
        header_list::items,
        media::MediaType,
        refusal::Refusal,
        reply,
        staying::{Guest, Start},
    },
};

/// The one sub-protocol. The older `graphql-ws` is another one, whatever its name.
const SUBPROTOCOL: &str = "graphql-transport-ws";

/// RFC 6455, section 1.3.
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Headers of the handshake that are no part of what the client says to backends.
const HANDSHAKE_ONLY: [HeaderName; 7] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_ACCEPT,
];

/// Whether a request asks for a WebSocket. Only HTTP/1.1 has this way.
pub(in crate::server) fn is_asked(parts: &Parts) -> bool {
    parts.headers.contains_key(header::UPGRADE)
        && parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && has_item(&parts.headers, &header::UPGRADE, "websocket")
}

fn has_item(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(items).any(|found| found.is(item))
}

/// A handshake that is as RFC 6455 has it.
pub(in crate::server) struct Handshake {
    accept: HeaderValue,
    /// Whether the client speaks what we speak.
    speaks: bool,
}

impl Handshake {
    /// Reads a handshake.
    ///
    /// # Errors
    /// 400 when something is missing or wrong.
    pub(in crate::server) fn read(headers: &HeaderMap) -> Result<Handshake, Refusal> {
        let refuse = |message| Err(Refusal::bad_request(message).closing());
        if !has_item(headers, &header::CONNECTION, "upgrade") {
            return refuse("A WebSocket's handshake needs the header `Connection: Upgrade`.");
        }
        if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return refuse("A WebSocket's handshake needs the header `Sec-WebSocket-Version: 13`.");
        }
        if headers.contains_key(header::TRANSFER_ENCODING)
            || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0")
        {
            return refuse("A WebSocket's handshake has no body.");
        }
        let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
        let key = match (keys.next(), keys.next()) {
            (Some(key), None) => key.as_bytes(),
            _ => b"",
        };
        if BASE64.decode(key).map_or(0, |nonce| nonce.len()) != 16 {
            return refuse("A WebSocket's handshake needs one `Sec-WebSocket-Key` of 16 bytes in base64.");
        }
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, ACCEPT_SUFFIX].concat());
        let accept = HeaderValue::from_str(&BASE64.encode(hash.as_ref()));
        let accept = accept.map_err(|_| Refusal::bad_request("The handshake has no answer.").closing())?;
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(items);
        // To the letter: names of sub-protocols have cases.
        Ok(Handshake { accept, speaks: offered.any(|protocol| protocol.name() == SUBPROTOCOL) })
    }
}

/// Answers a handshake and serves the WebSocket from then on, in a task of its own.
pub(in crate::server) fn answer(
    handshake: Handshake,
    parts: &mut Parts,
    guest: Guest,
    start: &Start,
    settings: Settings,
) -> Response<ResponseBody> {
    let Some(upgrade) = parts.extensions.remove::<OnUpgrade>() else {
        // Whoever serves the connection does not hand it over.
        let refusal = Refusal::new(Code::Internal, "This connection cannot become a WebSocket.");
        return reply::refusal(refusal.closing(), MediaType::Json);
    };
    let headers = own_headers(&parts.headers);
    let start = Arc::clone(start);
    let speaks = handshake.speaks;
    tokio::spawn(async move {
        // An error means that the client was gone before it had its answer.
        let Ok(upgraded) = upgrade.await else { return };
        let socket = Socket::new(TokioIo::new(upgraded), guest, start, headers, settings);
        if speaks { socket.serve().await } else { socket.refuse_subprotocol().await }
    });
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, handshake.accept);
    if speaks {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    reply::with_headers(StatusCode::SWITCHING_PROTOCOLS, headers, Bytes::new())
}

/// The headers of the operations to come. They are copied: the values of a request's headers all lie in the buffer that it was read
/// into, which would be kept for as long as the socket.
fn own_headers(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !HANDSHAKE_ONLY.contains(name));
    let copied = kept.filter_map(|(name, value)| {
        let mut copy = HeaderValue::from_bytes(value.as_bytes()).ok()?;
        copy.set_sensitive(value.is_sensitive());
        Some((name.clone(), copy))
    });
    copied.collect()
}

/// The payload of `connection_init` is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadInit;

/// Takes headers from the payload of `connection_init`: those that are asked for by name, and that the handshake did not have.
///
/// # Errors
/// When one of them is not text that a header can hold.
pub(super) fn init_headers(
    headers: &mut HeaderMap,
    payload: &Map<String, Value>,
    names: &[HeaderName],
) -> Result<(), BadInit> {
    for name in names {
        let said = payload.iter().find(|(key, _)| key.eq_ignore_ascii_case(name.as_str()));
        let value = match said {
            None | Some((_, Value::Null)) => continue,
            Some((_, Value::String(value))) => HeaderValue::from_str(value).map_err(|_| BadInit)?,
            Some(_) => return Err(BadInit),
        };
        if !headers.contains_key(name) {
            headers.insert(name.clone(), value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_example_of_rfc_6455() {
        let handshake = Handshake::read(&headers(&GOOD)).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!handshake.speaks);
    }

    #[test]
    fn the_subprotocol_is_found_by_its_exact_name() {
        for (offered, expected) in [
            ("graphql-transport-ws", true),
            ("graphql-ws, graphql-transport-ws", true),
            ("graphql-ws", false),
            ("GraphQL-Transport-WS", false),
            ("graphql-transport-ws2", false),
            ("", false),
        ] {
            let mut handshake = headers(&GOOD);
            handshake.insert("sec-websocket-protocol", HeaderValue::from_static(offered));
            assert_eq!(Handshake::read(&handshake).unwrap().speaks, expected, "{offered}");
        }
    }

    #[test]
    fn a_handshake_lacks_nothing() {
        for (name, value) in [
            ("connection", "close"),
            ("sec-websocket-version", "8"),
            ("sec-websocket-key", "c2hvcnQ="),
            ("sec-websocket-key", "not base64 at all!!!!!!"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
        ] {
            let mut handshake = headers(&GOOD);
            handshake.insert(name, HeaderValue::from_static(value));
            assert!(Handshake::read(&handshake).is_err(), "{name}: {value}");
        }
        let mut twice = headers(&GOOD);
        twice.append("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        assert!(Handshake::read(&twice).is_err());
    }

    #[test]
    fn an_init_gives_the_headers_that_are_asked_for_and_none_that_are_there() {
        let names = [header::AUTHORIZATION, HeaderName::from_static("x-tenant")];
        let mut own = headers(&[("authorization", "handshake")]);
        let Value::Object(payload) = json!({"Authorization": "init", "X-TENANT": "a", "cookie": "x", "n": 1})
        else {
            panic!("an object")
        };
        assert_eq!(init_headers(&mut own, &payload, &names), Ok(()));
        assert_eq!(own, headers(&[("authorization", "handshake"), ("x-tenant", "a")]));
    }

    #[test]
    fn an_init_with_what_no_header_holds_is_refused() {
        for bad in
            [json!({"authorization": 1}), json!({"authorization": "a\r\nb: c"}), json!({"authorization": {}})]
        {
            let Value::Object(payload) = bad else { panic!("an object") };
            let result = init_headers(&mut HeaderMap::new(), &payload, &[header::AUTHORIZATION]);
            assert_eq!(result, Err(BadInit), "{payload:?}");
        }
    }

    #[test]
    fn what_belongs_to_the_handshake_stays_with_it() {
        let mut handshake = headers(&GOOD);
        handshake.insert("cookie", HeaderValue::from_static("a=b"));
        assert_eq!(own_headers(&handshake), headers(&[("cookie", "a=b")]));
    }
}
