//! `$args`: a field's arguments with the values of variables put in (`CoerceArgumentValues`).

use apollo_compiler::{ExecutableDocument, Name, Node, Schema, ast, response::JsonMap, validation::Valid};
use serde_json::{Map, Value};

use crate::{
    diagnostic::suggest,
    error::{ClientError, Code},
    operation::{Variables, coerce},
    plan::{self, Argument, ArgumentValue},
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

/// `$args` of a field, of values given by name as in the variables of an operation: coerced, with defaults.
///
/// # Errors
/// What is wrong with the first wrong argument, in a sentence that names it.
pub(crate) fn coerce_arguments(
    schema: &Valid<Schema>,
    parent: &Name,
    field: &Name,
    values: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let Ok(definition) = schema.type_field(parent, field) else { return Ok(values.clone()) };
    let mut given = Vec::new();
    let mut coerced = JsonMap::new();
    for (name, value) in values {
        let Some(input) = definition.argument_by_name(name) else {
            let known = definition.arguments.iter().map(|argument| argument.name.as_str());
            let help = suggest(name, known).map(|help| format!(": {help}")).unwrap_or_default();
            return Err(format!("the field `{parent}.{field}` has no argument `{name}`{help}"));
        };
        // Each argument takes a variable of its own type, which is coerced as any variable is.
        let text = format!("query (${name}: {}) {{ __typename }}", input.ty);
        let document = ExecutableDocument::parse(schema, text, "arguments")
            .map_err(|_| format!("the argument `{name}` has no type that can be read"))?;
        let operation =
            document.operations.get(None).map_err(|_| format!("the argument `{name}` cannot be read"))?;
        let one = Map::from_iter([(name.clone(), value.clone())]);
        let variables = coerce(schema, &document, operation, &one).map_err(|refusal| {
            let message = refusal.errors.first().map_or("", |error| error.error.message.as_str());
            format!("the argument `{name}` of `{parent}.{field}`: {}", message.replacen("variable ", "", 1))
        })?;
        coerced.extend(variables.to_valid().into_inner());
        let variable = ast::Value::Variable(input.name.clone());
        given.push(Node::new(ast::Argument { name: input.name.clone(), value: Node::new(variable) }));
    }
    // A document without a required argument would not have been valid.
    let is_lacking = |input: &&Node<ast::InputValueDefinition>| {
        input.is_required() && !values.contains_key(input.name.as_str())
    };
    if let Some(lacking) = definition.arguments.iter().find(is_lacking) {
        let (name, ty) = (&lacking.name, &lacking.ty);
        return Err(format!("the argument `{name}` of `{parent}.{field}` is missing: it is of type {ty}"));
    }
    let arguments = plan::arguments(schema, definition, &given);
    let variables = Variables::of(Valid::assume_valid(coerced));
    object(&arguments, &variables).map_err(|error| format!("{parent}.{field}: {}", error.message))
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
