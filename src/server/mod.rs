//! The edge: GraphQL over HTTP, the playground, health.

pub mod playground;
