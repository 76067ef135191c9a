//! Measures the contenders in turn: every workload with processes of its own, every round with all of them, in another order each time.

use std::{
    path::Path,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use crate::{
    connection::Connection,
    contenders::{self, BASELINE, Contender, Setup, UPSTREAMS},
    load::{self, Questions, Until},
    process::{Process, Start},
    workloads::{self, Workload},
};

/// The core of the contenders.
const CONTENDER_CORE: &str = "0";
/// The core of the upstream, and of this process, which `run.sh` pins to it.
const UPSTREAM_CORE: &str = "1";
/// How long a contender may take until it listens.
const START_MAX: Duration = Duration::from_secs(60);
/// Seconds of CPU time that a round may take where there are so many connections that each can send but one request.
const ROUND_MAX: f64 = 5.0;

/// What is measured, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    pub setup: Setup,
    pub rounds: usize,
    /// CPU time of a contender in a round, about.
    pub seconds: f64,
    /// Names; all if there are none.
    pub workloads: Vec<String>,
    /// Names; all if there are none. The baseline is always among them.
    pub contenders: Vec<String>,
    /// The build's profile, for the report.
    pub profile: String,
}

/// One contender, one workload, one round.
#[derive(Debug, Clone)]
pub struct Sample {
    pub cpu_us: f64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Upstream calls of a request.
    pub calls: f64,
    /// Answers with errors, of a hundred.
    pub failed_percent: f64,
}

/// What came of a contender in a workload.
#[derive(Debug, Clone)]
pub struct Measured {
    pub contender: &'static str,
    /// Sample of each round and the peak memory; or why there is none.
    pub outcome: Result<(Vec<Sample>, f64), String>,
}

/// A workload, and what came of all contenders in it.
pub type OfAll = (Workload, Vec<Measured>);

/// A contender that runs and has given the right answer.
struct Running {
    process: Process,
    questions: Rc<Questions>,
    /// Requests in a round.
    count: usize,
    samples: Vec<Sample>,
}

