//! Requests, responses and results as JSON that people and tools may read, and that cases are compared with.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
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
    let mut shown = Map::new();
    shown.insert("method".to_owned(), request.method.as_str().into());
    shown.insert("url".to_owned(), redaction.text(&request.url).into());
    let headers = request.headers.iter().map(|(name, value)| (name, value));
    shown.insert("headers".to_owned(), headers_json(headers, redaction));
    if let Some(body) = request.body.as_ref().filter(|body| !body.is_empty()) {
        shown.insert("body".to_owned(), body_json(body, redaction));
    }
    Json::Object(shown)
}

/// `{status, headers, body}`.
#[must_use]
pub fn response_json(response: &UpstreamResponse, redaction: &Redaction) -> Json {
    let mut shown = Map::new();
    shown.insert("status".to_owned(), response.status.as_u16().into());
    shown.insert("headers".to_owned(), all_headers(&response.headers, redaction));
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
        "extensions": redacted(&Json::Object(reported.extensions.clone()), redaction),
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
        "result": redacted(&trial.result, redaction),
        "errors": trial.errors.iter().map(|error| redacted(error, redaction)).collect::<Vec<_>>(),
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

/// A value without the strings that nobody may be shown.
#[must_use]
pub fn redacted(json: &Json, redaction: &Redaction) -> Json {
    match json {
        Json::String(text) => redaction.text(text).into(),
        Json::Array(items) => items.iter().map(|item| redacted(item, redaction)).collect(),
        Json::Object(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (redaction.text(key).into_owned(), redacted(value, redaction)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// All headers of a response.
fn all_headers(headers: &HeaderMap, redaction: &Redaction) -> Json {
    headers_json(headers.iter(), redaction)
}

fn headers_json<'h>(
    headers: impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)>,
    redaction: &Redaction,
) -> Json {
    let mut shown: Map<String, Json> = Map::new();
    for (name, value) in headers {
        let value = Json::from(redaction.header(name, value).as_ref());
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
        Ok(json) => redacted(&json, redaction),
        Err(_) => redaction.text(&String::from_utf8_lossy(body)).into(),
    }
}
