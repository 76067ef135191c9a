//! Posts with their users, and titles alone.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{ById, List, Upstream, write};

#[derive(Deserialize)]
struct Post<'a> {
    id: u32,
    #[serde(rename = "userId")]
    user_id: u32,
    #[serde(borrow)]
    title: Cow<'a, str>,
}

#[derive(Deserialize, Serialize)]
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
struct Posts<T> {
    posts: T,
}

#[derive(Serialize)]
struct FullPost<'a> {
    id: u32,
    #[serde(rename = "userId")]
    user_id: u32,
    title: &'a str,
    user: Option<&'a User<'a>>,
}

pub(super) async fn titles(upstream: &Upstream<'_>) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, "/posts").await?;
    let posts: Vec<Title<'_>> = serde_json::from_slice(&body)?;
    write(&Posts { posts }, 8 << 10)
}

pub(super) async fn with_users(upstream: &Upstream<'_>) -> anyhow::Result<Vec<u8>> {
    let body = upstream.get(0, "/posts").await?;
    let posts: Vec<Post<'_>> = serde_json::from_slice(&body)?;
    let body = upstream.rows(0, "/users", posts.iter().map(|post| post.user_id).collect()).await?;
    let users = ById::<User<'_>>::read(&body, |user| user.id)?;
    let posts = List::of(posts.iter().map(|post| FullPost {
        id: post.id,
        user_id: post.user_id,
        title: &post.title,
        user: users.get(post.user_id),
    }));
    write(&Posts { posts }, 16 << 10)
}
