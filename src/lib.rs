//! Ficus puts one typed GraphQL graph in front of REST services and the monolith they grow out of.
//!
//! The way of a request, in the order of the modules:
//!
//! 1. **Load.** `config` reads `ficus.yaml` and `connectors/*.yaml`, `mapping` parses the mapping language,
//!    `connector` models what `@source` and `@connect` say, and `graph` composes, checks and binds them into a [`Graph`].
//!    Whatever is wrong becomes a `diagnostic`, all at once.
//! 2. **Request.** `operation` parses and validates what a client sent, `plan` compiles it into a tree of fetches,
//!    `fetch` talks to the backends, `execute` drives the plan step by step, `response` writes the answer.
//!    `trial` runs one connector by itself, for the people who write it.
//! 3. **Events.** `events` is where webhooks become subscriptions: events by topic, and the answers they give over time.
//! 4. **The edge.** `server` speaks GraphQL over HTTP, `admin` is the gateway's own graph, `demo` the embedded backends.
//!
//! [`Gateway`] is the whole of it without a socket: a Rust service can mount it in its own HTTP server.

// ---- load: files -> Graph, or diagnostics
mod coding;
pub mod config;
pub mod connector;
pub mod diagnostic;
pub mod graph;
mod instances;
pub mod mapping;
// ---- request: bytes -> operation -> plan -> values -> bytes
pub mod execute;
pub mod fetch;
pub mod operation;
pub mod plan;
pub mod response;
pub mod trial;
// ---- events: webhook -> topic -> subscription
pub mod events;
// ---- the edge
pub mod admin;
pub mod cli;
pub mod demo;
pub mod error;
pub mod import;
pub mod server;
pub mod telemetry;

pub use execute::Gateway;
pub use graph::Graph;
