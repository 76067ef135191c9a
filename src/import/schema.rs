//! What a schema means: `$ref`s followed, `allOf` merged, null taken out of unions and kept as nullability. One level at
//! a time, so a schema that holds itself is no trouble here. No GraphQL yet.

use serde_json::Value;

use super::document::{Document, Located, Refusal, is_true};

/// How deep `allOf`, single `oneOf`s and `$ref`s may stand in each other within one schema.
const DEPTH_MAX: usize = 16;

/// A schema, understood.
#[derive(Debug, Clone)]
pub(super) struct Schema<'d> {
    /// Where what it is stands, behind all `$ref`s: equal places are equal types.
    pub(super) at: Located<'d>,
    pub(super) nullable: bool,
    pub(super) read_only: bool,
    pub(super) write_only: bool,
    pub(super) deprecated: bool,
    pub(super) description: Option<&'d str>,
    pub(super) default: Option<&'d Value>,
    pub(super) form: Form<'d>,
    /// Why nothing is known of it: a `$ref` leads nowhere.
    pub(super) broken: Option<Refusal>,
}

/// What it is.
#[derive(Debug, Clone)]
pub(super) enum Form<'d> {
    /// Anything, or nothing that GraphQL has a type for.
    Any,
    Object(Object<'d>),
    /// An object whose keys are not known, and all of whose values are alike.
    Map(Located<'d>),
    /// The schema of the elements, if it is known.
    List(Option<Located<'d>>),
    /// Strings.
    Enum(Vec<&'d str>),
    Scalar(Scalar),
    /// One of several; at least two.
    OneOf(OneOf<'d>),
}

/// Scalars as OpenAPI tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    Boolean,
    /// Within 32 bits, as far as the document says.
    Int,
    /// May be larger.
    Long,
    Float,
    String,
    Date,
    DateTime,
}

/// An object with known properties.
#[derive(Debug, Clone, Default)]
pub(super) struct Object<'d> {
    pub(super) properties: Vec<Property<'d>>,
    /// The property that says which of the types that include this one an object is.
    pub(super) discriminator: Option<Discriminator<'d>>,
}

/// A property.
#[derive(Debug, Clone)]
pub(super) struct Property<'d> {
    pub(super) name: &'d str,
    pub(super) required: bool,
    pub(super) schema: Located<'d>,
}

/// `oneOf` or `anyOf`, without null.
#[derive(Debug, Clone)]
pub(super) struct OneOf<'d> {
    pub(super) variants: Vec<Located<'d>>,
    pub(super) discriminator: Option<Discriminator<'d>>,
    /// What all variants have besides their own.
    pub(super) base: Vec<Property<'d>>,
}

/// How a value tells which type it is.
#[derive(Debug, Clone)]
pub(super) struct Discriminator<'d> {
    pub(super) property: &'d str,
    /// Value, and the `$ref` or name it stands for.
    pub(super) mapping: Vec<(&'d str, &'d str)>,
}

/// Reads schemas of a document.
pub(super) fn read<'d>(document: Document<'d>, at: &Located<'d>) -> Schema<'d> {
    Reader { document }.schema(at, 0)
}

struct Reader<'d> {
    document: Document<'d>,
}

