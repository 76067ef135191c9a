//! Instances are killed (`kill -9`) at random while deliveries arrive, and started again. Nothing that was answered as kept may be
//! missing, and nothing may be heard twice by who comes back with the id of the last event that it heard. `tests/kills/run.sh` does this a
//! thousand times for each store; the suite does it a few times.

mod child;
mod gateway;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    time::{Duration, Instant},
};

use ficus::events::EventId;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use self::child::{Child, Said};
use crate::support::redis::RedisServer;

const TOPICS: usize = 5;
/// New deliveries between one kill and the next, at most.
const DELIVERIES_MAX: usize = 40;
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that listens to all topics at one instance, and to the same at the one that takes its place.
#[derive(Default)]
struct Client {
    last: HashMap<usize, EventId>,
    /// How often each delivery was heard.
    heard: BTreeMap<usize, usize>,
    faults: Vec<String>,
}

/// A sender that sends each delivery until it is answered, the instances it sends to, and a client at each.
struct World {
    random: StdRng,
    store: String,
    children: Vec<Child>,
    clients: Vec<Client>,
    /// Those that were not answered, with the instance that has them.
    open: BTreeMap<usize, Option<usize>>,
    deliveries: usize,
    answered_as_kept: usize,
    answered_as_duplicates: usize,
    sent_again: usize,
    longest_start: Duration,
}

impl World {
    fn new(store: String, instances: usize, seed: u64) -> Self {
        let mut world = World {
            random: StdRng::seed_from_u64(seed),
            store,
            children: Vec::new(),
            clients: (0..instances).map(|_| Client::default()).collect(),
            open: BTreeMap::new(),
            deliveries: 0,
            answered_as_kept: 0,
            answered_as_duplicates: 0,
            sent_again: 0,
            longest_start: Duration::ZERO,
        };
        for instance in 0..instances {
            let child = Child::start(&world.store);
            world.children.push(child);
            world.listen(instance);
        }
        // So that each client has heard something, and can say where it was.
        world.send_new(TOPICS);
        world.settle();
        world
    }

    fn listen(&mut self, instance: usize) {
        for topic in 0..TOPICS {
            let after = self.clients[instance].last.get(&topic);
            self.children[instance].listen(topic, after.copied());
        }
        // Until it listens, for what is published before that is not heard.
        self.hear_until(|world| world.children[instance].listening == TOPICS);
    }

    fn send_new(&mut self, count: usize) {
        for _ in 0..count {
            self.open.insert(self.deliveries, None);
            self.deliveries += 1;
        }
        self.send_open();
    }

    /// Sends what no instance has.
    fn send_open(&mut self) {
        for (delivery, at) in &mut self.open {
            if at.is_none() {
                let instance = self.random.random_range(0..self.children.len());
                self.children[instance].publish(*delivery, delivery % TOPICS);
                *at = Some(instance);
            }
        }
    }

