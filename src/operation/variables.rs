//! Values of an operation's variables: coerced to their types, with defaults (`CoerceVariableValues`).

use std::hash::{Hash, Hasher};

use apollo_compiler::{
    ExecutableDocument, Schema,
    ast::Type,
    executable::Operation,
    request::coerce_variable_values,
    response::{JsonMap, JsonValue},
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
    /// Values that are coerced already.
    #[must_use]
    pub fn of(values: Valid<JsonMap>) -> Self {
        Variables { values: Some(values) }
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        serde_json::to_value(self.map()?.get(name)?).ok()
    }

    /// Whether `@include(if: $name)` or `@skip(if: $name)` sees true.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.values.as_ref().and_then(|values| values.get(name)?.as_bool()).unwrap_or(false)
    }

    /// What they take in memory, about, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        // As JSON text every value takes a few bytes at least, and in memory a few times as many.
        self.map().and_then(|values| serde_json::to_string(values).ok()).map_or(0, |text| 8 * text.len())
    }

    fn map(&self) -> Option<&JsonMap> {
        self.values.as_deref()
    }

    /// All values, for introspection.
    #[must_use]
    pub fn to_valid(&self) -> Valid<JsonMap> {
        self.values.clone().unwrap_or_else(|| Valid::assume_valid(JsonMap::new()))
    }
}

/// Equal where no operation can tell them apart: the order in which names are written counts for nothing.
impl PartialEq for Variables {
    fn eq(&self, other: &Self) -> bool {
        self.map() == other.map()
    }
}

impl Eq for Variables {}

impl Hash for Variables {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(values) = self.map() {
            hash_map(values, state);
        }
    }
}

fn hash_map<H: Hasher>(values: &JsonMap, state: &mut H) {
    let mut entries: Vec<(&str, &JsonValue)> =
        values.iter().map(|(name, value)| (name.as_str(), value)).collect();
    entries.sort_unstable_by_key(|(name, _)| *name);
    entries.len().hash(state);
    for (name, value) in entries {
        name.hash(state);
        hash_value(value, state);
    }
}

fn hash_value<H: Hasher>(value: &JsonValue, state: &mut H) {
    match value {
        JsonValue::Null => 0_u8.hash(state),
        JsonValue::Bool(value) => value.hash(state),
        JsonValue::Number(value) => value.hash(state),
        JsonValue::String(value) => value.as_str().hash(state),
        JsonValue::Array(items) => {
            items.len().hash(state);
            items.iter().for_each(|item| hash_value(item, state));
        }
        JsonValue::Object(values) => hash_map(values, state),
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
    let values = coerce_variable_values(schema, operation, &sent).map_err(|fault| {
        let place = fault.location().and_then(|span| span.line_column(&document.sources));
        Refusal::one(
            ClientError::new(Code::BadUserInput, fault.message().to_string()),
            place.map(|place| (place.line, place.column)),
        )
    })?;
    let mut values = values.into_inner();
    for definition in &operation.variables {
        if let Some(value) = values.get_mut(definition.name.as_str()) {
            write_ids(schema, &definition.ty, value);
        }
    }
    Ok(Variables { values: Some(Valid::assume_valid(values)) })
}

/// An `ID` is a string, whether the client wrote `7` or `"7"`: what a backend gets must not depend on that.
fn write_ids(schema: &Schema, ty: &Type, value: &mut JsonValue) {
    match value {
        JsonValue::Number(number) if ty.inner_named_type() == "ID" => *value = number.to_string().into(),
        JsonValue::Array(items) => items.iter_mut().for_each(|item| write_ids(schema, ty.item_type(), item)),
        JsonValue::Object(entries) => {
            let Some(object) = schema.get_input_object(ty.inner_named_type()) else { return };
            for (name, entry) in entries.iter_mut() {
                if let Some(field) = object.fields.get(name.as_str()) {
                    write_ids(schema, &field.ty, entry);
                }
            }
        }
        _ => {}
    }
}
