//! The HTTP client that carries telemetry to a collector. It is no way to a backend: it has no source, no limits of one, and
//! nothing that it does is counted or traced.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{SetUpError, upstream::default_tls};

/// How long one batch may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// What a collector has to say is short.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends requests to a collector.
#[derive(Debug, Clone)]
pub struct CollectorClient {
    client: reqwest::Client,
}

impl CollectorClient {
    /// A client without connections yet. Trusts the certificate authorities that the system trusts.
    ///
    /// # Errors
    /// When the TLS library refuses its settings.
    pub fn new() -> Result<Self, SetUpError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(default_tls().map_err(|error| SetUpError::Client(Box::new(error)))?)
            .user_agent(concat!("ficus/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| SetUpError::Client(Box::new(error)))?;
        Ok(CollectorClient { client })
    }

    /// Sends one request; the future holds all it needs.
    ///
    /// # Errors
    /// When the collector cannot be reached, breaks off or is too slow. Its URL is not part of the error.
    pub fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Bytes>, Box<dyn std::error::Error + Send + Sync>>> + Send + use<>
    {
        let (parts, body) = request.into_parts();
        let sending =
            self.client.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
        async move {
            let mut answer = sending.send().await.map_err(reqwest::Error::without_url)?;
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = std::mem::take(answer.headers_mut());
            let mut body = BytesMut::new();
            while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
                if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                    break;
                }
                body.extend_from_slice(&chunk);
            }
            *response.body_mut() = body.freeze();
            Ok(response)
        }
    }
}
