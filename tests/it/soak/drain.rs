//! SIGTERM in the middle of the work: whatever was asked before it is answered, and the process ends in time.

use std::time::Duration;

use tokio::time::Instant;

use super::{Extent, answer, files, report::Report};
use crate::{
    http::client::soon,
    support::{
        load::Client,
        process::Ficus,
        stub::{Said, Stub},
    },
};

const QUERY: &str = "query($n: String) { thing(n: $n) { id } }";
const DRAIN: Duration = Duration::from_secs(25);

async fn soak(extent: Extent, rounds: usize) {
    let mut report = Report::new("drain", extent);
    let (mut asked, mut failed, mut later, mut ended_well, mut slowest) = (0, 0, 0, 0, Duration::ZERO);
    for _ in 0..rounds {
        // From at once to as long as the trouble lasts.
        let longest = extent.trouble.min(Duration::from_secs(4));
        let stub = Stub::start(move |request| {
            let n: u32 = request.word(1).trim_start_matches('/').parse().unwrap();
            Said { after: longest * (n % 10) / 10, message: answer(request) }
        })
        .await;
        let mut ficus = Ficus::start(&files(&[("thing", &stub, "")], "")).await;
        let client = Client::new(ficus.address);
        let load = {
            let client = client.clone();
            tokio::spawn(async move { client.steady(QUERY, extent.rate, extent.trouble, 0).await })
        };
        let mut clock = tokio::time::interval(extent.trouble / 2);
        clock.tick().await;
        clock.tick().await;
        let signal = Instant::now();
        ficus.terminate();
        let status = soon("the gateway's end", ficus.exit()).await;
        slowest = slowest.max(signal.elapsed());
        ended_well += usize::from(status.success());
        for sample in load.await.unwrap() {
            let before = sample.sent.is_some_and(|sent| sent < signal);
            asked += usize::from(before);
            failed += usize::from(before && !sample.is_whole());
            later += usize::from(!before && sample.is_whole());
        }
    }
    report.line(
        "it ends as if all were well",
        ended_well == rounds,
        format!("{ended_well} of {rounds} times"),
    );
    report.line("no query that was in flight fails", failed == 0, format!("{failed} of {asked}"));
    report.line("it ends within the time it has", slowest < DRAIN, format!("{slowest:.1?} of {DRAIN:.1?}"));
    report.note("queries answered that came with the signal or after", later);
    report.end();
}

#[tokio::test]
async fn what_is_in_flight_at_sigterm_is_answered() {
    soak(Extent::SLICE, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak/run.sh drain"]
async fn drain_in_full() {
    soak(Extent::full(10), 10).await;
}
