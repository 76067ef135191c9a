//! What the schema and the connector files tell of a connector's variables, for the shapes of its mappings. Whether a
//! variable may be read in its place is the matter of `bind`.

use apollo_compiler::{
    Name, Schema,
    ast::{FieldDefinition, Type},
    schema::ExtendedType,
};
use serde_json::Value as Json;

use crate::mapping::shape::{Known, Shape};

/// `$args` as an object.
const ARGS: &str = "$args";
/// `$config` as an object; objects in it are `$config/key`.
const CONFIG: &str = "$config";
/// `$env` as an object.
const ENV: &str = "$env";
/// `$request` and `$response` as objects.
const EXCHANGE: &str = "$exchange";
/// Their headers.
const HEADERS: &str = "$headers";

/// The variables of one connector or source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variables<'s> {
    pub(super) schema: &'s Schema,
    /// The field whose arguments `$args` is.
    pub(super) args: Option<&'s FieldDefinition>,
    /// The type of `$this`, and of the elements of `$batch`.
    pub(super) parent: Option<&'s Name>,
    /// `$config`.
    pub(super) config: &'s Json,
}

/// What a declared object is, for messages about a key that it does not have.
pub(super) enum Owner<'o> {
    /// The arguments of the field.
    Arguments,
    /// `$config`, or the object below these keys of it.
    Config(Vec<&'o str>),
    /// `$request` or `$response`.
    Exchange,
    /// A type of the schema.
    Type(&'o str),
}

/// What stands behind the name of a declared object.
pub(super) fn owner(object: &str) -> Owner<'_> {
    match object {
        ARGS => Owner::Arguments,
        EXCHANGE | HEADERS | ENV => Owner::Exchange,
        other => match other.strip_prefix(CONFIG) {
            Some(path) => Owner::Config(path.split('/').filter(|key| !key.is_empty()).collect()),
            None => Owner::Type(other),
        },
    }
}

impl Known for Variables<'_> {
    fn variable(&self, name: &str) -> Shape {
        let declared = |name: &str| Shape::Declared(name.to_owned());
        match (name, self.parent) {
            ("args", _) if self.args.is_some() => declared(ARGS),
            ("this", Some(parent)) => declared(parent),
            ("batch", Some(parent)) => Shape::List(Box::new(declared(parent))),
            ("config", _) => declared(CONFIG),
            ("env", _) => declared(ENV),
            ("request" | "response", _) => declared(EXCHANGE),
            ("status", _) => Shape::Int,
            _ => Shape::Unknown,
        }
    }

    fn key(&self, object: &str, key: &str) -> Option<Shape> {
        match object {
            ARGS => Some(self.of_type(&self.args?.argument_by_name(key)?.ty)),
            EXCHANGE => (key == "headers").then(|| Shape::Declared(HEADERS.to_owned())),
            HEADERS => Some(Shape::List(Box::new(Shape::String(None)))),
            ENV => Some(Shape::String(None)),
            object if object.starts_with(CONFIG) => {
                let value = self.config.pointer(object.strip_prefix(CONFIG)?)?.get(key)?;
                // Such a key would need escapes in the name.
                let is_plain = !key.contains(['/', '~']);
                Some(if is_plain { of_json(value, &format!("{object}/{key}")) } else { Shape::Unknown })
            }
            object => match self.schema.types.get(object)? {
                ExtendedType::Object(object) => {
                    self.field(object.fields.get(key).map(|field| &field.ty), key)
                }
                ExtendedType::Interface(interface) => {
                    self.field(interface.fields.get(key).map(|field| &field.ty), key)
                }
                ExtendedType::InputObject(input) => Some(self.of_type(&input.fields.get(key)?.ty)),
                _ => Some(Shape::Unknown),
            },
        }
    }
}

impl Variables<'_> {
    fn field(&self, ty: Option<&Type>, key: &str) -> Option<Shape> {
        match ty {
            None if key == "__typename" => Some(Shape::String(None)),
            ty => Some(self.of_type(ty?)),
        }
    }

    /// What a value of a type is. Of a parent's fields it is what the backend gave, which a client would be told not to
    /// fit if it were anything else.
    fn of_type(&self, ty: &Type) -> Shape {
        if ty.is_list() {
            return Shape::List(Box::new(self.of_type(ty.item_type())));
        }
        let name = ty.inner_named_type();
        match self.schema.types.get(name) {
            Some(ExtendedType::InputObject(_) | ExtendedType::Object(_) | ExtendedType::Interface(_)) => {
                Shape::Declared(name.to_string())
            }
            Some(ExtendedType::Enum(_)) => Shape::String(None),
            Some(ExtendedType::Scalar(scalar)) if scalar.is_built_in() => match name.as_str() {
                "String" => Shape::String(None),
                "Boolean" => Shape::Bool,
                "Int" => Shape::Int,
                "Float" => Shape::Number,
                // A client's `ID` is a string; what a backend gave may be a number.
                _ => Shape::OneOf(vec![Shape::String(None), Shape::Int]),
            },
            _ => Shape::Unknown,
        }
    }
}

/// A value of `$config`. Its text may be a secret, so it is not kept.
fn of_json(value: &Json, name: &str) -> Shape {
    match value {
        Json::Null => Shape::Null,
        Json::Bool(_) => Shape::Bool,
        Json::Number(number) if number.is_i64() || number.is_u64() => Shape::Int,
        Json::Number(_) => Shape::Number,
        Json::String(_) => Shape::String(None),
        Json::Array(_) => Shape::List(Box::new(Shape::Unknown)),
        Json::Object(_) => Shape::Declared(name.to_owned()),
    }
}
