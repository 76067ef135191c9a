//! A field's arguments as the plan keeps them: literals coerced to their types, defaults filled in, variables by name.
//! Their values are put in when the operation runs (`CoerceArgumentValues`).

use apollo_compiler::{
    Name, Node, Schema,
    ast::{self, Value},
    schema::{ExtendedType, FieldDefinition, InputValueDefinition},
};

/// One argument of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// Its name.
    pub name: Box<str>,
    /// Its value; an argument without one is left out.
    pub value: ArgumentValue,
    /// Used when the value is a variable that has no value.
    pub default: Option<ArgumentValue>,
    /// Whether null or nothing is an error of the field.
    pub non_null: bool,
}

/// A value with variables in it.
#[derive(Debug, Clone, PartialEq)]
pub enum ArgumentValue {
    /// Without variables.
    Constant(serde_json::Value),
    /// A variable. In a list a variable without value is null, in an object its key is left out.
    Variable {
        /// Its name.
        name: Box<str>,
    },
    /// A list with variables in it.
    List {
        /// Its items.
        items: Vec<ArgumentValue>,
        /// Whether null among them is an error of the field.
        non_null: bool,
    },
    /// An object with variables in it, its defaults filled in.
    Object(Vec<Argument>),
}

/// The arguments of a field, as a document gives them.
pub(crate) fn arguments(
    schema: &Schema,
    definition: &FieldDefinition,
    given: &[Node<ast::Argument>],
) -> Vec<Argument> {
    let value_of =
        |name: &Name| given.iter().find(|argument| argument.name == *name).map(|found| &*found.value);
    definition.arguments.iter().filter_map(|input| argument(schema, input, value_of(&input.name))).collect()
}

fn argument(schema: &Schema, input: &InputValueDefinition, given: Option<&Value>) -> Option<Argument> {
    let default = input.default_value.as_ref().map(|value| coerce(schema, &input.ty, value));
    let value = match given {
        Some(value) => coerce(schema, &input.ty, value),
        None => default.clone()?,
    };
    Some(Argument { name: input.name.as_str().into(), value, default, non_null: input.ty.is_non_null() })
}

fn coerce(schema: &Schema, ty: &ast::Type, value: &Value) -> ArgumentValue {
    match value {
        Value::Null => return ArgumentValue::Constant(serde_json::Value::Null),
        Value::Variable(name) => return ArgumentValue::Variable { name: name.as_str().into() },
        _ => {}
    }
    if ty.is_list() {
        let items = match value {
            Value::List(items) => items.iter().map(|item| coerce(schema, ty.item_type(), item)).collect(),
            single => vec![coerce(schema, ty.item_type(), single)],
        };
        return list(items, ty.item_type().is_non_null());
    }
    let named = ty.inner_named_type();
    match (value, schema.types.get(named)) {
        (Value::Object(fields), Some(ExtendedType::InputObject(object))) => {
            let value_of =
                |name: &Name| fields.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
            let arguments = object
                .fields
                .values()
                .filter_map(|input| argument(schema, input, value_of(&input.name)))
                .collect();
            object_of(arguments)
        }
        (Value::Int(number), _) if named == "ID" => ArgumentValue::Constant(number.as_str().into()),
        (value, _) => untyped(value),
    }
}

/// A literal of a scalar or enum type; of a custom scalar any literal.
fn untyped(value: &Value) -> ArgumentValue {
    let constant = match value {
        Value::Null => serde_json::Value::Null,
        Value::Variable(name) => return ArgumentValue::Variable { name: name.as_str().into() },
        Value::Enum(name) => name.as_str().into(),
        Value::String(text) => text.as_str().into(),
        Value::Boolean(value) => (*value).into(),
        Value::Int(number) => {
            number.as_str().parse().map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::Float(number) => {
            number.as_str().parse().map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::List(items) => return list(items.iter().map(|item| untyped(item)).collect(), false),
        Value::Object(fields) => {
            return object_of(
                fields
                    .iter()
                    .map(|(name, value)| Argument {
                        name: name.as_str().into(),
                        value: untyped(value),
                        default: None,
                        non_null: false,
                    })
                    .collect(),
            );
        }
    };
    ArgumentValue::Constant(constant)
}

/// A list without variables is one constant.
fn list(items: Vec<ArgumentValue>, non_null: bool) -> ArgumentValue {
    if items.iter().all(|item| matches!(item, ArgumentValue::Constant(_))) {
        let constants = items.into_iter().filter_map(|item| match item {
            ArgumentValue::Constant(value) => Some(value),
            _ => None,
        });
        return ArgumentValue::Constant(constants.collect());
    }
    ArgumentValue::List { items, non_null }
}

/// An object without variables is one constant.
fn object_of(arguments: Vec<Argument>) -> ArgumentValue {
    if arguments.iter().all(|argument| matches!(argument.value, ArgumentValue::Constant(_))) {
        let entries = arguments.into_iter().filter_map(|argument| match argument.value {
            ArgumentValue::Constant(value) => Some((argument.name.to_string(), value)),
            _ => None,
        });
        return ArgumentValue::Constant(serde_json::Value::Object(entries.collect()));
    }
    ArgumentValue::Object(arguments)
}
