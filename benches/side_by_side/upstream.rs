//! The backend that every contender calls: all in memory, bodies ready to be sent. It counts its calls, and is as slow and as
//! faulty as it is told to be. It is no contender, so it only has to be cheap enough not to hold one up.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    convert::Infallible,
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::LocalSet};

use crate::data;

/// What is served, and how.
struct Backend {
    /// Whole bodies, by path.
    lists: HashMap<&'static str, Bytes>,
    /// Rows that are asked for by id, by path: `/users?id=1&id=2` is a list, `/users/1` one of them.
    rows: HashMap<&'static str, Vec<String>>,
    /// Lists of any length, made when they are first asked for.
    generated: RefCell<HashMap<usize, Bytes>>,
    /// So many calls came so far.
    calls: Cell<u64>,
    latency: Cell<Duration>,
    /// Every so many calls fail with 503; 0 for none.
    error_every: Cell<u64>,
}

impl Backend {
    fn new() -> anyhow::Result<Self> {
        let mut lists = HashMap::new();
        let mut rows = HashMap::new();
        for (path, list) in data::levels() {
            lists.insert(path, serde_json::to_vec(&list)?.into());
            rows.insert(path, texts(list));
        }
        lists.insert("posts", serde_json::to_vec(&data::posts())?.into());
        lists.insert("profiles", serde_json::to_vec(&data::profiles())?.into());
        lists.insert("catalogue", serde_json::to_vec(&data::catalogue())?.into());
        let articles = data::articles();
        lists.insert(
            "articles",
            serde_json::to_vec(&json!({"total": articles.len(), "items": articles}))?.into(),
        );
        rows.insert("users", texts(data::users()));
        rows.insert("vendors", texts((1..=data::VENDORS).map(data::vendor)));
        rows.insert("nodes", texts((1..=64).map(data::node)));
        Ok(Backend {
            lists,
            rows,
            generated: RefCell::default(),
            calls: Cell::default(),
            latency: Cell::default(),
            error_every: Cell::default(),
        })
    }

    async fn answer(&self, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
        let mut segments = path.trim_start_matches('/').splitn(2, '/');
        let (first, rest) = (segments.next().unwrap_or_default(), segments.next());
        match first {
            "calls" => return Ok(json_response(self.calls.get().to_string().into())),
            "set" => {
                self.set(query)?;
                return Ok(json_response("true".into()));
            }
            _ => self.calls.set(self.calls.get() + 1),
        }
        let fails = self.error_every.get() > 0 && self.calls.get().is_multiple_of(self.error_every.get());
        let body = body.collect().await?.to_bytes();
        if !self.latency.get().is_zero() {
            tokio::time::sleep(self.latency.get()).await;
        }
        let found =
            if parts.method == Method::POST { Some(place(&body)?) } else { self.find(first, rest, query) };
        let (status, body) = match found {
            _ if fails => (StatusCode::SERVICE_UNAVAILABLE, "{\"message\":\"try again\"}".into()),
            Some(found) => (StatusCode::OK, found),
            None => (StatusCode::NOT_FOUND, "null".into()),
        };
        let mut response = json_response(body);
        *response.status_mut() = status;
        Ok(response)
    }

    fn find(&self, first: &str, rest: Option<&str>, query: &str) -> Option<Bytes> {
        match (first, rest) {
            ("rows", None) => Some(self.list(query.strip_prefix("count=")?.parse().ok()?)),
            ("items", Some(id)) => Some(data::item(id.parse().ok()?).to_string().into()),
            (name, Some(id)) => self.row(name, id).map(|row| row.to_owned().into()),
            (name, None) if query.is_empty() => self.lists.get(name).cloned(),
            (name, None) => Some(self.chosen(name, query)),
        }
    }

    /// The rows that `id=1&id=2` names, in that order.
    fn chosen(&self, name: &str, query: &str) -> Bytes {
        let mut list = String::with_capacity(16 << 10);
        list.push('[');
        for row in query
            .split('&')
            .filter_map(|parameter| parameter.strip_prefix("id="))
            .filter_map(|id| self.row(name, id))
        {
            list.push_str(if list.len() == 1 { "" } else { "," });
            list.push_str(row);
        }
        list.push(']');
        list.into()
    }

    fn row(&self, name: &str, id: &str) -> Option<&str> {
        self.rows.get(name)?.get(id.parse::<usize>().ok()?.checked_sub(1)?).map(String::as_str)
    }

    fn list(&self, count: usize) -> Bytes {
        let mut generated = self.generated.borrow_mut();
        let list = generated.entry(count).or_insert_with(|| {
            let rows: Vec<String> = (1..=count).map(|id| data::row(id).to_string()).collect();
            format!("[{}]", rows.join(",")).into()
        });
        list.clone()
    }

    /// `latency_us=4000&error_every=100`
    fn set(&self, query: &str) -> anyhow::Result<()> {
        for (name, value) in query.split('&').filter_map(|setting| setting.split_once('=')) {
            match name {
                "latency_us" => self.latency.set(Duration::from_micros(value.parse()?)),
                "error_every" => self.error_every.set(value.parse()?),
                _ => anyhow::bail!("there is no setting {name:?}"),
            }
        }
        Ok(())
    }
}

fn texts(rows: impl IntoIterator<Item = Value>) -> Vec<String> {
    rows.into_iter().map(|row| row.to_string()).collect()
}

fn place(body: &[u8]) -> anyhow::Result<Bytes> {
    let order: Value = serde_json::from_slice(body)?;
    let number = |name: &str| order.get(name).and_then(Value::as_u64).unwrap_or_default();
    Ok(data::placed(number("item"), number("quantity")).to_string().into())
}

fn json_response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Serves on all the addresses until the process ends; they answer alike, and are different backends to whoever calls them.
pub fn serve(addresses: &[String]) -> anyhow::Result<()> {
    let backend = Rc::new(Backend::new()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    for address in addresses {
        let (backend, address) = (Rc::clone(&backend), address.clone());
        tasks.spawn_local(async move {
            if let Err(error) = listen(&address, &backend).await {
                eprintln!("{address}: {error}");
                std::process::exit(3);
            }
        });
    }
    runtime.block_on(tasks);
    Ok(())
}

async fn listen(address: &str, backend: &Rc<Backend>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let backend = Rc::clone(backend);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| {
                let backend = Rc::clone(&backend);
                async move {
                    let answer = backend.answer(request).await.unwrap_or_else(|error| {
                        let mut wrong = Response::new(Full::new(error.to_string().into()));
                        *wrong.status_mut() = StatusCode::BAD_REQUEST;
                        wrong
                    });
                    Ok::<_, Infallible>(answer)
                }
            });
            // A contender that goes away takes its connections along.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
