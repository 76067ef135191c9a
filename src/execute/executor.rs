//! [`Gateway`] as an `async_graphql::Executor`: how a Rust service mounts Ficus in its own HTTP server.
//! Translates requests and responses, and nothing else.
//!
//! The host application passes what only it knows through the request's data: the client's headers as an
//! `http::HeaderMap`, for connectors that read or copy them; a [`Context`], for mappings that read `$context`; and, where
//! it also serves GET, the `http::Method`, so that a mutation over GET is refused. `examples/mount.rs` shows the headers.
//!
//! A mount gives up what belongs to Ficus's own edge: negotiated media types and the status codes that go with them
//! (async-graphql-axum answers 200, and a refused request with `"data": null`), limits on header time, body time and size,
//! CSRF checks, request ids, and the draining of requests in flight. Responses are read and written once more on the way.

use std::sync::Arc;

use async_graphql::{CacheControl, Data, Executor, ServerError, Value};
use futures_util::{FutureExt, StreamExt, stream::BoxStream};

use super::{Gateway, Request, Response};
use crate::error::{ClientError, Code};

/// `$context` of mappings, as data of a request or of its connection: what the host application knows of the request and the
/// client does not say, such as who asks. None is `{}`.
#[derive(Debug, Clone, Default)]
pub struct Context(pub serde_json::Map<String, serde_json::Value>);

impl Executor for Gateway {
    async fn execute(&self, request: async_graphql::Request) -> async_graphql::Response {
        run(self, request, None).await
    }

    /// One response, then the end: subscriptions are what [`Events`](crate::events::Events) is asked.
    fn execute_stream(
        &self,
        request: async_graphql::Request,
        session_data: Option<Arc<Data>>,
    ) -> BoxStream<'static, async_graphql::Response> {
        let gateway = self.clone();
        async move { run(&gateway, request, session_data.as_deref()).await }.into_stream().boxed()
    }
}

async fn run(
    gateway: &Gateway,
    request: async_graphql::Request,
    session: Option<&Data>,
) -> async_graphql::Response {
    match incoming(request, session) {
        Ok(request) => outgoing(&Gateway::execute(gateway, request).await),
        Err(refused) => refusal(&refused),
    }
}

/// What the host application's request says, as the gateway reads it. `session` is what a WebSocket's connection holds.
fn incoming(request: async_graphql::Request, session: Option<&Data>) -> Result<Request, ClientError> {
    if !request.uploads.is_empty() {
        return Err(ClientError::new(Code::BadRequest, "Files cannot be uploaded through this endpoint."));
    }
    let read_only =
        given::<http::Method>(&request.data, session).is_some_and(|method| method == http::Method::GET);
    let headers = given::<http::HeaderMap>(&request.data, session).cloned();
    let context = given::<Context>(&request.data, session).cloned().unwrap_or_default();
    let variables = match request.variables.into_value().into_json() {
        Ok(serde_json::Value::Object(variables)) => variables,
        Ok(_) | Err(_) => {
            return Err(ClientError::new(Code::BadUserInput, "The variables cannot be written as JSON."));
        }
    };
    let extensions = request.extensions.0.into_iter();
    Ok(Request {
        query: request.query,
        operation_name: request.operation_name,
        variables,
        extensions: extensions.filter_map(|(name, value)| Some((name, value.into_json().ok()?))).collect(),
        headers,
        context: context.0,
        read_only,
    })
}

/// A value of the request's data, else of the connection's.
fn given<'a, T: 'static>(request: &'a Data, session: Option<&'a Data>) -> Option<&'a T> {
    let id = std::any::TypeId::of::<T>();
    request.get(&id).or_else(|| session?.get(&id))?.downcast_ref()
}

/// The gateway's bytes as the host's response type.
fn outgoing(response: &Response) -> async_graphql::Response {
    let Ok(mut read) = serde_json::from_slice::<async_graphql::Response>(&response.body) else {
        return refusal(&ClientError::new(Code::Internal, "The gateway's response could not be read."));
    };
    if let Some(caching) = &response.caching {
        let max_age = i32::try_from(caching.max_age_s).unwrap_or(i32::MAX);
        read.cache_control = CacheControl { public: !caching.private, max_age };
        if !caching.vary.is_empty() {
            let names: Vec<&str> = caching.vary.iter().map(http::HeaderName::as_str).collect();
            if let Ok(vary) = http::HeaderValue::from_str(&names.join(", ")) {
                read.http_headers.insert(http::header::VARY, vary);
            }
        }
    }
    read
}

