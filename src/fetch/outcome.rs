//! What a response means: data, null, or a failure in the connector's own words. A failure answered with 200 is one
//! when `isSuccess` says so, and a 404 can be an answer. Not for reading the data.

use bumpalo::Bump;
use http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{Body, FetchError, Scope, Site, UpstreamResponse};
use crate::{
    connector::{Connector, ErrorMapping, StatusMeaning},
    error::{ClientError, Code},
    mapping::{json, value::Value},
};

/// What a response means.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// The selection is applied to this.
    Data(Body<'a>),
    /// The field is null, without an error.
    Null,
    /// The field is null, with this error.
    Failure(FetchError),
}

impl<'a> Outcome<'a> {
    /// What a response means by its status alone, where no mapping has to be asked for more: what nearly all are.
    #[must_use]
    pub fn by_status(
        connector: &Connector,
        response: &'a UpstreamResponse,
        not_found_is_null: bool,
        arena: &'a Bump,
    ) -> Option<Self> {
        if connector.is_success.is_some() || connector.source.is_success.is_some() {
            return None;
        }
        match meaning(connector, response.status, not_found_is_null) {
            StatusMeaning::Null => Some(Outcome::Null),
            StatusMeaning::Error => None,
            StatusMeaning::Data => Some(Outcome::data(connector, response, arena)),
        }
    }

    /// Asks, in this order: the connector's `isSuccess`, the source's, the source's `statuses`, the default, in which
    /// 2xx is data and everything else an error; but a 404 is null where `not_found_is_null`: for a GET of a single
    /// nullable object on Query or of an entity.
    pub fn of(
        connector: &'a Connector,
        response: &'a UpstreamResponse,
        not_found_is_null: bool,
        scope: &mut Scope<'_, 'a>,
    ) -> Self {
        let own = connector.is_success.as_ref().map(|mapping| (Site::IsSuccess, mapping));
        let source = || connector.source.is_success.as_ref().map(|mapping| (Site::SourceIsSuccess, mapping));
        let meaning = match own.or_else(source) {
            Some((site, is_success)) => {
                let data = data_of(connector, response, scope);
                match scope.evaluate(site, is_success, data) {
                    Some(Value::Bool(true)) => StatusMeaning::Data,
                    Some(Value::Bool(false)) => StatusMeaning::Error,
                    // What is not even a boolean does not say that it went well.
                    other => {
                        scope.gave(site, other, "a boolean");
                        StatusMeaning::Error
                    }
                }
            }
            None => meaning(connector, response.status, not_found_is_null),
        };
        match meaning {
            StatusMeaning::Null => Outcome::Null,
            StatusMeaning::Error => Outcome::Failure(failure(connector, response, scope)),
            StatusMeaning::Data => Outcome::data(connector, response, scope.arena),
        }
    }

    fn data(connector: &Connector, response: &'a UpstreamResponse, arena: &'a Bump) -> Self {
        match Body::read(response, connector.source.settings.response_format, arena) {
            Ok(body) => Outcome::Data(body),
            Err(error) => Outcome::Failure(error.attributed(connector, Some(response.status))),
        }
    }
}

fn meaning(connector: &Connector, status: StatusCode, not_found_is_null: bool) -> StatusMeaning {
    match connector.source.settings.statuses.get(&status.as_u16()) {
        Some(meaning) => *meaning,
        None if status.is_success() => StatusMeaning::Data,
        None if status == StatusCode::NOT_FOUND && not_found_is_null => StatusMeaning::Null,
        None => StatusMeaning::Error,
    }
}

/// The body as `isSuccess` and `errors` see it; null where it cannot be read, as an error page cannot.
fn data_of<'a>(connector: &Connector, response: &'a UpstreamResponse, scope: &Scope<'_, 'a>) -> Value<'a> {
    let body = Body::read(response, connector.source.settings.response_format, scope.arena);
    body.ok().and_then(|body| body.value(scope.arena).ok()).unwrap_or(Value::Null)
}

