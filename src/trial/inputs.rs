//! What the mappings of a connector are to see: `{"$args": …, "$this": …, "$batch": …}` read, and held against what the
//! connector reads. Nothing here is sent.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};

use crate::{
    connector::{Connector, Kind},
    diagnostic::suggest,
    execute::coerce_arguments,
    fetch::Redaction,
    graph::Graph,
};

/// Names of variables, as they are given.
const NAMES: [&str; 8] =
    ["$args", "$this", "$batch", "$config", "$context", "$env", "$request", "$request.headers"];

/// Why a connector cannot be run with what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A name that is none of a variable that can be given.
    #[error("`{name}` is no variable that can be given{}", .help.as_deref().map(|help| format!(": {help}")).unwrap_or_default())]
    Name {
        /// As it was given.
        name: String,
        /// The nearest one.
        help: Option<String>,
    },
    /// A variable whose value is of the wrong kind.
    #[error("`{name}` must be {expected}")]
    Kind {
        /// The variable, or a part of it.
        name: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// An argument does not fit the field.
    #[error("{0}")]
    Argument(String),
    /// The connector reads something that was not given: a gateway would not ask for such an object.
    #[error("{coordinate} reads `{path}`, which has no value: give it as {example}")]
    Missing {
        /// The connector.
        coordinate: String,
        /// What it reads.
        path: String,
        /// What to write.
        example: String,
    },
}

/// The variables of one run, not yet held against a connector.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// `$args`, as a client would give them.
    pub args: Map<String, Json>,
    /// `$this`.
    pub this: Option<Map<String, Json>>,
    /// `$batch`.
    pub batch: Option<Vec<Json>>,
    /// `$config` instead of the source's own.
    pub config: Option<Json>,
    /// `$context`.
    pub context: Option<Json>,
    /// `$env`: these win over the environment of the process.
    pub env: BTreeMap<String, String>,
    /// The client's headers: `$request.headers`, and what connectors copy.
    pub headers: HeaderMap,
}

impl Inputs {
    /// Reads variables by their names.
    ///
    /// # Errors
    /// A name or value that means nothing.
    pub fn read(variables: &Map<String, Json>) -> Result<Self, InputError> {
        let mut inputs = Inputs::default();
        for (name, value) in variables {
            match name.as_str() {
                "$args" => inputs.args = object(name, value)?.clone(),
                "$this" => inputs.this = Some(object(name, value)?.clone()),
                "$batch" => inputs.batch = Some(list(name, value)?.clone()),
                "$config" => inputs.config = Some(Json::Object(object(name, value)?.clone())),
                "$context" => inputs.context = Some(Json::Object(object(name, value)?.clone())),
                "$env" => inputs.env = texts(name, value)?,
                "$request.headers" => inputs.headers = headers(name, value)?,
                "$request" => {
                    let known = |(key, _): &(&String, &Json)| key.as_str() != "headers";
                    if let Some((key, _)) = object(name, value)?.iter().find(known) {
                        return Err(InputError::Name {
                            name: format!("$request.{key}"),
                            help: Some("did you mean `$request.headers`?".to_owned()),
                        });
                    }
                    inputs.headers =
                        headers("$request.headers", value.get("headers").unwrap_or(&Json::Null))?;
                }
                _ => {
                    let help = suggest(name, NAMES);
                    return Err(InputError::Name { name: name.clone(), help });
                }
            }
        }
        Ok(inputs)
    }

    /// Hides what must not be shown of a run: what the graph read from the environment, `$env`, and the client's credentials.
    #[must_use]
    pub fn redaction(&self, graph: &Graph) -> Redaction {
        let env = self.env.values().map(String::as_str);
        let mut redaction = Redaction::new(graph.secrets.iter().map(String::as_str).chain(env));
        redaction.hide_credentials(&self.headers);
        redaction
    }

    /// Coerces the arguments, and makes sure that all is there that the connector asks with.
    pub(super) fn checked(&self, graph: &Graph, connector: &Connector) -> Result<Checked, InputError> {
        let args = match &connector.kind {
            Kind::Root { parent, field }
            | Kind::Entity { parent, field, .. }
            | Kind::Field { parent, field } => {
                coerce_arguments(&graph.schema, parent, field, &self.args).map_err(InputError::Argument)?
            }
            Kind::Type { name } => match self.args.keys().next() {
                Some(argument) => {
                    let message = format!(
                        "the type `{name}` has no argument `{argument}`: give its key in `$this` or `$batch`"
                    );
                    return Err(InputError::Argument(message));
                }
                None => Map::new(),
            },
        };
        let missing = |variable: &str, path: &[String], example: String| InputError::Missing {
            coordinate: connector.coordinate.clone(),
            path: std::iter::once(variable)
                .chain(path.iter().map(String::as_str))
                .collect::<Vec<_>>()
                .join("."),
            example: format!("`{{\"{}\":{example}}}`", variable.split('[').next().unwrap_or(variable)),
        };
        let this = Json::Object(self.this.clone().unwrap_or_default());
        if connector.batch.is_none()
            && let Some(path) = connector.inputs.this.iter().find(|path| is_nothing(&this, path))
        {
            return Err(missing("$this", path, nested(path)));
        }
        let mut batch: Vec<Json> = Vec::new();
        if connector.batch.is_some() {
            let elements = self.batch.as_deref().unwrap_or_default();
            if elements.is_empty() {
                let path = connector.inputs.batch.first().cloned().unwrap_or_default();
                return Err(missing("$batch", &path, format!("[{}]", nested(&path))));
            }
            for (element, index) in elements.iter().zip(0..) {
                if let Some(path) = connector.inputs.batch.iter().find(|path| is_nothing(element, path)) {
                    return Err(missing(&format!("$batch[{index}]"), path, format!("[{}]", nested(path))));
                }
                // Equal keys are sent once, and `7` is `"7"`.
                let key = |one: &Json| {
                    connector.inputs.batch.iter().map(|path| text(below(one, path))).collect::<Vec<_>>()
                };
                if !batch.iter().any(|known| key(known) == key(element)) {
                    batch.push(element.clone());
                }
            }
        }
        let mut env = graph.env.clone();
        env.extend(self.env.clone());
        Ok(Checked { args: Json::Object(args), this, batch, env })
    }
}