impl<'d> Reader<'d> {
    fn schema(&self, at: &Located<'d>, depth: usize) -> Schema<'d> {
        let outer = at.value;
        // A schema that leads nowhere is one of which nothing is known.
        let (at, broken) = match self.document.follow(at.clone()) {
            Ok(followed) => (followed, None),
            Err(refusal) => (at.clone(), Some(refusal)),
        };
        let value = at.value;
        let mut schema = Schema {
            nullable: is_true(value, "nullable") || is_true(value, "x-nullable"),
            read_only: is_true(value, "readOnly"),
            write_only: is_true(value, "writeOnly"),
            deprecated: is_true(value, "deprecated"),
            description: text(value, "description"),
            default: value.get("default"),
            form: Form::Any,
            broken,
            at,
        };
        self.fill(&mut schema, depth);
        if !std::ptr::eq(outer, schema.at.value) {
            // OpenAPI 3.1 allows words beside a `$ref`.
            schema.nullable |= is_true(outer, "nullable") || is_true(outer, "x-nullable");
            schema.read_only |= is_true(outer, "readOnly");
            schema.write_only |= is_true(outer, "writeOnly");
            schema.deprecated |= is_true(outer, "deprecated");
            schema.description = text(outer, "description").or(schema.description);
            schema.default = outer.get("default").or(schema.default);
        }
        schema
    }

    fn fill(&self, schema: &mut Schema<'d>, depth: usize) {
        let value = schema.at.value;
        if depth > DEPTH_MAX {
            return;
        }
        if let Some(parts) = Document::at(&schema.at, "allOf") {
            return self.all_of(schema, &Document::items(&parts), depth);
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(variants) = Document::at(&schema.at, key).filter(|at| at.value.is_array()) {
                return self.one_of(schema, &Document::items(&variants), depth);
            }
        }
        if let Some(values) = value.get("enum").and_then(Value::as_array) {
            schema.nullable |= values.iter().any(Value::is_null);
            let strings: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            let others = values.iter().filter(|value| !value.is_null() && !value.is_string()).count();
            if others == 0 && !strings.is_empty() {
                schema.form = Form::Enum(strings);
                return;
            }
        }
        if let Some(constant) = value.get("const").and_then(Value::as_str) {
            schema.form = Form::Enum(vec![constant]);
            return;
        }
        let types = types(value);
        schema.nullable |= types.contains(&"null");
        let types: Vec<&str> = types.into_iter().filter(|ty| *ty != "null").collect();
        schema.form = match types.as_slice() {
            [] => self.guessed(schema),
            [one] => self.typed(schema, one),
            ["integer", "number"] | ["number", "integer"] => Form::Scalar(Scalar::Float),
            _ => Form::Any,
        };
    }

    /// Without a `type`, the other words tell.
    fn guessed(&self, schema: &Schema<'d>) -> Form<'d> {
        let has = |key: &str| schema.at.value.get(key).is_some();
        if has("properties") || has("additionalProperties") {
            self.typed(schema, "object")
        } else if has("items") {
            self.typed(schema, "array")
        } else if schema.at.value.get("enum").is_some() {
            let values = schema.at.value.get("enum").and_then(Value::as_array).into_iter().flatten();
            let values: Vec<&Value> = values.filter(|value| !value.is_null()).collect();
            match () {
                () if !values.is_empty() && values.iter().all(|value| value.is_i64()) => {
                    Form::Scalar(Scalar::Int)
                }
                () if !values.is_empty() && values.iter().all(|value| value.is_boolean()) => {
                    Form::Scalar(Scalar::Boolean)
                }
                () => Form::Any,
            }
        } else {
            Form::Any
        }
    }

    fn typed(&self, schema: &Schema<'d>, ty: &str) -> Form<'d> {
        let format = text(schema.at.value, "format").unwrap_or_default();
        match ty {
            "boolean" => Form::Scalar(Scalar::Boolean),
            "integer" => Form::Scalar(integer(schema.at.value, format)),
            "number" => match format {
                "int32" => Form::Scalar(Scalar::Int),
                "int64" | "long" => Form::Scalar(Scalar::Long),
                _ => Form::Scalar(Scalar::Float),
            },
            "string" => Form::Scalar(match format {
                "date" => Scalar::Date,
                "date-time" => Scalar::DateTime,
                _ => Scalar::String,
            }),
            "array" => Form::List(Document::at(&schema.at, "items").filter(|items| items.value.is_object())),
            "object" => self.object(&schema.at),
            _ => Form::Any,
        }
    }

    fn object(&self, at: &Located<'d>) -> Form<'d> {
        let properties = properties(at);
        if !properties.is_empty() {
            return Form::Object(Object { properties, discriminator: discriminator(at.value) });
        }
        let pattern = Document::at(at, "patternProperties").and_then(|at| {
            let (key, _) = at.value.as_object()?.iter().next()?;
            Document::at(&at, key)
        });
        let values = Document::at(at, "additionalProperties").or(pattern);
        match values.filter(|values| values.value.as_object().is_some_and(|schema| !schema.is_empty())) {
            Some(values) => Form::Map(values),
            None => Form::Any,
        }
    }

    /// Takes over what another schema means.
    fn take_over(schema: &mut Schema<'d>, other: Schema<'d>) {
        schema.at = other.at;
        schema.form = other.form;
        schema.broken = other.broken;
        schema.nullable |= other.nullable;
        schema.read_only |= other.read_only;
        schema.write_only |= other.write_only;
        schema.deprecated |= other.deprecated;
        schema.description = schema.description.or(other.description);
        schema.default = schema.default.or(other.default);
    }

    fn all_of(&self, schema: &mut Schema<'d>, parts: &[Located<'d>], depth: usize) {
        let own = properties(&schema.at);
        let read: Vec<Schema<'d>> = parts.iter().map(|part| self.schema(part, depth + 1)).collect();
        let told = |part: &&Schema<'d>| !matches!(part.form, Form::Any);
        // One part and words around it is that part.
        if let (true, [one]) = (own.is_empty(), read.iter().filter(told).collect::<Vec<_>>().as_slice()) {
            let one = (*one).clone();
            let nullable = schema.nullable;
            // `required` beside a single `$ref` makes a type of its own.
            if extra_required(schema.at.value, parts).is_empty() {
                Self::take_over(schema, one);
                schema.nullable |= nullable;
                return;
            }
        }
        let mut merged = Object { properties: Vec::new(), discriminator: discriminator(schema.at.value) };
        let mut variants = Vec::new();
        for part in &read {
            match &part.form {
                Form::Object(object) => object.properties.iter().for_each(|p| add(&mut merged.properties, p)),
                Form::OneOf(one_of) => {
                    one_of.base.iter().for_each(|property| add(&mut merged.properties, property));
                    variants.push(one_of.clone());
                }
                _ => {}
            }
        }
        own.iter().for_each(|property| add(&mut merged.properties, property));
        for name in extra_required(schema.at.value, parts) {
            merged.properties.iter_mut().filter(|known| known.name == name).for_each(|p| p.required = true);
        }
        schema.form = match (merged.properties.is_empty(), variants.pop()) {
            (false, None) => Form::Object(merged),
            (_, Some(one_of)) if variants.is_empty() => {
                Form::OneOf(OneOf { base: merged.properties, ..one_of })
            }
            (true, _) => read
                .into_iter()
                .map(|part| part.form)
                .find(|form| !matches!(form, Form::Any))
                .unwrap_or(Form::Any),
            // Several choices at once: their combinations have no names.
            (false, Some(_)) => Form::Object(merged),
        };
    }

    fn one_of(&self, schema: &mut Schema<'d>, variants: &[Located<'d>], depth: usize) {
        let is_null = |at: &Located<'d>| {
            let value = self.document.follow(at.clone()).unwrap_or_else(|_| at.clone()).value;
            let only_null =
                value.get("enum").and_then(Value::as_array).is_some_and(|v| v.iter().all(Value::is_null));
            types(value) == ["null"] || only_null || value.get("const").is_some_and(Value::is_null)
        };
        let base = properties(&schema.at);
        let mut rest: Vec<Located<'d>> = Vec::new();
        for variant in variants {
            if is_null(variant) {
                schema.nullable = true;
            } else if is_demand(variant.value) {
                // `anyOf: [{required: [a]}, {required: [b]}]` says nothing of types.
            } else if !rest.iter().any(|known| known.value == variant.value) {
                rest.push(variant.clone());
            }
        }
        match rest.as_slice() {
            [] => {
                schema.form = match types(schema.at.value).as_slice() {
                    [] => self.guessed(schema),
                    [one, ..] => self.typed(schema, one),
                };
            }
            [one] if base.is_empty() => {
                let one = self.schema(one, depth + 1);
                Self::take_over(schema, one);
            }
            _ => {
                let discriminator = discriminator(schema.at.value);
                schema.form = Form::OneOf(OneOf { variants: rest, discriminator, base });
            }
        }
    }
}

/// Whether a schema only demands properties that others describe.
fn is_demand(value: &Value) -> bool {
    let words = value.as_object().into_iter().flat_map(|object| object.keys());
    let mut words = words.filter(|word| !matches!(word.as_str(), "title" | "description" | "type"));
    value.get("required").is_some_and(Value::is_array)
        && words.all(|word| matches!(word.as_str(), "required" | "not"))
}

/// Names in `required` around an `allOf` and in parts that only demand.
fn extra_required<'d>(value: &'d Value, parts: &[Located<'d>]) -> Vec<&'d str> {
    let demands = parts.iter().map(|part| part.value).filter(|part| is_demand(part));
    let lists = std::iter::once(value).chain(demands).filter_map(|value| value.get("required")?.as_array());
    lists.flatten().filter_map(Value::as_str).collect()
}

/// A property of a later part says more, unless it says nothing.
fn add<'d>(known: &mut Vec<Property<'d>>, property: &Property<'d>) {
    match known.iter_mut().find(|other| other.name == property.name) {
        Some(other) => {
            other.required |= property.required;
            if property
                .schema
                .value
                .as_object()
                .is_some_and(|schema| schema.keys().any(|key| key != "description"))
            {
                other.schema = property.schema.clone();
            }
        }
        None => known.push(property.clone()),
    }
}

fn properties<'d>(at: &Located<'d>) -> Vec<Property<'d>> {
    let required: Vec<&str> = at
        .value
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let Some(properties) = Document::at(at, "properties") else { return Vec::new() };
    let entries = properties.value.as_object().into_iter().flatten();
    entries
        .filter(|(_, value)| value.is_object() || value.as_bool() == Some(true))
        .filter_map(|(name, _)| {
            let schema = Document::at(&properties, name)?;
            Some(Property { name, required: required.contains(&name.as_str()), schema })
        })
        .collect()
}

