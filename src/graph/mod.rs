//! The graph: `schema/**/*.graphql` and `connectors/*.yaml`, loaded, composed, checked and bound.
//! Immutable; a reload makes a new one and swaps it whole.

mod bind;
mod cache_control;
mod check;
mod compose;
mod definitions;
mod export;
mod files;
mod known;
mod link;
mod literal;
mod load;
mod public;
mod read;
mod tidy;
mod written;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use apollo_compiler::{Name, Schema, schema::Implementers, validation::Valid};

use crate::connector::{Connector, ConnectorId, Source, Subscribe};

pub use cache_control::{CacheHint, CacheHints};
pub use export::{ConnectSchema, connect_schema, directive_definitions};
pub use load::{Loaded, load, load_open, load_sources};
pub(crate) use read::list as files_below;
pub use read::{Paths, Sources, graph_files, read_files};

/// A schema whose every field is known to come from somewhere.
#[derive(Debug)]
pub struct Graph {
    /// The public API schema: no connector directives, no types of theirs. What clients see, introspect and query.
    pub schema: Valid<Schema>,
    /// Who implements which interface.
    pub implementers: apollo_compiler::collections::HashMap<Name, Implementers>,
    /// All connectors; `ConnectorId` is an index here.
    pub connectors: Vec<Arc<Connector>>,
    /// All named sources, in the order of their names.
    pub sources: Vec<Arc<Source>>,
    /// Connectors by type and field: at most one each.
    pub by_field: HashMap<(Name, Name), ConnectorId>,
    /// What can complete an object of a type, in the order written: type connectors, then `entity: true` fields.
    pub by_type: HashMap<Name, Vec<ConnectorId>>,
    /// What fields of `Subscription` listen to. Each has a connector in `by_field`, too.
    pub subscribes: HashMap<Name, Arc<Subscribe>>,
    /// Every `@cacheControl`.
    pub cache_hints: CacheHints,
    /// Values of the process environment that mappings read through `$env`, taken at load.
    pub env: HashMap<String, String>,
    /// Every value that was read from the environment at load, by mappings or by files: never to be shown.
    pub secrets: BTreeSet<String>,
}