/// The error of a response that is no success: what `errors` of the connector says, else its source's, else little.
fn failure<'a>(
    connector: &'a Connector,
    response: &'a UpstreamResponse,
    scope: &mut Scope<'_, 'a>,
) -> FetchError {
    let (own, source) = (&connector.errors, &connector.source.errors);
    let mapped = [own, source].iter().any(|errors| errors.message.is_some() || errors.extensions.is_some());
    let data = if mapped { data_of(connector, response, scope) } else { Value::Null };
    let message = message(scope, Site::ErrorsMessage, own, data)
        .or_else(|| message(scope, Site::SourceErrorsMessage, source, data))
        .unwrap_or("Request failed");
    let mut error = FetchError::new(Code::ConnectorFetch, message)
        .with_detail(format!("answered {}", response.status))
        .attributed(connector, Some(response.status));
    for (site, errors) in [(Site::SourceErrorsExtensions, source), (Site::ErrorsExtensions, own)] {
        let Some(mapping) = &errors.extensions else { continue };
        match scope.evaluate(site, mapping, data) {
            Some(value @ Value::Object(_)) => {
                if let Json::Object(extensions) = json::to_json(&value) {
                    merge(&mut error.client.extensions, extensions);
                }
            }
            None | Some(Value::Null) => {}
            other => scope.gave(site, other, "an object"),
        }
    }
    error
}

/// What `errors.message` says; none where it finds nothing, or no text.
fn message<'a>(
    scope: &mut Scope<'_, 'a>,
    site: Site,
    errors: &'a ErrorMapping,
    data: Value<'a>,
) -> Option<&'a str> {
    let mapping = errors.message.as_ref()?;
    let value = scope.evaluate(site, mapping, data)?;
    match value {
        Value::Null => return None,
        Value::String(_) => {}
        other => scope.gave(site, Some(other), "a string"),
    }
    scope.scalar(value)
}

/// Objects merge key by key; of anything else the later stands.
fn merge(into: &mut Map<String, Json>, from: Map<String, Json>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Json::Object(known)), Json::Object(more)) => merge(known, more),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

