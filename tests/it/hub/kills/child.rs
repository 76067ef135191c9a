//! A hub in a process of its own that can be killed: this test binary again, with one test that takes orders from standard input.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{ChildStdin, Command, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use ficus::{
    config::{Config, EventStore, Events, Redis},
    events::{Delivery, EventId, Heard, Hub, NewEvent, Published},
};

use super::PATIENCE;

/// Names the store, for the process that is to be killed.
const STORE: &str = "FICUS_KILLED_STORE";
/// What our lines begin with, among those of the test harness.
const MARK: &str = "@ ";

/// A process with a hub.
pub(super) struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    said: Receiver<String>,
    /// Topics that it listens to.
    pub(super) listening: usize,
}

/// What it says.
pub(super) enum Said {
    Kept(usize),
    Duplicate(usize),
    Failed(usize),
    Listening,
    Gap(usize),
    Heard { topic: usize, id: EventId, delivery: usize },
}

impl Child {
    /// Starts it, and waits until its hub is open.
    pub(super) fn start(store: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hub::kills::child::takes_orders", "--ignored", "--nocapture"])
            .env(STORE, store)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let (tell, said) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            // A line without its end was cut by the kill.
            while lines.read_line(&mut line).is_ok_and(|read| read > 0) && line.ends_with('\n') {
                if let Some(at) = line.find(MARK) {
                    let _ = tell.send(line[at + MARK.len()..].trim_end().to_owned());
                }
                line.clear();
            }
        });
        let child = Child { process, orders, said, listening: 0 };
        assert_eq!(child.said.recv_timeout(PATIENCE).as_deref(), Ok("open"), "it does not start");
        child
    }

    pub(super) fn publish(&mut self, delivery: usize, topic: usize) {
        self.order(&format!("publish {delivery} {topic}"));
    }

    pub(super) fn listen(&mut self, topic: usize, after: Option<EventId>) {
        self.order(&format!("listen {topic} {}", after.map_or("now".to_owned(), |id| id.to_string())));
    }

    fn order(&mut self, line: &str) {
        writeln!(self.orders, "{line}").expect("it lives");
    }

    /// The next that it says within a time.
    pub(super) fn hear(&mut self, patience: Duration) -> Option<Said> {
        self.said.recv_timeout(patience).ok().map(|line| Said::read(&line))
    }

    /// Kills it at once, and gives what it had said.
    pub(super) fn kill(&mut self) -> Vec<Said> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.said.iter().map(|line| Said::read(&line)).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Said {
    fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse().unwrap();
        match words[0] {
            "kept" => Said::Kept(number(1)),
            "duplicate" => Said::Duplicate(number(1)),
            "failed" => Said::Failed(number(1)),
            "listening" => Said::Listening,
            "gap" => Said::Gap(number(1)),
            "heard" => Said::Heard { topic: number(1), id: words[2].parse().unwrap(), delivery: number(3) },
            other => panic!("what is {other}?"),
        }
    }
}

/// One line at once, before anything else happens.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{line}").and_then(|()| out.flush()).unwrap();
}

async fn publish(hub: Hub, delivery: String, topic: String) {
    let event = NewEvent { topic: topic.into(), data: delivery.clone().into() };
    let published = hub
        .publish(Delivery {
            names: vec![delivery.as_bytes().into()],
            events: vec![event],
            ..Delivery::default()
        })
        .await;
    let said = match published {
        Ok(Published::Kept(_)) => "kept",
        Ok(Published::Duplicate) => "duplicate",
        Err(_) => "failed",
    };
    say(&format!("{said} {delivery}"));
}

async fn listen(hub: Hub, topic: String, after: Option<EventId>) {
    let mut listener = loop {
        if let Ok(listener) = hub.listen(&topic, after).await {
            break listener;
        }
    };
    say("listening");
    loop {
        match listener.next().await {
            Heard::Gap => say(&format!("gap {topic}")),
            Heard::Event(event) => {
                say(&format!("heard {topic} {} {}", event.id, std::str::from_utf8(&event.data).unwrap()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the others kill"]
async fn takes_orders() {
    let Ok(store) = std::env::var(STORE) else { return };
    let is_redis = store.starts_with("redis:");
    let kept = if is_redis { EventStore::Redis } else { EventStore::Disk(store.clone().into()) };
    let events = Events { store: kept, ..Events::default() };
    let redis = is_redis.then(|| Redis::at(store));
    let hub = Hub::open(&Config { events, redis, ..Config::default() }).unwrap();
    say("open");
    let (order, mut orders) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).try_for_each(|line| order.send(line).map_err(drop))
    });
    while let Some(line) = orders.recv().await {
        let words: Vec<&str> = line.split(' ').collect();
        let (what, first, second) = (words[0], words[1].to_owned(), words[2].to_owned());
        match what {
            "publish" => drop(tokio::spawn(publish(hub.clone(), first, second))),
            "listen" => drop(tokio::spawn(listen(hub.clone(), first, second.parse().ok()))),
            other => panic!("what is {other}?"),
        }
    }
}
