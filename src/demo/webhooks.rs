//! What the orders service tells others by itself: webhooks as the Standard Webhooks specification has them, signed, and sent
//! again when they are not taken. Not for what is told, which is the service's own affair.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use http::{HeaderName, HeaderValue, Method};
use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::data::Moment;
use crate::{
    connector::Source,
    fetch::{HttpUpstream, SetUpError, Upstream as _, UpstreamRequest},
};

/// Told and not sent yet. Beyond that a service that cannot deliver forgets, as real ones do in the end.
const WAITING_MAX: usize = 1_000;
/// Between attempts: real senders wait longer, and go on for days.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Who is told, and with which secret. Made anew for each demo.
#[derive(Clone)]
pub struct Target {
    url: String,
    secret: [u8; 24],
}

impl Target {
    /// A target with a new secret.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub fn new(url: impl Into<String>) -> std::io::Result<Self> {
        let mut secret = [0; 24];
        SystemRandom::new().fill(&mut secret).map_err(|_| std::io::Error::other("no random bytes"))?;
        Ok(Target { url: url.into(), secret })
    }

    /// The secret as it is handed over: `whsec_…`.
    #[must_use]
    pub fn secret(&self) -> String {
        format!("whsec_{}", BASE64.encode(&self.secret))
    }
}

/// Nothing of the secret.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Takes what is to be told, and waits for nobody.
#[derive(Debug, Clone)]
pub(super) struct Sender(mpsc::Sender<Bytes>);

impl Sender {
    /// The sender, and what does the work: it ends with the last sender.
    pub(super) fn start(target: Target) -> Result<(Self, impl Future<Output = ()> + Send), SetUpError> {
        let http = HttpUpstream::new()?;
        let (sender, mut waiting) = mpsc::channel::<Bytes>(WAITING_MAX);
        let work = async move {
            let source = Arc::new(Source::named("gateway"));
            let mut number = 0_u64;
            while let Some(body) = waiting.recv().await {
                number += 1;
                deliver(&http, &source, &target, &id(&target, number, &body), &body).await;
            }
        };
        Ok((Sender(sender), work))
    }

    /// Tells of something.
    pub(super) fn tell(&self, what: &str, data: &Value) {
        let body = json!({ "type": what, "timestamp": Moment::now().to_string(), "data": data });
        if self.0.try_send(Bytes::from(body.to_string())).is_err() {
            tracing::warn!("a webhook of the demo was forgotten: too many wait");
        }
    }
}

/// The same for every attempt at one delivery, and for no other one.
fn id(target: &Target, number: u64, body: &[u8]) -> String {
    let text = [&number.to_be_bytes()[..], body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &target.secret), &text);
    format!("msg_{}", HEXLOWER.encode(tag.as_ref().get(..12).unwrap_or_default()))
}

async fn deliver(http: &HttpUpstream, source: &Arc<Source>, target: &Target, id: &str, body: &Bytes) {
    for pause in PAUSES.into_iter().map(Some).chain([None]) {
        let answered = http.send(source, Arc::new(request(target, id, body))).await;
        if answered.is_ok_and(|response| response.status.is_success()) {
            return;
        }
        if let Some(pause) = pause {
            tokio::time::sleep(pause).await;
        }
    }
    tracing::warn!("a webhook of the demo was not taken");
}

/// One attempt: signed anew, because its timestamp is a new one.
fn request(target: &Target, id: &str, body: &Bytes) -> UpstreamRequest {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let timestamp = now.as_secs().to_string();
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &target.secret));
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        context.update(part);
    }
    let signature = format!("v1,{}", BASE64.encode(context.sign().as_ref()));
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", &timestamp),
        ("webhook-signature", &signature),
    ];
    let header = |(name, value): (&'static str, &str)| {
        Some((HeaderName::from_static(name), HeaderValue::from_str(value).ok()?))
    };
    UpstreamRequest {
        headers: headers.into_iter().filter_map(header).collect(),
        body: Some(body.clone()),
        ..UpstreamRequest::new(Method::POST, target.url.as_str())
    }
}
