//! What is served at which path, and what every response carries. A match on the path, not a stack of layers: the way of a
//! GraphQL request goes through no boxed future and no second look at its headers.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use http_body::Body;

use super::{
    ResponseBody, access_log,
    cors::Cors,
    csrf, graphql, health,
    media::MediaType,
    playground::Playground,
    proxies::Proxies,
    refusal::Refusal,
    reply,
    staying::{self, Staying, TOO_MANY_IN_FLIGHT, no_place},
    streaming::Streams,
    trace,
    webhooks::Webhooks,
    websocket,
};
use crate::{error::Code, events::Events};

/// Everything behind the gateway's listener.
pub(super) struct Edge {
    events: Events,
    webhooks: Webhooks,
    proxies: Proxies,
    cors: Cors,
    /// None when it is off.
    playground: Option<Playground>,
    /// Answer only to loopback names: the playground is on, and the listener is reachable from this machine alone.
    loopback_names_only: bool,
    draining: AtomicBool,
    streams: Streams,
    websocket: websocket::Settings,
}

impl Edge {
    /// The edge of a gateway that listens on `address`.
    pub(super) fn new(events: Events, address: SocketAddr) -> Arc<Edge> {
        let config = events.gateway().config();
        let cors = Cors::new(&config.cors_origins);
        let proxies = Proxies::new(&config.trusted_proxies);
        let loopback_names_only = config.playground && address.ip().is_loopback();
        let playground = config.playground.then(|| Playground::new(&config.path, true));
        let staying = Staying::new(config.websocket.per_address_max, config.drain);
        let streams = Streams::new(staying, staying::start(events.clone()), config);
        let websocket = websocket::Settings::new(config);
        Arc::new(Edge {
            events,
            webhooks: Webhooks::default(),
            proxies,
            cors,
            playground,
            loopback_names_only,
            draining: AtomicBool::new(false),
            streams,
            websocket,
        })
    }

