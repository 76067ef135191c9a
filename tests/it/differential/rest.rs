//! The REST backend over the rows of a world, as an upstream in memory.

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use ficus::{
    connector::Source,
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
};
use serde_json::Value;

use super::model::{World, fails, id_text};

pub(super) struct Rest(pub(super) Arc<World>);

impl Upstream for Rest {
    fn send<'a>(
        &'a self,
        _source: &'a std::sync::Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            let (status, body) = self.answer(&request);
            let json = http::HeaderValue::from_static("application/json");
            let headers = [(http::header::CONTENT_TYPE, json)].into_iter().collect();
            let status = http::StatusCode::from_u16(status).unwrap();
            Ok(UpstreamResponse::new(status, headers, Bytes::from(body.to_string())))
        })
    }
}

impl Rest {
    fn answer(&self, request: &UpstreamRequest) -> (u16, Value) {
        let world = &self.0;
        let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let parameter = |name: &str| -> Vec<&str> {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .filter(|pair| pair.0 == name)
                .map(|pair| pair.1)
                .collect()
        };
        let first = parameter("first").first().map_or(usize::MAX, |first| first.parse().unwrap());
        let path: Vec<&str> = path.trim_start_matches("http://api/").split('/').collect();
        let rows = match path[..] {
            ["list"] => world.users.iter().take(first).cloned().collect(),
            // The order of a batch's rows means nothing, so it is turned round.
            ["users"] => {
                let ids = parameter("id");
                assert!(ids.len() <= 3 && !ids.is_empty(), "a batch of {ids:?}");
                world
                    .users
                    .iter()
                    .rev()
                    .filter(|user| ids.contains(&&*id_text(&user["id"])))
                    .cloned()
                    .collect()
            }
            ["users", id] => return world.user(id).map_or((404, Value::Null), |user| (200, user.clone())),
            ["posts"] => world.posts.clone(),
            ["posts-of"] => {
                let owners = parameter("owner");
                owners.iter().flat_map(|owner| children(&world.posts, owner).take(first)).cloned().collect()
            }
            ["posts", id, "comments"] if fails(id) => return (500, Value::Null),
            ["posts", id, "comments"] => children(&world.comments, id).cloned().collect(),
            ["feed"] => world.feed.iter().filter(|row| row["kind"] != "Note").cloned().collect(),
            ["results"] => world.feed.clone(),
            ["echo"] => {
                return (
                    200,
                    Value::String(echo(&serde_json::from_slice(request.body.as_ref().unwrap()).unwrap())),
                );
            }
            _ => panic!("no such resource: {}", request.url),
        };
        (200, Value::Array(rows))
    }
}

impl World {
    pub(super) fn user(&self, id: &str) -> Option<&Value> {
        self.users.iter().find(|user| id_text(&user["id"]) == id)
    }
}

/// Rows whose `owner` has this id.
pub(super) fn children<'a>(rows: &'a [Value], owner: &str) -> impl Iterator<Item = &'a Value> {
    rows.iter().filter(move |row| row.get("owner").is_some_and(|id| id_text(id) == owner))
}

/// Arguments as text: the same for equal arguments, whatever their order; null counts as left out.
pub(super) fn echo(arguments: &Value) -> String {
    match arguments {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(_, value)| !value.is_null()).collect();
            members.sort_by_key(|(name, _)| *name);
            members.iter().map(|(name, value)| format!("({name} {})", echo(value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| format!("[{}]", echo(item))).collect(),
        scalar => scalar.to_string(),
    }
}
