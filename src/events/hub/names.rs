//! The names of deliveries that were published, for as long as their senders may send them again. Names come from senders and
//! may be long or secret, so only digests of them are kept.

use std::{collections::VecDeque, time::Duration};

use ahash::HashMap;
use ring::digest;
use tokio::time::Instant;

use super::Delivery;
use crate::config;

/// A digest of a name: two names have the same only for who could break SHA-256 cut to half.
pub(super) type Name = [u8; 16];

/// How many names one delivery forgets at most beside its own number, so that none takes long.
pub(super) const FORGOTTEN_MAX: usize = 100;

/// How long names are kept, and how many. At the bound the oldest are forgotten before their time, which is logged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    pub(super) age: Duration,
    pub(super) count: usize,
}

impl Memory {
    pub(super) fn new(events: &config::Events) -> Self {
        Memory { age: events.remember, count: events.deliveries }
    }
}

/// The names of a delivery as they are kept.
pub(super) fn names(delivery: &Delivery) -> Vec<Name> {
    delivery.names.iter().map(|text| name(text)).collect()
}

/// What stands for a text that is not kept itself.
pub(super) fn name(text: &[u8]) -> Name {
    let digest = digest::digest(&digest::SHA256, text);
    let mut name = Name::default();
    name.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    name
}

/// Names in the memory of the process.
#[derive(Debug)]
pub(super) struct Names {
    memory: Memory,
    /// Each with the time until which it counts.
    known: HashMap<Name, Instant>,
    /// In the order in which they came.
    order: VecDeque<Name>,
}

impl Names {
    pub(super) fn new(memory: Memory) -> Self {
        Names { memory, known: HashMap::default(), order: VecDeque::new() }
    }

    /// Whether one of these was seen before.
    pub(super) fn has_any(&self, names: &[Name]) -> bool {
        let now = Instant::now();
        names.iter().any(|name| self.known.get(name).is_some_and(|until| *until > now))
    }

    /// Keeps names that were not seen before. Gives how many others were forgotten before their time.
    pub(super) fn put(&mut self, names: &[Name]) -> usize {
        let now = Instant::now();
        self.forget_old(now, names.len() + FORGOTTEN_MAX);
        for name in names {
            if self.known.insert(*name, now + self.memory.age).is_none() {
                self.order.push_back(*name);
            }
        }
        let excess = self.order.len().saturating_sub(self.memory.count);
        for name in self.order.drain(..excess) {
            self.known.remove(&name);
        }
        excess
    }

    fn forget_old(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            let Some(name) = self.order.front() else { return };
            if self.known.get(name).is_some_and(|until| *until > now) {
                return;
            }
            self.known.remove(name);
            self.order.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}
