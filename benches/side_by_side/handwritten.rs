//! The contender: an endpoint written by hand for exactly these three queries, with what a Rust service would use for
//! it. It parses no GraphQL; it reads the upstream's bodies into borrowed structs and writes the answer at once.

use std::{borrow::Cow, fmt::Write as _};

use axum::{Router, body::Body, extract::State, response::Response, routing::post};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::measure::{Q1, Q2, Q3};

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Post<'a> {
    id: u32,
    #[serde(rename = "userId")]
    user_id: u32,
    #[serde(borrow)]
    title: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Title<'a> {
    #[serde(borrow)]
    title: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
struct User<'a> {
    id: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    email: Cow<'a, str>,
}

#[derive(Serialize)]
struct Answer<T> {
    data: T,
}

#[derive(Serialize)]
struct Posts<T> {
    posts: Vec<T>,
}

#[derive(Serialize)]
struct FullPost<'a> {
    id: u32,
    #[serde(rename = "userId")]
    user_id: u32,
    title: &'a str,
    user: Option<&'a User<'a>>,
}

#[derive(Serialize)]
struct PostTitle<'a> {
    title: &'a str,
}

#[derive(Serialize)]
struct Hello {
    hello: &'static str,
}

struct Backend {
    client: reqwest::Client,
    posts: String,
    users: String,
}

impl Backend {
    async fn get(&self, url: &str) -> anyhow::Result<Bytes> {
        Ok(self.client.get(url).send().await?.error_for_status()?.bytes().await?)
    }

    async fn answer(&self, request: &[u8]) -> anyhow::Result<Vec<u8>> {
        let request: Request<'_> = serde_json::from_slice(request)?;
        match &*request.query {
            Q1 => self.posts_with_users().await,
            Q2 => {
                let body = self.get(&self.posts).await?;
                let posts: Vec<Title<'_>> = serde_json::from_slice(&body)?;
                write(&Posts { posts: posts.iter().map(|post| PostTitle { title: &post.title }).collect() })
            }
            Q3 => write(&Hello { hello: "world" }),
            other => anyhow::bail!("no answer was written for {other}"),
        }
    }

    async fn posts_with_users(&self) -> anyhow::Result<Vec<u8>> {
        let body = self.get(&self.posts).await?;
        let posts: Vec<Post<'_>> = serde_json::from_slice(&body)?;
        let mut ids: Vec<u32> = posts.iter().map(|post| post.user_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut url = self.users.clone();
        for (position, id) in ids.iter().enumerate() {
            write!(url, "{}id={id}", if position == 0 { '?' } else { '&' })?;
        }
        let body = self.get(&url).await?;
        let mut users: Vec<User<'_>> = serde_json::from_slice(&body)?;
        users.sort_unstable_by_key(|user| user.id);
        let user = |id| users.binary_search_by_key(&id, |user| user.id).ok().and_then(|at| users.get(at));
        let full = posts.iter().map(|post| FullPost {
            id: post.id,
            user_id: post.user_id,
            title: &post.title,
            user: user(post.user_id),
        });
        write(&Posts { posts: full.collect() })
    }
}

fn write(data: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(16 << 10);
    serde_json::to_writer(&mut body, &Answer { data })?;
    Ok(body)
}

async fn graphql(State(backend): State<&'static Backend>, request: Bytes) -> Response {
    let (status, body) = match backend.answer(&request).await {
        Ok(body) => (StatusCode::OK, Body::from(body)),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Body::from(error.to_string())),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/graphql-response+json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Serves until the process ends.
pub fn serve(address: &str, upstream: String) -> anyhow::Result<()> {
    // The same decompression and TLS features are compiled in; the upstream uses neither.
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?;
    let (posts, users) = (format!("{upstream}/posts"), format!("{upstream}/users"));
    let backend: &'static Backend = Box::leak(Box::new(Backend { client, posts, users }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let router = Router::new().route("/graphql", post(graphql)).with_state(backend);
        let listener = tokio::net::TcpListener::bind(address).await?;
        Ok(axum::serve(listener, router).await?)
    })
}
