//! Sends requests over sockets, under their source's limits: one attempt, within its time. What a redirect asks for
//! (`redirect`) and a token that is not accepted any more (`oauth2`) are part of the attempt.

use std::{future::Future, mem, pin::Pin, sync::Arc};

use bytes::Bytes;
use futures_util::future::Either;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::{Client, RequestBuilder, Url};
use tokio::time::Instant;

use super::{
    SourceState, Upstream, UpstreamRequest, UpstreamResponse, answer::exchange, client::Clients,
    oauth2::Tokens, origins::Origins, redirect,
};
use crate::{
    connector::{Redirects, Source},
    error::Code,
    fetch::{Deadline, FetchError, SetUpError, Trouble, concurrency::Lanes},
    telemetry,
};

/// Headers that are added on the way: `accept`, `accept-encoding`, `user-agent`, `host`, how long is waited, and those of a body.
const ADDED_LATER: usize = 7;

/// Sends requests over HTTP/1.1 and HTTP/2, with one pool of connections for all sources that say nothing about theirs.
#[derive(Debug)]
pub struct HttpUpstream {
    clients: Clients,
    tokens: Tokens,
    lanes: Lanes,
    origins: Origins,
}

/// A request as the HTTP client takes it.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Sending {
    fn of(request: &UpstreamRequest, origins: &Origins) -> Result<Self, FetchError> {
        let url = origins.parse(&request.url).map_err(|error| {
            let message = "Connector error: the request's URL is not valid";
            FetchError::new(Code::ConnectorRequestInvalid, message).with_detail(error.to_string())
        })?;
        let declared = request.headers.len() + request.own_headers.0.len();
        let mut headers = HeaderMap::with_capacity(declared + ADDED_LATER);
        for (name, value) in request.all_headers() {
            headers.append(name.clone(), value.clone());
        }
        let (method, body) = (request.method.clone(), request.body.clone().filter(|body| !body.is_empty()));
        if body.is_none() && matches!(method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        Ok(Sending { method, url, headers, body })
    }

    /// Begins to send it.
    fn on(self, client: &Client) -> impl Future<Output = reqwest::Result<reqwest::Response>> + use<> {
        let Sending { method, url, headers, body } = self;
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let builder = if is_anonymous {
            let mut request = reqwest::Request::new(method, url);
            *request.headers_mut() = headers;
            RequestBuilder::from_parts(client.clone(), request)
        } else {
            // Moves a user and password of the URL into `Authorization`. It copies the headers, which others need not.
            client.request(method, url).headers(headers)
        };
        match body {
            Some(body) => builder.body(body),
            None => builder,
        }
        .send()
    }
}

impl HttpUpstream {
    /// An upstream without connections yet. Trusts the certificate authorities that the system trusts, where a source names
    /// none of its own.
    ///
    /// # Errors
    /// When the TLS library refuses its settings.
    pub fn new() -> Result<Self, SetUpError> {
        let (tokens, lanes, origins) = (Tokens::default(), Lanes::default(), Origins::default());
        Ok(HttpUpstream { clients: Clients::new()?, tokens, lanes, origins })
    }

    /// One attempt. The request comes in a box, and rare ways are boxed, since whoever awaits this has room for all of it.
    async fn attempt(
        &self,
        source: &Arc<Source>,
        mut sending: Box<Sending>,
        deadline: Deadline,
    ) -> Result<UpstreamResponse, FetchError> {
        let _place = self.lanes.enter(source, sending.url.authority()).await?;
        let client = self.clients.backend(source)?;
        let settings = &source.settings;
        let left = deadline.0.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(settings.timeout, |left| left.min(settings.timeout));
        if let Ok(millis) = u64::try_from(timeout.as_millis()) {
            sending.headers.insert(telemetry::EXPECTED_TIMEOUT.clone(), millis.into());
        }
        let exchange = match (&settings.auth, settings.redirects) {
            (None, Redirects::None) => Either::Left(exchange(sending.on(&client), settings.body_bytes_max)),
            _ => Either::Right(Box::pin(self.guided(source, &client, *sending))),
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| {
            let message = format!("Connector error: no complete answer within {timeout:?}");
            Err(FetchError::new(Code::GatewayTimeout, message).with_trouble(Trouble::Timeout))
        })
    }

    /// Sends a request with the source's token, once more with a new one where that is refused, and on where a redirect may
    /// be followed.
    async fn guided(
        &self,
        source: &Arc<Source>,
        client: &Client,
        mut sending: Sending,
    ) -> Result<UpstreamResponse, FetchError> {
        let mut tokens = match &source.settings.auth {
            Some(auth) => {
                let tokens = self.tokens.of(source, auth);
                let token = tokens.token(None, || self.clients.tokens(source)).await?;
                Some((tokens, token))
            }
            None => None,
        };
        let mut is_renewed = false;
        let mut path = redirect::Path::default();
        loop {
            if let Some((_, token)) = &tokens {
                sending.headers.insert(header::AUTHORIZATION, token.header());
            }
            let answer = exchange(sending.clone().on(client), source.settings.body_bytes_max);
            let mut response = answer.await?;
            if let Some((tokens, token)) = &mut tokens
                && response.status == StatusCode::UNAUTHORIZED
                && !mem::replace(&mut is_renewed, true)
                && tokens.may_renew(token)
            {
                *token = tokens.token(Some(token), || self.clients.tokens(source)).await?;
                continue;
            }
            if source.settings.redirects == Redirects::SameOrigin
                && let Some(next) = path.next(source, &sending, &response)
            {
                sending = next;
                continue;
            }
            path.mark(&mut response);
            return Ok(response);
        }
    }
}

impl Upstream for HttpUpstream {
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let sending = Sending::of(&request, &self.origins).map(Box::new);
        Box::pin(async move {
            let answer = match sending {
                Ok(sending) => self.attempt(source, sending, request.deadline).await,
                Err(error) => Err(error),
            };
            let answer = answer.map_err(|error| {
                let cause = error.detail.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default();
                let detail = format!("{} {}{cause}", request.method, telemetry::without_values(&request.url));
                error.with_detail(detail)
            });
            told(source, request.own_headers.get(&telemetry::REQUEST_ID), &answer);
            answer
        })
    }

    fn state(&self, source: &Source) -> SourceState {
        let (in_flight, waiting) = self.lanes.state(&source.name);
        SourceState { in_flight: Some(in_flight), waiting: Some(waiting), breaker: None }
    }

    fn secrets(&self) -> Vec<String> {
        self.tokens.in_use()
    }
}

/// Says in the log what came of a request.
fn told(source: &Source, request_id: Option<&HeaderValue>, answer: &Result<UpstreamResponse, FetchError>) {
    let request_id = request_id.and_then(|id| id.to_str().ok());
    match answer {
        Ok(response) => {
            let (status, body_bytes) = (response.status.as_u16(), response.body.len());
            if response.status.is_server_error() {
                tracing::warn!(source = source.name, request_id, status, body_bytes, "answered");
            } else {
                tracing::debug!(source = source.name, request_id, status, body_bytes, "answered");
            }
        }
        Err(error) => tracing::warn!(
            source = source.name,
            request_id,
            code = error.client.code.as_str(),
            detail = error.detail.as_deref(),
            "fetch failed"
        ),
    }
}
