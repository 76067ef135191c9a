//! Ficus beside endpoints that a careful person would write by hand for the same data, and beside others who serve GraphQL over REST: the
//! same queries, the same upstream, in turn, over several rounds. `run.sh` beside this file starts it; one binary plays the load, the
//! upstream and the contenders that are written in Rust, each in a process of its own.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program prints")]
#![allow(unreachable_pub, missing_docs, reason = "modules of a binary")]

mod code_first;
mod connection;
mod contenders;
mod data;
mod expected;
mod generated;
mod growth;
mod handwritten;
mod layers;
mod load;
mod measure;
mod plot;
mod process;
mod report;
mod service;
mod statistics;
mod upstream;
mod workloads;

use anyhow::{Context as _, bail};

/// The contenders in here have the allocator that `ficus` has.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    // `cargo bench` and `cargo test --benches` add flags of their own.
    let mut arguments =
        std::env::args().skip(1).filter(|argument| argument != "--bench" && argument != "--test");
    let part = arguments.next();
    let mut next = |what: &'static str| arguments.next().context(what);
    match part.as_deref() {
        Some("upstream") => upstream::serve(&arguments.collect::<Vec<_>>()),
        Some("handwritten") => {
            let address = next("handwritten ADDRESS UPSTREAM…")?;
            handwritten::serve(&address, &arguments.collect::<Vec<_>>())
        }
        Some("code-first") => {
            let address = next("code-first ADDRESS UPSTREAM…")?;
            code_first::serve(&address, &arguments.collect::<Vec<_>>())
        }
        Some("layers") => {
            let layers = next("layers LAYERS COUNT")?;
            layers::run(&layers, next("COUNT")?.parse().context("COUNT is a number")?)
        }
        Some("measure") => {
            let options = options(arguments)?;
            let measured = measure::all(&options, |measured| report::write(&options, measured));
            print!("{}", report::markdown(&on_one_thread(measured)?)?);
            Ok(())
        }
        Some("growth") => on_one_thread(growth::all(&options(arguments)?)),
        Some(other) => bail!("there is no part {other:?}"),
        None => {
            println!("Run benches/side_by_side/run.sh");
            Ok(())
        }
    }
}

fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// What to measure: `OUT PROFILE [ROUNDS] [--seconds S] [--workloads A,B] [--contenders X,Y]`. The folder OUT is there afterwards.
fn options(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<measure::Options> {
    let out = arguments.next().context("OUT PROFILE")?;
    std::fs::create_dir_all(&out)?;
    let mut options = measure::Options {
        setup: contenders::Setup::new(out.into()),
        rounds: 5,
        seconds: 1.0,
        workloads: vec![],
        contenders: vec![],
        profile: arguments.next().context("PROFILE")?,
    };
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} takes a value"));
        let list = |names: String| names.split(',').map(|name| name.trim().to_owned()).collect();
        match argument.as_str() {
            "--workloads" => options.workloads = list(value()?),
            "--contenders" => options.contenders = list(value()?),
            "--seconds" => options.seconds = value()?.parse().context("--seconds takes a number")?,
            rounds => {
                options.rounds =
                    rounds.parse().with_context(|| format!("{rounds:?} is no number of rounds"))?
            }
        }
    }
    Ok(options)
}
