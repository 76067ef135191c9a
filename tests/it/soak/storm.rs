//! A source that answers nothing but 503, asked twice as much as it ever was: it is left in peace, and nobody else notices.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Extent, HEALTHY, answer, files, healthy,
    report::{Held, Report},
};
use crate::support::{
    http::Message,
    load::{Client, Sample, percentile},
    process::Ficus,
    stub::{Said, Stub},
};

const SICK: &str = "query($n: String) { sick(n: $n) { id } }";
const SOUND: &str = "query($n: String) { sound(n: $n) { id } }";

/// A source that can be told to fail. One of 400 answers is fine even then, or no count of failures in a row would ever end.
struct Sick {
    stub: Stub,
    fails: Arc<AtomicBool>,
}

impl Sick {
    async fn start() -> Sick {
        let fails = Arc::new(AtomicBool::new(false));
        let (told, asked) = (Arc::clone(&fails), AtomicUsize::new(0));
        let stub = Stub::start(move |request| {
            let is_fine = !told.load(SeqCst) || asked.fetch_add(1, SeqCst) % 400 == 399;
            let message = if is_fine { answer(request) } else { Message::response(503, "", "{}") };
            Said { after: HEALTHY, message }
        })
        .await;
        Sick { stub, fails }
    }
}

/// What clients and the sick source saw of a storm.
struct Storm {
    calm: Vec<Sample>,
    sound: Vec<Sample>,
    sick: Vec<Sample>,
    began: Instant,
    lasted: Duration,
    reached: usize,
}

async fn storm(extent: Extent, rules: &str, report: &mut Report) -> Storm {
    let (sick, sound) = (Sick::start().await, healthy().await);
    let ficus = Ficus::start(&files(&[("sick", &sick.stub, rules), ("sound", &sound, "")], "")).await;
    let mut held = Held::of(&ficus);
    let (to_sick, to_sound) = (Client::new(ficus.address), Client::new(ficus.address));
    let both = |rate, duration, n| {
        let sound = to_sound.steady(SOUND, extent.rate, duration, n);
        futures_util::future::join(sound, to_sick.steady(SICK, rate, duration, n))
    };
    // What a first storm takes of the memory to be written down at all is no leak: with retries it grows for some four thousand
    // requests, and then no more.
    if extent.timed {
        sick.fails.store(true, SeqCst);
        both(2 * extent.rate, extent.trouble, 300_000).await;
        sick.fails.store(false, SeqCst);
    }
    let (mut calm, _) = both(extent.rate, extent.trouble, 0).await;
    held.warmed(&ficus);
    sick.fails.store(true, SeqCst);
    let (began, before) = (Instant::now(), sick.stub.requests());
    let (in_storm, sick_samples) = both(2 * extent.rate, extent.trouble, 100_000).await;
    let lasted = began.elapsed();
    let reached = sick.stub.requests() - before;
    sick.fails.store(false, SeqCst);
    let (after, _) = both(extent.rate, extent.trouble, 200_000).await;
    calm.extend(after);
    drop((to_sick, to_sound, sick, sound));
    held.settled(&ficus, Duration::from_secs(20), report).await;
    Storm { calm, sound: in_storm, sick: sick_samples, began, lasted, reached }
}

impl Storm {
    /// Judges how often the source was asked; `saved` are retries that calm times left over.
    fn judge_load(&self, saved: f64, report: &mut Report) {
        let offered = self.sick.len();
        let allowed = 1.2 * offered as f64 + 10.0 * self.lasted.as_secs_f64() + saved;
        let found = format!("{} of {offered} offered, in {:.1?}", self.reached, self.lasted);
        let left_over = if saved > 0.0 { format!(", and {saved} left over") } else { String::new() };
        let what = format!("the source gets at most 1.2 times the offered load + 10/s{left_over}");
        report.line(&what, self.reached as f64 <= allowed, found);
    }

    fn judge(&self, report: &mut Report) {
        let offered = self.sick.len();
        report.whole("every query of the healthy source is answered", &self.sound);
        let (calm, storm) = (percentile(&self.calm, 99.0), percentile(&self.sound, 99.0));
        report.slower("p99 of the healthy source stays within 10 %", 1.1, calm, storm);
        report.note(
            "p50 of it",
            format!("{:.1?}, {:.1?} in calm", percentile(&self.sound, 50.0), percentile(&self.calm, 50.0)),
        );
        let typed = self.sick.iter().filter(|sample| sample.is_whole() || !sample.code().is_empty()).count();
        let found = format!("{typed} of {offered}");
        report.line("every query of the sick source gets data or a typed error", typed == offered, found);
    }
}

/// With the breaker of the defaults.
async fn breaks(extent: Extent) {
    let mut report = Report::new("storm of 503", extent);
    let storm = storm(extent, "", &mut report).await;
    storm.judge_load(0.0, &mut report);
    storm.judge(&mut report);
    let open = storm.sick.iter().filter(|sample| sample.code() == "CIRCUIT_BREAKER_OPEN");
    let first = open.clone().map(|sample| sample.due + sample.took - storm.began).min();
    let found = first.map_or_else(|| "never".to_owned(), |first| format!("{first:.1?}"));
    report.line(
        "the breaker opens within a second",
        first.is_some_and(|first| first < Duration::from_secs(1)),
        found,
    );
    let refused: Vec<Sample> = open.cloned().collect();
    report.note("refused by it", format!("{}, p99 {:.1?}", refused.len(), percentile(&refused, 99.0)));
    report.end();
}

/// With a breaker that never opens, so that nothing but the retry budget stands between the storm and the source.
async fn retries(extent: Extent) {
    let mut report = Report::new("storm of 503, without a breaker", extent);
    let rules = "circuit_breaker: { consecutive_failures: 10000, failure_ratio: 1 }\nretry: { attempts: 5, backoff: 1ms }\n";
    let storm = storm(extent, rules, &mut report).await;
    // What the ten seconds before did not use still counts.
    storm.judge_load(100.0 + 2.0 * f64::from(extent.rate), &mut report);
    storm.judge(&mut report);
    let offered = storm.sick.len();
    report.line(
        "what may be retried is",
        storm.reached > offered,
        format!("{} more", storm.reached.saturating_sub(offered)),
    );
    report.end();
}

#[tokio::test]
async fn a_storm_of_503_reaches_neither_its_source_nor_anybody_else() {
    breaks(Extent::SLICE).await;
}

#[tokio::test]
async fn without_a_breaker_the_retry_budget_holds() {
    retries(Extent::SLICE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak/run.sh storm"]
async fn storm_in_full() {
    breaks(Extent::full(60)).await;
    retries(Extent::full(60)).await;
}
