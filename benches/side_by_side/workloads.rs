//! The workloads, as a table: what is asked, under which circumstances, and what the answer has to be (`expected`).

use std::{borrow::Cow, rc::Rc};

use serde_json::{Value, json};

use crate::expected;

pub const Q1: &str = "{posts{id userId title user{id name email}}}";
pub const Q2: &str = "{posts{title}}";
pub const Q3: &str = "{hello}";
pub const DEEP: &str = include_str!("queries/deep.graphql");
pub const WIDE: &str = include_str!("queries/wide.graphql");
pub const BIG: &str = "{catalogue{id name price}}";
pub const METHODS: &str = include_str!("queries/methods.graphql");
pub const MUTATION: &str = include_str!("queries/mutation.graphql");
pub const RANDOM: &str = include_str!("queries/random.graphql");
pub const ROWS: &str = include_str!("queries/rows.graphql");

/// The header that says who asks. Every contender hands it on to every backend, so requests of two callers cannot be one.
pub const CALLER: &str = "x-caller";

/// How a contender is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// Nothing may be shared between requests, and nothing kept: every request has a caller of its own.
    Apart,
    /// All requests have one caller; a contender that can shares what is in flight.
    Sharing,
    /// All requests have one caller; a contender that can keeps what the backend answered.
    Caching,
}

/// One question under one set of circumstances.
#[derive(Clone)]
pub struct Workload {
    /// As `--workloads` has it.
    pub name: String,
    /// As the tables have it.
    pub title: String,
    pub query: Cow<'static, str>,
    /// Of the request with this number.
    pub variables: Rc<dyn Fn(u64) -> Option<Value>>,
    /// `data` of the answer to the request with this number; all answers are the same if the variables are.
    pub data: Rc<dyn Fn(u64) -> Value>,
    pub setting: Setting,
    pub connections: usize,
    pub latency_us: u64,
    /// Every so many calls of the backend fail; 0 for none.
    pub error_every: u64,
}

impl Workload {
    /// A hundred connections, a caller each, no variables, a backend without delay or fault.
    pub fn new(
        name: &str,
        title: &str,
        query: impl Into<Cow<'static, str>>,
        data: impl Fn(u64) -> Value + 'static,
    ) -> Self {
        Workload {
            name: name.to_owned(),
            title: title.to_owned(),
            query: query.into(),
            variables: Rc::new(|_| None),
            data: Rc::new(data),
            setting: Setting::Apart,
            connections: 100,
            latency_us: 0,
            error_every: 0,
        }
    }

    /// The value of the header that says who asks.
    pub fn caller(&self, number: u64) -> String {
        match self.setting {
            Setting::Apart => format!("c{number}"),
            Setting::Sharing | Setting::Caching => "everybody".to_owned(),
        }
    }
}

fn q1(name: &str, title: &str) -> Workload {
    Workload::new(name, title, Q1, expected::posts_with_users)
}

fn slow(latency_ms: u64, connections: usize) -> Workload {
    let name = format!("q1-{latency_ms}ms-{connections}");
    let title = format!("Q1, {latency_ms} ms, {connections} connections");
    Workload { connections, latency_us: latency_ms * 1000, ..q1(&name, &title) }
}

/// All of them, in the order of the tables.
pub fn all() -> Vec<Workload> {
    let order = json!({"item": 7, "quantity": 3, "note": "leave it at the door"});
    vec![
        q1("q1", "Q1"),
        Workload { setting: Setting::Sharing, ..q1("q1-shared", "Q1, equal requests") },
        Workload { setting: Setting::Caching, ..q1("q1-cached", "Q1, cached") },
        Workload::new("q2", "Q2", Q2, expected::titles),
        Workload::new("q3", "Q3", Q3, |_| json!({"hello": "world"})),
        Workload { connections: 50, ..Workload::new("deep", "deep", DEEP, expected::deep) },
        Workload { connections: 50, ..Workload::new("wide", "wide", WIDE, expected::wide) },
        Workload { connections: 8, ..Workload::new("big", "big", BIG, expected::big) },
        Workload { connections: 50, ..Workload::new("methods", "methods", METHODS, expected::methods) },
        Workload {
            variables: Rc::new(move |_| Some(order.clone())),
            ..Workload::new("mutation", "mutation", MUTATION, expected::mutation)
        },
        Workload {
            variables: Rc::new(|number| Some(json!({"id": number}))),
            ..Workload::new("random", "random ids", RANDOM, expected::item)
        },
        slow(4, 50),
        slow(4, 1000),
        slow(50, 50),
        slow(50, 1000),
        Workload { error_every: 100, ..q1("q1-errors", "Q1, 1 % upstream errors") },
    ]
}
