//! Makes GraphQL types of schemas: objects, inputs, enums, lists and maps; `choice` makes those of `oneOf` and `anyOf`.
//! Fields of a type are made after the type has its name, one type after another, so no schema is too deep.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;

use super::{
    choice,
    document::{Document, Located},
    literal,
    name::{self, Names},
    report::{Code, Skip},
    schema::{self, Form, Scalar, Schema},
    types::{Definition, Field, Id, Kind, Leaf, Origin, Slot, Type},
};

/// Types in one import. The largest public documents have some ten thousand.
const TYPES_MAX: usize = 50_000;

/// Lists, maps and choices that stand directly in each other.
const DEPTH_MAX: usize = 16;

/// Enums with values that are not names are mapped value by value, up to this many.
const MAPPED_MAX: usize = 30;

/// Whether a type is read or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    Output,
    Input,
}

/// What types are made of so far.
pub(super) struct Builder<'d> {
    pub(super) document: Document<'d>,
    pub(super) definitions: Vec<Definition>,
    pub(super) names: Names,
    pub(super) notes: Vec<Skip>,
    /// By place and direction.
    known: HashMap<(String, Direction), Id>,
    /// Inline schemas by the name they would have: equal ones are one type.
    inline: HashMap<(String, Direction), Vec<(&'d Value, Id)>>,
    /// Enums by the last word of their name and their values.
    enums: HashMap<(String, Vec<&'d str>), Id>,
    /// Enums named after an operation; a type that uses one gives it a better name.
    provisional: HashSet<Id>,
    components: HashMap<String, String>,
    /// Named schemas that include another one by `allOf`, by that one's place.
    derived: HashMap<String, Vec<Located<'d>>>,
    /// Types that have a name and no fields yet.
    pending: VecDeque<(Id, Work<'d>)>,
}

/// The fields that a type will have.
pub(super) struct Work<'d> {
    pub(super) direction: Direction,
    pub(super) properties: Vec<schema::Property<'d>>,
    /// The value of a map's entries.
    pub(super) entry: Option<Located<'d>>,
}

/// Where a schema stands: gives inline types their names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'n> {
    /// The name that a type here would have.
    pub(super) name: &'n str,
    /// The property or parameter, as the document calls it.
    pub(super) key: &'n str,
    pub(super) direction: Direction,
    pub(super) depth: usize,
    /// Whether it is a part of a type, and not of an operation.
    pub(super) in_type: bool,
}

impl<'d> Builder<'d> {
    pub(super) fn new(document: Document<'d>, names: Names) -> Self {
        Builder {
            document,
            definitions: Vec::new(),
            names,
            notes: Vec::new(),
            known: HashMap::new(),
            inline: HashMap::new(),
            enums: HashMap::new(),
            provisional: HashSet::new(),
            components: component_names(document),
            derived: derived(document),
            pending: VecDeque::new(),
        }
    }

    /// Gives all types their fields that only have a name so far.
    pub(super) fn finish(&mut self) {
        while let Some((id, work)) = self.pending.pop_front() {
            let fields = self.fields(id, work);
            if let Some(definition) = self.definitions.get_mut(id)
                && let Kind::Object(known) | Kind::Input(known) = &mut definition.kind
            {
                *known = fields;
            }
        }
    }

    /// The type of a schema, as a value that is required.
    pub(super) fn slot(&mut self, at: &Located<'d>, place: Place<'_>) -> Slot {
        let schema = schema::read(self.document, at);
        Slot { ty: self.ty(&schema, place), nullable: schema.nullable }
    }

    pub(super) fn ty(&mut self, schema: &Schema<'d>, place: Place<'_>) -> Type {
        if place.depth > DEPTH_MAX {
            return Type::Leaf(Leaf::Json);
        }
        let inner = Place { depth: place.depth + 1, ..place };
        match &schema.form {
            Form::Any => Type::Leaf(Leaf::Json),
            Form::Scalar(scalar) => Type::Leaf(leaf(*scalar, place)),
            Form::Enum(values) => self.enumeration(schema, values, place),
            Form::List(None) => Type::list(Slot::nullable(Type::Leaf(Leaf::Json))),
            Form::List(Some(items)) => {
                let singular = (name::singular(place.name), name::singular(place.key));
                Type::list(self.slot(items, Place { name: &singular.0, key: &singular.1, ..inner }))
            }
            // What cannot be made of entries is not asked for as entries.
            Form::Map(_) if place.direction == Direction::Input => Type::Leaf(Leaf::Json),
            Form::Map(values) => self.map(schema, values, inner),
            Form::Object(object) => {
                if let Some(union) = choice::subtypes(self, schema, object, place) {
                    return union;
                }
                self.object(schema, object.properties.clone(), place)
            }
            Form::OneOf(one_of) => choice::one_of(self, schema, one_of, inner),
        }
    }