    /// From now on the gateway is not ready, every response asks for its connection to be closed, and clients that stay are asked to
    /// leave.
    pub(super) fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.streams.staying.drain();
    }

    /// Who is still there though nobody should be.
    pub(super) fn staying(&self) -> &Staying {
        &self.streams.staying
    }

    /// Answers one request. What can be done at once is, so that the future does not carry the request twice.
    ///
    /// # Errors
    /// None: what goes wrong is a response.
    pub(super) fn handle<B>(
        self: Arc<Self>,
        peer: SocketAddr,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<ResponseBody>, Infallible>>
    where
        B: Body<Data = Bytes>,
    {
        let (mut parts, body) = request.into_parts();
        let request_id = trace::settle(&mut parts.headers);
        let client = self.proxies.client(peer.ip(), &parts.headers);
        let mut line = access_log::Line::begin((peer, client), &request_id, &parts.method, parts.uri.path());
        let close = self.must_close(&parts);
        let http1 = parts.version < Version::HTTP_2;
        async move {
            let mut response = self.route(&mut parts, body, client, &mut line).await;

            let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            reply::mark(headers, request_id);
            if !http1 {
                // HTTP/2 has no such header; its connections are closed by GOAWAY.
                headers.remove(header::CONNECTION);
            } else if !upgrades && (close || self.is_draining()) {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            if let Some(code) = response.extensions().get::<Code>() {
                self.events.gateway().meter().errors.count(*code);
            }
            line.answered(response.status(), response.body().size_hint().exact().unwrap_or(0));
            Ok(response)
        }
    }

    async fn route<B>(
        &self,
        parts: &mut Parts,
        body: B,
        client: IpAddr,
        line: &mut access_log::Line,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
    {
        // Senders reach a developer's machine under the name of a tunnel, and prove themselves.
        if let Some(path) = parts.uri.path().strip_prefix("/webhooks/")
            && parts.uri.path() != self.events.gateway().config().path
        {
            // Boxed: every connection has room for an operation, which takes less.
            return Box::pin(self.webhooks.answer(&self.events, path, parts, body)).await;
        }
        if self.loopback_names_only && !csrf::is_addressed_to_loopback(parts) {
            let refusal = Refusal::new(
                Code::CsrfRefused,
                "With the playground on, a gateway on a loopback address answers to localhost and 127.0.0.1 only.",
            );
            return reply::refusal(refusal.closing(), MediaType::Json);
        }
        let config = self.events.gateway().config();
        match parts.uri.path() {
            path if path == config.path => {
                let meter = self.events.gateway().meter();
                let Some(_in_flight) = meter.admit(config.shed_in_flight_max) else {
                    let mut response = overloaded(parts);
                    self.cors.allow(parts.headers.get(header::ORIGIN), response.headers_mut());
                    return response;
                };
                if websocket::is_asked(parts) {
                    return self
                        .websocket(parts, client)
                        .unwrap_or_else(|refusal| reply::refusal(refusal, MediaType::Json));
                }
                self.graphql(parts, body, client, line).await
            }
            "/health/live" => health::answer(&parts.method, true),
            "/health/ready" => health::answer(&parts.method, !self.is_draining()),
            path => {
                let page = self.playground.as_ref().filter(|_| is_read(&parts.method));
                match page.and_then(|page| page.respond(path, &parts.headers)) {
                    Some(file) => file.map(ResponseBody::new),
                    None => not_found(),
                }
            }
        }
    }

    /// Lets a client in that wants to stay, and gives the answer to its handshake.
    fn websocket(&self, parts: &mut Parts, client: IpAddr) -> Result<Response<ResponseBody>, Refusal> {
        let handshake = websocket::Handshake::read(&parts.headers)?;
        if self.events.gateway().config().csrf {
            csrf::check_origin(parts, &self.cors)?;
        }
        let guest = self.streams.staying.enter(client, Duration::MAX).ok_or_else(no_place)?;
        Ok(websocket::answer(handshake, parts, guest, &self.streams.start, self.websocket.clone()))
    }

    async fn graphql<B>(
        &self,
        parts: &mut Parts,
        body: B,
        client: IpAddr,
        line: &mut access_log::Line,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
    {
        if parts.method == Method::OPTIONS {
            let mut headers = HeaderMap::new();
            let status = self.cors.preflight(&parts.headers, &mut headers);
            return reply::with_headers(status, headers, Bytes::new());
        }
        let Edge { events, cors, streams, .. } = self;
        let endpoint = graphql::Endpoint { events, cors, streams, address: client };
        let origin = if cors.is_off() { None } else { parts.headers.get(header::ORIGIN).cloned() };
        let mut response = endpoint.answer(parts, body, line).await;
        cors.allow(origin.as_ref(), response.headers_mut());
        response
    }

    /// RFC 9112, section 6.1: after a message with both `Transfer-Encoding` and `Content-Length` the connection must be
    /// closed, because somebody before us may have read the other one. Hyper drops `Content-Length` then, so every
    /// message with a `Transfer-Encoding` is treated so.
    fn must_close(&self, parts: &Parts) -> bool {
        parts.version < Version::HTTP_2 && parts.headers.contains_key(header::TRANSFER_ENCODING)
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Before anything is read: refusing must cost next to nothing. The body is hyper's to drop, with the connection if it is large.
fn overloaded(parts: &Parts) -> Response<ResponseBody> {
    let media = MediaType::negotiate(parts.headers.get_all(header::ACCEPT).iter());
    let refusal = Refusal::new(Code::Overloaded, TOO_MANY_IN_FLIGHT);
    reply::refusal(refusal, media.unwrap_or(MediaType::Json))
}

fn not_found() -> Response<ResponseBody> {
    let refusal = Refusal::new(Code::NotFound, "There is nothing at this path.");
    reply::refusal(refusal.closing(), MediaType::Json)
}
