//! The load: a number of keep-alive connections, each sending its next request when its last answer is there and is the
//! expected one. It has no queue of its own, so a slow contender is asked less.

use std::{
    borrow::Cow,
    cell::{Cell, RefCell},
    collections::HashSet,
    io::Write as _,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::task::LocalSet;

use crate::{
    connection::{Answer, Connection},
    contenders::Contender,
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
    contender: Contender,
    /// The body of every request, where they are equal, and the `data` of every answer.
    constant: Option<(String, Value)>,
    /// The bytes of an answer that was held to its data: the same bytes need no second look. Contenders whose order of keys
    /// varies have several.
    known: RefCell<HashSet<Vec<u8>>>,
    /// The number of the next request.
    next: Cell<u64>,
}

impl Questions {
    pub fn new(workload: &Workload, contender: &Contender) -> Self {
        let same = (workload.variables)(1) == (workload.variables)(2);
        // Numbers differ between runs, so that what an earlier one left behind is of no use.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        Questions {
            workload: workload.clone(),
            contender: *contender,
            constant: same.then(|| (body(workload, 1), (workload.data)(1))),
            known: RefCell::default(),
            next: Cell::new(now % 100_000 * 10_000 + 1),
        }
    }

    /// The number of a request that was never sent.
    fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    fn body(&self, number: u64) -> Cow<'_, str> {
        match &self.constant {
            Some((body, _)) => body.into(),
            None => body(&self.workload, number).into(),
        }
    }

    fn data(&self, number: u64) -> Cow<'_, Value> {
        match &self.constant {
            Some((_, data)) => Cow::Borrowed(data),
            None => Cow::Owned((self.workload.data)(number)),
        }
    }

    /// Writes the request with this number.
    fn write(&self, number: u64, request: &mut Vec<u8>) -> anyhow::Result<()> {
        let body = self.body(number);
        request.clear();
        write!(
            request,
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\naccept: application/json\r\n{CALLER}: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.contender.path,
            self.contender.address,
            self.workload.caller(number),
            body.len()
        )?;
        Ok(())
    }

    /// Whether the answer holds the data; an answer with errors is `false` where the backend fails, and ends the run where it does not.
    fn check(&self, number: u64, answer: &Answer<'_>) -> anyhow::Result<bool> {
        if answer.status == 200 && self.known.borrow().contains(answer.body) {
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
        ensure!(value.get("data") == Some(&*self.data(number)), "a wrong answer: {}", text());
        if self.constant.is_some() && self.known.borrow().len() < 64 {
            self.known.borrow_mut().insert(answer.body.to_vec());
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

/// A run as far as it has come.
struct Progress {
    questions: Rc<Questions>,
    until: Until,
    started: Instant,
    taken: Cell<usize>,
    failed: Cell<usize>,
    latencies: RefCell<Vec<Duration>>,
}

impl Progress {
    fn is_over(&self) -> bool {
        match self.until {
            Until::Requests(count) => self.taken.get() >= count,
            Until::Elapsed(time) => self.started.elapsed() >= time,
        }
    }

    /// What one connection does.
    async fn ask(self: Rc<Self>, mut connection: Connection) -> anyhow::Result<()> {
        let mut request = Vec::with_capacity(4096);
        while !self.is_over() {
            self.taken.set(self.taken.get() + 1);
            let number = self.questions.number();
            self.questions.write(number, &mut request)?;
            let sent = Instant::now();
            let answer = connection.exchange(&request).await?;
            let elapsed = sent.elapsed();
            if !self.questions.check(number, &answer)? {
                self.failed.set(self.failed.get() + 1);
            }
            self.latencies.borrow_mut().push(elapsed);
        }
        Ok(())
    }
}

/// Sends requests over as many connections as the workload has.
pub async fn run(questions: &Rc<Questions>, until: Until) -> anyhow::Result<Run> {
    let mut connections = Vec::with_capacity(questions.workload.connections);
    for _ in 0..questions.workload.connections {
        connections.push(Connection::open(questions.contender.address).await?);
    }
    let progress = Rc::new(Progress {
        questions: Rc::clone(questions),
        until,
        started: Instant::now(),
        taken: Cell::default(),
        failed: Cell::default(),
        latencies: RefCell::default(),
    });
    let tasks = LocalSet::new();
    let asking: Vec<_> = connections
        .into_iter()
        .map(|connection| tasks.spawn_local(Rc::clone(&progress).ask(connection)))
        .collect();
    tasks.await;
    let elapsed = progress.started.elapsed();
    for asked in asking {
        asked.await??;
    }
    let mut latencies = progress.latencies.take();
    latencies.sort_unstable();
    Ok(Run { elapsed, latencies, failed: progress.failed.get() })
}

/// Asks once; the answer must be right even where the backend fails now and then.
pub async fn once(questions: &Questions) -> anyhow::Result<()> {
    let number = questions.number();
    let mut request = Vec::new();
    questions.write(number, &mut request)?;
    let mut connection = Connection::open(questions.contender.address).await?;
    let answer = connection.exchange(&request).await?;
    let right = questions.check(number, &answer)?;
    ensure!(right, "{}: {}", answer.status, String::from_utf8_lossy(answer.body));
    Ok(())
}

/// A GET of its own; gives the body of a 200.
pub async fn get(address: &str, path: &str) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let answer = connection.exchange(request.as_bytes()).await.context("GET")?;
    ensure!(answer.status == 200, "{path}: {}", answer.status);
    Ok(answer.body.to_vec())
}
