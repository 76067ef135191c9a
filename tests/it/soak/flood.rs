//! A source that never says more than `100 Continue`, as fast as it can: its field fails in time, its connections are given up, and
//! the others are answered. The HTTP client reads such beginnings for as long as there are any, up to 128 full buffers before it looks
//! up: a third of a second on a core of its own in a build for production, and far longer in one for debugging, where the flood here is
//! a trickle.

use std::time::Duration;

use super::{
    Extent, files, healthy,
    report::{Held, Report},
};
use crate::support::{
    faults::{Fault, FaultProxy},
    load::{Client, Sample},
    process::Ficus,
    stub::Stub,
};

const FLOODED: &str = "query($n: String) { sound(n: $n) { id } flooded(n: $n) { id } }";
const TIMEOUT: Duration = Duration::from_secs(1);

async fn soak(extent: Extent, bytes_per_second: usize) {
    let mut report = Report::new("a source that never comes to its answer", extent);
    let sound = healthy().await;
    let behind = healthy().await;
    let proxy = FaultProxy::start(behind.address, 1).await;
    proxy.set(&[Fault::Continues { bytes_per_second }]);
    let rules = "timeout: 1s\nretry: { attempts: 1 }\ncircuit_breaker: { consecutive_failures: 10000, failure_ratio: 1 }\n";
    let ficus = Ficus::start(&graph(&sound, &proxy, rules)).await;
    let mut held = Held::of(&ficus);
    let client = Client::new(ficus.address);
    if extent.timed {
        client.steady(FLOODED, 2, extent.trouble / 3, 10_000).await;
        held.warmed(&ficus);
    }
    let samples = client.steady(FLOODED, 2, extent.trouble, 0).await;

    let is_partial = |sample: &&Sample| {
        let Some(answer) = &sample.answer else { return false };
        answer["data"]["sound"]["id"].is_string()
            && answer["data"]["flooded"].is_null()
            && sample.code() == "GATEWAY_TIMEOUT"
    };
    let partial = samples.iter().filter(is_partial).count();
    let found = format!("{partial} of {}", samples.len());
    report.line("queries have the rest of their data, and a typed error", partial == samples.len(), found);
    let latest = samples.iter().map(|sample| sample.took).max().unwrap_or_default();
    report.within("no later than a second after the timeout", 2 * TIMEOUT, latest);
    let given_up = async {
        while proxy.open() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let is_given_up = tokio::time::timeout(Duration::from_secs(20), given_up).await.is_ok();
    report.line("its connections are given up", is_given_up, format!("{} left", proxy.open()));
    drop((client, sound, behind, proxy));
    held.settled(&ficus, Duration::from_secs(20), &mut report).await;
    report.end();
}

/// One field for the sound source, and one for that behind the proxy.
fn graph(sound: &Stub, proxy: &FaultProxy, rules: &str) -> Vec<(String, String)> {
    let mut files = files(&[("sound", sound, ""), ("flooded", sound, "")], "");
    for (name, text) in &mut files {
        if name == "connectors/flooded.yaml" {
            *text = format!("base_url: http://{}\n{rules}", proxy.address);
        }
    }
    files
}

#[tokio::test]
async fn a_source_that_never_comes_to_its_answer_is_given_up() {
    soak(Extent::SLICE, 100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: tests/soak/run.sh flood"]
async fn flood_in_full() {
    soak(Extent::full(20), 1_000_000_000).await;
}
