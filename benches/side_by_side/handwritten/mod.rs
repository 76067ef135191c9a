//! The yardstick: endpoints written by hand for exactly these operations, with what a Rust service would use for them and with some care.
//! They parse no GraphQL; they read the upstream's bodies into borrowed structs, skip what nobody asked for, and write the
//! answer into one buffer without a copy in between.

mod deep;
mod lists;
mod posts;
mod single;
mod wide;

use std::{borrow::Cow, cell::Cell, fmt::Write as _};

use anyhow::Context as _;
use axum::{Router, body::Body, extract::State, response::Response, routing::post};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    service,
    workloads::{BIG, CALLER, DEEP, METHODS, MUTATION, Q1, Q2, Q3, RANDOM, ROWS, WIDE},
};

static CALLER_NAME: HeaderName = HeaderName::from_static(CALLER);
static JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(borrow, default)]
    variables: Variables<'a>,
}

/// Those of all operations.
#[derive(Deserialize, Default)]
struct Variables<'a> {
    id: Option<u32>,
    count: Option<u32>,
    item: Option<u32>,
    quantity: Option<u32>,
    #[serde(borrow)]
    note: Option<Cow<'a, str>>,
}

/// The services behind the endpoints, each with its own address, which is parsed once.
struct Backend {
    client: reqwest::Client,
    addresses: Vec<Url>,
}

/// One request to them, made for a caller.
struct Upstream<'a> {
    backend: &'static Backend,
    caller: Option<&'a HeaderValue>,
}

impl Upstream<'_> {
    /// What is at a path of one of the services.
    async fn get(&self, service: usize, path: &str) -> anyhow::Result<Bytes> {
        self.send(Method::GET, self.url(service, path)?, None).await
    }

    /// The rows with these ids, each asked for once.
    async fn rows(&self, service: usize, path: &str, mut ids: Vec<u32>) -> anyhow::Result<Bytes> {
        ids.sort_unstable();
        ids.dedup();
        let mut wanted = String::with_capacity(path.len() + ids.len() * 8);
        wanted.push_str(path);
        for (position, id) in ids.iter().enumerate() {
            write!(wanted, "{}id={id}", if position == 0 { '?' } else { '&' })?;
        }
        self.send(Method::GET, self.url(service, &wanted)?, None).await
    }

    fn url(&self, service: usize, path: &str) -> anyhow::Result<Url> {
        let address = self.backend.addresses.get(service).context("there is no such service")?;
        Ok(address.join(path)?)
    }

    /// Sends a request; one that may be repeated is, once, when the service is in trouble.
    async fn send(&self, method: Method, url: Url, body: Option<Vec<u8>>) -> anyhow::Result<Bytes> {
        let mut again = method == Method::GET;
        let body = body.map(Bytes::from);
        loop {
            let mut request = self.backend.client.request(method.clone(), url.clone());
            if let Some(caller) = self.caller {
                request = request.header(CALLER_NAME.clone(), caller.clone());
            }
            if let Some(body) = &body {
                request = request.header(header::CONTENT_TYPE, JSON.clone()).body(body.clone());
            }
            let response = request.send().await?;
            if again && response.status().is_server_error() {
                again = false;
                continue;
            }
            return Ok(response.error_for_status()?.bytes().await?);
        }
    }
}

/// An iterator as a list, written while it runs.
struct List<I>(Cell<Option<I>>);

impl<I> List<I> {
    fn of(rows: impl IntoIterator<IntoIter = I>) -> Self {
        List(Cell::new(Some(rows.into_iter())))
    }
}

impl<I: Iterator<Item: Serialize>> Serialize for List<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}

/// Rows that can be found by their id.
struct ById<T> {
    rows: Vec<T>,
    id: fn(&T) -> u32,
}

impl<T> ById<T> {
    /// Reads a service's answer.
    fn read<'a>(body: &'a [u8], id: fn(&T) -> u32) -> serde_json::Result<Self>
    where
        T: Deserialize<'a>,
    {
        let mut rows: Vec<T> = serde_json::from_slice(body)?;
        rows.sort_unstable_by_key(id);
        Ok(ById { rows, id })
    }

    fn get(&self, id: u32) -> Option<&T> {
        self.rows.binary_search_by_key(&id, self.id).ok().and_then(|at| self.rows.get(at))
    }
}

#[derive(Serialize)]
struct Answer<T> {
    data: T,
}

#[derive(Serialize)]
struct Hello {
    hello: &'static str,
}

/// Writes an answer; `capacity` is about what it will take.
fn write(data: &impl Serialize, capacity: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(capacity);
    serde_json::to_writer(&mut body, &Answer { data })?;
    Ok(body)
}

async fn answer(upstream: &Upstream<'_>, request: &[u8]) -> anyhow::Result<Vec<u8>> {
    let Request { query, variables } = serde_json::from_slice(request)?;
    let missing = || anyhow::anyhow!("a variable is missing");
    match &*query {
        Q1 => posts::with_users(upstream).await,
        Q2 => posts::titles(upstream).await,
        Q3 => write(&Hello { hello: "world" }, 64),
        DEEP => deep::answer(upstream).await,
        WIDE => wide::answer(upstream).await,
        BIG => lists::catalogue(upstream).await,
        METHODS => lists::articles(upstream).await,
        MUTATION => {
            let Variables { item, quantity, note, .. } = variables;
            let order = single::Order {
                item: item.ok_or_else(missing)?,
                quantity: quantity.ok_or_else(missing)?,
                note: note.as_deref(),
            };
            single::place_order(upstream, &order).await
        }
        RANDOM => single::item(upstream, variables.id.ok_or_else(missing)?).await,
        ROWS => lists::rows(upstream, variables.count.ok_or_else(missing)?).await,
        other => anyhow::bail!("no answer was written for {other}"),
    }
}

async fn graphql(State(backend): State<&'static Backend>, headers: HeaderMap, request: Bytes) -> Response {
    let upstream = Upstream { backend, caller: headers.get(&CALLER_NAME) };
    let body = answer(&upstream, &request).await.unwrap_or_else(|error| {
        // What went wrong is for the log.
        eprintln!("{error:#}");
        br#"{"data":null,"errors":[{"message":"a service could not be reached"}]}"#.to_vec()
    });
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, JSON.clone());
    response
}

/// Serves until the process ends.
pub fn serve(address: &str, upstreams: &[String]) -> anyhow::Result<()> {
    let addresses =
        service::urls(upstreams).iter().map(|address| Url::parse(address)).collect::<Result<_, _>>()?;
    let backend = Backend { client: service::client()?, addresses };
    let backend: &'static Backend = Box::leak(Box::new(backend));
    service::serve(address, Router::new().route("/graphql", post(graphql)).with_state(backend))
}
