//! Methods that choose, replace or comment a value.

use serde_json::{Map, Value as Json};

use super::{Call, Given};
use crate::{
    error::Code,
    mapping::{
        ast::{Expr, ExprKind},
        json::{self, to_json},
        value::Value,
    },
};

/// `echo(e)`: the argument.
pub(super) fn echo<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    call.argument(0)
}

/// `match([p, v], …)`: the value of the first pair whose first part is the input.
pub(super) fn match_pairs<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let input = call.input;
    choose(call, "did not match any [candidate, value] pair", |candidate| candidate.is_same(&input))
}

/// `matchIf([c, v], …)`: the value of the first pair whose first part is true.
pub(super) fn match_if<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    choose(call, "found no [condition, value] pair that holds", |condition| {
        matches!(condition, Value::Bool(true))
    })
}

fn choose<'a>(call: &mut Call<'_, 'a>, failure: &str, is_chosen: impl Fn(&Value<'a>) -> bool) -> Given<'a> {
    for argument in call.arguments {
        let (candidate, value) = match &argument.kind {
            // The usual way: of a pair that is written out, the value is evaluated only when it is chosen.
            ExprKind::Array(pair) => {
                let [candidate, value] = pair.as_slice() else { continue };
                (or_null(call, candidate), Err(value))
            }
            _ => match call.evaluate(argument, call.input) {
                Some(Value::List([candidate, value])) => (*candidate, Ok(*value)),
                _ => continue,
            },
        };
        call.evaluator.weigh(&candidate)?;
        if is_chosen(&candidate) {
            return Some(value.unwrap_or_else(|value| or_null(call, value)));
        }
    }
    call.miss(format_args!("{failure}"))
}

/// As in every list literal, missing is null.
fn or_null<'a>(call: &mut Call<'_, 'a>, expr: &'a Expr) -> Value<'a> {
    call.evaluate(expr, call.input).unwrap_or(Value::Null)
}

/// `typeof`: what kind of value it is, in JSON's words.
pub(super) fn type_of<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    Some(Value::String(call.input.kind()))
}

/// `withWarning(x)`: the input, and a problem for whoever writes the mapping.
pub(super) fn with_warning<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    if let Some(warning) = call.argument(0) {
        call.evaluator.weigh(&warning)?;
        match warning {
            Value::String(text) => call.evaluator.problem(call.scope.trail, format_args!("{text}")),
            other => {
                let mut text = Vec::new();
                json::write(&other, &mut text);
                let text = String::from_utf8_lossy(&text);
                call.evaluator.problem(call.scope.trail, format_args!("{text}"));
            }
        }
    }
    Some(call.input)
}

/// `withError("message")` or `withError({ message, extensions })`: the input, and an error for the client.
pub(super) fn with_error<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    if let Some(argument) = call.argument(0) {
        call.evaluator.weigh(&argument)?;
        if let Some(message) = error_message(call, argument) {
            let extensions = error_extensions(call, argument);
            call.evaluator.report(call.scope.trail, message.to_owned(), extensions);
        }
    }
    Some(call.input)
}

fn error_message<'a>(call: &mut Call<'_, 'a>, argument: Value<'a>) -> Option<&'a str> {
    let message = match argument {
        Value::Object(_) => argument.get("message"),
        other => Some(other),
    };
    match message {
        Some(Value::String(message)) => Some(message),
        Some(other) => {
            call.problem(format_args!("takes a string as message, not {}", other.kind()));
            None
        }
        None => {
            call.problem(format_args!("takes an object that has a message"));
            None
        }
    }
}

/// What the object form adds, with the code that an error has unless it says another.
fn error_extensions<'a>(call: &mut Call<'_, 'a>, argument: Value<'a>) -> Map<String, Json> {
    let mut extensions = match argument.get("extensions") {
        Some(extensions @ Value::Object(_)) => match to_json(&extensions) {
            Json::Object(extensions) => extensions,
            _ => Map::new(),
        },
        None | Some(Value::Null) => Map::new(),
        Some(other) => {
            call.problem(format_args!("takes an object as extensions, not {}", other.kind()));
            Map::new()
        }
    };
    if extensions.get("code").is_none_or(Json::is_null) {
        let code = Code::ConnectorsMappingError.as_str();
        extensions.insert("code".to_owned(), Json::String(code.to_owned()));
    }
    extensions
}
