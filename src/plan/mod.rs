//! Operation + Graph -> Plan: which fetches an operation needs, what each reads, and where each value of the response
//! comes from. Pure: no async, no I/O, and no variable's value ever enters a plan.
//!
//! A plan has **positions** (places in the response where objects with one selection set stand), **layouts** (what a
//! record at a position holds) and **steps** (fetches). A step runs once for all objects of its position.
//! `caching` says how long its answer may be kept, `collect` merges selection sets, `planner` decides where each field comes from, `select` compiles mappings down to
//! what the operation selects, `explain` prints a plan, `n_plus_one` looks for lists that lead to a request for each item,
//! `whole` plans one connector by itself.

mod arguments;
mod caching;
mod collect;
mod condition;
mod draft;
mod explain;
mod given;
mod n_plus_one;
mod planner;
mod projection;
mod prune;
mod steps;
mod types;
mod whole;

use std::sync::Arc;

use apollo_compiler::Name;

pub(crate) use arguments::arguments;
pub use arguments::{Argument, ArgumentValue};
pub use caching::{Allowance, Reads};
pub use condition::{Condition, ConditionId};
pub use explain::explain;
pub use n_plus_one::n_plus_one;
pub use planner::plan;
#[cfg(test)]
pub(crate) use projection::compile_projection;
pub use projection::{Capture, Destination, Keys, Place, Projection, RecordCapture, RecordShape};
pub(crate) use whole::{Whole, missing_is_null, whole};

use crate::{
    connector::{Connector, Subscribe},
    mapping::ast::Root,
};

/// A position's index in `Plan::positions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PositionId(pub u32);

/// A layout's index in `Plan::layouts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayoutId(pub u32);

/// A step's index in `Plan::steps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

/// A slot's index in its layout.
pub type SlotIndex = u16;

/// A compiled operation.
#[derive(Debug)]
pub struct Plan {
    /// True for a mutation: its root fields run one after another.
    pub mutation: bool,
    /// For a subscription: what its one root field listens to.
    pub subscribe: Option<Arc<Subscribe>>,
    /// The first is the root.
    pub positions: Vec<Position>,
    /// What records hold.
    pub layouts: Vec<Layout>,
    /// Fetches; a step's inputs come from steps before it.
    pub steps: Vec<Step>,
    /// Conditions of `@skip` and `@include`, decided once a request.
    pub conditions: Vec<Condition>,
    /// Response keys of root fields that introspection answers.
    pub introspection: bool,
    /// Steps by root field, in the order in which a mutation runs them. A query has one group.
    pub groups: Vec<Vec<StepId>>,
    /// What of the client's request its answer depends on.
    pub reads: Reads,
    /// How long each part of its answer may be kept; none where nothing may: a mutation, or no `@cacheControl` allows it.
    pub allowances: Option<Vec<Allowance>>,
}

/// Where objects with one selection set stand in the response.
#[derive(Debug)]
pub struct Position {
    /// The declared type.
    pub declared: Name,
    /// Concrete types that may stand here, each with what is written of it.
    pub variants: Vec<Variant>,
    /// What the mapping that gives these objects leaves in each record; none for the root.
    pub base: Option<LayoutId>,
    /// The slot of `__typename`, where the declared type is abstract.
    pub typename: Option<SlotIndex>,
    /// The step whose responses hold these objects; none for the root.
    pub owner: Option<StepId>,
    /// Steps that run for these objects number them: the index of their numbers in the owner's tables.
    pub numbered: Option<u16>,
    /// Steps that complete these objects when the mapping gave a stub (nothing but keys): when they all find nothing,
    /// the object is null.
    pub stub: Vec<StepId>,
    /// The slots of a stub's keys: when they are all null, the object is null.
    pub stub_key: Vec<SlotIndex>,
}

/// A concrete type at a position.
#[derive(Debug)]
pub struct Variant {
    /// The type.
    pub name: Name,
    /// In the order of the response.
    pub fields: Vec<Field>,
}

/// A field of the response.
#[derive(Debug)]
pub struct Field {
    /// The response key.
    pub key: Box<str>,
    /// The response key as it is written.
    pub key_json: KeyJson,
    /// `Type.field`
    pub coordinate: Box<str>,
    /// Its type.
    pub ty: Type,
    /// Where its value comes from.
    pub from: From,
    /// When it is written; none: always.
    pub when: Option<ConditionId>,
    /// Line and column in the document, from 1.
    pub location: (u32, u32),
}

/// `,"key":`, with blanks behind it up to a length that is copied at once.
#[derive(Debug)]
pub struct KeyJson {
    /// With the blanks.
    pub padded: Box<[u8]>,
    /// How long it is without them.
    pub len: usize,
}

impl KeyJson {
    /// Of a response key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        let mut json = format!(",\"{key}\":").into_bytes();
        let len = json.len();
        json.resize(len.max(48), b' ');
        KeyJson { padded: json.into(), len }
    }
}

