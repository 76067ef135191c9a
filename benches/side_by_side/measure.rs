//! Measures the contenders in turn: every workload with processes of its own, every round with all of them, in another order each time.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};

use crate::{
    connection::Connection,
    contenders::{self, BASELINE, Contender, Setup, UPSTREAMS},
    load::{self, Questions, Run, Until},
    process::{Process, Start},
    workloads::Workload,
};

/// The core of the contenders; this process and the upstream share another (`run.sh` pins them).
const CONTENDER_CORE: &str = "0";
/// How long a contender may take until it listens.
const START_MAX: Duration = Duration::from_secs(60);
/// Seconds of CPU time that a round may take where there are so many connections that each can send but one request.
const ROUND_MAX: f64 = 5.0;

/// What is measured, and for how long.
#[derive(Debug, Clone)]
pub struct Options {
    pub setup: Setup,
    /// The folder for figures and logs.
    pub out: PathBuf,
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

/// A contender that runs and has given the right answer.
struct Running {
    process: Process,
    questions: Rc<Questions>,
    /// Requests in a round.
    count: usize,
    samples: Vec<Sample>,
    /// The number of the next request, so that none is ever asked again.
    next: Cell<u64>,
}

/// The upstream, which runs all the time.
pub struct Upstream(#[expect(dead_code, reason = "it ends when it is dropped")] Process);

impl Upstream {
    pub async fn start(setup: &Setup, out: &Path) -> anyhow::Result<Self> {
        for address in UPSTREAMS {
            ensure!(Connection::open(address).await.is_err(), "something else listens on {address}");
        }
        let mut arguments = vec!["upstream".to_owned()];
        arguments.extend(UPSTREAMS.map(str::to_owned));
        let start = Start { program: setup.this.clone(), arguments, ..Start::default() };
        let mut process = Process::start(&start, "1", &out.join("upstream.log"))?;
        for address in UPSTREAMS {
            ready(&mut process, address).await?;
        }
        Ok(Upstream(process))
    }

    /// How slow and how faulty it is from now on.
    pub async fn set(&self, latency_us: u64, error_every: u64) -> anyhow::Result<()> {
        let settings = format!("/set?latency_us={latency_us}&error_every={error_every}");
        load::get(UPSTREAMS[0], &settings).await.map(drop)
    }

    pub async fn calls(&self) -> anyhow::Result<u64> {
        load::upstream_calls(UPSTREAMS[0]).await
    }
}

/// Measures everything that the options name; `report` is given what is there after every workload.
pub async fn all(
    options: &Options,
    workloads: Vec<Workload>,
    mut report: impl FnMut(&[(Workload, Vec<Measured>)]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let upstream = Upstream::start(&options.setup, &options.out).await?;
    let chosen = |names: &[String], name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let contenders: Vec<Contender> = contenders::all()
        .into_iter()
        .filter(|contender| contender.name == BASELINE || chosen(&options.contenders, contender.name))
        .collect();
    let workloads: Vec<Workload> =
        workloads.into_iter().filter(|workload| chosen(&options.workloads, &workload.name)).collect();
    ensure!(!workloads.is_empty(), "no workload has such a name: {}", options.workloads.join(", "));
    let mut measured = Vec::new();
    for workload in workloads {
        eprintln!("{}", workload.title);
        let of_all = one(options, &upstream, &contenders, &workload).await?;
        measured.push((workload, of_all));
        report(&measured)?;
    }
    Ok(())
}

/// Measures some contenders in one workload.
pub async fn one(
    options: &Options,
    upstream: &Upstream,
    contenders: &[Contender],
    workload: &Workload,
) -> anyhow::Result<Vec<Measured>> {
    let mut running: Vec<Result<Running, String>> = Vec::new();
    for contender in contenders {
        upstream.set(workload.latency_us, 0).await?;
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
            match sample(upstream, contender, workload, Until::Requests(contender.count)).await {
                Ok((sample, _)) => contender.samples.push(sample),
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

/// Starts a contender, holds its answer to the data, warms it and finds out how many requests a round has.
async fn begin(
    options: &Options,
    upstream: &Upstream,
    contender: &Contender,
    workload: &Workload,
) -> anyhow::Result<Running> {
    let start = (contender.start)(&options.setup, contender, workload).map_err(anyhow::Error::msg)?;
    let log = options.out.join(format!("{}.log", contender.name.replace(' ', "-").to_lowercase()));
    ensure!(
        Connection::open(contender.address).await.is_err(),
        "something else listens on {}",
        contender.address
    );
    let mut process = Process::start(&start, CONTENDER_CORE, &log)?;
    ready(&mut process, contender.address).await.with_context(|| {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
    })?;
    let questions = Rc::new(Questions::new(workload, contender.address, contender.path));
    // Numbers differ between runs, so that what an earlier one left behind is of no use.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let next = Cell::new(now % 100_000 * 10_000 + 1);
    first_answer(&questions, next.replace(next.get() + 1)).await?;
    let mut running = Running { process, questions, count: 0, samples: Vec::new(), next };
    // Connections to the upstream, caches of plans, the allocator; what compiles while it runs takes longest.
    let warm = Duration::from_secs_f64((options.seconds * 2.0).clamp(0.5, 3.0));
    let (_, run) = sample(upstream, &running, workload, Until::Elapsed(warm)).await?;
    let short = Until::Elapsed(Duration::from_secs_f64(options.seconds.min(1.0)));
    let (sample, again) = sample(upstream, &running, workload, short).await?;
    let whole_round = sample.cpu_us * workload.connections as f64 / 1e6;
    ensure!(
        whole_round < ROUND_MAX,
        "left out: a request of each connection takes {whole_round:.0} s of its core"
    );
    let by_cpu = options.seconds * 1e6 / sample.cpu_us.max(1.0);
    let by_time = again.requests_per_second().max(run.requests_per_second()) * options.seconds * 4.0;
    running.count = (by_cpu.min(by_time) as usize).max(workload.connections).max(20);
    Ok(running)
}

/// The first answer may take a while: some make connections, or plans, that they do not make twice.
async fn first_answer(questions: &Questions, number: u64) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        match load::once(questions, number).await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn sample(
    upstream: &Upstream,
    running: &Running,
    workload: &Workload,
    until: Until,
) -> anyhow::Result<(Sample, Run)> {
    let (calls, cpu) = (upstream.calls().await?, running.process.cpu()?);
    let run = load::run(&running.questions, workload.connections, until, &running.next).await?;
    let cpu = running.process.cpu()?.saturating_sub(cpu);
    let calls = upstream.calls().await?.saturating_sub(calls);
    let count = run.latencies.len().max(1) as f64;
    let milliseconds = |percent| run.percentile(percent).as_secs_f64() * 1e3;
    let sample = Sample {
        cpu_us: cpu.as_secs_f64() * 1e6 / count,
        per_second: run.requests_per_second(),
        p50_ms: milliseconds(50),
        p99_ms: milliseconds(99),
        calls: calls as f64 / count,
        failed_percent: run.failed as f64 * 100.0 / count,
    };
    Ok((sample, run))
}

/// Waits until a server listens.
pub async fn ready(process: &mut Process, address: &str) -> anyhow::Result<()> {
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
