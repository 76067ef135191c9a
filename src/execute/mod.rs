//! Drives a plan: steps, keys, batches, entities, lists. `Gateway` is the way of one request through it all.

mod gateway;

pub use gateway::{Gateway, OperationSummary, Request, Response, ResponseKind};
