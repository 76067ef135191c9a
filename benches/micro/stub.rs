//! A backend in this process: a hundred posts in 27 kB and ten users, as bytes that are there. Nothing is waited for.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use ficus::{
    connector::Source,
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

const WORDS: [&str; 8] = ["amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbour"];

fn words(seed: usize, count: usize) -> String {
    let word = |position: usize| WORDS.get((seed * 5 + position * 3) % WORDS.len()).copied();
    (0..count).filter_map(word).collect::<Vec<_>>().join(" ")
}

/// The posts, ten of each user.
pub fn posts() -> String {
    let post = |id: usize| json!({"userId": (id - 1) / 10 + 1, "id": id, "title": words(id, 6), "body": words(id + 1, 28)});
    Value::from_iter((1..=100).map(post)).to_string()
}

fn users() -> String {
    let user = |id: usize| {
        json!({
            "id": id, "name": words(id, 2), "email": format!("{}@example.org", words(id, 1)),
            "address": {"street": words(id, 3), "city": words(id + 1, 2), "geo": {"lat": "-37.3159", "lng": "81.1496"}},
            "company": {"name": words(id + 2, 2), "catchPhrase": words(id + 3, 10)}
        })
    };
    Value::from_iter((1..=10).map(user)).to_string()
}

/// Answers `/posts` and `/users` whatever is asked of them.
pub struct Stub {
    posts: Bytes,
    users: Bytes,
}

impl Stub {
    pub fn new() -> Self {
        Stub { posts: posts().into(), users: users().into() }
    }
}

impl Upstream for Stub {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let body = if request.url.contains("/users") { &self.users } else { &self.posts };
        let response = UpstreamResponse::new(StatusCode::OK, HeaderMap::new(), body.clone());
        Box::pin(std::future::ready(Ok(response)))
    }
}
