//! One of three sources takes half a minute for an answer: queries that do not touch it are as fast as ever, and those that
//! do get the rest of their data by the deadline.

use std::time::Duration;

use serde_json::Value;

use super::{
    Extent, answer, files, healthy,
    report::{Held, Report},
};
use crate::support::{
    load::{Client, Sample, percentile},
    process::Ficus,
    stub::{Said, Stub},
};

const WITHOUT: &str = "query($n: String) { one(n: $n) { id } two(n: $n) { id } }";
const WITH: &str = "query($n: String) { one(n: $n) { id } two(n: $n) { id } slow(n: $n) { id } }";

const DEADLINE: Duration = Duration::from_secs(2);
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// `rules` of the slow source.
async fn soak(extent: Extent, name: &'static str, rules: &str) {
    let mut report = Report::new(name, extent);
    let slow = Stub::start(|request| Said { after: HALF_A_MINUTE, message: answer(request) }).await;
    let (one, two) = (healthy().await, healthy().await);
    let config = format!("deadline: {}s\n", DEADLINE.as_secs());
    let sources = [("one", &one, ""), ("two", &two, ""), ("slow", &slow, rules)];
    let ficus = Ficus::start(&files(&sources, &config)).await;
    let mut held = Held::of(&ficus);
    let (client, held_up) = (Client::new(ficus.address), Client::new(ficus.address));
    // What requests that hang take of the memory at first is no leak.
    if extent.timed {
        held_up.steady(WITH, extent.rate / 5, extent.trouble / 3, 40_000).await;
    }
    let mut calm = client.steady(WITHOUT, extent.rate, extent.trouble, 0).await;
    held.warmed(&ficus);
    let (without, with) = futures_util::future::join(
        client.steady(WITHOUT, extent.rate, extent.trouble, 10_000),
        held_up.steady(WITH, extent.rate / 5, extent.trouble, 20_000),
    )
    .await;
    calm.extend(client.steady(WITHOUT, extent.rate, extent.trouble, 30_000).await);

    report.whole("queries that do not touch it have all their data", &without);
    report.slower(
        "and their p99 stays within 10 %",
        1.1,
        percentile(&calm, 99.0),
        percentile(&without, 99.0),
    );
    let partial = with.iter().filter(|sample| is_partial(sample)).count();
    let found = format!("{partial} of {}", with.len());
    report.line("the others have the rest of it, and a typed error", partial == with.len(), found);
    let latest = with.iter().map(|sample| sample.took).max().unwrap_or_default();
    let allowed = DEADLINE + Duration::from_millis(50);
    report.timed("no later than 50 ms after the deadline", latest <= allowed, format!("{latest:.1?}"));
    // On a machine that is busy with other tests.
    report.line("nor than a second", latest <= DEADLINE + Duration::from_secs(1), format!("{latest:.1?}"));
    let at_once = with.iter().filter(|sample| sample.took < DEADLINE / 2).count();
    report.note("of them at once, as the breaker was open", at_once);
    drop((client, held_up, one, two, slow));
    held.settled(&ficus, HALF_A_MINUTE, &mut report).await;
    report.end();
}

fn is_partial(sample: &Sample) -> bool {
    let Some(answer) = &sample.answer else { return false };
    let data = &answer["data"];
    data["one"]["id"].is_string()
        && data["two"]["id"].is_string()
        && data["slow"] == Value::Null
        && matches!(sample.code(), "GATEWAY_TIMEOUT" | "CIRCUIT_BREAKER_OPEN")
}

#[tokio::test]
async fn a_source_that_hangs_holds_up_nobody_else() {
    soak(Extent::SLICE, "slow source", "timeout: 4s\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak/run.sh slow_source"]
async fn slow_source_in_full() {
    soak(Extent::full(60), "slow source, with a timeout beyond the deadline", "timeout: 20s\n").await;
    soak(Extent::full(60), "slow source, with the defaults", "").await;
}
