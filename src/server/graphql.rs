//! GraphQL over HTTP: one request from its method and headers to its response. Each rule stands in a module of its own; here
//! is their order. Which operation is allowed is not decided here (see `operation`).

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{Either, join_all, ready},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body;

use super::{
    ResponseBody, access_log, body,
    coding::Coding,
    cors::Cors,
    csrf, media,
    media::{Accepted, MediaType, StreamType},
    multipart, parameters,
    parameters::Parameters,
    refusal::Refusal,
    reply, sse,
    streaming::{self, Streams},
    validators,
};
use crate::{
    config::Config,
    error::Code,
    events::{Events, Payloads, Started},
    execute::{Packed, Request, ResponseKind},
};

/// The methods of the endpoint, as `Allow` lists them. PUT and DELETE are those of event streams that many operations share.
pub(super) const METHODS: &str = "GET, POST, PUT, DELETE, OPTIONS";

/// What answers the requests of one client to the endpoint.
pub(super) struct Endpoint<'a> {
    pub(super) events: &'a Events,
    pub(super) cors: &'a Cors,
    pub(super) streams: &'a Streams,
    /// The client's.
    pub(super) address: IpAddr,
}

impl Endpoint<'_> {
    /// Answers a request. CORS headers are the caller's.
    pub(super) async fn answer<B>(
        &self,
        parts: &mut Parts,
        body: B,
        line: &mut access_log::Line,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
    {
        if ![Method::POST, Method::GET, Method::PUT, Method::DELETE].contains(&parts.method) {
            return reply::refusal(Refusal::method_not_allowed(METHODS).closing(), MediaType::Json);
        }
        let accepted = Accepted::of(&parts.headers);
        if sse::is_asked(parts, self.streams) {
            // Boxed, as all that is rare here: every connection has room for what is not.
            let answered = Box::pin(self.shared_stream(parts, body, &accepted)).await;
            return answered.unwrap_or_else(|refusal| reply::refusal(refusal, accepted.plain()));
        }
        if accepted.single.is_none() && accepted.stream.is_none() {
            return reply::refusal(not_acceptable().closing(), MediaType::Json);
        }
        // Nothing of what was read is alive any more when its answer is waited for.
        let answering = match self.read(parts, body, accepted.stream).await {
            Ok(Parameters::One(request)) => {
                line.operation(request.operation_name.as_deref());
                Either::Left(self.one(parts, request, &accepted))
            }
            Ok(Parameters::Many(requests)) => Either::Right(Box::pin(self.many(parts, requests, &accepted))),
            Err(refusal) => return reply::refusal(refusal, accepted.plain()),
        };
        answering.await
    }

    fn config(&self) -> &Config {
        self.events.gateway().config()
    }

    /// The coding that a whole answer is to have.
    fn coding(&self, headers: &HeaderMap) -> Option<Coding> {
        let accepted = self.config().compression.then(|| headers.get_all(header::ACCEPT_ENCODING).iter());
        accepted.and_then(Coding::negotiate)
    }

    /// Answers one operation: at once, or over time.
    fn one<'r>(
        &'r self,
        parts: &'r mut Parts,
        mut request: Request,
        accepted: &'r Accepted,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + 'r {
        let coding = self.coding(&parts.headers);
        let headers = std::mem::take(&mut parts.headers);
        let is_get = parts.method == Method::GET;
        let known = if is_get { headers.get(header::IF_NONE_MATCH).cloned() } else { None };
        if accepted.stream == Some(StreamType::Events)
            && let Some(last) = headers.get(&LAST_EVENT_ID).and_then(|id| id.to_str().ok())
        {
            request.extensions.entry("lastEventId").or_insert_with(|| last.into());
        }
        // Not `async`: that would have room for what is waited for twice.
        self.events.start(Request { headers: Some(headers), ..request }).then(move |started| async move {
            let response = match started {
                Started::Once(response) => response,
                Started::Stream(payloads) => {
                    let streamed = self.stream(payloads, accepted.stream);
                    return streamed.unwrap_or_else(|refusal| reply::refusal(refusal, accepted.plain()));
                }
            };
            match (accepted.single, accepted.stream, response.kind) {
                (None, Some(StreamType::Multipart), _) => {
                    let body = ResponseBody::new(multipart::once(&response));
                    streaming::response(multipart::CONTENT_TYPE, body)
                }
                // What was not even validated is told by its status.
                (None, Some(StreamType::Events), ResponseKind::Executed | ResponseKind::RequestError) => {
                    streaming::response(sse::CONTENT_TYPE, ResponseBody::new(sse::once(&response.body)))
                }
                _ => self.whole(&parts.method, response, accepted.plain(), known, coding).await,
            }
        })
    }

    /// Answers a batch.
    async fn many(
        &self,
        parts: &mut Parts,
        requests: Vec<Request>,
        accepted: &Accepted,
    ) -> Response<ResponseBody> {
        let Some(media) = accepted.single else {
            return reply::refusal(not_acceptable(), MediaType::Json);
        };
        let coding = self.coding(&parts.headers);
        let (status, body) = self.batch(requests, &std::mem::take(&mut parts.headers), media).await;
        compressed(status, self.usual_headers(media), body, coding, None).await
    }

    fn usual_headers(&self, media: MediaType) -> HeaderMap {
        reply::usual_headers(media, self.config().compression)
    }

    /// The answers to a subscription.
    fn stream(
        &self,
        payloads: Payloads,
        stream: Option<StreamType>,
    ) -> Result<Response<ResponseBody>, Refusal> {
        let (content_type, chunks, words) = match stream {
            Some(StreamType::Events) => (sse::CONTENT_TYPE, sse::chunks(payloads), sse::WORDS),
            Some(StreamType::Multipart) => {
                (multipart::CONTENT_TYPE, multipart::chunks(payloads), multipart::WORDS)
            }
            None => return Err(not_acceptable()),
        };
        let guest = self.streams.enter(self.address)?;
        Ok(streaming::response(content_type, self.streams.body(chunks, words, guest)))
    }

    /// A request about an event stream that many operations share.
    async fn shared_stream<B>(
        &self,
        parts: &mut Parts,
        body: B,
        accepted: &Accepted,
    ) -> Result<Response<ResponseBody>, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let opens = accepted.stream == Some(StreamType::Events);
        if opens || parts.method == Method::PUT || parts.method == Method::DELETE {
            if self.config().csrf {
                csrf::check_origin(parts, self.cors)?;
            }
            return sse::answer(self.streams, parts, self.address);
        }
        match self.read(parts, body, None).await? {
            Parameters::One(request) => {
                let headers = Some(parts.headers.clone());
                sse::begin(self.streams, parts, Request { headers, ..request })
            }
            Parameters::Many(_) => {
                Err(Refusal::bad_request("Operations of a shared stream come one by one."))
            }
        }
    }

    /// One answer, whole.
    fn whole(
        &self,
        method: &Method,
        response: crate::execute::Response,
        media: MediaType,
        known: Option<HeaderValue>,
        coding: Option<Coding>,
    ) -> impl Future<Output = Response<ResponseBody>> + Send + use<> {
        let status = reply::status(response.kind, media);
        let mut headers = self.usual_headers(media);
        if let Some(caching) = &response.caching {
            let mut kept = validators::kept(caching, self.config());
            if method == Method::GET {
                let tag = validators::tag(&response.body, media);
                let is_known = known.is_some_and(|known| validators::matches(&known, &tag));
                kept.insert(header::ETAG, tag);
                if is_known {
                    let unchanged = reply::with_headers(StatusCode::NOT_MODIFIED, kept, Bytes::new());
                    return Either::Left(ready(unchanged));
                }
            }
            headers.extend(kept);
        }
        if let Some(allow) = allow(response.kind) {
            headers.insert(header::ALLOW, allow);
        }
        let crate::execute::Response { body, packed, .. } = response;
        Either::Right(compressed(status, headers, body, coding, packed))
    }

    /// Reads what the request asks for, by its method.
    async fn read<B>(&self, parts: &Parts, body: B, stream: Option<StreamType>) -> Result<Parameters, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let config = self.config();
        if parts.method == Method::GET {
            if config.csrf {
                self.check_get(parts, stream)?;
            }
            return parameters::from_query_string(parts.uri.query().unwrap_or_default()).map(Parameters::One);
        }
        let mut content_types = parts.headers.get_all(header::CONTENT_TYPE).iter();
        // With two of them, a browser and Ficus might not read the same one.
        match (content_types.next(), content_types.next()) {
            (Some(content_type), None) if media::is_json(content_type) => {}
            _ => {
                let message = "A POST needs exactly one Content-Type, application/json in UTF-8.";
                return Err(Refusal::new(Code::UnsupportedMediaType, message).closing());
            }
        }
        let bytes = body::read(&parts.headers, body, &config.limits).await?;
        parameters::from_body(&bytes, config.limits.batch_max)
    }

    /// An `EventSource` can send no header of its own: what its browser says of the page decides.
    fn check_get(&self, parts: &Parts, stream: Option<StreamType>) -> Result<(), Refusal> {
        match csrf::check_get(&parts.headers) {
            Err(_) if stream == Some(StreamType::Events) => csrf::check_origin(parts, self.cors),
            checked => checked,
        }
    }

    /// Runs the operations of a batch side by side and answers with a list in the same order. Its status is 200 once any of
    /// them ran: each entry says for itself what happened.
    async fn batch(
        &self,
        requests: Vec<Request>,
        headers: &HeaderMap,
        media: MediaType,
    ) -> (StatusCode, Bytes) {
        let runs = requests.into_iter().map(|request| {
            self.events.gateway().execute(Request { headers: Some(headers.clone()), ..request })
        });
        let responses = join_all(runs).await;
        let status =
            responses.iter().map(|response| reply::status(response.kind, media)).min().unwrap_or_default();
        let mut out =
            Vec::with_capacity(2 + responses.iter().map(|response| response.body.len() + 1).sum::<usize>());
        out.push(b'[');
        for (position, response) in responses.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&response.body);
        }
        out.push(b']');
        (status, Bytes::from(out))
    }
}

/// Where a browser that reconnects says which event it heard last.
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

fn not_acceptable() -> Refusal {
    Refusal::new(
        Code::NotAcceptable,
        "Responses are application/graphql-response+json or application/json, those of subscriptions text/event-stream or \
         multipart/mixed;subscriptionSpec=1.0; Accept does not allow what this operation needs.",
    )
}

/// A response, compressed where that is worth it.
async fn compressed(
    status: StatusCode,
    mut headers: HeaderMap,
    mut body: Bytes,
    coding: Option<Coding>,
    packed: Option<Arc<Packed>>,
) -> Response<ResponseBody> {
    if let Some(coding) = coding
        && let Some(made) = Box::pin(reply::compress(&body, coding, packed.as_deref())).await
    {
        headers.insert(header::CONTENT_ENCODING, coding.header());
        body = made;
    }
    reply::with_headers(status, headers, body)
}

/// RFC 9110 wants `Allow` with every 405: here it is a mutation that came as a GET.
fn allow(kind: ResponseKind) -> Option<HeaderValue> {
    (kind == ResponseKind::Refused(http::StatusCode::METHOD_NOT_ALLOWED))
        .then(|| HeaderValue::from_static("POST"))
}
