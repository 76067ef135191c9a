//! Operations over a WebSocket, by the sub-protocol `graphql-transport-ws`: `handshake` lets a client in, `frame` reads and writes
//! what goes over the wire, `protocol` says what each message means, `socket` does it, and `wire` moves the bytes.

mod frame;
mod handshake;
mod protocol;
mod socket;
mod wire;

pub(super) use handshake::{Handshake, answer, is_asked};
pub(super) use socket::Settings;

#[cfg(test)]
mod tests;
