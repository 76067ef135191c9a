//! Values -> GraphQL JSON: coerce leaves, propagate nulls, list errors. Everything is written straight into one buffer.
//!
//! `table` is what the steps of a plan leave behind; `write` walks plan and tables together; `leaf` checks values
//! against the schema's types, `copies` knows what was written before; `errors` is the only place where entries of `errors` are made.

mod append;
mod copies;
mod errors;
mod leaf;
mod nulls;
mod table;
mod write;

pub use errors::{ErrorList, PathSegment, Reported, connector_errors, refusal, request_errors};
pub(crate) use leaf::{found, unquoted};
pub(crate) use table::fitted;
pub use table::{Link, Node, Row, StepResult, Table};
pub use write::{Answer, Written, write};
