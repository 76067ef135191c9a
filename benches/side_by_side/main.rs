//! Ficus beside the endpoint that a careful person would write by hand for the same two backends' data: the same
//! queries, the same upstream, the same build profile, one after the other, over several rounds. `run.sh` beside this
//! file starts it; one binary plays all the parts, each in a process of its own.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the figures are what this program prints")]
#![allow(unreachable_pub, reason = "modules of a binary")]

mod handwritten;
mod layers;
mod load;
mod measure;
mod upstream;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    // `cargo bench` and `cargo test --benches` add flags of their own.
    let mut arguments =
        std::env::args().skip(1).filter(|argument| argument != "--bench" && argument != "--test");
    let part = arguments.next();
    let mut next = |what: &'static str| arguments.next().context(what);
    match part.as_deref() {
        Some("upstream") => upstream::serve(&next("upstream ADDRESS")?),
        Some("handwritten") => handwritten::serve(&next("handwritten ADDRESS UPSTREAM")?, next("UPSTREAM")?),
        Some("layers") => {
            let layers = next("layers LAYERS COUNT")?;
            layers::run(&layers, next("COUNT")?.parse().context("COUNT is a number")?)
        }
        Some("measure") => measure::run(measure::Options {
            ficus: next("measure FICUS GRAPH OUT ROUNDS")?,
            graph: next("GRAPH")?,
            out: next("OUT")?,
            rounds: next("ROUNDS")?.parse().context("ROUNDS is a number")?,
        }),
        Some(other) => bail!("there is no part {other:?}"),
        None => {
            println!("Run benches/side_by_side/run.sh");
            Ok(())
        }
    }
}
