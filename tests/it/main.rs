//! The one integration test binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a test needs and does not find is a failure of the test"
)]

mod attacks;
mod check;
mod cli;
mod debugger;
mod demo;
mod dev;
mod differential;
mod docs;
mod editors;
mod extremes;
mod faults;
mod file_properties;
mod http;
mod hub;
mod import;
mod isolation;
mod layers;
mod mapping;
mod mapping_properties;
mod mount;
mod n_plus_one;
mod plan;
mod playground;
mod realdata;
mod redis;
mod reference;
mod soak;
mod spec;
mod subscriptions;
#[path = "../support/mod.rs"]
mod support;
mod telemetry;
mod trial;
mod webhooks;
mod wire;
mod xml;
