//! `$args`: a field's arguments with the values of variables put in (`CoerceArgumentValues`).

use serde_json::{Map, Value};

use crate::{
    error::{ClientError, Code},
    operation::Variables,
    plan::{Argument, ArgumentValue},
};

/// The value of `$args`. An argument without value is left out: it is missing, not null.
///
/// # Errors
/// When a non-null argument has no value.
pub(super) fn arguments(arguments: &[Argument], variables: &Variables) -> Result<Value, ClientError> {
    object(arguments, variables).map(Value::Object)
}

fn object(arguments: &[Argument], variables: &Variables) -> Result<Map<String, Value>, ClientError> {
    let mut entries = Map::new();
    for argument in arguments {
        let mut value = self::value(&argument.value, variables)?;
        if value.is_none()
            && let Some(default) = &argument.default
        {
            value = self::value(default, variables)?;
        }
        if argument.non_null && value.as_ref().is_none_or(Value::is_null) {
            let message = format!("The argument {} is non-null and has no value.", argument.name);
            return Err(ClientError::new(Code::BadUserInput, message));
        }
        if let Some(value) = value {
            entries.insert(argument.name.to_string(), value);
        }
    }
    Ok(entries)
}

fn value(value: &ArgumentValue, variables: &Variables) -> Result<Option<Value>, ClientError> {
    Ok(match value {
        ArgumentValue::Constant(value) => Some(value.clone()),
        ArgumentValue::Variable { name } => variables.get(name),
        ArgumentValue::List(items) => {
            let items: Result<Vec<Value>, ClientError> =
                items.iter().map(|item| Ok(self::value(item, variables)?.unwrap_or(Value::Null))).collect();
            Some(Value::Array(items?))
        }
        ArgumentValue::Object(entries) => Some(Value::Object(object(entries, variables)?)),
    })
}
