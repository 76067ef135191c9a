//! `websocket` of `ficus.yaml`: times and bounds of clients that stay, over WebSocket, SSE or multipart responses.

use std::time::Duration;

use http::HeaderName;

use super::{
    cache::HEADER_NAME,
    gateway_file::{MOST, set},
    keys::{Group, Key, Kind, WAIT},
    reader::Reader,
    values::Values,
};

pub(super) const WEBSOCKET: Group = Group {
    rule: None,
    keys: &[
        Key::new("init_timeout", WAIT, "How long a client may take from the handshake to `connection_init`.")
            .default("3s"),
        Key::new("ping", WAIT, "How often a quiet client is sent a ping, or a heartbeat where nothing can answer.")
            .default("20s"),
        Key::new("idle", WAIT, "A socket that nothing was heard of for so long is closed; longer than `ping`.")
            .default("60s"),
        Key::new("per_socket", Kind::Integer(1, MOST), "Operations at once on one socket.").default("100"),
        Key::new("per_address", Kind::Integer(1, MOST), "Sockets and streams at once from one address.")
            .default("1000"),
        Key::new("queue", Kind::Integer(1, MOST), "Answers that may wait for a client, for each subscription.")
            .default("128"),
        Key::new(
            "slow",
            Kind::Word(&["coalesce", "drop_oldest", "disconnect"]),
            "What becomes of a subscription whose queue is full: only the newest answer is kept; the oldest is dropped, \
             and the next one says so (`extensions.gap`); or it is ended.",
        )
        .default("coalesce"),
        Key::new(
            "init_headers",
            Kind::List(&Kind::Form(&HEADER_NAME)),
            "Names in the payload of `connection_init` that become headers of the client's requests. A header of the \
             handshake is never replaced.",
        )
        .default("[authorization]"),
    ],
};

/// Times and bounds of clients that stay (`websocket` in `ficus.yaml`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSocket {
    /// From the handshake to `connection_init`. Default 3 s.
    pub init_timeout: Duration,
    /// How often a quiet client is sent a ping, or a heartbeat. Default 20 s.
    pub ping: Duration,
    /// Nothing was heard of a socket for so long: it is closed. Default 60 s, three pings.
    pub idle: Duration,
    /// Operations at once on one socket. Default 100.
    pub per_socket_max: usize,
    /// Sockets and streams at once from one address. Default 1,000.
    pub per_address_max: usize,
    /// Answers that may wait for a client, for each subscription. Default 128.
    pub queue_max: usize,
    /// What becomes of a subscription whose queue is full. Default [`Slow::Coalesce`].
    pub slow: Slow,
    /// Names in the payload of `connection_init` that become headers of its requests. Default `authorization`.
    pub init_headers: Vec<HeaderName>,
}

/// What becomes of a subscription whose queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slow {
    /// Only the newest answer is kept.
    Coalesce,
    /// The oldest answer is dropped, and the next one says so.
    DropOldest,
    /// It is ended.
    Disconnect,
}

impl Default for WebSocket {
    fn default() -> Self {
        WebSocket {
            // As the protocol's reference server has it.
            init_timeout: Duration::from_secs(3),
            // Shorter than the 30 s after which the most impatient proxies forget a connection.
            ping: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            per_socket_max: 100,
            // A company behind one address, and still a twentieth of all connections.
            per_address_max: 1_000,
            queue_max: 128,
            slow: Slow::Coalesce,
            init_headers: vec![http::header::AUTHORIZATION],
        }
    }
}

pub(super) fn websocket(reader: &mut Reader<'_>, values: &Values) -> WebSocket {
    let mut websocket = WebSocket::default();
    set(&mut websocket.init_timeout, values.duration("init_timeout"));
    set(&mut websocket.ping, values.duration("ping"));
    set(&mut websocket.idle, values.duration("idle"));
    set(&mut websocket.per_socket_max, values.integer("per_socket"));
    set(&mut websocket.per_address_max, values.integer("per_address"));
    set(&mut websocket.queue_max, values.integer("queue"));
    let slow = values.word("slow").map(|word| match word {
        "drop_oldest" => Slow::DropOldest,
        "disconnect" => Slow::Disconnect,
        _ => Slow::Coalesce,
    });
    set(&mut websocket.slow, slow);
    if values.has("init_headers") {
        let names = values.forms("init_headers");
        websocket.init_headers =
            names.iter().filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok()).collect();
    }
    if websocket.idle <= websocket.ping {
        let place = values.place("idle").or(values.place("ping")).unwrap_or(&values.place).clone();
        let message = "`websocket.idle` must be longer than `websocket.ping`";
        reader.refuse(place, message, "a client that is only quiet is heard of when it answers a ping");
    }
    websocket
}