/// Where a field's value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// `__typename`.
    Typename,
    /// `__schema`, `__type`.
    Introspection,
    /// The record itself.
    Slot(SlotIndex),
    /// The record that a completing step made for this object.
    Completed(StepId, SlotIndex),
    /// The value that a field's own step made for this object.
    Fetched(StepId),
    /// No connector gives it here.
    Nowhere,
}

/// An output type, with what is needed to write its values.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// A leaf or composite.
    Named {
        /// What it is.
        named: Named,
        /// Whether null is an error.
        non_null: bool,
    },
    /// A list.
    List {
        /// Of what.
        item: Box<Type>,
        /// Whether null is an error.
        non_null: bool,
    },
}

/// What a named type is.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// 32 bits.
    Int,
    /// Any finite number.
    Float,
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// Written as a string.
    Id,
    /// One of these values.
    Enum {
        /// The type.
        name: Name,
        /// Its values.
        values: Arc<[Name]>,
    },
    /// Anything.
    Custom,
    /// Objects at a position.
    Object(PositionId),
}

/// What a record holds: the values of an object that later steps or the response read.
#[derive(Debug, Default)]
pub struct Layout {
    /// By index.
    pub slots: Vec<Slot>,
}

/// One value of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct Slot {
    /// The key that the mapping gives it.
    pub name: String,
    /// What it holds.
    pub content: Content,
}

/// What a slot, or the result of a step, holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A leaf, or lists of leaves nested so deep; whatever is nested deeper stays as it is.
    Leaf {
        /// Depth of lists.
        lists: u8,
    },
    /// A record, or lists of records.
    Record {
        /// Its layout.
        layout: LayoutId,
        /// The position it stands at; none for a nested input.
        position: Option<PositionId>,
    },
}

/// A fetch: one connector, run once for all objects of a position.
#[derive(Debug)]
pub struct Step {
    /// What is called.
    pub connector: Arc<Connector>,
    /// The objects it runs for; the root is one object.
    pub position: PositionId,
    /// Only for objects of this type, where the position is abstract.
    pub only: Option<Name>,
    /// What it reads of each object.
    pub inputs: Vec<Input>,
    /// `$args`, as the operation gives them.
    pub arguments: Vec<Argument>,
    /// Steps whose results it reads.
    pub after: Vec<StepId>,
    /// When it runs; none: always.
    pub when: Option<ConditionId>,
    /// What it makes of a response for each object.
    pub content: Content,
    /// How it makes it.
    pub mapping: CompiledMapping,
    /// Slots of a row's record that hold its key, for a batch; otherwise empty.
    pub row_key: Vec<Input>,
    /// Numbered positions in its responses.
    pub numbered: Vec<PositionId>,
    /// How the response path to its objects reads: `orders.lines`; for people.
    pub path: String,
    /// The response keys it gives; for people, and to tell the writes of a mutation apart.
    pub fields: Vec<String>,
    /// Whether a 404 is null without an error: a single nullable object on `Query`, or an entity.
    pub missing_is_null: bool,
    /// For a batch of lists: whether each object gets a list of rows, or one.
    pub rows_are_list: bool,
}

/// What a step reads of an object: the value at a path below `$this`, `$batch` or `$args`.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The path below the variable.
    pub path: Vec<String>,
    /// Where the value is.
    pub from: InputFrom,
}

/// Where an input's value is.
#[derive(Debug, Clone, PartialEq)]
pub enum InputFrom {
    /// In the object's own record: a slot, and slots of records nested in it.
    Base(Vec<SlotIndex>),
    /// In the record that a completing step made for it.
    Completed(StepId, Vec<SlotIndex>),
    /// The value that a field's own step made for it, and slots below it.
    Fetched(StepId, Vec<SlotIndex>),
}

/// A connector's `selection`, pruned to what the operation reads.
#[derive(Debug)]
pub enum CompiledMapping {
    /// It only projects and renames: applied to the bytes of the body in one pass.
    /// `fallback` is applied when the body has another shape than the projection handles.
    Project {
        /// The compiled form.
        projection: Projection,
        /// The same as a mapping.
        fallback: Root,
    },
    /// Evaluated.
    Evaluate(Root),
}

impl CompiledMapping {
    /// The pruned mapping.
    #[must_use]
    pub fn root(&self) -> &Root {
        match self {
            CompiledMapping::Project { fallback, .. } => fallback,
            CompiledMapping::Evaluate(root) => root,
        }
    }
}

impl Plan {
    /// The position at an index.
    #[must_use]
    #[allow(clippy::indexing_slicing, reason = "ids are made by the planner that made this plan")]
    pub fn position(&self, id: PositionId) -> &Position {
        &self.positions[id.0 as usize]
    }

    /// The layout at an index.
    #[must_use]
    #[allow(clippy::indexing_slicing, reason = "ids are made by the planner that made this plan")]
    pub fn layout(&self, id: LayoutId) -> &Layout {
        &self.layouts[id.0 as usize]
    }

    /// The step at an index.
    #[must_use]
    #[allow(clippy::indexing_slicing, reason = "ids are made by the planner that made this plan")]
    pub fn step(&self, id: StepId) -> &Step {
        &self.steps[id.0 as usize]
    }
}
