//! Makes GraphQL types of schemas: objects, inputs, enums, lists and maps; `choice` makes those of `oneOf` and `anyOf`.
//! Fields of a type are made after the type has its name, one type after another, so no schema is too deep.

use std::collections::{HashMap, HashSet, VecDeque};

use serde_json::Value;

use super::{
    choice, components,
    document::{Document, Located},
    enums::describe,
    literal,
    name::{self, Names},
    report::{Code, Skip},
    schema::{self, Form, Scalar, Schema},
    types::{Definition, Field, Id, Kind, Leaf, Origin, Slot, Type},
};

/// Types in one import. The largest public documents have some ten thousand.
pub(super) const TYPES_MAX: usize = 50_000;

/// Lists, maps and choices that stand directly in each other.
const DEPTH_MAX: usize = 16;

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
    pub(super) enums: HashMap<(String, Vec<&'d str>), Id>,
    /// Enums named after an operation; a type that uses one gives it a better name.
    pub(super) provisional: HashSet<Id>,
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
            components: components::names(document),
            derived: components::derived(document),
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
        let ty = self.ty(&schema, place);
        Slot { nullable: schema.nullable || self.is_union(&ty), ty }
    }

    /// A union's value may be of a type that the document does not know: it is null then, and what holds it stays.
    fn is_union(&self, ty: &Type) -> bool {
        let Type::Named(id) = ty else { return false };
        self.definitions.get(*id).is_some_and(|found| matches!(found.kind, Kind::Union(_)))
    }

    pub(super) fn ty(&mut self, schema: &Schema<'d>, place: Place<'_>) -> Type {
        if place.depth > DEPTH_MAX {
            return Type::Leaf(Leaf::Json);
        }
        if let Some(broken) = &schema.broken {
            self.note(
                broken.code,
                place.name,
                &schema.at,
                format!("{}, so its values are JSON", broken.reason),
            );
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
        // What is said of an inline schema is said of the field that holds it.
        let described =
            schema.at.value.get("description").and_then(Value::as_str).filter(|_| component.is_some());
        let description = described.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        self.definitions.push(Definition { name, description, pointer: schema.at.pointer.clone(), kind });
        self.known.insert(key, id);
        if component.is_none() {
            self.inline.entry(inline).or_default().push((schema.at.value, id));
        }
        (Some(id), true)
    }

    fn free_name(&mut self, base: &str, direction: Direction) -> String {
        let says_so = ["Input", "Request", "Params", "Body", "Payload"].iter().any(|end| base.ends_with(end));
        match direction {
            Direction::Input if !says_so => self.names.take_type(&format!("{base}Input")),
            _ => self.names.take_type(base),
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
            let nullable = !property.required || schema.nullable || default.is_some() || self.is_union(&ty);
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
