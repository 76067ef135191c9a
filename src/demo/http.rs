//! What the microservices' HTTP layers have in common: query parameters, JSON bodies, problems, and the
//! layer that counts and delays requests. What they serve stands in their own files.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{MatchedPath, Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::data::Amount;

/// A failure as the microservices write it: `{"error": {"code": …, "message": …}}` with a fitting status.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Problem { status: StatusCode::BAD_REQUEST, code: "BAD_REQUEST", message: message.into() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Problem {
            status: StatusCode::NOT_FOUND,
            code: "NOT_FOUND",
            message: format!("There is no such {what}."),
        }
    }

    pub(super) fn conflict(code: &'static str, message: String) -> Self {
        Problem { status: StatusCode::CONFLICT, code, message }
    }

    pub(super) fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Problem { status: StatusCode::UNPROCESSABLE_ENTITY, code, message: message.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": { "code": self.code, "message": self.message } })))
            .into_response()
    }
}

/// The query string, in the order written; names may repeat.
pub(super) type Params = Query<Vec<(String, String)>>;

/// All values of a parameter.
pub(super) fn values<'a>(params: &'a Params, name: &'a str) -> impl Iterator<Item = &'a str> {
    params.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The first value of a parameter that has one.
pub(super) fn value<'a>(params: &'a Params, name: &'a str) -> Option<&'a str> {
    values(params, name).find(|value| !value.is_empty())
}

/// All values of a parameter, as numbers.
pub(super) fn numbers(params: &Params, name: &str) -> Result<Vec<u32>, Problem> {
    values(params, name).map(|value| number(name, value)).collect()
}

/// The first value of a parameter, as a number of at most `most`.
pub(super) fn number_within(params: &Params, name: &str, default: u32, most: u32) -> Result<usize, Problem> {
    let found = value(params, name).map_or(Ok(default), |value| number(name, value))?;
    if found > most {
        return Err(Problem::bad_request(format!("{name} is at most {most}.")));
    }
    Ok(found as usize)
}

fn number(name: &str, value: &str) -> Result<u32, Problem> {
    value.parse().map_err(|_| Problem::bad_request(format!("{name} is not a number.")))
}

/// The `limit` and `offset` of a list: 20 from the first unless told otherwise.
pub(super) fn page(params: &Params) -> Result<(usize, usize), Problem> {
    Ok((number_within(params, "limit", 20, 500)?, number_within(params, "offset", 0, u32::MAX)?))
}

/// A JSON body.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::bad_request(error.to_string()))
}

/// An amount as the microservices write it.
pub(super) fn money(amount: Amount) -> Value {
    json!({ "amount": amount.to_string(), "currency": "EUR" })
}

/// A number, also when it comes as a string.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(u32),
    Text(String),
}

impl Id {
    pub(super) fn number(&self) -> Option<u32> {
        match self {
            Id::Number(number) => Some(*number),
            Id::Text(text) => text.parse().ok(),
        }
    }
}

/// How often each endpoint of a backend was asked: `GET /orders/{id}` to a number.
#[derive(Debug, Clone, Default)]
pub(super) struct Counters(Arc<Mutex<BTreeMap<String, u64>>>);

impl Counters {
    pub(super) fn snapshot(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, endpoint: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint).or_default() += 1;
    }
}

/// Counts every request to a backend and makes it wait as long as a slow network would.
pub(super) fn observe(router: Router, counters: Counters, latency: Duration) -> Router {
    router.layer(middleware::from_fn_with_state((counters, latency), pass))
}

async fn pass(
    State((counters, latency)): State<(Counters, Duration)>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let path = route.as_ref().map_or(request.uri().path(), MatchedPath::as_str);
    counters.count(format!("{} {path}", request.method()));
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    next.run(request).await
}