fn refusal(refused: &ClientError) -> async_graphql::Response {
    let mut error = ServerError::new(refused.message.clone(), None);
    let mut extensions = async_graphql::ErrorExtensionValues::default();
    extensions.set("code", Value::from(refused.code.as_str()));
    error.extensions = Some(extensions);
    async_graphql::Response::from_errors(vec![error])
}

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};
    use serde_json::json;

    use super::*;
    use crate::execute::{Caching, ResponseKind};

    #[test]
    fn a_request_keeps_all_it_says() {
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("Bearer a"));
        let request = async_graphql::Request::new("query A($n: Int) { a }")
            .operation_name("A")
            .variables(Variables::from_json(json!({"n": 1, "o": {"f": [1.5, null, "x"]}})))
            .data(headers.clone())
            .data(http::Method::GET);
        let request = incoming(request, None).expect("a request");
        assert_eq!(request.query, "query A($n: Int) { a }");
        assert_eq!(request.operation_name.as_deref(), Some("A"));
        assert_eq!(
            serde_json::Value::Object(request.variables),
            json!({"n": 1, "o": {"f": [1.5, null, "x"]}})
        );
        assert_eq!(request.headers, Some(headers));
        assert!(request.read_only);
    }

    #[test]
    fn headers_may_come_with_the_connection_and_are_absent_where_nobody_passed_them() {
        let mut session = Data::default();
        session.insert(http::HeaderMap::new());
        let request = incoming(async_graphql::Request::new("{a}"), Some(&session)).expect("a request");
        assert_eq!((request.headers, request.read_only), (Some(http::HeaderMap::new()), false));
        let request = incoming(async_graphql::Request::new("{a}"), None).expect("a request");
        assert_eq!(request.headers, None);
    }

    #[test]
    fn the_context_of_the_request_wins_over_the_connections() {
        let context =
            |tenant: &str| Context(serde_json::Map::from_iter([("tenant".to_owned(), tenant.into())]));
        let mut session = Data::default();
        session.insert(context("connection's"));
        let of = |request| incoming(request, Some(&session)).expect("a request").context;
        assert_eq!(of(async_graphql::Request::new("{a}")), context("connection's").0);
        assert_eq!(of(async_graphql::Request::new("{a}").data(context("request's"))), context("request's").0);
        let without = incoming(async_graphql::Request::new("{a}"), None).expect("a request");
        assert!(without.context.is_empty());
    }

    fn response(body: &'static str, caching: Option<Caching>) -> Response {
        Response { caching, ..Response::alone(body.into(), ResponseKind::Executed) }
    }

    #[test]
    fn how_a_response_may_be_kept_goes_along() {
        let caching =
            |private, vary: &[http::HeaderName]| Caching { max_age_s: 60, private, vary: vary.into() };
        let public = outgoing(&response("{\"data\":{}}", Some(caching(false, &[]))));
        assert_eq!(public.cache_control.value().as_deref(), Some("max-age=60"));
        assert_eq!(public.http_headers.get("vary"), None);
        let private =
            outgoing(&response("{\"data\":{}}", Some(caching(true, &[http::header::AUTHORIZATION]))));
        assert_eq!(private.cache_control.value().as_deref(), Some("max-age=60, private"));
        assert_eq!(private.http_headers.get("vary").unwrap(), "authorization");
        assert_eq!(outgoing(&response("{\"data\":{}}", None)).cache_control.value(), None);
    }

    #[test]
    fn a_response_keeps_data_errors_paths_and_extensions() {
        let body = r#"{"data":{"b":1,"a":[null,12345678901234567890,1.5]},"errors":[{"message":"m","locations":
            [{"line":2,"column":3}],"path":["a",0,"b"],"extensions":{"code":"X","http":{"status":500}}}]}"#;
        let response = outgoing(&response(body, None));
        let same: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(serde_json::to_value(&response).expect("JSON"), same);
        let Value::Object(data) = &response.data else { panic!("an object") };
        assert_eq!(data.keys().map(async_graphql::Name::as_str).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn a_request_error_has_no_data() {
        let response = outgoing(&response(r#"{"errors": [{"message": "no"}]}"#, None));
        assert_eq!((response.data, response.errors.len()), (value!(null), 1));
    }
}
