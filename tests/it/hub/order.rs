//! Anything that publishers and listeners may do, at random, held against what was published: who listens hears the next event, or is
//! told of a gap where that is no longer kept.

use std::{sync::Arc, time::Duration};

use ficus::events::{Delivery, Event, EventId, Heard, Hub, Listener, Published};
use proptest::{prelude::*, test_runner::TestRunner};
use tokio::runtime::Runtime;

use super::bench::{Bench, event, listen, within};

/// How many events a topic keeps.
const KEEP: usize = 4;
const TOPICS: [&str; 2] = ["order/7", "orders"];

#[derive(Debug, Clone)]
enum Step {
    /// A delivery of that name with an event in each of these topics.
    Publish {
        name: u8,
        topics: Vec<usize>,
    },
    Listen {
        topic: usize,
        after: After,
    },
    /// A listener hears at most so many events.
    Hear {
        listener: usize,
        count: usize,
    },
    Leave {
        listener: usize,
    },
}

#[derive(Debug, Clone)]
enum After {
    Now,
    /// Behind one of the topic's events.
    Known(usize),
    /// Behind what never was.
    Unknown(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let after = prop_oneof![
        2 => Just(After::Now),
        3 => any::<usize>().prop_map(After::Known),
        1 => any::<u64>().prop_map(After::Unknown),
    ];
    prop_oneof![
        5 => (any::<u8>(), prop::collection::vec(0..2_usize, 1..4))
            .prop_map(|(name, topics)| Step::Publish { name, topics }),
        2 => (0..2_usize, after).prop_map(|(topic, after)| Step::Listen { topic, after }),
        4 => (any::<usize>(), 1..6_usize).prop_map(|(listener, count)| Step::Hear { listener, count }),
        1 => any::<usize>().prop_map(|listener| Step::Leave { listener }),
    ]
}

/// Who listens, as the model sees it: the number of the topic's events that it has heard or began behind, none where that is not known.
struct Ear {
    listener: Listener,
    topic: usize,
    heard: Option<usize>,
}

#[derive(Default)]
struct Model {
    names: Vec<u8>,
    published: [Vec<(EventId, String)>; 2],
    ears: Vec<Ear>,
    count: usize,
}

impl Model {
    async fn take(&mut self, hub: &Hub, step: &Step) {
        match step {
            Step::Publish { name, topics } => self.publish(hub, *name, topics).await,
            Step::Listen { topic, after } => {
                let published = &self.published[*topic];
                let (after, heard) = match after {
                    After::Now => (None, Some(published.len())),
                    After::Known(which) if !published.is_empty() => {
                        let which = which % published.len();
                        (Some(published[which].0), Some(which + 1))
                    }
                    After::Known(_) => return,
                    After::Unknown(ms) => (Some(EventId { ms: *ms, number: 12_345 }), None),
                };
                let listener = listen(hub, TOPICS[*topic], after).await;
                self.ears.push(Ear { listener, topic: *topic, heard });
            }
            Step::Hear { listener, count } if !self.ears.is_empty() => {
                let which = listener % self.ears.len();
                for _ in 0..*count {
                    let Ear { topic, heard, .. } = self.ears[which];
                    if heard == Some(self.published[topic].len()) {
                        break;
                    }
                    self.hear(which).await;
                    if self.published[topic].is_empty() {
                        break;
                    }
                }
            }
            Step::Leave { listener } if !self.ears.is_empty() => {
                let which = listener % self.ears.len();
                self.ears.remove(which);
            }
            Step::Hear { .. } | Step::Leave { .. } => {}
        }
    }

    async fn publish(&mut self, hub: &Hub, name: u8, topics: &[usize]) {
        let data: Vec<String> = topics
            .iter()
            .map(|_| {
                self.count += 1;
                self.count.to_string()
            })
            .collect();
        let events = topics.iter().zip(&data).map(|(topic, data)| event(TOPICS[*topic], data)).collect();
        let delivery = Delivery { names: vec![Box::new([name])], events, ..Delivery::default() };
        let published = within(hub.publish(delivery)).await.unwrap();
        let Published::Kept(ids) = published else {
            assert!(self.names.contains(&name), "{name} was not published before");
            return;
        };
        assert!(!self.names.contains(&name), "{name} was published before");
        self.names.push(name);
        for ((topic, data), id) in topics.iter().zip(data).zip(ids) {
            assert!(self.published[*topic].last().is_none_or(|(last, _)| *last < id), "ids go up");
            self.published[*topic].push((id, data));
        }
    }

    async fn hear(&mut self, which: usize) {
        let Ear { listener, topic, heard } = &mut self.ears[which];
        let published = &self.published[*topic];
        let oldest = published.len().saturating_sub(KEEP);
        match within(listener.next()).await {
            Heard::Event(event) => {
                let Event { id, data, .. } = Arc::unwrap_or_clone(event);
                let next = heard.expect("a gap comes first where the place is not known");
                assert_eq!((id, data.to_vec()), (published[next].0, published[next].1.clone().into_bytes()));
                *heard = Some(next + 1);
            }
            Heard::Gap => {
                // It is certain that nothing is missing only while the last event that was heard is kept.
                assert!(
                    heard.is_none_or(|heard| heard <= oldest && heard < published.len()),
                    "there is no gap"
                );
                *heard = Some(oldest);
            }
        }
    }

    /// Whoever listens now hears all that is left, and nothing more.
    async fn end(mut self) {
        for which in 0..self.ears.len() {
            loop {
                let Ear { topic, heard, .. } = self.ears[which];
                if heard == Some(self.published[topic].len()) {
                    break;
                }
                self.hear(which).await;
            }
            let listener = &mut self.ears[which].listener;
            let more = tokio::time::timeout(Duration::ZERO, listener.next()).await;
            assert!(more.is_err(), "{more:?} was never published");
        }
    }
}

fn holds(bench: Bench, cases: u32) {
    let bench = bench.keeping(|events| events.keep = KEEP);
    let runtime = Runtime::new().unwrap();
    let steps = prop::collection::vec(step(), 1..40);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&steps, |steps| {
            runtime.block_on(async {
                let hub = bench.hub();
                let mut model = Model::default();
                for step in &steps {
                    model.take(&hub, step).await;
                }
                model.end().await;
                hub.close().await;
            });
            bench.forget();
            Ok(())
        })
        .unwrap();
}

#[test]
fn in_memory() {
    holds(Bench::memory(), 300);
}

#[test]
fn on_disk() {
    holds(Bench::disk(), 30);
}

#[test]
fn in_redis() {
    holds(Bench::redis(), 60);
}
