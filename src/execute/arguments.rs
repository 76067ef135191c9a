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
            return Err(no_value(&format!("The argument {}", argument.name)));
        }
        if let Some(value) = value {
            entries.insert(argument.name.to_string(), value);
        }
    }
    Ok(entries)
}

fn no_value(what: &str) -> ClientError {
    ClientError::new(Code::BadUserInput, format!("{what} is non-null and has no value."))
}

fn value(value: &ArgumentValue, variables: &Variables) -> Result<Option<Value>, ClientError> {
    Ok(match value {
        ArgumentValue::Constant(value) => Some(value.clone()),
        ArgumentValue::Variable { name } => variables.get(name),
        ArgumentValue::List { items, non_null } => {
            let item = |item| match self::value(item, variables)?.unwrap_or(Value::Null) {
                Value::Null if *non_null => Err(no_value("An item of a list among the arguments")),
                value => Ok(value),
            };
            Some(Value::Array(items.iter().map(item).collect::<Result<_, _>>()?))
        }
        ArgumentValue::Object(entries) => Some(Value::Object(object(entries, variables)?)),
    })
}
