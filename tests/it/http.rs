//! GraphQL over HTTP against a gateway on a real socket: every test starts its own server on a free port of loopback.

mod access_log;
pub(crate) mod client;
mod codings;
mod connections;
mod drain;
mod http2;
mod keeping;
mod limits;
mod negotiation;
mod origins;
mod proxies;
mod reading;
mod requests;
mod server;
mod shedding;
mod sigterm;
mod smuggling;
mod streams;
mod subscriptions;
mod websocket;