    /// Takes what the instances say until it is so.
    fn hear_until(&mut self, is_so: impl Fn(&World) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < PATIENCE, "the instances do not get on:\n{}", self.report());
            for instance in 0..self.children.len() {
                while let Some(said) = self.children[instance].hear(Duration::from_micros(200)) {
                    self.take(instance, said);
                }
            }
        }
    }

    fn take(&mut self, instance: usize, said: Said) {
        match said {
            Said::Kept(delivery) => {
                self.answered_as_kept += 1;
                self.open.remove(&delivery);
            }
            Said::Duplicate(delivery) => {
                self.answered_as_duplicates += 1;
                self.open.remove(&delivery);
            }
            Said::Failed(delivery) => {
                self.open.insert(delivery, None);
            }
            Said::Listening => self.children[instance].listening += 1,
            Said::Gap(topic) => self.clients[instance].faults.push(format!("a gap in topic {topic}")),
            Said::Heard { topic, id, delivery } => {
                let client = &mut self.clients[instance];
                if client.last.insert(topic, id).is_some_and(|last| last >= id) {
                    client.faults.push(format!("{id} came late"));
                }
                *client.heard.entry(delivery).or_default() += 1;
            }
        }
    }

    /// Kills an instance at some moment of its work, and starts it again.
    fn kill(&mut self) {
        let count = self.random.random_range(1..=DELIVERIES_MAX);
        self.send_new(count);
        let left = self.random.random_range(0..=count);
        self.hear_until(|world| world.open.len() <= left);
        let killed = self.random.random_range(0..self.children.len());
        // What it had said until then was said.
        for said in self.children[killed].kill() {
            self.take(killed, said);
        }
        for at in self.open.values_mut().filter(|at| **at == Some(killed)) {
            *at = None;
            self.sent_again += 1;
        }
        let begun = Instant::now();
        self.children[killed] = Child::start(&self.store);
        self.longest_start = self.longest_start.max(begun.elapsed());
        self.listen(killed);
        self.send_open();
    }

    /// Waits until all is answered and heard.
    fn settle(&mut self) {
        let begun = Instant::now();
        while !self.open.is_empty() {
            self.hear_until(|world| world.open.is_empty() || world.open.values().any(Option::is_none));
            self.send_open();
            assert!(begun.elapsed() < PATIENCE, "not all is answered:\n{}", self.report());
        }
        let all = self.deliveries;
        let begun = Instant::now();
        // What is missing is reported in the end.
        self.hear_until(|world| {
            world.clients.iter().all(|client| client.heard.len() == all) || begun.elapsed() > PATIENCE / 2
        });
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (number, client) in self.clients.iter().enumerate() {
            faults.extend(client.faults.iter().map(|fault| format!("client {number}: {fault}")));
            for delivery in 0..self.deliveries {
                let heard = client.heard.get(&delivery).copied().unwrap_or_default();
                if heard != 1 {
                    faults.push(format!("client {number}: delivery {delivery} was heard {heard} times"));
                }
            }
        }
        faults
    }

    fn report(&self) -> String {
        let mut report = String::new();
        let faults = self.faults();
        let heard: usize = self.clients.iter().map(|client| client.heard.values().sum::<usize>()).sum();
        let _ =
            writeln!(report, "deliveries {}, sent again after a kill {}", self.deliveries, self.sent_again);
        let _ = writeln!(
            report,
            "answered as kept {}, as duplicates {}, not answered {}",
            self.answered_as_kept,
            self.answered_as_duplicates,
            self.open.len()
        );
        let _ = writeln!(report, "heard {heard} by {} clients", self.clients.len());
        let _ = writeln!(report, "longest start {} ms", self.longest_start.as_millis());
        let _ = writeln!(report, "missing, twice, out of order or gaps: {}", faults.len());
        for fault in faults.iter().take(20) {
            let _ = writeln!(report, "  {fault}");
        }
        report
    }
}

fn run(store: String, instances: usize, kills: usize, seed: u64) -> String {
    let mut world = World::new(store, instances, seed);
    for _ in 0..kills {
        world.kill();
    }
    world.settle();
    let report = world.report();
    assert!(world.faults().is_empty(), "{report}");
    assert!(world.answered_as_kept > kills, "{report}");
    report
}

fn on_disk(kills: usize, seed: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path().join("events.redb").display().to_string(), 1, kills, seed)
}

/// The binary, and its webhook.
fn of_the_gateway(kills: usize, seed: u64) -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(gateway::run(kills, seed))
}

fn in_redis(kills: usize, seed: u64) -> String {
    let server = RedisServer::start();
    run(server.url(), 2, kills, seed)
}

#[test]
fn a_few_kills_lose_nothing_on_disk() {
    on_disk(8, 1);
}

#[test]
fn a_few_kills_lose_nothing_in_redis() {
    in_redis(8, 1);
}

#[test]
#[ignore = "a thousand kills: tests/kills/run.sh"]
fn kills_lose_nothing() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (kills, seed) = (number("FICUS_KILLS", 1_000), number("FICUS_SEED", 1));
    let mut report = format!("{kills} kills each, seed {seed}\n");
    for (what, run) in [
        ("one instance, events on disk", on_disk as fn(usize, u64) -> String),
        ("two instances, events in Redis, one of them killed each time", in_redis),
        ("the gateway, events on disk, its webhook called", of_the_gateway),
    ] {
        let begun = Instant::now();
        let said = run(usize::try_from(kills).unwrap(), seed);
        let _ = write!(report, "\n{what} ({} s)\n{said}", begun.elapsed().as_secs());
        if let Ok(path) = std::env::var("FICUS_REPORT") {
            std::fs::write(path, &report).unwrap();
        }
    }
}
