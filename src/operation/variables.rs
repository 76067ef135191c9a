//! Values of an operation's variables: coerced to their types, with defaults (`CoerceVariableValues`).

use apollo_compiler::{
    ExecutableDocument, Schema, executable::Operation, request::coerce_variable_values, response::JsonMap,
    validation::Valid,
};
use serde_json::{Map, Value};

use super::Refusal;
use crate::error::{ClientError, Code};

/// Coerced values by name; a variable without value and without default is not in it.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    values: Option<Valid<JsonMap>>,
}

impl Variables {
    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        serde_json::to_value(self.values.as_ref()?.get(name)?).ok()
    }

    /// Whether `@include(if: $name)` or `@skip(if: $name)` sees true.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.values.as_ref().and_then(|values| values.get(name)?.as_bool()).unwrap_or(false)
    }

    /// All values, for introspection.
    #[must_use]
    pub fn to_valid(&self) -> Valid<JsonMap> {
        self.values.clone().unwrap_or_else(|| Valid::assume_valid(JsonMap::new()))
    }
}

/// Coerces what the client sent.
///
/// # Errors
/// When a value does not fit its type, or a required variable has none.
pub fn coerce(
    schema: &Valid<Schema>,
    document: &ExecutableDocument,
    operation: &Operation,
    values: &Map<String, Value>,
) -> Result<Variables, Refusal> {
    if operation.variables.is_empty() {
        return Ok(Variables::default());
    }
    let sent: JsonMap =
        values.iter().map(|(name, value)| (name.as_str().into(), value.clone().into())).collect();
    coerce_variable_values(schema, operation, &sent).map(|values| Variables { values: Some(values) }).map_err(
        |fault| {
            let place = fault.location().and_then(|span| span.line_column(&document.sources));
            Refusal::one(
                ClientError::new(Code::BadUserInput, fault.message().to_string()),
                place.map(|place| (place.line, place.column)),
            )
        },
    )
}
