//! Requests, responses and results as JSON that people and tools may read, and that cases are compared with.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value as Json, json};

use super::run::Trial;
use crate::{
    fetch::{Exchange, FetchError, Finding, Redaction, UpstreamRequest, UpstreamResponse},
    mapping::problems::ReportedError,
};

/// `{method, url, headers, body}`. A header that stands once is a string, else a list of strings; a body that is JSON is
/// that value, any other its text; none is left out.
#[must_use]
pub fn request_json(request: &UpstreamRequest, redaction: &Redaction) -> Json {
    let headers = request.headers.iter().map(|(name, value)| (name, redaction.header(name, value)));
    let body = request.body.as_ref().filter(|body| !body.is_empty());
    message(
        &request.method,
        redaction.url(&request.url),
        headers,
        body.map(|body| body_json(body, redaction)),
    )
}

/// The same with all that is secret in it: for comparing, not for showing.
pub(super) fn plain_request_json(request: &UpstreamRequest) -> Json {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request.headers.iter().map(|(name, value)| (name, text(value).into()));
    let body = request.body.as_ref().filter(|body| !body.is_empty());
    let body = body.map(|body| body_json(body, &Redaction::default()));
    message(&request.method, request.url.clone(), headers, body)
}

fn message<'h>(
    method: &http::Method,
    url: String,
    headers: impl Iterator<Item = (&'h HeaderName, Cow<'h, str>)>,
    body: Option<Json>,
) -> Json {
    let mut shown = Map::new();
    shown.insert("method".to_owned(), method.as_str().into());
    shown.insert("url".to_owned(), url.into());
    shown.insert("headers".to_owned(), headers_json(headers));
    if let Some(body) = body {
        shown.insert("body".to_owned(), body);
    }
    Json::Object(shown)
}

/// `{status, headers, body}`.
#[must_use]
pub fn response_json(response: &UpstreamResponse, redaction: &Redaction) -> Json {
    let mut shown = Map::new();
    shown.insert("status".to_owned(), response.status.as_u16().into());
    let headers = response.headers.iter().map(|(name, value)| (name, redaction.header(name, value)));
    shown.insert("headers".to_owned(), headers_json(headers));
    if !response.body.is_empty() {
        shown.insert("body".to_owned(), body_json(&response.body, redaction));
    }
    Json::Object(shown)
}

/// `{in, path, message, count}`
fn problem_json(finding: &Finding, redaction: &Redaction) -> Json {
    json!({
        "in": finding.site.as_str(),
        "path": finding.problem.path,
        "message": redaction.text(&finding.problem.message),
        "count": finding.problem.count,
    })
}

/// `{message, path, count, extensions}`
fn reported_json(reported: &ReportedError, redaction: &Redaction) -> Json {
    json!({
        "message": redaction.text(&reported.message),
        "path": reported.path,
        "count": reported.count,
        "extensions": redaction.json(&Json::Object(reported.extensions.clone())),
    })
}

/// A whole run: what `ficus run --format json` prints.
#[must_use]
pub fn trial_json(trial: &Trial, redaction: &Redaction) -> Json {
    let call = |call: &Exchange| {
        let mut shown = Map::new();
        if let Some(request) = &call.request {
            shown.insert("request".to_owned(), request_json(request, redaction));
        }
        match call.answer.as_deref() {
            Some(Ok(response)) => {
                drop(shown.insert("response".to_owned(), response_json(response, redaction)))
            }
            Some(Err(error)) => drop(shown.insert("failure".to_owned(), failure_json(error, redaction))),
            None => {}
        }
        Json::Object(shown)
    };
    json!({
        "connector": trial.coordinate,
        "calls": trial.calls.iter().map(call).collect::<Vec<_>>(),
        "result": redaction.json(&trial.result),
        "errors": trial.errors.iter().map(|error| redaction.json(error)).collect::<Vec<_>>(),
        "reported": reported_all(trial, redaction),
        "problems": problems_all(trial, redaction),
    })
}

/// All that the mappings of a run reported to the client.
#[must_use]
pub fn reported_all(trial: &Trial, redaction: &Redaction) -> Json {
    trial.findings.reported().iter().map(|error| reported_json(error, redaction)).collect()
}

/// All problems of a run.
#[must_use]
pub fn problems_all(trial: &Trial, redaction: &Redaction) -> Json {
    trial.findings.problems().iter().map(|finding| problem_json(finding, redaction)).collect()
}

/// `{code, message, detail}` of an exchange that came to nothing.
#[must_use]
pub fn failure_json(error: &FetchError, redaction: &Redaction) -> Json {
    json!({
        "code": error.client.code.as_str(),
        "message": redaction.text(&error.client.message),
        "detail": error.detail.as_deref().map(|detail| redaction.text(detail)),
    })
}

/// A header that stands more than once has a list of values.
fn headers_json<'h>(headers: impl Iterator<Item = (&'h HeaderName, Cow<'h, str>)>) -> Json {
    let mut shown: Map<String, Json> = Map::new();
    for (name, value) in headers {
        let value = Json::from(value);
        match shown.get_mut(name.as_str()) {
            Some(Json::Array(values)) => values.push(value),
            Some(known) => *known = Json::Array(vec![known.take(), value]),
            None => {
                shown.insert(name.to_string(), value);
            }
        }
    }
    Json::Object(shown)
}

/// JSON where it is that, else text.
fn body_json(body: &Bytes, redaction: &Redaction) -> Json {
    match serde_json::from_slice(body) {
        Ok(json) => redaction.json(&json),
        Err(_) => redaction.text(&String::from_utf8_lossy(body)).into(),
    }
}
