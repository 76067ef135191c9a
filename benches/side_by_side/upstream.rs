//! The backend that every contender calls: 100 posts in 27 kB, ten users of half a kilobyte, all in memory.
//! It counts its calls.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const WORDS: [&str; 16] = [
    "amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbour", "indigo", "juniper", "kelp",
    "lichen", "meadow", "nimbus", "obsidian", "pollen",
];

fn words(seed: usize, count: usize) -> String {
    let word = |position| WORDS.get((seed * 7 + position * position * 3 + position) % WORDS.len());
    (0..count).filter_map(word).copied().collect::<Vec<_>>().join(" ")
}

/// The hundred posts, ten of each user.
pub fn posts() -> Vec<Value> {
    (1..=100)
        .map(|id| {
            let body = format!("{}\n{}\n{}", words(id, 9), words(id + 1, 9), words(id + 2, 9));
            json!({"userId": (id - 1) / 10 + 1, "id": id, "title": words(id + 3, 6), "body": body})
        })
        .collect()
}

/// The ten users.
pub fn users() -> Vec<Value> {
    (1..=10)
        .map(|id| {
            let name = words(id, 2);
            json!({
                "id": id, "name": name, "username": words(id + 5, 1), "email": format!("{}@example.org", words(id, 1)),
                "address": {
                    "street": words(id + 2, 3), "suite": format!("Apt. {id}56"), "city": words(id + 1, 2),
                    "zipcode": format!("9{id}998-38{id}4"), "geo": {"lat": "-37.3159", "lng": "81.1496"}
                },
                "phone": format!("1-770-736-80{id} x5644{id}"), "website": format!("{}.example.org", words(id + 4, 1)),
                "company": {"name": words(id + 6, 2), "catchPhrase": words(id + 7, 10), "bs": words(id + 8, 10)}
            })
        })
        .collect()
}

struct Data {
    posts: Bytes,
    users: Vec<String>,
    calls: AtomicU64,
}

impl Data {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let uri = request.uri();
        let body = match uri.path() {
            "/calls" => return json_response(self.calls.load(Ordering::Relaxed).to_string().into()),
            "/posts" => self.posts.clone(),
            "/users" => self.users(uri.query().unwrap_or_default()).into(),
            path => match path.strip_prefix("/users/").and_then(|id| self.user(id)) {
                Some(user) => user.to_owned().into(),
                None => {
                    let mut missing = Response::new(Full::default());
                    *missing.status_mut() = StatusCode::NOT_FOUND;
                    return missing;
                }
            },
        };
        self.calls.fetch_add(1, Ordering::Relaxed);
        json_response(body)
    }

    fn users(&self, query: &str) -> String {
        let mut list = String::with_capacity(6 << 10);
        list.push('[');
        let ids = query.split('&').filter_map(|parameter| parameter.strip_prefix("id="));
        for (position, user) in ids.filter_map(|id| self.user(id)).enumerate() {
            list.push_str(if position == 0 { "" } else { "," });
            list.push_str(user);
        }
        list.push(']');
        list
    }

    fn user(&self, id: &str) -> Option<&str> {
        self.users.get(id.parse::<usize>().ok()?.checked_sub(1)?).map(String::as_str)
    }
}

fn json_response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// Serves until the process ends.
pub fn serve(address: &str) -> anyhow::Result<()> {
    let data = Arc::new(Data {
        posts: serde_json::to_vec(&posts())?.into(),
        users: users().iter().map(Value::to_string).collect(),
        calls: AtomicU64::new(0),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let data = Arc::clone(&data);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let answer = data.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
                // A contender that goes away takes its connections along.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
            });
        }
    })
}
