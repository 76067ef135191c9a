//! The GraphQL types of an import, while they are made: definitions that refer to each other by number, so circles are
//! no trouble.

use super::operations::Request;

/// A definition's number.
pub(super) type Id = usize;

/// Scalars of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leaf {
    Int,
    Float,
    String,
    Boolean,
    Id,
    Long,
    Date,
    DateTime,
    Json,
}

/// Scalars that the importer defines.
pub(super) const SCALARS: [&str; 4] = ["Long", "Date", "DateTime", "JSON"];

/// A type without its nullability.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Leaf(Leaf),
    Named(Id),
    List(Box<Slot>),
    /// An object of unknown keys, shown as a list of `{ key, value }`.
    Entries(Id),
}

/// A type where a value stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub(super) ty: Type,
    pub(super) nullable: bool,
}

/// A named type.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// Where it comes from, for notes.
    pub(super) pointer: String,
    pub(super) kind: Kind,
}

/// What a named type is.
#[derive(Debug)]
pub(super) enum Kind {
    Object(Vec<Field>),
    Input(Vec<Field>),
    /// Name, and the value it stands for.
    Enum(Vec<(String, String)>),
    Union(Tell),
}

/// How an object tells which member of a union it is.
#[derive(Debug)]
pub(super) struct Tell {
    /// The property that says it.
    pub(super) property: String,
    /// Value and member; several values may mean one.
    pub(super) members: Vec<(String, Id)>,
}

/// A field of an object or input.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    /// As the backend calls it.
    pub(super) key: String,
    pub(super) slot: Slot,
    /// Whether the document says that it is always there.
    pub(super) required: bool,
    pub(super) description: Option<String>,
    pub(super) deprecated: bool,
    /// Of an input: the default as GraphQL writes it.
    pub(super) default: Option<String>,
    pub(super) origin: Origin,
}

/// Where a field's value comes from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    /// The property `key`.
    Property,
    /// An object with nothing but a key, which another connector completes: `user: { id: userId }`.
    Stub {
        /// The field of the other type.
        field: String,
    },
    /// A connector of its own.
    Connector(Box<Request>),
}

impl Slot {
    pub(super) fn nullable(ty: Type) -> Self {
        Slot { ty, nullable: true }
    }

    pub(super) fn required(ty: Type) -> Self {
        Slot { ty, nullable: false }
    }
}

impl Type {
    pub(super) fn list(of: Slot) -> Self {
        Type::List(Box::new(of))
    }

    /// The definition at the bottom.
    pub(super) fn definition(&self) -> Option<Id> {
        match self {
            Type::Leaf(_) => None,
            Type::Named(id) | Type::Entries(id) => Some(*id),
            Type::List(of) => of.ty.definition(),
        }
    }

    /// The leaf at the bottom.
    pub(super) fn leaf(&self) -> Option<Leaf> {
        match self {
            Type::Leaf(leaf) => Some(*leaf),
            Type::Named(_) | Type::Entries(_) => None,
            Type::List(of) => of.ty.leaf(),
        }
    }
}

impl Leaf {
    pub(super) fn name(self) -> &'static str {
        match self {
            Leaf::Int => "Int",
            Leaf::Float => "Float",
            Leaf::String => "String",
            Leaf::Boolean => "Boolean",
            Leaf::Id => "ID",
            Leaf::Long => "Long",
            Leaf::Date => "Date",
            Leaf::DateTime => "DateTime",
            Leaf::Json => "JSON",
        }
    }

    /// What is written above the scalar; none for those that GraphQL has.
    pub(super) fn description(self) -> Option<&'static str> {
        match self {
            Leaf::Long => Some("A whole number that may need more than 32 bits, written as a number."),
            Leaf::Date => Some("A day, as RFC 3339 writes it: `2024-02-29`."),
            Leaf::DateTime => Some("A moment, as RFC 3339 writes it: `2024-02-29T12:00:00Z`."),
            Leaf::Json => Some("Any JSON value, as the backend sends or takes it."),
            _ => None,
        }
    }
}

/// A type as the schema writes it.
pub(super) fn written(definitions: &[Definition], slot: &Slot) -> String {
    let name = |id: Id| definitions.get(id).map_or("JSON", |definition| definition.name.as_str());
    let ty = match &slot.ty {
        Type::Leaf(leaf) => leaf.name().to_owned(),
        Type::Named(id) => name(*id).to_owned(),
        Type::Entries(id) => format!("[{}!]", name(*id)),
        Type::List(of) => format!("[{}]", written(definitions, of)),
    };
    if slot.nullable { ty } else { format!("{ty}!") }
}

/// The fields of an object or input.
pub(super) fn fields(definitions: &[Definition], id: Id) -> &[Field] {
    match definitions.get(id).map(|definition| &definition.kind) {
        Some(Kind::Object(fields) | Kind::Input(fields)) => fields,
        _ => &[],
    }
}
