//! The guard: how many instructions small pieces of work take, counted by callgrind, beside the counts recorded in
//! `instructions.json`. `run.sh` beside this file starts it. Not for times, which differ from one run to the next, nor for other
//! contenders, which are `side_by_side`'s.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the counts are what this program prints")]
#![allow(unreachable_pub, reason = "modules of a binary")]

mod counting;
mod stub;
mod workloads;

use std::process::ExitCode;

use anyhow::{Context as _, bail};

use counting::{Build, Mode};

fn main() -> anyhow::Result<ExitCode> {
    // `cargo bench` and `cargo test --benches` add flags of their own.
    let mut arguments =
        std::env::args().skip(1).filter(|argument| argument != "--bench" && argument != "--test");
    let part = arguments.next();
    let mut next = |what: &'static str| arguments.next().context(what);
    let mode = match part.as_deref() {
        Some("work") => {
            let name = next("work WORKLOAD COUNT")?;
            workloads::find(&name)?.run(next("COUNT")?.parse().context("COUNT is a number")?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some("check") => Mode::Check,
        Some("record") => Mode::Record,
        Some(other) => bail!("there is no part {other:?}"),
        None => {
            println!("Run benches/micro/run.sh");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let file = next("check|record FILE RUSTC PROFILE [WORKLOAD…]")?;
    let build = Build { rustc: next("RUSTC")?, profile: next("PROFILE")? };
    let only: Vec<String> = arguments.collect();
    Ok(if counting::run(mode, file.as_ref(), build, &only)? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
