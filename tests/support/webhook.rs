//! Deliveries of webhooks, without a socket, and the signatures of their senders.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use ficus::{events::Events, server::Webhooks};
use http_body_util::{BodyExt as _, Full};
use ring::hmac;

/// What a sender is answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

/// Sends a request to a path such as `/webhooks/shop/updates`.
pub(crate) async fn send(webhooks: &Webhooks, events: &Events, request: http::Request<Bytes>) -> Answer {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().strip_prefix("/webhooks/").expect("a path of webhooks").to_owned();
    let response = webhooks.answer(events, &path, &parts, Full::new(body)).await;
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("it is there").to_bytes();
    let body = String::from_utf8(body.to_vec()).expect("text");
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Seconds since 1970, as signatures have them.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn mac(secret: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref().to_vec()
}

/// The headers of Standard Webhooks; the secret is the one in base64, behind `whsec_` or not.
pub(crate) fn standard(secret: &str, id: &str, timestamp: u64, body: &str) -> Vec<(&'static str, String)> {
    let secret = BASE64.decode(secret.trim_start_matches("whsec_").as_bytes()).expect("base64");
    let signature = BASE64.encode(&mac(&secret, &format!("{id}.{timestamp}.{body}")));
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", format!("v1,{signature}")),
    ]
}

/// The header of GitHub and of Meta.
pub(crate) fn hub(secret: &str, body: &str) -> Vec<(&'static str, String)> {
    vec![("x-hub-signature-256", format!("sha256={}", HEXLOWER.encode(&mac(secret.as_bytes(), body))))]
}

/// The headers of Slack.
pub(crate) fn slack(secret: &str, timestamp: u64, body: &str) -> Vec<(&'static str, String)> {
    let signature = HEXLOWER.encode(&mac(secret.as_bytes(), &format!("v0:{timestamp}:{body}")));
    vec![
        ("x-slack-request-timestamp", timestamp.to_string()),
        ("x-slack-signature", format!("v0={signature}")),
    ]
}
