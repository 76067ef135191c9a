//! Starts the upstream and the contenders, checks every answer, and measures them in turn: CPU time of the server
//! process per request from the operating system, requests per second, latencies, peak memory, upstream calls.

use std::{
    fmt::Write as _,
    fs,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::{
    load::{self, Connection, Run},
    upstream,
};

pub const Q1: &str = "{posts{id userId title user{id name email}}}";
pub const Q2: &str = "{posts{title}}";
pub const Q3: &str = "{hello}";

const UPSTREAM: &str = "127.0.0.1:4180";
const CONNECTIONS: usize = 100;
/// The core of the contenders; this process and the upstream share another (`run.sh` pins them).
const CONTENDER_CORE: &str = "0";

/// A query, how often it is sent in a round, and what its data is.
struct Question {
    name: &'static str,
    query: &'static str,
    count: usize,
    data: Value,
}

/// What is measured, and where the figures go.
pub struct Options {
    /// The `ficus` binary.
    pub ficus: String,
    /// The folder with `schema/`, `connectors/` and `ficus.yaml`.
    pub graph: String,
    /// The folder for the figures.
    pub out: String,
    pub rounds: usize,
}

struct Contender {
    name: &'static str,
    address: &'static str,
    process: Process,
}

/// One contender, one query, one round.
struct Sample {
    cpu_us: f64,
    run: Run,
    calls: f64,
}

pub fn run(options: Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(compare(&options))
}

async fn compare(options: &Options) -> anyhow::Result<()> {
    let this = std::env::current_exe()?.display().to_string();
    let _upstream = Process::start(&[&this, "upstream", UPSTREAM])?;
    ready(UPSTREAM).await?;
    let contenders = [
        start_handwritten(&this)?,
        start_ficus(options, "Ficus", "127.0.0.1:4182", "connectors", "ficus.yaml")?,
        start_ficus(options, "Ficus, sharing", "127.0.0.1:4183", "sharing/connectors", "sharing/ficus.yaml")?,
        start_ficus(options, "Ficus, caching", "127.0.0.1:4184", "caching/connectors", "caching/ficus.yaml")?,
    ];
    let questions = questions();
    let mut answers = Vec::new();
    for contender in &contenders {
        ready(contender.address).await?;
        for question in &questions {
            answers.push(check(contender, question).await?);
            // Warm: connections to the upstream, caches of plans, the allocator.
            measure(contender, question, answers.last().context("an answer")?, question.count / 5).await?;
        }
    }
    let mut samples: Vec<Vec<Sample>> = answers.iter().map(|_| Vec::new()).collect();
    for round in 1..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        for (asked, question) in questions.iter().enumerate() {
            for (position, contender) in contenders.iter().enumerate() {
                let cell = position * questions.len() + asked;
                let answer = answers.get(cell).context("an answer")?;
                let sample = measure(contender, question, answer, question.count).await?;
                samples.get_mut(cell).context("samples")?.push(sample);
            }
        }
    }
    let rows = rows(&contenders, &questions, &samples)?;
    report(options, &rows)
}

fn start_handwritten(this: &str) -> anyhow::Result<Contender> {
    let (address, upstream) = ("127.0.0.1:4181", format!("http://{UPSTREAM}"));
    let command = ["taskset", "-c", CONTENDER_CORE, this, "handwritten", address, &upstream];
    Ok(Contender { name: "hand-written", address, process: Process::start(&command)? })
}

fn start_ficus(
    options: &Options,
    name: &'static str,
    address: &'static str,
    connectors: &str,
    config: &str,
) -> anyhow::Result<Contender> {
    let in_graph = |name: &str| format!("{}/{name}", options.graph);
    let (schema, connectors, config) = (in_graph("schema"), in_graph(connectors), in_graph(config));
    let command = [
        "taskset",
        "-c",
        CONTENDER_CORE,
        &options.ficus,
        "serve",
        "--listen",
        address,
        "--schema",
        &schema,
        "--connectors",
        &connectors,
        "--config",
        &config,
    ];
    Ok(Contender { name, address, process: Process::start(&command)? })
}

fn questions() -> Vec<Question> {
    let (posts, users) = (upstream::posts(), upstream::users());
    let full = posts.iter().map(|post| {
        let user = users.iter().find(|user| user["id"] == post["userId"]).unwrap_or(&Value::Null);
        json!({
            "id": post["id"], "userId": post["userId"], "title": post["title"],
            "user": {"id": user["id"], "name": user["name"], "email": user["email"]}
        })
    });
    let titles = posts.iter().map(|post| json!({"title": post["title"]}));
    let (full, titles): (Vec<_>, Vec<_>) = (full.collect(), titles.collect());
    vec![
        Question { name: "Q1", query: Q1, count: 10_000, data: json!({"posts": full}) },
        Question { name: "Q2", query: Q2, count: 15_000, data: json!({"posts": titles}) },
        Question { name: "Q3", query: Q3, count: 50_000, data: json!({"hello": "world"}) },
    ]
}

/// Asks once and compares the answer as JSON; gives its bytes, with which every later answer is compared.
async fn check(contender: &Contender, question: &Question) -> anyhow::Result<Vec<u8>> {
    let mut connection = Connection::open(contender.address).await?;
    let body = connection.exchange(&load::post(contender.address, question.query)).await?.to_vec();
    let answer: Value = serde_json::from_slice(&body)?;
    let expected = json!({"data": question.data});
    ensure!(answer == expected, "{} answers {}: {answer}", contender.name, question.name);
    Ok(body)
}

