//! The load: a number of keep-alive connections, each sending its next request when its last answer is there and is the
//! expected one. It has no queue of its own, so a slow contender is asked less.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io::Write as _,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::{
    connection::{Answer, Connection},
    workloads::{CALLER, Workload},
};

/// What a run showed from outside.
#[derive(Debug, Clone)]
pub struct Run {
    pub elapsed: Duration,
    /// Of every request, sorted.
    pub latencies: Vec<Duration>,
    /// Answers with errors, which are allowed where the backend fails.
    pub failed: usize,
}

impl Run {
    pub fn requests_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// What is sent and what must come back.
pub struct Questions {
    workload: Workload,
    address: String,
    path: &'static str,
    /// The body of every request, where they are equal, and the `data` of every answer.
    constant: Option<(String, Value)>,
    /// The bytes of an answer that was held to its data: the same bytes need no second look. Contenders whose order of keys
    /// varies have several.
    known: RefCell<HashMap<Vec<u8>, ()>>,
}

impl Questions {
    pub fn new(workload: &Workload, address: &str, path: &'static str) -> Self {
        let same = (workload.variables)(1) == (workload.variables)(2);
        let constant = same.then(|| (body(workload, 1), (workload.data)(1)));
        let address = address.to_owned();
        Questions { workload: workload.clone(), address, path, constant, known: RefCell::default() }
    }

    /// Writes the request with this number.
    fn write(&self, number: u64, request: &mut Vec<u8>) -> anyhow::Result<()> {
        let of_this_one;
        let body = match &self.constant {
            Some((body, _)) => body,
            None => {
                of_this_one = body(&self.workload, number);
                &of_this_one
            }
        };
        request.clear();
        write!(
            request,
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json\r\n{CALLER}: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.path,
            self.address,
            self.workload.caller(number),
            body.len()
        )?;
        Ok(())
    }

    /// Whether the answer holds the data; an answer with errors is `false` where the backend fails, and ends the run where it does not.
    fn check(&self, number: u64, answer: &Answer<'_>) -> anyhow::Result<bool> {
        if answer.status == 200 && self.known.borrow().contains_key(answer.body) {
            return Ok(true);
        }
        let text = || String::from_utf8_lossy(answer.body.get(..600).unwrap_or(answer.body));
        let value: Value = match serde_json::from_slice(answer.body) {
            Ok(value) => value,
            Err(_) if self.workload.error_every > 0 => return Ok(false),
            Err(error) => bail!("{}: no JSON ({error}): {}", answer.status, text()),
        };
        let faultless = answer.status == 200 && value.get("errors").is_none_or(Value::is_null);
        if !faultless {
            ensure!(self.workload.error_every > 0, "{}: {}", answer.status, text());
            return Ok(false);
        }
        let of_this_one;
        let expected = match &self.constant {
            Some((_, expected)) => expected,
            None => {
                of_this_one = (self.workload.data)(number);
                &of_this_one
            }
        };
        ensure!(value.get("data") == Some(expected), "a wrong answer: {}", text());
        if self.constant.is_some() && self.known.borrow().len() < 64 {
            self.known.borrow_mut().insert(answer.body.to_vec(), ());
        }
        Ok(true)
    }
}

fn body(workload: &Workload, number: u64) -> String {
    match (workload.variables)(number) {
        Some(variables) => json!({"query": workload.query, "variables": variables}).to_string(),
        None => json!({"query": workload.query}).to_string(),
    }
}

/// Until when to go on.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    Requests(usize),
    Elapsed(Duration),
}

/// Sends requests, numbered from `next` on (which it moves), over so many connections.
pub async fn run(
    questions: &Rc<Questions>,
    connections: usize,
    until: Until,
    next: &Cell<u64>,
) -> anyhow::Result<Run> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(&questions.address).await?);
    }
    let taken = Rc::new(Cell::new(0_usize));
    let (number, failed) = (Rc::new(Cell::new(next.get())), Rc::new(Cell::new(0)));
    let latencies = Rc::new(RefCell::new(Vec::new()));
    let started = Instant::now();
    let tasks = LocalSet::new();
    let mut running = Vec::with_capacity(connections);
    for mut connection in open {
        let (questions, latencies) = (Rc::clone(questions), Rc::clone(&latencies));
        let (taken, number, failed) = (Rc::clone(&taken), Rc::clone(&number), Rc::clone(&failed));
        running.push(tasks.spawn_local(async move {
            let mut request = Vec::with_capacity(4096);
            loop {
                let more = match until {
                    Until::Requests(count) => taken.get() < count,
                    Until::Elapsed(time) => started.elapsed() < time,
                };
                if !more {
                    return anyhow::Ok(());
                }
                taken.set(taken.get() + 1);
                let this = number.replace(number.get() + 1);
                questions.write(this, &mut request)?;
                let sent = Instant::now();
                let answer = connection.exchange(&request).await?;
                let elapsed = sent.elapsed();
                if !questions.check(this, &answer)? {
                    failed.set(failed.get() + 1);
                }
                latencies.borrow_mut().push(elapsed);
            }
        }));
    }
    tasks.await;
    for task in running {
        task.await??;
    }
    next.set(number.get());
    let mut latencies = latencies.take();
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Run { elapsed, latencies, failed: failed.get() })
}

/// Asks once; the answer must be right even where the backend fails now and then.
pub async fn once(questions: &Questions, number: u64) -> anyhow::Result<()> {
    let mut request = Vec::new();
    questions.write(number, &mut request)?;
    let mut connection = Connection::open(&questions.address).await?;
    let answer = connection.exchange(&request).await?;
    let right = questions.check(number, &answer)?;
    ensure!(right, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
    Ok(())
}

/// Asks the upstream how often it was called in all.
pub async fn upstream_calls(upstream: &str) -> anyhow::Result<u64> {
    let body = get(upstream, "/calls").await?;
    let calls: HashMap<String, u64> = serde_json::from_slice(&body)?;
    Ok(calls.values().sum())
}

/// A GET of its own; gives the body of a 200.
pub async fn get(address: &str, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let answer = connection.exchange(request.as_bytes()).await.context("GET")?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    Ok(answer.body.to_vec())
}
