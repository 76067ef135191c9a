//! The request parameters of GraphQL over HTTP (`query`, `operationName`, `variables`, `extensions`), from a JSON body or
//! a URL's query string. Strict about what it knows, indifferent to what it does not. Which headers the request had is not its affair.

use std::{borrow::Cow, cell::Cell, fmt};

use percent_encoding::percent_decode;
use serde::de::{
    Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer,
};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use crate::{error::Code, execute::Request};

/// What one HTTP request asks for.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it is taken apart at once: a box would only cost an allocation a request"
)]
pub(super) enum Parameters {
    /// One operation.
    One(Request),
    /// A batch: a JSON array, answered by one.
    Many(Vec<Request>),
}

/// Reads a request body.
///
/// # Errors
/// 400 when it is not UTF-8, not JSON, nested too deeply, not of the parameters' types, lacks `query`, or is a batch
/// larger than `batch_max` (0: any batch).
pub(super) fn from_body(body: &[u8], batch_max: usize) -> Result<Parameters, Refusal> {
    let text = str::from_utf8(body).map_err(|_| Refusal::bad_request("The request body is not UTF-8."))?;
    let start = text.trim_ascii_start();
    if start.is_empty() {
        return Err(Refusal::bad_request("The request body is empty."));
    }
    if !start.starts_with('[') {
        return read_json(text, OneSeed).map(Parameters::One);
    }
    if batch_max == 0 {
        return Err(Refusal::new(Code::LimitBatch, "Batched requests are not enabled."));
    }
    let too_many = Cell::new(false);
    match read_json(text, ManySeed { batch_max, too_many: &too_many }) {
        Err(_) if too_many.get() => {
            Err(Refusal::new(Code::LimitBatch, format!("A batch may hold at most {batch_max} operations.")))
        }
        Ok(requests) if requests.is_empty() => Err(Refusal::bad_request("The batch is empty.")),
        result => result.map(Parameters::Many),
    }
}

/// Reads a URL's query string.
///
/// # Errors
/// 400 when a parameter is there twice, not UTF-8, not of its type, or `query` is missing.
pub(super) fn from_query_string(query_string: &str) -> Result<Request, Refusal> {
    let mut values: [Option<String>; NAMES.len()] = Default::default();
    for pair in query_string.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        let Some((slot, name)) = values.iter_mut().zip(NAMES).find(|(_, known)| *known == name) else {
            continue;
        };
        if slot.replace(decode(value)?.into_owned()).is_some() {
            return Err(Refusal::bad_request(format!("The URL parameter `{name}` is there more than once.")));
        }
    }
    let [query, operation_name, variables, extensions] = values;
    Ok(Request {
        query: query.ok_or_else(|| Refusal::bad_request("The URL parameter `query` is missing."))?,
        // `operationName=` is how a form sends no name at all.
        operation_name: operation_name.filter(|name| !name.is_empty()),
        variables: read_object("variables", variables)?,
        extensions: read_object("extensions", extensions)?,
        read_only: true,
        ..Request::default()
    })
}

const NAMES: [&str; 4] = ["query", "operationName", "variables", "extensions"];

/// `application/x-www-form-urlencoded`: a plus is a space.
fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(spaced.as_bytes())
        .decode_utf8()
        .map_err(|_| Refusal::bad_request("The URL's query string is not UTF-8."))?;
    Ok(Cow::Owned(decoded.into_owned()))
}

fn read_object(name: &'static str, text: Option<String>) -> Result<Map<String, Value>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Map::new()) };
    let mut deserializer = serde_json::Deserializer::from_str(&text);
    ObjectSeed(name)
        .deserialize(&mut deserializer)
        .and_then(|object| deserializer.end().map(|()| object.unwrap_or_default()))
        .map_err(|error| Refusal::bad_request(format!("The URL parameter `{name}` is not valid: {error}.")))
}

fn read_json<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S) -> Result<S::Value, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // Nesting is bounded by the parser itself, at 128 levels.
    seed.deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value))
        .map_err(|error| Refusal::bad_request(format!("The request body is not a GraphQL request: {error}.")))
}

