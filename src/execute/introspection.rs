//! `__schema` and `__type`: answered from the schema by apollo-compiler.

use apollo_compiler::{executable::Operation, introspection::partial_execute, response::JsonMap};

use crate::{
    error::{ClientError, Code},
    graph::Graph,
    operation::{Document, Refusal, Variables},
};

/// Introspection's part of a response, by response key; all in the order of the selections.
pub(super) fn introspect(
    graph: &Graph,
    document: &Document,
    operation: &Operation,
    variables: &Variables,
) -> Result<JsonMap, Refusal> {
    let response = partial_execute(
        &graph.schema,
        &graph.implementers,
        document.executable(),
        operation,
        &variables.to_valid(),
    )
    .map_err(|fault| Refusal::one(ClientError::new(Code::BadUserInput, fault.message().to_string()), None))?;
    Ok(response.data.unwrap_or_default())
}