    /// An object type of these properties.
    pub(super) fn object(
        &mut self,
        schema: &Schema<'d>,
        mut properties: Vec<schema::Property<'d>>,
        place: Place<'_>,
    ) -> Type {
        let document = self.document;
        properties.retain(|property| {
            let read = schema::read(document, &property.schema);
            let unused = match place.direction {
                Direction::Output => read.write_only,
                Direction::Input => read.read_only,
            };
            !unused && !name::property_name(property.name).is_empty()
        });
        if properties.is_empty() {
            return Type::Leaf(Leaf::Json);
        }
        let kind = match place.direction {
            Direction::Output => Kind::Object(Vec::new()),
            Direction::Input => Kind::Input(Vec::new()),
        };
        match self.define(schema, place, kind) {
            (Some(id), true) => {
                self.pending.push_back((id, Work { direction: place.direction, properties, entry: None }));
                Type::Named(id)
            }
            (Some(id), false) => Type::Named(id),
            (None, _) => Type::Leaf(Leaf::Json),
        }
    }

    /// The definition of a schema, and whether it is new; none when there are too many.
    pub(super) fn define(&mut self, schema: &Schema<'d>, place: Place<'_>, kind: Kind) -> (Option<Id>, bool) {
        let key = (schema.at.pointer.clone(), place.direction);
        if let Some(id) = self.known.get(&key) {
            return (Some(*id), false);
        }
        let component = self.component(&schema.at.pointer);
        let inline = (place.name.to_owned(), place.direction);
        if component.is_none()
            && let Some((_, id)) = self
                .inline
                .get(&inline)
                .and_then(|all| all.iter().find(|(value, _)| *value == schema.at.value))
        {
            return (Some(*id), false);
        }
        if self.definitions.len() >= TYPES_MAX {
            return (None, false);
        }
        let id = self.definitions.len();
        let base = component.as_deref().unwrap_or(place.name);
        let name = self.free_name(base, place.direction);
        let description = schema.at.value.get("description").and_then(Value::as_str).or(schema.description);
        let description = description.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        self.definitions.push(Definition { name, description, pointer: schema.at.pointer.clone(), kind });
        self.known.insert(key, id);
        if component.is_none() {
            self.inline.entry(inline).or_default().push((schema.at.value, id));
        }
        (Some(id), true)
    }

    fn free_name(&mut self, base: &str, direction: Direction) -> String {
        let base = if base.is_empty() { "Value" } else { base };
        match direction {
            Direction::Output => self.names.take(&[base, &format!("{base}Value")]),
            Direction::Input => {
                let fits =
                    ["Input", "Request", "Params", "Body", "Payload"].iter().any(|end| base.ends_with(end));
                let longer = format!("{base}Input");
                if fits { self.names.take(&[base, &longer]) } else { self.names.take(&[&longer]) }
            }
        }
    }

    /// The GraphQL name of a named schema.
    pub(super) fn component(&self, pointer: &str) -> Option<String> {
        let name = self.document.schema_name(pointer)?;
        self.components
            .get(&name)
            .cloned()
            .or_else(|| Some(name::type_name(&name)))
            .filter(|name| !name.is_empty())
    }

