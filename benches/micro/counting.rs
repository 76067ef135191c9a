//! Counts a workload's instructions with callgrind, each in processes of its own, and holds them against those that are recorded.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use crate::workloads::{self, Workload};

/// From so much more on, in thousandths, the check fails.
const RISE_MAX: i64 = 100;

/// What to do with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Compare them with those recorded.
    Check,
    /// Record them.
    Record,
}

/// What counts depend on beside the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// As `rustc --version` says, and for which target.
    pub rustc: String,
    /// The profile of Cargo.
    pub profile: String,
}

/// `instructions.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    build: Build,
    /// By the workload's name, for one time.
    instructions: serde_json::Map<String, serde_json::Value>,
}

impl Record {
    fn of(&self, workload: &Workload) -> Option<i64> {
        self.instructions.get(workload.name)?.as_i64()
    }
}

/// Counts all workloads, or those whose names hold one of the words; prints a table. False where one takes too many more.
pub fn run(mode: Mode, file: &Path, build: Build, only: &[String]) -> anyhow::Result<bool> {
    let wanted =
        |workload: &&Workload| only.is_empty() || only.iter().any(|word| workload.name.contains(&**word));
    let workloads: Vec<_> = workloads::ALL.iter().filter(wanted).collect();
    ensure!(!workloads.is_empty(), "no workload's name holds any of: {}", only.join(", "));
    let known = recorded(mode, file, &build)?;
    ensure!(
        mode == Mode::Check || only.is_empty() || known.as_ref().is_none_or(|known| known.build == build),
        "the record is of another build, so all workloads have to be recorded anew, not some"
    );
    println!("{:<42} {:>14} {:>14} {:>9}", "workload", "recorded", "now", "change");
    let mut counted = known.as_ref().map(|known| known.instructions.clone()).unwrap_or_default();
    let mut risen = 0;
    for workload in workloads {
        let now = count(workload)?;
        let before = known.as_ref().and_then(|known| known.of(workload));
        let change = before.filter(|before| *before > 0).map(|before| (now - before) * 1000 / before);
        let too_much = mode == Mode::Check && change.is_none_or(|change| change > RISE_MAX);
        println!(
            "{:<42} {:>14} {:>14} {:>9}{}",
            workload.name,
            before.map_or("-".to_owned(), grouped),
            grouped(now),
            change.map_or("new".to_owned(), percent),
            if too_much { "  FAIL" } else { "" }
        );
        risen += usize::from(too_much);
        counted.insert(workload.name.to_owned(), now.into());
    }
    if mode == Mode::Record {
        counted.retain(|name, _| workloads::find(name).is_ok());
        let record = Record { build, instructions: counted };
        fs::write(file, serde_json::to_string_pretty(&record)? + "\n")?;
        println!("\nRecorded in {}", file.display());
    }
    if risen > 0 {
        println!(
            "\n{risen} of these take more than {} more than is recorded, or are not recorded: find out why, or record them with --record.",
            percent(RISE_MAX)
        );
    }
    Ok(risen == 0)
}

/// What is recorded, which need not be there to be recorded; says so if it is of another build.
fn recorded(mode: Mode, file: &Path, build: &Build) -> anyhow::Result<Option<Record>> {
    let known: Record = match fs::read_to_string(file) {
        Ok(text) => {
            serde_json::from_str(&text).with_context(|| format!("{} is not a record", file.display()))?
        }
        Err(_) if mode == Mode::Record => return Ok(None),
        Err(error) => return Err(error).with_context(|| file.display().to_string()),
    };
    if known.build != *build {
        println!(
            "The recorded counts are of another build, so that differences may be the compiler's:\n  recorded: {}, profile {}\n  now:      {}, profile {}\n",
            known.build.rustc, known.build.profile, build.rustc, build.profile
        );
    }
    Ok(Some(known))
}

/// Instructions of the work done once: twice as often less once as often takes away all that is done before and after it.
fn count(workload: &Workload) -> anyhow::Result<i64> {
    let once = instructions(workload, workload.count)?;
    let twice = instructions(workload, 2 * workload.count)?;
    Ok((twice - once) / i64::try_from(workload.count)?)
}

/// Instructions of a process that does the work so many times.
fn instructions(workload: &Workload, count: usize) -> anyhow::Result<i64> {
    let ran = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["work", workload.name, &count.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("valgrind cannot be started: install the package valgrind")?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(ran.status.success(), "{}: {said}", workload.name);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, number) = collected.with_context(|| format!("callgrind counted nothing: {said}"))?;
    Ok(number.trim().parse()?)
}

fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn percent(thousandths: i64) -> String {
    let sign = if thousandths < 0 { "-" } else { "+" };
    format!("{sign}{}.{} %", thousandths.abs() / 10, thousandths.abs() % 10)
}