/// Variables that fit a connector.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) args: Json,
    pub(super) this: Json,
    pub(super) batch: Vec<Json>,
    pub(super) env: HashMap<String, String>,
}

/// The value at a path.
fn below<'j>(json: &'j Json, path: &[String]) -> &'j Json {
    path.iter().fold(json, |json, name| json.get(name).unwrap_or(&Json::Null))
}

fn is_nothing(json: &Json, path: &[String]) -> bool {
    below(json, path).is_null()
}

fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// `{"a":{"b":…}}`
fn nested(path: &[String]) -> String {
    path.iter().rev().fold("…".to_owned(), |inner, name| format!("{{\"{name}\":{inner}}}"))
}

fn object<'j>(name: &str, value: &'j Json) -> Result<&'j Map<String, Json>, InputError> {
    value.as_object().ok_or_else(|| InputError::Kind { name: name.to_owned(), expected: "an object" })
}

fn list<'j>(name: &str, value: &'j Json) -> Result<&'j Vec<Json>, InputError> {
    value.as_array().ok_or_else(|| InputError::Kind { name: name.to_owned(), expected: "a list of objects" })
}

fn texts(name: &str, value: &Json) -> Result<BTreeMap<String, String>, InputError> {
    let text = |(key, value): (&String, &Json)| match value {
        Json::String(text) => Ok((key.clone(), text.clone())),
        _ => Err(InputError::Kind { name: format!("{name}.{key}"), expected: "a string" }),
    };
    object(name, value)?.iter().map(text).collect()
}

/// `{name: value}` or `{name: [value, …]}`.
fn headers(name: &str, value: &Json) -> Result<HeaderMap, InputError> {
    let mut headers = HeaderMap::new();
    for (key, value) in object(name, value)? {
        let wrong = |expected| InputError::Kind { name: format!("{name}.{key}"), expected };
        let header = HeaderName::from_bytes(key.as_bytes()).map_err(|_| wrong("named as a header can be"))?;
        for value in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            let text = value.as_str().ok_or_else(|| wrong("a string or a list of strings"))?;
            let value = HeaderValue::from_str(text).map_err(|_| wrong("text that a header can carry"))?;
            headers.append(header.clone(), value);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(variables: Json) -> Result<Inputs, String> {
        Inputs::read(variables.as_object().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_are_read_by_their_names() {
        let inputs = read(json!({
            "$args": {"id": "7"}, "$this": {"a": 1}, "$batch": [{"id": 1}], "$config": {"region": "eu"},
            "$context": {"tenant": "x"}, "$env": {"KEY": "k"}, "$request": {"headers": {"X-Id": ["1", "2"]}}
        }))
        .unwrap();
        assert_eq!(inputs.args["id"], "7");
        assert_eq!(inputs.headers.get_all("x-id").iter().count(), 2);
        assert_eq!(inputs.env["KEY"], "k");
        assert_eq!(read(json!({"$request.headers": {"x-id": "1"}})).unwrap().headers["x-id"], "1");
    }

    #[test]
    fn what_means_nothing_is_refused_by_name() {
        let cases = [
            (json!({"$arg": {}}), "`$arg` is no variable that can be given: did you mean `$args`?"),
            (json!({"$args": []}), "`$args` must be an object"),
            (json!({"$batch": {}}), "`$batch` must be a list of objects"),
            (json!({"$env": {"A": 1}}), "`$env.A` must be a string"),
            (
                json!({"$request": {"body": 1}}),
                "`$request.body` is no variable that can be given: did you mean `$request.headers`?",
            ),
            (
                json!({"$request.headers": {"a b": "1"}}),
                "`$request.headers.a b` must be named as a header can be",
            ),
            (
                json!({"$request.headers": {"a": "1\n"}}),
                "`$request.headers.a` must be text that a header can carry",
            ),
        ];
        for (variables, message) in cases {
            assert_eq!(read(variables.clone()), Err(message.to_owned()), "{variables}");
        }
    }
}