    /// Named schemas that include a schema by `allOf`, directly or not, in the order of the document.
    pub(super) fn derived(&self, pointer: &str) -> Vec<Schema<'d>> {
        let mut found: Vec<Schema<'d>> = Vec::new();
        let mut bases = vec![pointer.to_owned()];
        while let Some(base) = bases.pop() {
            for at in self.derived.get(&base).into_iter().flatten() {
                let schema = schema::read(self.document, at);
                if schema.at.pointer == at.pointer
                    && !found.iter().any(|known| known.at.pointer == at.pointer)
                {
                    bases.push(at.pointer.clone());
                    found.push(schema);
                }
            }
        }
        found
    }

    fn map(&mut self, schema: &Schema<'d>, values: &Located<'d>, place: Place<'_>) -> Type {
        let base = self.component(&schema.at.pointer).unwrap_or_else(|| place.name.to_owned());
        let name = format!("{}Entry", name::singular(&base));
        let place = Place { name: &name, ..place };
        // The name of a component stands for the map, not for its entries.
        let mut entry = schema.clone();
        entry.at.pointer.push_str("/additionalProperties#entry");
        entry.description = None;
        match self.define(&entry, place, Kind::Object(Vec::new())) {
            (Some(id), true) => {
                let work =
                    Work { direction: place.direction, properties: Vec::new(), entry: Some(values.clone()) };
                self.pending.push_back((id, work));
                Type::Entries(id)
            }
            (Some(id), false) => Type::Entries(id),
            (None, _) => Type::Leaf(Leaf::Json),
        }
    }

    fn fields(&mut self, id: Id, work: Work<'d>) -> Vec<Field> {
        let owner = self.definitions.get(id).map(|definition| definition.name.clone()).unwrap_or_default();
        // An input's parts are inputs: their names end so by themselves.
        let base =
            owner.strip_suffix("Input").filter(|_| work.direction == Direction::Input).unwrap_or(&owner);
        if let Some(values) = &work.entry {
            let base = owner.strip_suffix("Entry").unwrap_or(&owner);
            let place = Place {
                name: &format!("{base}Value"),
                key: "value",
                direction: work.direction,
                depth: 0,
                in_type: true,
            };
            let slot = self.slot(values, place);
            let key = plain_field("key", Slot::required(Type::Leaf(Leaf::String)), true);
            let value = plain_field("value", Slot { nullable: true, ..slot }, false);
            return vec![key, value];
        }
        let mut names = Names::default();
        let mut fields = Vec::new();
        for property in work.properties {
            let schema = schema::read(self.document, &property.schema);
            let name = names.take(&[&name::property_name(property.name)]);
            let inner = format!("{base}{}", name::type_name(property.name));
            let place = Place {
                name: &inner,
                key: property.name,
                direction: work.direction,
                depth: 0,
                in_type: true,
            };
            let ty = self.ty(&schema, place);
            let default = match work.direction {
                Direction::Input => schema.default.and_then(|v| literal::literal(&self.definitions, &ty, v)),
                Direction::Output => None,
            };
            let nullable = !property.required || schema.nullable || default.is_some();
            fields.push(Field {
                name,
                key: property.name.to_owned(),
                slot: Slot { ty, nullable },
                required: property.required,
                description: describe(&schema, schema.description),
                deprecated: schema.deprecated && nullable,
                default,
                origin: Origin::Property,
            });
        }
        fields
    }

    fn enumeration(&mut self, schema: &Schema<'d>, values: &[&'d str], place: Place<'_>) -> Type {
        let mut distinct: Vec<&'d str> = Vec::new();
        values.iter().for_each(|value| {
            if !distinct.contains(value) {
                distinct.push(value)
            }
        });
        let Some(values) = enum_names(&distinct) else { return Type::Leaf(Leaf::String) };
        let component = self.component(&schema.at.pointer);
        let word = component.clone().unwrap_or_else(|| name::type_name(place.key));
        if let Some(id) = self.enums.get(&(word.clone(), distinct.clone())).copied() {
            if place.in_type && self.provisional.remove(&id) {
                let name = self.names.take(&[place.name, &format!("{}Enum", place.name)]);
                self.definitions.get_mut(id).into_iter().for_each(|found| found.name.clone_from(&name));
            }
            return Type::Named(id);
        }
        if self.definitions.len() >= TYPES_MAX {
            return Type::Leaf(Leaf::String);
        }
        let id = self.definitions.len();
        if component.is_none() && !place.in_type {
            self.provisional.insert(id);
        }
        let base = component.unwrap_or_else(|| place.name.to_owned());
        let base = if base.is_empty() { "Value".to_owned() } else { base };
        let name = self.names.take(&[&base, &format!("{base}Enum")]);
        let described = self.document.schema_name(&schema.at.pointer).and(schema.description);
        let description = described.map(str::to_owned);
        let pointer = schema.at.pointer.clone();
        self.definitions.push(Definition { name, description, pointer, kind: Kind::Enum(values) });
        self.enums.insert((word, distinct), id);
        Type::Named(id)
    }

    /// Writes down what is simplified.
    pub(super) fn note(&mut self, code: Code, subject: &str, at: &Located<'d>, reason: impl Into<String>) {
        let (subject, pointer) = (subject.to_owned(), at.pointer.clone());
        let note = Skip { code, subject, pointer, reason: reason.into() };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

pub(super) fn plain_field(name: &str, slot: Slot, required: bool) -> Field {
    Field {
        name: name.to_owned(),
        key: name.to_owned(),
        slot,
        required,
        description: None,
        deprecated: false,
        default: None,
        origin: Origin::Property,
    }
}

/// The names of an enum's values; none where strings are better.
fn enum_names(values: &[&str]) -> Option<Vec<(String, String)>> {
    let usable = |value: &str| name::is_name(value) && !matches!(value, "true" | "false" | "null");
    if values.len() < 2 {
        // A constant says nothing that a client would choose.
        return None;
    }
    if values.iter().all(|value| usable(value)) {
        return Some(values.iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect());
    }
    let mut names: Vec<(String, String)> = Vec::new();
    for value in values {
        let name = name::enum_value(value);
        if name.is_empty() || name.starts_with("__") || names.iter().any(|(known, _)| *known == name) {
            return None;
        }
        names.push((name, (*value).to_owned()));
    }
    (names.len() <= MAPPED_MAX).then_some(names)
}

/// A description, and the values of an enum that is a string here.
pub(super) fn describe(schema: &Schema<'_>, description: Option<&str>) -> Option<String> {
    let described = description.map(str::to_owned);
    let Form::Enum(values) = &schema.form else { return described };
    if enum_names(values).is_some() || values.is_empty() {
        return described;
    }
    let listed: Vec<String> = values.iter().take(50).map(|value| format!("`{value}`")).collect();
    let more = if values.len() > listed.len() { ", …" } else { "" };
    let listed = match listed.as_slice() {
        [one] => format!("Always {one}."),
        several => format!("One of {}{more}.", several.join(", ")),
    };
    Some(described.map_or_else(|| listed.clone(), |text| format!("{text}\n\n{listed}")))
}

fn leaf(scalar: Scalar, place: Place<'_>) -> Leaf {
    let identifier = name::is_identifier(place.key);
    match scalar {
        Scalar::String if identifier => Leaf::Id,
        // A number that is sent must stay a number; what is received may be an identifier of either sort.
        Scalar::Int | Scalar::Long if identifier && place.direction == Direction::Output => Leaf::Id,
        Scalar::Boolean => Leaf::Boolean,
        Scalar::Int => Leaf::Int,
        Scalar::Long => Leaf::Long,
        Scalar::Float => Leaf::Float,
        Scalar::String => Leaf::String,
        Scalar::Date => Leaf::Date,
        Scalar::DateTime => Leaf::DateTime,
    }
}

/// GraphQL names of all named schemas. Of dotted names the last part does where no other schema claims it.
fn component_names(document: Document<'_>) -> HashMap<String, String> {
    let holders = ["/components/schemas", "/definitions", "/components/responses"];
    let names: Vec<&String> = holders
        .iter()
        .filter_map(|holder| document.root.pointer(holder)?.as_object())
        .flat_map(|schemas| schemas.keys())
        .collect();
    let short = |name: &str| name::type_name(name.rsplit(['.', '/']).next().unwrap_or(name));
    let mut claims: HashMap<String, usize> = HashMap::new();
    names.iter().for_each(|name| *claims.entry(short(name)).or_default() += 1);
    let chosen = |name: &String| {
        let short = short(name);
        let alone = claims.get(&short) == Some(&1) && !short.is_empty() && !short.starts_with("T0");
        if alone { short } else { name::type_name(name) }
    };
    names.iter().map(|name| ((*name).clone(), chosen(name))).collect()
}

/// Who includes whom by `allOf`.
fn derived(document: Document<'_>) -> HashMap<String, Vec<Located<'_>>> {
    let mut found: HashMap<String, Vec<Located<'_>>> = HashMap::new();
    for holder in ["#/components/schemas", "#/definitions"] {
        let Ok(schemas) = document.target(holder) else { continue };
        for (name, _) in schemas.value.as_object().into_iter().flatten() {
            let Some(at) = Document::at(&schemas, name) else { continue };
            let parts = at.value.get("allOf").and_then(Value::as_array);
            for target in parts.into_iter().flatten().filter_map(|part| part.get("$ref")?.as_str()) {
                if let Ok(base) = document.target(target) {
                    found.entry(base.pointer).or_default().push(at.clone());
                }
            }
        }
    }
    found
}