async fn measure(
    contender: &Contender,
    question: &Question,
    answer: &[u8],
    count: usize,
) -> anyhow::Result<Sample> {
    let request = load::post(contender.address, question.query);
    let (calls, cpu) = (upstream_calls().await?, contender.process.cpu()?);
    let run = load::run(contender.address, &request, answer, count, CONNECTIONS).await?;
    let cpu = contender.process.cpu()?.saturating_sub(cpu);
    let calls = upstream_calls().await?.saturating_sub(calls);
    Ok(Sample { cpu_us: cpu.as_secs_f64() * 1e6 / count as f64, run, calls: calls as f64 / count as f64 })
}

async fn upstream_calls() -> anyhow::Result<u64> {
    let mut connection = Connection::open(UPSTREAM).await?;
    let body = connection.exchange(&load::get(UPSTREAM, "/calls")).await?;
    Ok(std::str::from_utf8(body)?.parse()?)
}

async fn ready(address: &str) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Connection::open(address).await.is_err() {
        ensure!(Instant::now() < deadline, "nothing listens on {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A server process, ended when dropped.
struct Process(Child);

impl Process {
    fn start(command: &[&str]) -> anyhow::Result<Self> {
        let (program, arguments) = command.split_first().context("a program")?;
        let child =
            Command::new(program).args(arguments).env("RUST_LOG", "warn").stdout(Stdio::null()).spawn();
        Ok(Process(child.with_context(|| format!("start {program}"))?))
    }

    /// User and system time of all its threads.
    fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name in parentheses may hold blanks; `utime` and `stime` are the 12th and 13th fields after it.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
        let ticks = ticks.sum::<Result<u64, _>>()?;
        // Linux counts in hundredths of a second for every program (USER_HZ).
        Ok(Duration::from_millis(ticks * 10))
    }

    fn peak_memory_mb(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The median and the extremes of a figure over the rounds.
struct Figure {
    median: f64,
    min: f64,
    max: f64,
}

impl Figure {
    fn of(samples: &[Sample], figure: impl Fn(&Sample) -> f64) -> Self {
        let mut values: Vec<f64> = samples.iter().map(figure).collect();
        values.sort_unstable_by(f64::total_cmp);
        let at = |position: usize| values.get(position).copied().unwrap_or(f64::NAN);
        Figure { median: at(values.len() / 2), min: at(0), max: at(values.len().saturating_sub(1)) }
    }

    fn json(&self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max})
    }
}

/// One line of the table.
struct Row {
    question: &'static str,
    contender: &'static str,
    cpu_us: Figure,
    per_second: Figure,
    p50_us: Figure,
    p99_us: Figure,
    calls: Figure,
    peak_memory_mb: f64,
}

fn rows(
    contenders: &[Contender],
    questions: &[Question],
    samples: &[Vec<Sample>],
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (asked, question) in questions.iter().enumerate() {
        for (position, contender) in contenders.iter().enumerate() {
            let samples = samples.get(position * questions.len() + asked).context("samples")?;
            let percentile =
                |percent| move |sample: &Sample| sample.run.percentile(percent).as_secs_f64() * 1e6;
            rows.push(Row {
                question: question.name,
                contender: contender.name,
                cpu_us: Figure::of(samples, |sample| sample.cpu_us),
                per_second: Figure::of(samples, |sample| sample.run.requests_per_second()),
                p50_us: Figure::of(samples, percentile(50)),
                p99_us: Figure::of(samples, percentile(99)),
                calls: Figure::of(samples, |sample| sample.calls),
                peak_memory_mb: contender.process.peak_memory_mb()?,
            });
        }
    }
    Ok(rows)
}

fn report(options: &Options, rows: &[Row]) -> anyhow::Result<()> {
    let mut table = String::from(
        "| query | contender | CPU µs a request (min–max) | requests a second (min–max) | p50 ms | p99 ms | peak MB | upstream calls |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (cpu, per_second) = (&row.cpu_us, &row.per_second);
        writeln!(
            table,
            "| {} | {} | {:.1} ({:.1}–{:.1}) | {:.0} ({:.0}–{:.0}) | {:.2} | {:.2} | {:.1} | {:.2} |",
            row.question,
            row.contender,
            cpu.median,
            cpu.min,
            cpu.max,
            per_second.median,
            per_second.min,
            per_second.max,
            row.p50_us.median / 1e3,
            row.p99_us.median / 1e3,
            row.peak_memory_mb,
            row.calls.median
        )?;
    }
    table.push('\n');
    let mut ratios = serde_json::Map::new();
    for of_question in rows.chunk_by(|a, b| a.question == b.question) {
        let [baseline, others @ ..] = of_question else { continue };
        for other in others {
            let ratio = other.cpu_us.median / baseline.cpu_us.median;
            let (question, contender) = (other.question, other.contender);
            writeln!(
                table,
                "{question}: {contender} takes {ratio:.2} times the CPU of the hand-written endpoint."
            )?;
            ratios.insert(format!("{question}, {contender}"), json!(ratio));
        }
    }
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "query": row.question, "contender": row.contender, "cpu_us": row.cpu_us.json(),
                "requests_per_second": row.per_second.json(), "p50_us": row.p50_us.json(), "p99_us": row.p99_us.json(),
                "upstream_calls": row.calls.median, "peak_memory_mb": row.peak_memory_mb
            })
        })
        .collect();
    let figures =
        json!({"connections": CONNECTIONS, "rounds": options.rounds, "ratios": ratios, "rows": rows});
    fs::create_dir_all(&options.out)?;
    fs::write(format!("{}/figures.json", options.out), format!("{figures:#}\n"))?;
    fs::write(format!("{}/figures.md", options.out), &table)?;
    println!("{table}");
    Ok(())
}
