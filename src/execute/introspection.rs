//! `__schema` and `__type`: answered from the schema by apollo-compiler.

use apollo_compiler::{executable::Operation, introspection::partial_execute};
use serde_json::{Map, Value};

use crate::{
    error::{ClientError, Code},
    graph::Graph,
    operation::{Document, Refusal, Variables},
};

/// Introspection's part of a response, by response key.
pub(super) fn introspect(
    graph: &Graph,
    document: &Document,
    operation: &Operation,
    variables: &Variables,
) -> Result<Map<String, Value>, Refusal> {
    let response = partial_execute(
        &graph.schema,
        &graph.implementers,
        document.executable(),
        operation,
        &variables.to_valid(),
    )
    .map_err(|fault| Refusal::one(ClientError::new(Code::BadUserInput, fault.message().to_string()), None))?;
    let data = response.data.unwrap_or_default();
    let values = data.into_iter().map(|(key, value)| {
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        (key.as_str().to_owned(), value)
    });
    Ok(values.collect())
}