enum Parameter {
    Query,
    OperationName,
    Variables,
    Extensions,
    Other,
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParameterVisitor;
        impl Visitor<'_> for ParameterVisitor {
            type Value = Parameter;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a parameter's name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Parameter, E> {
                Ok(match name {
                    "query" => Parameter::Query,
                    "operationName" => Parameter::OperationName,
                    "variables" => Parameter::Variables,
                    "extensions" => Parameter::Extensions,
                    _ => Parameter::Other,
                })
            }
        }
        deserializer.deserialize_identifier(ParameterVisitor)
    }
}

/// Reads one request from JSON, as the parameters of GraphQL over HTTP have it.
pub(super) struct OneSeed;

impl<'de> DeserializeSeed<'de> for OneSeed {
    type Value = Request;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Request, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneSeed {
    type Value = Request;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `query`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let (mut query, mut operation_name, mut variables, mut extensions) = (None, None, None, None);
        while let Some(name) = map.next_key::<Parameter>()? {
            match name {
                Parameter::Query => once(&mut query, "query", map.next_value_seed(TextSeed("query"))?)?,
                Parameter::OperationName => {
                    once(
                        &mut operation_name,
                        "operationName",
                        map.next_value_seed(TextSeed("operationName"))?,
                    )?;
                }
                Parameter::Variables => {
                    once(&mut variables, "variables", map.next_value_seed(ObjectSeed("variables"))?)?;
                }
                Parameter::Extensions => {
                    once(&mut extensions, "extensions", map.next_value_seed(ObjectSeed("extensions"))?)?;
                }
                Parameter::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let query = query.flatten().ok_or_else(|| A::Error::custom("`query` is missing"))?;
        Ok(Request {
            query,
            operation_name: operation_name.flatten(),
            variables: variables.flatten().unwrap_or_default(),
            extensions: extensions.flatten().unwrap_or_default(),
            ..Request::default()
        })
    }
}

fn once<T, E: serde::de::Error>(slot: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

struct ManySeed<'a> {
    batch_max: usize,
    too_many: &'a Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for ManySeed<'_> {
    type Value = Vec<Request>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ManySeed<'_> {
    type Value = Vec<Request>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of requests")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut requests = Vec::new();
        while let Some(request) = list.next_element_seed(OneSeed)? {
            if requests.len() == self.batch_max {
                self.too_many.set(true);
                return Err(A::Error::custom("too many operations"));
            }
            requests.push(request);
        }
        Ok(requests)
    }
}

/// A string, or null as if it were not there.
struct TextSeed(&'static str);

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Option<String>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for TextSeed {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string in `{}`", self.0)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// An object, or null as if it were not there.
struct ObjectSeed(&'static str);

impl<'de> DeserializeSeed<'de> for ObjectSeed {
    type Value = Option<Map<String, Value>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed {
    type Value = Option<Map<String, Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object in `{}`", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Map::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(body: &str) -> Result<Request, String> {
        match from_body(body.as_bytes(), 0) {
            Ok(Parameters::One(request)) => Ok(request),
            Ok(Parameters::Many(_)) => Err("a batch".into()),
            Err(refusal) => Err(refusal.message().to_owned()),
        }
    }

    #[test]
    fn parameters_are_read_and_the_rest_is_ignored() {
        let request = one(
            r#" {"id": "abc", "query":"query Q($a: Int) {\u0061}", "variables":{"a":[1,{"b":null}]}, "operationName":"Q", "extensions":{}}"#,
        )
        .unwrap();
        assert_eq!(request.query, "query Q($a: Int) {a}");
        assert_eq!(request.operation_name.as_deref(), Some("Q"));
        assert_eq!(Value::Object(request.variables), json!({"a": [1, {"b": null}]}));
        assert!(!request.read_only);
        let request =
            one(r#"{"query":"{a}","variables":null,"operationName":null,"extensions":null}"#).unwrap();
        assert_eq!(request.operation_name, None);
        assert!(request.variables.is_empty());
    }

    #[test]
    fn wrong_types_are_named() {
        let rows = [
            (r#"{"query":5}"#, "invalid type: integer `5`, expected a string in `query`"),
            (r#"{"query":null}"#, "`query` is missing"),
            (r#"{"qeury":"{a}"}"#, "`query` is missing"),
            (r#"{"query":"{a}","query":"{b}"}"#, "duplicate field `query`"),
            (r#"{"query":"{a}","variables":[]}"#, "expected an object in `variables`"),
            (r#"{"query":"{a}","variables":"{}"}"#, "expected an object in `variables`"),
            (r#"{"query":"{a}","operationName":{}}"#, "expected a string in `operationName`"),
            (r#"{"query":"{a}","extensions":false}"#, "expected an object in `extensions`"),
            (r#"{"query":"{a}","variables":null,"variables":{}}"#, "duplicate field `variables`"),
            (r#""{a}""#, "expected an object with `query`"),
            (r#"{"query":"{a}"} {}"#, "trailing characters"),
            (r#"{ "not a JSON"#, "EOF while parsing"),
            (r#"{"query":"\ud800"}"#, "unexpected end of hex escape"),
            (r#"{"query":"{a}","variables":{"n":1e999}}"#, "number out of range"),
            (" \n", "empty"),
        ];
        for (body, expected) in rows {
            let message = one(body).unwrap_err();
            assert!(message.contains(expected), "{body}: {message}");
        }
        assert!(from_body(b"{\"query\":\"\xff\"}", 0).unwrap_err().message().contains("UTF-8"));
    }

    #[test]
    fn nesting_is_bounded() {
        for deep in [
            format!(
                r#"{{"query":"{{a}}","variables":{{"x":{}{}}}}}"#,
                "[".repeat(100_000),
                "]".repeat(100_000)
            ),
            format!(
                r#"{{"query":"{{a}}","variables":{}1{}}}"#,
                r#"{"x":"#.repeat(100_000),
                "}".repeat(100_000)
            ),
        ] {
            assert!(one(&deep).unwrap_err().contains("recursion limit"));
        }
        let ignored =
            format!(r#"{{"query":"{{a}}","other":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let _ = one(&ignored);
    }

    #[test]
    fn a_batch_has_a_limit() {
        let batch = r#"[{"query":"{a}"},{"query":"{b}"}]"#;
        let code = |result: Result<Parameters, Refusal>| result.unwrap_err().code();
        assert_eq!(code(from_body(batch.as_bytes(), 0)), Code::LimitBatch);
        assert_eq!(code(from_body(batch.as_bytes(), 1)), Code::LimitBatch);
        assert_eq!(code(from_body(b"[]", 5)), Code::BadRequest);
        assert_eq!(code(from_body(b"[[]]", 5)), Code::BadRequest);
        match from_body(batch.as_bytes(), 2).unwrap() {
            Parameters::Many(requests) => {
                assert_eq!(
                    requests.iter().map(|request| request.query.as_str()).collect::<Vec<_>>(),
                    ["{a}", "{b}"]
                );
            }
            Parameters::One(_) => panic!("not a batch"),
        }
    }

    #[test]
    fn a_query_string_says_the_same_as_a_body() {
        let request = from_query_string(
            "operationName=Q&query=query+Q(%24a%3A+String)%7Ba%7D&variables=%7B%22a%22%3A%22%2B%20%26%22%7D&extensions=%7B%7D&utm=x&utm=y",
        )
        .unwrap();
        assert_eq!(request.query, "query Q($a: String){a}");
        assert_eq!(request.operation_name.as_deref(), Some("Q"));
        assert_eq!(Value::Object(request.variables), json!({"a": "+ &"}));
        assert!(request.read_only);
        let request = from_query_string("query={a}&variables=&operationName=&extensions=null").unwrap();
        assert_eq!(request.operation_name, None);
    }

    #[test]
    fn a_query_string_is_as_strict_as_a_body() {
        let rows = [
            ("", "`query` is missing"),
            ("variables={}", "`query` is missing"),
            ("query={a}&query={b}", "`query` is there more than once"),
            ("query={a}&%71uery={b}", "`query` is there more than once"),
            ("query={a}&variables={}&variables={}", "`variables` is there more than once"),
            ("query={a}&variables=[]", "expected an object in `variables`"),
            ("query={a}&variables={}x", "trailing characters"),
            ("query={a}&extensions=1", "expected an object in `extensions`"),
            ("query=%ff", "not UTF-8"),
        ];
        for (query_string, expected) in rows {
            let refusal = from_query_string(query_string).unwrap_err();
            assert!(refusal.message().contains(expected), "{query_string}: {}", refusal.message());
        }
    }
}