impl FetchError {
    /// Adds whose error it is to what the client reads: `http.status` where there is one, `service` where the source
    /// has a name, and `connector.coordinate`.
    #[must_use]
    pub fn attributed(mut self, connector: &Connector, status: Option<StatusCode>) -> Self {
        let ClientError { extensions, .. } = &mut *self.client;
        if let Some(status) = status {
            extensions.insert("http".to_owned(), json!({ "status": status.as_u16() }));
        }
        if !connector.source.name.is_empty() {
            extensions.insert("service".to_owned(), connector.source.name.clone().into());
        }
        extensions.insert("connector".to_owned(), json!({ "coordinate": connector.coordinate }));
        self
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::{
        connector::Source,
        fetch::testing::{connector, mapping, request, scoped, source},
    };

    fn response(status: u16, body: &'static str) -> UpstreamResponse {
        let mut headers = http::HeaderMap::new();
        let content_type = if body.starts_with('<') { "text/html" } else { "application/json" };
        headers.insert("content-type", http::HeaderValue::from_static(content_type));
        headers.insert("x-reason", http::HeaderValue::from_static("stock"));
        UpstreamResponse::new(StatusCode::from_u16(status).unwrap(), headers, body.into())
    }

    #[derive(Debug, PartialEq)]
    enum Seen {
        Data(String),
        Null,
        Error(&'static str, String, Json),
    }

    fn outcome(connector: &Connector, response: &UpstreamResponse, not_found_is_null: bool) -> Seen {
        scoped(connector, &json!({"id": 7}), None, Some(response), |connector, _, response, scope| {
            match Outcome::of(connector, response.unwrap(), not_found_is_null, scope) {
                Outcome::Data(body) => Seen::Data(format!("{body:?}")),
                Outcome::Null => Seen::Null,
                Outcome::Failure(FetchError { client, .. }) => {
                    Seen::Error(client.code.as_str(), client.message, Json::Object(client.extensions))
                }
            }
        })
    }

    fn is_error(seen: &Seen, expected: &str) -> bool {
        matches!(seen, Seen::Error(code, ..) if *code == expected)
    }

    fn with(
        change: impl FnOnce(&mut Source, &mut ErrorMapping, &mut Option<crate::mapping::ast::Mapping>),
    ) -> Connector {
        let (mut source, mut errors, mut is_success) = (source("http://h"), ErrorMapping::default(), None);
        change(&mut source, &mut errors, &mut is_success);
        let connector = connector(source, request(Method::GET, "/"));
        Connector { errors, is_success, ..connector }
    }

    #[test]
    fn by_default_2xx_is_data_and_everything_else_an_error() {
        let plain = with(|_, _, _| ());
        assert_eq!(outcome(&plain, &response(200, "{}"), true), Seen::Data("Json(\"{}\")".into()));
        assert_eq!(outcome(&plain, &response(204, ""), true), Seen::Data("Null".into()));
        assert_eq!(outcome(&plain, &response(404, "{}"), true), Seen::Null);
        for status in [302, 401, 404, 500] {
            let extensions = json!({
                "http": {"status": status}, "service": "shop", "connector": {"coordinate": "Query.order[0]"}
            });
            let expected = Seen::Error("CONNECTOR_FETCH", "Request failed".into(), extensions);
            assert_eq!(outcome(&plain, &response(status, "<html>"), false), expected);
        }
    }

    #[test]
    fn statuses_say_otherwise_but_is_success_is_asked_first() {
        let statuses = [(404, StatusMeaning::Null), (410, StatusMeaning::Data), (202, StatusMeaning::Error)];
        let by_status = with(|source, _, _| source.settings.statuses = statuses.into());
        assert_eq!(outcome(&by_status, &response(404, "{}"), false), Seen::Null);
        assert_eq!(outcome(&by_status, &response(410, "[1]"), false), Seen::Data("Json(\"[1]\")".into()));
        assert!(is_error(&outcome(&by_status, &response(202, "{}"), false), "CONNECTOR_FETCH"));

        let by_body = with(|source, _, _| {
            source.settings.statuses = statuses.into();
            source.is_success = Some(mapping("$.ok ?? $status->eq(404)"));
        });
        assert_eq!(outcome(&by_body, &response(404, "{}"), false), Seen::Data("Json(\"{}\")".into()));
        assert!(matches!(outcome(&by_body, &response(500, r#"{"ok":true}"#), false), Seen::Data(_)));
        assert!(is_error(&outcome(&by_body, &response(200, r#"{"ok":false}"#), false), "CONNECTOR_FETCH"));
        assert!(is_error(&outcome(&by_body, &response(200, r#"{"ok":"yes"}"#), false), "CONNECTOR_FETCH"));
        assert!(is_error(&outcome(&by_body, &response(404, "<html>"), false), "CONNECTOR_RESPONSE_INVALID"));

        let own = with(|source, _, is_success| {
            source.is_success = Some(mapping("$(false)"));
            *is_success = Some(mapping("$status->eq(200)"));
        });
        assert_eq!(outcome(&own, &response(200, "1"), false), Seen::Data("Json(\"1\")".into()));
    }

    #[test]
    fn a_failure_speaks_the_connectors_words_else_the_sources() {
        let worded = with(|source, errors, _| {
            source.errors.message = Some(mapping("$.error.text"));
            source.errors.extensions = Some(mapping(
                "code: $.error.code, http: { reason: $response.headers.'x-reason'->first }, hint: 'a'",
            ));
            errors.message = Some(mapping("$.detail"));
            errors.extensions = Some(mapping("hint: { id: $args.id }, http: { retry: $status->eq(503) }"));
        });
        let expected = |message: &str, status: u16, code: Option<&str>| {
            let mut extensions = json!({
                "http": {"status": status, "reason": "stock", "retry": status == 503}, "service": "shop",
                "connector": {"coordinate": "Query.order[0]"}, "hint": {"id": 7}
            });
            if let Some(code) = code {
                extensions["code"] = code.into();
            }
            Seen::Error("CONNECTOR_FETCH", message.to_owned(), extensions)
        };
        let body = r#"{"error":{"text":"out of stock","code":"E7"}}"#;
        assert_eq!(outcome(&worded, &response(409, body), false), expected("out of stock", 409, Some("E7")));
        let answer = outcome(&worded, &response(503, r#"{"detail":"later"}"#), false);
        assert_eq!(answer, expected("later", 503, None));
        assert_eq!(outcome(&worded, &response(500, "<html>"), false), expected("Request failed", 500, None));
    }

    #[test]
    fn extensions_that_are_no_object_and_messages_that_are_no_text_are_left_out() {
        let odd = with(|source, errors, _| {
            source.name.clear();
            errors.message = Some(mapping("$.list"));
            errors.extensions = Some(mapping("$.list"));
        });
        let extensions = json!({"http": {"status": 500}, "connector": {"coordinate": "Query.order[0]"}});
        let expected = Seen::Error("CONNECTOR_FETCH", "Request failed".into(), extensions);
        assert_eq!(outcome(&odd, &response(500, r#"{"list":[1]}"#), false), expected);
    }
}
