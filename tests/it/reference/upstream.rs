//! The backend of both gateways: answers each path as the triple says, and writes down what it was asked.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::Response,
};

use super::generate::{Answer, Triple};

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) method: String,
    /// Path and query, as they came.
    pub(super) target: String,
    /// Lower-case names, in the order of the names.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

#[derive(Default)]
struct Known {
    triples: HashMap<String, Triple>,
    calls: Vec<Call>,
}

/// A backend on loopback.
#[derive(Clone, Default)]
pub(super) struct Backend(Arc<Mutex<Known>>);

impl Backend {
    /// Starts to listen.
    pub(super) async fn start() -> (Backend, SocketAddr) {
        let backend = Backend::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = axum::Router::new().fallback(answer).with_state(backend.clone());
        tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        (backend, address)
    }

    /// Learns what to answer.
    pub(super) fn know(&self, triples: &[Triple]) {
        let mut known = self.0.lock().unwrap();
        known.triples = triples.iter().map(|triple| (triple.name.clone(), triple.clone())).collect();
    }

    /// The calls since this was asked last. Requests of one operation run at once, so they are sorted.
    pub(super) fn take_calls(&self) -> Vec<Call> {
        let mut calls = std::mem::take(&mut self.0.lock().unwrap().calls);
        calls.sort();
        calls
    }
}

async fn answer(
    State(backend): State<Backend>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut seen: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    seen.sort();
    let target = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let mut known = backend.0.lock().unwrap();
    known.calls.push(Call {
        method: method.to_string(),
        target,
        headers: seen,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let answer = known.find(uri.path()).unwrap_or(Answer {
        status: 404,
        content_type: Some("application/json"),
        body: "{}".to_owned(),
    });
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    if let Some(content_type) = answer.content_type {
        response.headers_mut().insert("content-type", content_type.parse().unwrap());
    }
    response
}

impl Known {
    fn find(&self, path: &str) -> Option<Answer> {
        let mut segments = path.split('/');
        let triple = segments.find_map(|segment| self.triples.get(segment))?;
        let below: String = segments.map(|segment| format!("/{segment}")).collect();
        triple.answers.get(&below).or_else(|| triple.answers.get("")).cloned()
    }
}
