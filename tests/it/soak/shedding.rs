//! Far more load than there is room for: what is beyond it is refused at once, and what is let in is answered as ever.

use std::time::Duration;

use super::{
    Extent, answer, files,
    report::{Held, Report},
};
use crate::support::{
    load::{Client, Sample, percentile},
    process::Ficus,
    stub::{Said, Stub},
};

const QUERY: &str = "query($n: String) { thing(n: $n) { id } }";

/// What the backend takes for an answer; with the room below it is how much is let in.
const TAKES: Duration = Duration::from_millis(200);

/// A refusal is to be there within this time.
const AT_ONCE: Duration = Duration::from_millis(5);

/// What passed between a request's leaving and its answer.
fn answered_within(sample: &Sample) -> Duration {
    sample.sent.map_or(sample.took, |sent| (sample.due + sample.took).saturating_duration_since(sent))
}

async fn soak(extent: Extent, room: usize) {
    let mut report = Report::new("load beyond the bound", extent);
    let backend = Stub::start(|request| Said { after: TAKES, message: answer(request) }).await;
    let ficus =
        Ficus::start(&files(&[("thing", &backend, "")], &format!("shed: {{ in_flight: {room} }}\n"))).await;
    let mut held = Held::of(&ficus);
    let client = Client::new(ficus.address);
    if extent.timed {
        client.steady(QUERY, 20 * extent.rate, extent.trouble, 0).await;
        held.warmed(&ficus);
    }
    let samples = client.steady(QUERY, 20 * extent.rate, extent.trouble, 100_000).await;

    let (shed, let_in): (Vec<Sample>, Vec<Sample>) =
        samples.into_iter().partition(|sample| sample.code() == "OVERLOADED");
    report.whole("what is let in is answered", &let_in);
    report.line(
        "there is more than is let in",
        shed.len() > let_in.len(),
        format!("{} of {}", shed.len(), shed.len() + let_in.len()),
    );
    let shed: Vec<Sample> =
        shed.into_iter().map(|sample| Sample { took: answered_within(&sample), ..sample }).collect();
    report.within("refused within 5 ms, 99 of 100", AT_ONCE, percentile(&shed, 99.0));
    report.note("half of them", format!("{:.1?}", percentile(&shed, 50.0)));
    report.note("p99 of what is let in", format!("{:.1?}", percentile(&let_in, 99.0)));
    drop((client, backend));
    held.settled(&ficus, Duration::from_secs(30), &mut report).await;
    report.end();
}

#[tokio::test]
async fn what_there_is_no_room_for_is_refused_and_the_rest_is_answered() {
    soak(Extent::SLICE, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: tests/soak/run.sh shedding"]
async fn shedding_in_full() {
    soak(Extent::full(30), 64).await;
}
