//! `events` of `ficus.yaml`: where events of webhooks are kept, how many, and how long.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    keys::{Form, Group, Key, Kind},
    reader::Reader,
    values::Values,
};

const DAY: u64 = 86_400;

pub(super) const EVENTS: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "store",
            Kind::Form(&STORE),
            "Where events are kept: `memory`, `redis`, or the path of a file, relative to this one. A webhook is answered when its \
             events are there. Default: `redis` where `redis` is set, else `memory`.",
        )
        .examples(&["memory", "redis", "./events.redb"]),
        Key::new("keep", Kind::Integer(1, 1_000_000), "How many events of a topic are kept.").default("1000"),
        Key::new(
            "keep_for",
            Kind::Duration(Duration::from_millis(1), Duration::from_secs(31 * DAY)),
            "How long an event is kept.",
        )
        .default("10m"),
        Key::new(
            "keep_bytes",
            Kind::Size(1 << 10, 1 << 40),
            "How much memory the events of one topic may fill; the newest is kept however large it is.",
        )
        .default("8MiB"),
        Key::new(
            "memory",
            Kind::Size(1 << 20, 1 << 40),
            "How much memory all topics may fill; beyond it the oldest events go.",
        )
        .default("64MiB"),
        Key::new(
            "remember",
            Kind::Duration(Duration::from_secs(4 * DAY), Duration::from_secs(31 * DAY)),
            "How long a delivery is known as published, so that it is a duplicate when it is sent again.",
        )
        .default("4d"),
        Key::new(
            "deliveries",
            Kind::Integer(1_000, 100_000_000),
            "How many names of deliveries are known; beyond it the oldest are forgotten early.",
        )
        .default("1000000"),
    ],
};

const STORE: Form = Form {
    expected: "`memory`, `redis` or a path with a `/` or a `.` such as `./events.redb`",
    pattern: "memory|redis|.*[/.].*",
    integers: None,
    holds: |text| text == "memory" || text == "redis" || text.contains(['/', '.']),
};

/// Where events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventStore {
    /// In the process, and with it gone.
    Memory,
    /// In a file, which only this process uses.
    Disk(PathBuf),
    /// In Redis, for all instances.
    Redis,
}

/// Where events are kept, how many, and how long (`events` in `ficus.yaml`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// Default in Redis where there is one, else in memory.
    pub store: EventStore,
    /// How many events of a topic are kept. Default 1,000.
    pub keep: usize,
    /// How long an event is kept. Default 10 minutes.
    pub keep_for: Duration,
    /// What the events of a topic may fill, in bytes. Default 8 MiB.
    pub keep_bytes: usize,
    /// What all topics may fill, in bytes. Default 64 MiB.
    pub memory: usize,
    /// How long a delivery is known. Default 4 days.
    pub remember: Duration,
    /// How many names of deliveries are known. Default 1,000,000.
    pub deliveries: usize,
}

impl Default for Events {
    fn default() -> Self {
        Events {
            store: EventStore::Memory,
            keep: 1_000,
            // Longer than a client takes to come back, or a new version to be rolled out.
            keep_for: Duration::from_secs(600),
            // Events of webhooks have a few kB; a thousand of them fit.
            keep_bytes: 8 << 20,
            // A quarter of what responses may fill.
            memory: 64 << 20,
            // Senders try again for up to three days.
            remember: Duration::from_secs(4 * DAY),
            // Some 70 MB of memory at the bound; two or three deliveries a second for four days.
            deliveries: 1_000_000,
        }
    }
}

/// What is written of it, or the defaults. Redis is the default where it is set.
pub(super) fn events(reader: &mut Reader<'_>, values: Option<&Values>, has_redis: bool) -> Events {
    let mut events = Events::default();
    if has_redis {
        events.store = EventStore::Redis;
    }
    let Some(values) = values else { return events };
    let defaults = events.clone();
    let store = values.formed("store").map(|text| store(reader, &text));
    if store == Some(EventStore::Redis) && !has_redis {
        let place = values.place("store").unwrap_or(&values.place).clone();
        let help = "example: `redis: { url: redis://127.0.0.1:6379 }`";
        reader.refuse(place, "`events.store: redis` needs `redis`, which says where it is", help);
    }
    Events {
        store: store.unwrap_or(defaults.store),
        keep: values.integer("keep").unwrap_or(defaults.keep),
        keep_for: values.duration("keep_for").unwrap_or(defaults.keep_for),
        keep_bytes: values.integer("keep_bytes").unwrap_or(defaults.keep_bytes),
        memory: values.integer("memory").unwrap_or(defaults.memory),
        remember: values.duration("remember").unwrap_or(defaults.remember),
        deliveries: values.integer("deliveries").unwrap_or(defaults.deliveries),
    }
}

fn store(reader: &Reader<'_>, text: &str) -> EventStore {
    match text {
        "memory" => EventStore::Memory,
        "redis" => EventStore::Redis,
        path => {
            let folder = Path::new(&*reader.file.name).parent().unwrap_or(Path::new(""));
            EventStore::Disk(folder.join(path))
        }
    }
}
