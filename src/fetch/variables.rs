//! The variables of a connector's mappings (section 5 of the connect language), made of what is at hand.
//! What the connector does not read is not made.

use std::collections::HashMap;

use bumpalo::{Bump, collections::Vec as ArenaVec};
use http::{HeaderMap, HeaderName};

use super::UpstreamResponse;
use crate::{
    connector::{Connector, Inputs},
    mapping::{
        evaluate::Variables,
        json,
        value::{Number, Value},
    },
};

/// What a connector's variables are made of.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Values of the process environment, taken at load.
    pub env: &'a HashMap<String, String>,
    /// The client's headers, where the host application passed them.
    pub client: Option<&'a HeaderMap>,
    /// The field's arguments with their defaults; omitted ones are not in it.
    pub args: Option<Value<'a>>,
    /// The parent object.
    pub this: Option<Value<'a>>,
    /// The keys of one batch: a list of objects.
    pub batch: Option<Value<'a>>,
    /// `$config` instead of the source's own.
    pub config: Option<Value<'a>>,
    /// `$context`; none is read as `{}`.
    pub context: Option<Value<'a>>,
    /// The response, once it is there.
    pub response: Option<&'a UpstreamResponse>,
}

impl<'a> Given<'a> {
    /// Nothing but the environment.
    #[must_use]
    pub fn new(env: &'a HashMap<String, String>) -> Self {
        Given {
            env,
            client: None,
            args: None,
            this: None,
            batch: None,
            config: None,
            context: None,
            response: None,
        }
    }

    /// Makes the variables that a connector reads.
    #[must_use]
    pub fn variables(&self, connector: &'a Connector, arena: &'a Bump) -> Variables<'a> {
        self.of(&connector.inputs, &connector.source.config, arena)
    }

    /// Makes the variables that mappings with these inputs read; `config` is the source's.
    #[must_use]
    pub fn of(&self, inputs: &'a Inputs, config: &'a serde_json::Value, arena: &'a Bump) -> Variables<'a> {
        let env = || {
            let read = inputs.env.iter().filter_map(|name| self.env.get_key_value(name));
            object(read.map(|(name, value)| (name.as_str(), Value::String(value))), arena)
        };
        let request = |client: &'a HeaderMap| {
            let is_read = |name: &str| inputs.client_headers.iter().any(|known| known == name);
            let read = client.keys().filter(|name| inputs.all_client_headers || is_read(name.as_str()));
            headers(client, read, arena)
        };
        let reads_request = inputs.all_client_headers || !inputs.client_headers.is_empty();
        let response =
            |response: &'a UpstreamResponse| headers(&response.headers, response.headers.keys(), arena);
        Variables {
            args: self.args,
            this: self.this,
            batch: self.batch,
            config: self.config.or_else(|| inputs.config.then(|| json::from_json(config, arena))),
            context: self.context.or(Some(Value::Object(&[]))),
            env: (!inputs.env.is_empty()).then(env),
            request: self.client.filter(|_| reads_request).map(request),
            status: self.response.map(|response| Value::Number(Number::Int(response.status.as_u16().into()))),
            response: self.response.filter(|_| inputs.response_headers).map(response),
        }
    }
}

/// `{ headers: { name: [value, …] } }`
fn headers<'a>(all: &'a HeaderMap, read: impl Iterator<Item = &'a HeaderName>, arena: &'a Bump) -> Value<'a> {
    let values = |name| {
        let values = all.get_all(name).iter().map(|value| match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Value::String(text),
            Err(_) => Value::String(arena.alloc_str(&String::from_utf8_lossy(value.as_bytes()))),
        });
        Value::List(ArenaVec::from_iter_in(values, arena).into_bump_slice())
    };
    let named = object(read.map(|name| (name.as_str(), values(name))), arena);
    object(std::iter::once(("headers", named)), arena)
}

fn object<'a>(entries: impl Iterator<Item = (&'a str, Value<'a>)>, arena: &'a Bump) -> Value<'a> {
    Value::Object(ArenaVec::from_iter_in(entries, arena).into_bump_slice())
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::{
        connector::Inputs,
        fetch::{
            Site,
            testing::{client, connector, mapping, request, scoped, source},
        },
    };

    fn response() -> UpstreamResponse {
        let headers = client(&[("x-page", "2"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        UpstreamResponse::new(StatusCode::ACCEPTED, headers, bytes::Bytes::new())
    }

    fn read(connector: &Connector, text: &str) -> Json {
        let client = client(&[("x-id", "7"), ("x-id", "8"), ("authorization", "Bearer t")]);
        let mapping = mapping(text);
        scoped(connector, &json!({"id": 1}), Some(&client), Some(&response()), |_, arena, _, scope| {
            let mapping = arena.alloc(mapping);
            scope
                .evaluate(Site::Selection, mapping, Value::Null)
                .map_or(Json::Null, |value| json::to_json(&value))
        })
    }

    #[test]
    fn each_variable_says_what_the_connect_language_says() {
        let mut source = source("http://h");
        source.config = json!({"region": "eu"});
        let connector = connector(source, request(Method::GET, "/"));
        for (text, expected) in [
            ("$args", json!({"id": 1})),
            ("$config.region", json!("eu")),
            ("$env", json!({"REGION": "eu"})),
            ("$context", json!({})),
            ("$status", json!(202)),
            ("$request.headers.'x-id'", json!(["7", "8"])),
            ("$request.headers.'X-Id'", json!(null)),
            ("$response.headers", json!({"x-page": ["2"], "set-cookie": ["a=1", "b=2"]})),
        ] {
            assert_eq!(read(&connector, text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_connector_does_not_read_is_not_there() {
        let connector = connector(source("http://h"), request(Method::GET, "/"));
        let inputs = Inputs { client_headers: vec!["x-id".to_owned()], ..Inputs::default() };
        let connector = Connector { inputs, ..connector };
        assert_eq!(read(&connector, "$request.headers"), json!({"x-id": ["7", "8"]}));
        assert_eq!(read(&connector, "[$response, $env]"), json!([null, null]));
    }
}