/// The upstream, which runs all the time.
pub struct Upstream(#[expect(dead_code, reason = "it ends when it is dropped")] Process);

impl Upstream {
    pub async fn start(setup: &Setup) -> anyhow::Result<Self> {
        let start = contenders::this("upstream", &UPSTREAMS)?;
        listening(&start, UPSTREAM_CORE, &UPSTREAMS, &setup.out.join("upstream.log")).await.map(Upstream)
    }

    /// How slow and how faulty it is from now on.
    pub async fn set(&self, latency_us: u64, error_every: u64) -> anyhow::Result<()> {
        let settings = format!("/set?latency_us={latency_us}&error_every={error_every}");
        load::get(UPSTREAMS[0], &settings).await.map(drop)
    }

    /// How often it was called so far.
    pub async fn calls(&self) -> anyhow::Result<u64> {
        Ok(serde_json::from_slice(&load::get(UPSTREAMS[0], "/calls").await?)?)
    }
}

/// Measures everything that the options name; `report` is given what is there after every workload.
pub async fn all(
    options: &Options,
    report: impl Fn(&[OfAll]) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<OfAll>> {
    let workloads = chosen(workloads::all(), |workload| &workload.name, &options.workloads)?;
    let mut contenders = chosen(contenders::ALL.into(), |contender| contender.name, &options.contenders)?;
    if contenders.iter().all(|contender| contender.name != BASELINE.name) {
        contenders.insert(0, BASELINE);
    }
    let upstream = Upstream::start(&options.setup).await?;
    let mut measured = Vec::new();
    for workload in workloads {
        eprintln!("{}", workload.title);
        let of_all = one(options, &upstream, &contenders, &workload).await?;
        measured.push((workload, of_all));
        report(&measured)?;
    }
    Ok(measured)
}

/// Those that are named, or all if there are no names.
fn chosen<T>(all: Vec<T>, name: fn(&T) -> &str, names: &[String]) -> anyhow::Result<Vec<T>> {
    if let Some(unknown) = names.iter().find(|wanted| all.iter().all(|one| name(one) != *wanted)) {
        bail!("nothing is called {unknown:?}: {}", all.iter().map(name).collect::<Vec<_>>().join(", "));
    }
    let is_chosen = |one: &T| names.is_empty() || names.iter().any(|wanted| name(one) == wanted);
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// Measures some contenders in one workload.
pub async fn one(
    options: &Options,
    upstream: &Upstream,
    contenders: &[Contender],
    workload: &Workload,
) -> anyhow::Result<Vec<Measured>> {
    let mut running: Vec<Result<Running, String>> = Vec::new();
    upstream.set(workload.latency_us, 0).await?;
    for contender in contenders {
        let started = begin(options, upstream, contender, workload).await;
        if let Err(reason) = &started {
            eprintln!("  {}: {reason:#}", contender.name);
        }
        running.push(started.map_err(|reason| format!("{reason:#}")));
    }
    upstream.set(workload.latency_us, workload.error_every).await?;
    for round in 0..options.rounds {
        for position in 0..running.len() {
            let Some(place) = running.get_mut((position + round) % contenders.len()) else { continue };
            let Ok(contender) = place else { continue };
            let Running { process, questions, count, samples } = contender;
            match sample(upstream, process, questions, Until::Requests(*count)).await {
                Ok(sample) => samples.push(sample),
                Err(reason) => *place = Err(format!("{reason:#}")),
            }
        }
    }
    upstream.set(0, 0).await?;
    let outcome = |running: Result<Running, String>| {
        let running = running?;
        let peak = running.process.peak_memory_mb().map_err(|error| error.to_string())?;
        Ok((running.samples, peak))
    };
    let measured = contenders.iter().zip(running);
    let measured = measured
        .map(|(contender, running)| Measured { contender: contender.name, outcome: outcome(running) });
    Ok(measured.collect())
}

/// Starts a contender, holds its answer to the data, and prepares it for the rounds.
async fn begin(
    options: &Options,
    upstream: &Upstream,
    contender: &Contender,
    workload: &Workload,
) -> anyhow::Result<Running> {
    let process = launch(&options.setup, contender, workload).await?;
    let questions = Rc::new(Questions::new(workload, contender));
    first_answer(&questions).await?;
    let count = warm(options, upstream, &process, &questions, workload.connections).await?;
    Ok(Running { process, questions, count, samples: Vec::new() })
}

/// Starts a contender; what it says is in a file of its name.
pub async fn launch(setup: &Setup, contender: &Contender, workload: &Workload) -> anyhow::Result<Process> {
    let start = (contender.start)(setup, contender, workload)?;
    let log = setup.out.join(format!("{}.log", contender.name.replace(' ', "-").to_lowercase()));
    listening(&start, CONTENDER_CORE, &[contender.address], &log).await
}

/// Starts a server and waits until it listens. If it never does, the error holds what it said last.
async fn listening(start: &Start, core: &str, addresses: &[&str], log: &Path) -> anyhow::Result<Process> {
    for address in addresses {
        ensure!(Connection::open(address).await.is_err(), "something else listens on {address}");
    }
    let mut process = Process::start(start, core, log)?;
    for address in addresses {
        ready(&mut process, address).await.with_context(|| {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
        })?;
    }
    Ok(process)
}

async fn ready(process: &mut Process, address: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_MAX;
    while Connection::open(address).await.is_err() {
        if let Some(status) = process.ended() {
            bail!("it ended ({status})");
        }
        ensure!(Instant::now() < deadline, "nothing listens on {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// The first answer may take a while: some make connections, or plans, that they do not make twice.
async fn first_answer(questions: &Questions) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        match load::once(questions).await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

/// Warms a contender, and finds out by that how many requests a round has.
async fn warm(
    options: &Options,
    upstream: &Upstream,
    process: &Process,
    questions: &Rc<Questions>,
    connections: usize,
) -> anyhow::Result<usize> {
    let seconds = |seconds| Until::Elapsed(Duration::from_secs_f64(seconds));
    // Connections to the upstream, caches of plans, the allocator; what compiles while it runs takes longest.
    let first =
        sample(upstream, process, questions, seconds((options.seconds * 2.0).clamp(0.5, 3.0))).await?;
    let then = sample(upstream, process, questions, seconds(options.seconds.min(1.0))).await?;
    let whole_round = then.cpu_us * connections as f64 / 1e6;
    ensure!(
        whole_round < ROUND_MAX,
        "left out: a request of each connection takes {whole_round:.0} s of its core"
    );
    let by_cpu = options.seconds * 1e6 / then.cpu_us.max(1.0);
    let by_time = then.per_second.max(first.per_second) * options.seconds * 4.0;
    Ok((by_cpu.min(by_time) as usize).max(connections).max(20))
}

async fn sample(
    upstream: &Upstream,
    process: &Process,
    questions: &Rc<Questions>,
    until: Until,
) -> anyhow::Result<Sample> {
    let (calls, cpu) = (upstream.calls().await?, process.cpu()?);
    let run = load::run(questions, until).await?;
    let cpu = process.cpu()?.saturating_sub(cpu);
    let calls = upstream.calls().await?.saturating_sub(calls);
    let count = run.latencies.len().max(1) as f64;
    let milliseconds = |percent| run.percentile(percent).as_secs_f64() * 1e3;
    Ok(Sample {
        cpu_us: cpu.as_secs_f64() * 1e6 / count,
        per_second: run.requests_per_second(),
        p50_ms: milliseconds(50),
        p99_ms: milliseconds(99),
        calls: calls as f64 / count,
        failed_percent: run.failed as f64 * 100.0 / count,
    })
}