fn discriminator(value: &Value) -> Option<Discriminator<'_>> {
    match value.get("discriminator")? {
        // Swagger 2
        Value::String(property) => Some(Discriminator { property, mapping: Vec::new() }),
        object => {
            let property = object.get("propertyName")?.as_str()?;
            let mapping = object.get("mapping").and_then(Value::as_object).into_iter().flatten();
            let mapping = mapping.filter_map(|(value, target)| Some((value.as_str(), target.as_str()?)));
            Some(Discriminator { property, mapping: mapping.collect() })
        }
    }
}

fn types(value: &Value) -> Vec<&str> {
    match value.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whole numbers are `Int` unless the document says that they may be larger.
fn integer(value: &Value, format: &str) -> Scalar {
    let bound = |key: &str| value.get(key).and_then(Value::as_f64).unwrap_or_default().abs();
    let large = bound("maximum") > f64::from(i32::MAX) || bound("minimum") > f64::from(i32::MAX) + 1.0;
    match format {
        "int32" | "int16" | "int8" | "uint16" | "uint8" => Scalar::Int,
        "int64" | "long" | "uint32" | "uint64" | "unix-time" | "timestamp" | "bigint" | "epoch" => {
            Scalar::Long
        }
        _ if large => Scalar::Long,
        _ => Scalar::Int,
    }
}

fn text<'d>(value: &'d Value, key: &str) -> Option<&'d str> {
    value.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}
