//! The connector cache as a bare reverse proxy, for conformance suites of HTTP caches: `caching_proxy LISTEN ORIGIN`.
//! Not a way to run Ficus: a proxy keys its cache by method and URL, and leaves the headers to `Vary`.

use std::{error::Error, future::Future, net::SocketAddr, pin::Pin, sync::Arc};

use bytes::Bytes;
use ficus::{
    connector::{CacheRules, Source, SourceSettings},
    error::Code,
    fetch::{CachedUpstream, FetchError, Upstream, UpstreamRequest, UpstreamResponse},
};
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};

/// Headers of the connection, which end here, and those that the gateway's own client makes.
const NOT_PASSED_ON: &[&str] =
    &["connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(listen), Some(origin)) = (arguments.next(), arguments.next()) else {
        return Err("usage: caching_proxy LISTEN ORIGIN, 127.0.0.1:8001 http://127.0.0.1:8000 say".into());
    };
    let upstream = CachedUpstream::new(Arc::new(Plain), 256 << 20);
    let (upstream, origin): (Arc<dyn Upstream>, Arc<str>) = (Arc::new(upstream), origin.into());
    let listener = tokio::net::TcpListener::bind(listen.parse::<SocketAddr>()?).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (upstream, origin) = (Arc::clone(&upstream), Arc::clone(&origin));
        let service = hyper::service::service_fn(move |request| {
            let (upstream, origin) = (Arc::clone(&upstream), Arc::clone(&origin));
            async move { pass_on(&*upstream, &origin, request).await }
        });
        tokio::spawn(async move {
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A client that goes away is its own affair.
            let _ = server.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// HTTP/1.1 as it comes: nothing is decompressed, and each request has a connection of its own.
struct Plain;

impl Upstream for Plain {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            exchange(request).await.map_err(|error| FetchError::new(Code::HttpClientError, error.to_string()))
        })
    }
}

async fn exchange(request: Arc<UpstreamRequest>) -> Result<UpstreamResponse, Box<dyn Error + Send + Sync>> {
    let uri: http::Uri = request.url.parse()?;
    let authority = uri.authority().ok_or("no authority")?;
    let stream = tokio::net::TcpStream::connect(authority.as_str()).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut sent = Request::builder().method(request.method.clone()).uri(path);
    sent = sent.header(http::header::HOST, authority.as_str());
    for (name, value) in request.all_headers() {
        sent = sent.header(name, value);
    }
    let answered =
        sender.send_request(sent.body(Full::new(request.body.clone().unwrap_or_default()))?).await?;
    let (head, body) = answered.into_parts();
    Ok(UpstreamResponse::new(head.status, head.headers, body.collect().await?.to_bytes()))
}

async fn pass_on(
    upstream: &dyn Upstream,
    origin: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // A client's condition is about what it holds, not about what the cache holds: it is judged on the way back.
    let is_read = matches!(head.method.as_str(), "GET" | "HEAD") && !head.headers.contains_key("range");
    let conditions = ["if-none-match", "if-modified-since"];
    let headers: Vec<_> = head
        .headers
        .iter()
        .filter(|(name, _)| !NOT_PASSED_ON.contains(&name.as_str()))
        .filter(|(name, _)| !is_read || !conditions.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let names: Vec<HeaderName> = headers.iter().map(|(name, _)| name.clone()).collect();
    let rules = CacheRules {
        entry_bytes_max: 8 << 20,
        ignore_headers: names,
        stores_errors: true,
        stores_cookies: true,
        ..CacheRules::default()
    };
    let source = Arc::new(Source {
        settings: SourceSettings { cache: Some(rules), ..SourceSettings::default() },
        ..Source::named("")
    });
    let sent = UpstreamRequest {
        headers,
        body: (!body.is_empty()).then_some(body),
        ..UpstreamRequest::new(head.method, format!("{origin}{path}"))
    };
    Ok(match upstream.send(&source, sent.into()).await {
        Ok(answered) => {
            let mut headers: HeaderMap = (*answered.headers).clone();
            headers.remove(http::header::TRANSFER_ENCODING);
            headers.remove(http::header::CONNECTION);
            headers.remove(http::header::CONTENT_LENGTH);
            if let Some(age) = answered.age {
                headers.insert(http::header::AGE, age.as_secs().into());
            }
            let mut response = Response::new(Full::new(answered.body));
            *response.status_mut() = answered.status;
            if is_read && answered.status == StatusCode::OK && is_known(&head.headers, &headers) {
                response = Response::new(Full::default());
                *response.status_mut() = StatusCode::NOT_MODIFIED;
            }
            *response.headers_mut() = headers;
            response
        }
        Err(error) => {
            let mut response = Response::new(Full::new(error.to_string().into()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    })
}

/// Whether the client holds this very response already (RFC 9110, section 13.2.2).
fn is_known(asked: &HeaderMap, answered: &HeaderMap) -> bool {
    let weak = |etag: &str| etag.trim().trim_start_matches("W/").to_owned();
    let text = |headers: &HeaderMap, name: HeaderName| {
        headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    if let Some(known) = text(asked, http::header::IF_NONE_MATCH) {
        let etag = text(answered, http::header::ETAG);
        return etag.is_some_and(|etag| known.split(',').any(|known| weak(known) == weak(&etag)));
    }
    let date = |text: Option<String>| text.and_then(|text| httpdate::parse_http_date(&text).ok());
    let since = date(text(asked, http::header::IF_MODIFIED_SINCE));
    let modified = date(text(answered, http::header::LAST_MODIFIED).or(text(answered, http::header::DATE)));
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}
