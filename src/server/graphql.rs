//! GraphQL over HTTP: one request from its method and headers to its response. Each rule stands in a module of its own; here
//! is their order. Which operation is allowed is not decided here (see `operation`).

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body;

use super::{
    ResponseBody, access_log, body, coding::Coding, csrf, media, media::MediaType, parameters,
    parameters::Parameters, refusal::Refusal, reply, validators,
};
use crate::{
    config::Config,
    error::Code,
    execute::{Gateway, Packed, Request, ResponseKind},
};

/// The methods of the endpoint, as `Allow` lists them.
const METHODS: &str = "GET, POST, OPTIONS";

/// Answers a request to the GraphQL endpoint. CORS headers are the caller's.
pub(super) async fn answer<B>(
    gateway: &Gateway,
    parts: &mut Parts,
    body: B,
    line: &mut access_log::Line,
) -> Response<ResponseBody>
where
    B: Body<Data = Bytes>,
{
    if parts.method != Method::POST && parts.method != Method::GET {
        return reply::refusal(Refusal::method_not_allowed(METHODS).closing(), MediaType::Json);
    }
    let Some(media) = MediaType::negotiate(parts.headers.get_all(header::ACCEPT).iter()) else {
        let refusal = Refusal::new(
            Code::NotAcceptable,
            "Responses are application/graphql-response+json or application/json; Accept allows neither.",
        );
        return reply::refusal(refusal.closing(), MediaType::Json);
    };
    let parameters = match read(gateway.config(), parts, body).await {
        Ok(parameters) => parameters,
        Err(refusal) => return reply::refusal(refusal, media),
    };
    let config = gateway.config();
    let coding = if config.compression {
        Coding::negotiate(parts.headers.get_all(header::ACCEPT_ENCODING).iter())
    } else {
        None
    };
    let headers = std::mem::take(&mut parts.headers);
    match parameters {
        Parameters::One(request) => {
            line.operation(request.operation_name.as_deref());
            let known = headers.get(header::IF_NONE_MATCH).filter(|_| parts.method == Method::GET).cloned();
            let response = gateway.execute(Request { headers: Some(headers), ..request }).await;
            let status = reply::status(response.kind, media);
            let mut kept = HeaderMap::new();
            if let Some(caching) = &response.caching {
                kept = validators::kept(caching, config);
                if parts.method == Method::GET {
                    let tag = validators::tag(&response.body, media);
                    if known.is_some_and(|known| validators::matches(&known, &tag)) {
                        kept.insert(header::ETAG, tag);
                        return reply::with_headers(StatusCode::NOT_MODIFIED, kept, Bytes::new());
                    }
                    kept.insert(header::ETAG, tag);
                }
            }
            let allow = allow(response.kind);
            let packed = response.packed.as_deref();
            let mut answer = compressed(status, media, response.body, coding, packed, config).await;
            answer.headers_mut().extend(kept);
            if let Some(allow) = allow {
                answer.headers_mut().insert(header::ALLOW, allow);
            }
            answer
        }
        Parameters::Many(requests) => {
            let (status, body) = batch(gateway, requests, &headers, media).await;
            compressed(status, media, body, coding, None, config).await
        }
    }
}

/// A response that nobody keeps, compressed where that is worth it.
async fn compressed(
    status: StatusCode,
    media: MediaType,
    body: Bytes,
    coding: Option<Coding>,
    packed: Option<&Packed>,
    config: &Config,
) -> Response<ResponseBody> {
    let (body, coding) = reply::compress(body, coding, packed).await;
    let mut response = reply::json(status, media.header(), body);
    let headers = response.headers_mut();
    if config.compression {
        headers.insert(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
    }
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, coding.header());
    }
    response
}

/// Reads what the request asks for, by its method.
async fn read<B>(config: &Config, parts: &Parts, body: B) -> Result<Parameters, Refusal>
where
    B: Body<Data = Bytes>,
{
    if parts.method == Method::GET {
        if config.csrf {
            csrf::check_get(&parts.headers)?;
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

/// Runs the operations of a batch side by side and answers with a list in the same order. Its status is 200 once any of
/// them ran: each entry says for itself what happened.
async fn batch(
    gateway: &Gateway,
    requests: Vec<Request>,
    headers: &HeaderMap,
    media: MediaType,
) -> (StatusCode, Bytes) {
    let runs = requests
        .into_iter()
        .map(|request| gateway.execute(Request { headers: Some(headers.clone()), ..request }));
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

/// RFC 9110 wants `Allow` with every 405: here it is a mutation that came as a GET.
fn allow(kind: ResponseKind) -> Option<HeaderValue> {
    (kind == ResponseKind::Refused(http::StatusCode::METHOD_NOT_ALLOWED))
        .then(|| HeaderValue::from_static("POST"))
}
