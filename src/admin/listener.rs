//! The admin listener: the admin graph over HTTP and WebSocket, its explorer page, health. Each request passes the guard first.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use async_graphql::{Data, http::ALL_WEBSOCKET_PROTOCOLS};
use async_graphql_axum::{GraphQLProtocol, GraphQLRequest, GraphQLResponse, GraphQLWebSocket};
use axum::{
    RequestExt, Router,
    body::Body,
    extract::{FromRequest, FromRequestParts, Request, State, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use hyper_util::service::TowerToHyperService;
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    Control,
    graph::{self, AdminSchema},
    guard::{Guard, Refusal},
    metrics,
};
use crate::{
    config,
    error::ClientError,
    response,
    server::{self, ListenerSettings, playground::Playground},
};

/// Path of the admin graph on its listener.
const PATH: &str = "/admin/graphql";
/// Where Prometheus asks.
const METRICS: &str = "/metrics";
/// A socket that has not introduced itself by then is closed; as for clients' sockets.
const INIT_TIMEOUT: Duration = Duration::from_secs(3);
/// One message of a socket: an operation. (Bodies of requests have axum's default, 2 MB.)
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Dashboards and command lines, not clients.
const CONNECTIONS_MAX: usize = 256;

/// The admin graph cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Others could reach it.
    #[error(
        "admin.listen is {0}, which is not loopback, and there is no admin.token: others could reload the gateway and read its operations"
    )]
    TokenNeeded(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {0}")]
    Bind(SocketAddr, #[source] io::Error),
}

/// Takes the admin listener's address.
///
/// # Errors
/// When the address is not loopback and there is no token, and when it cannot be had.
pub async fn bind(config: &config::Admin) -> Result<TcpListener, AdminError> {
    let token = config.token.as_deref().unwrap_or_default();
    if !config.listen.ip().is_loopback() && token.is_empty() {
        return Err(AdminError::TokenNeeded(config.listen));
    }
    TcpListener::bind(config.listen).await.map_err(|error| AdminError::Bind(config.listen, error))
}

/// Serves the admin graph on what [`bind`] gave, until `shutdown` is ready.
///
/// # Errors
/// When the listener itself is broken.
pub async fn serve(
    listener: TcpListener,
    config: &config::Admin,
    control: Control,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut settings = ListenerSettings::new(control.gateway().config());
    settings.connections_max = CONNECTIONS_MAX;
    let guard = Guard {
        loopback: listener.local_addr()?.ip().is_loopback(),
        token: config.token.clone().filter(|token| !token.is_empty()),
    };
    let router = router(control, guard);
    server::serve_connections(listener, settings, shutdown, |_| TowerToHyperService::new(router.clone()))
        .await
}

struct Admin {
    control: Arc<Control>,
    schema: AdminSchema,
    page: Playground,
    guard: Guard,
}

/// What is where on the listener.
pub(super) fn router(control: Control, guard: Guard) -> Router {
    let control = Arc::new(control);
    let schema = graph::schema(Arc::clone(&control));
    let admin = Arc::new(Admin { control, schema, page: Playground::new(PATH, true), guard });
    Router::new().route(PATH, any(endpoint)).fallback(beside).with_state(admin)
}

/// The admin graph itself.
async fn endpoint(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    if let Err(refusal) = admin.guard.check_host(&parts).and_then(|()| admin.guard.check_origin(&parts)) {
        return refusal.into_response();
    }
    if parts.headers.contains_key(header::UPGRADE) {
        let protocol = GraphQLProtocol::from_request_parts(&mut parts, &()).await;
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        return match (protocol, upgrade) {
            (Ok(protocol), Ok(upgrade)) => {
                // The token may come with the handshake, or with the first message: pages cannot set headers here.
                let known = admin.guard.check_token(&parts.headers).is_ok();
                upgrade
                    .max_message_size(MESSAGE_BYTES_MAX)
                    .protocols(ALL_WEBSOCKET_PROTOCOLS)
                    .on_upgrade(move |socket| converse(admin, socket, protocol, known))
            }
            (Err(refusal), _) => refusal.into_response(),
            (_, Err(refusal)) => refusal.into_response(),
        };
    }
    if let Err(refusal) = admin.guard.check_post(&parts) {
        return refusal.into_response();
    }
    let request = Request::from_parts(parts, body).with_limited_body();
    match GraphQLRequest::<async_graphql_axum::rejection::GraphQLRejection>::from_request(request, &()).await
    {
        Ok(request) => {
            GraphQLResponse::from(admin.schema.execute(request.into_inner()).await).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// One WebSocket, from its introduction to its end.
async fn converse(admin: Arc<Admin>, socket: WebSocket, protocol: GraphQLProtocol, known: bool) {
    let (introduced, introduction) = oneshot::channel();
    let guard = admin.guard.clone();
    let conversation = GraphQLWebSocket::new(socket, admin.schema.clone(), protocol)
        .on_connection_init(move |payload| async move {
            let named = |name: &str| payload.get(name).and_then(serde_json::Value::as_str);
            if !known {
                guard.check_credentials(named("authorization").or_else(|| named("Authorization")))?;
            }
            // Nobody listens any more when the timeout came first.
            _ = introduced.send(());
            Ok(Data::default())
        })
        .serve();
    let silent = async {
        if tokio::time::timeout(INIT_TIMEOUT, introduction).await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = conversation => {}
        () = silent => {}
    }
}

/// What stands beside the graph: its explorer page, metrics and health.
async fn beside(State(admin): State<Arc<Admin>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if let Err(refusal) = admin.guard.check_host(&parts) {
        return refusal.into_response();
    }
    let path = parts.uri.path();
    if path == "/health/live" || path == "/health/ready" {
        return server::health::answer(&parts.method, true).map(Body::new);
    }
    if parts.method != http::Method::GET && parts.method != http::Method::HEAD {
        return StatusCode::NOT_FOUND.into_response();
    }
    if path == METRICS {
        return match admin.guard.check_token(&parts.headers) {
            Ok(()) => figures_page(&admin.control),
            Err(refusal) => refusal.into_response(),
        };
    }
    match admin.page.respond(path, &parts.headers) {
        Some(page) => page.map(Body::from),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn figures_page(control: &Control) -> Response {
    match metrics::page(control) {
        Ok(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = response::refusal(&ClientError::new(self.code(), self.to_string()));
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(self.header());
        response
    }
}
