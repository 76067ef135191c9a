//! Runs the cases of `tests/spec/subscriptions`: clients that listen, events that are published, time that passes, a graph that
//! is loaded again, and after each what every client was told and which upstream calls were made.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use ficus::{
    events::{Delivery, Events, Hub, NewEvent, Payloads, Published, Started},
    execute::Request,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::spec::{calls, guarded, response_block, sort_errors};
use crate::support::{
    case::{Case, Expected, Step, check_folder, contract},
    gateway, json,
    upstream::MockUpstream,
};

#[test]
fn subscriptions() {
    check_folder("spec/subscriptions", run);
}

/// One case. Time stands still but for waits that nothing else can end, and a thousandth of a second after each step, in which
/// everything that can be done is done.
fn run(case: &Case) -> Result<Vec<Vec<Expected>>, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let upstream = Arc::new(MockUpstream::new());
        let gateway = gateway::from_files(&case.files, &case.env, guarded(upstream.clone()))?;
        let mut world = World {
            events: Events::new(gateway, Hub::default()),
            files: case.files.clone(),
            clients: BTreeMap::new(),
            ids: Vec::new(),
            upstream,
        };
        let mut exchanges = Vec::new();
        for step in &case.steps {
            let first = match world.step(step, &case.env).await? {
                Happened::Quietly => continue,
                Happened::Answered(blocks) => blocks,
            };
            tokio::time::sleep(Duration::from_millis(1)).await;
            let mut blocks = first;
            blocks.extend(world.told()?);
            let made = world.upstream.take_calls();
            if !made.is_empty() {
                blocks.push(("text calls".to_owned(), calls(&Request::default(), made)));
            }
            exchanges.push(blocks);
        }
        match world.upstream.problems() {
            problems if problems.is_empty() => Ok(exchanges),
            problems => Err(contract(&format!("{}\n{exchanges:#?}", problems.join("\n")))),
        }
    })
}

struct World {
    events: Events,
    files: Vec<(String, String)>,
    clients: BTreeMap<String, Payloads>,
    /// Of the events, in the order in which they were published.
    ids: Vec<String>,
    upstream: Arc<MockUpstream>,
}

enum Happened {
    /// Nothing is expected of it.
    Quietly,
    Answered(Vec<Expected>),
}

impl World {
    async fn step(&mut self, step: &Step, env: &[(String, String)]) -> Result<Happened, String> {
        let mut blocks = Vec::new();
        match step {
            Step::Mocks(mocks) => {
                mocks.iter().for_each(|(call, answers)| self.upstream.mock(call, answers.clone()));
                return Ok(Happened::Quietly);
            }
            Step::Wait(time) => {
                tokio::time::sleep(*time).await;
                return Ok(Happened::Quietly);
            }
            Step::Passes(time) => tokio::time::sleep(*time).await,
            Step::Request(request) => {
                let response = self.events.gateway().execute(Request::clone(request)).await;
                blocks.push(response_block(&response)?);
            }
            Step::Subscribe(name, request) => match self.events.start(self.named(request)).await {
                Started::Once(response) => blocks.push(response_block(&response)?),
                Started::Stream(payloads) => drop(self.clients.insert(name.clone(), payloads)),
            },
            Step::Event(topic, data) => {
                let event = NewEvent { topic: topic.as_str().into(), data: Bytes::from(data.clone()) };
                let delivery = Delivery { names: Vec::new(), events: vec![event] };
                let published =
                    self.events.hub().publish(delivery).await.map_err(|error| error.to_string())?;
                let Published::Kept(ids) = published else { return Err("a duplicate".to_owned()) };
                self.ids.extend(ids.iter().map(ToString::to_string));
            }
            Step::Leave(name) => drop(self.clients.remove(name)),
            Step::Reload(name, text) => {
                self.files.retain(|(known, _)| known != name);
                self.files.push((name.clone(), text.clone()));
                self.events.gateway().reload(gateway::graph(&self.files, env)?);
            }
        }
        Ok(Happened::Answered(blocks))
    }

    /// The request with the ids of events put in.
    fn named(&self, request: &Request) -> Request {
        let mut request = request.clone();
        for value in request.extensions.values_mut() {
            let number = value.as_str().and_then(|text| text.strip_prefix("event ")?.parse::<usize>().ok());
            if let Some(id) = number.and_then(|number| self.ids.get(number - 1)) {
                *value = id.as_str().into();
            }
        }
        request
    }

    /// What every client was told since it was asked last.
    fn told(&mut self) -> Result<Vec<Expected>, String> {
        let mut blocks = Vec::new();
        let mut ended = Vec::new();
        for (name, payloads) in &mut self.clients {
            while let Some(next) = payloads.next().now_or_never() {
                let Some(payload) = next else {
                    blocks.push((format!("text ended {name}"), String::new()));
                    ended.push(name.clone());
                    break;
                };
                let mut text = String::from_utf8(payload.body.to_vec()).map_err(|error| error.to_string())?;
                let id = payload.event.map(|id| id.to_string());
                if id.as_ref().is_some_and(|id| !text.contains(&format!("\"eventId\":\"{id}\""))) {
                    return Err(format!("the event's id is not in {text}"));
                }
                // Ids are unique in their topic; of two topics the later one is meant.
                for (number, id) in (1..).zip(&self.ids).collect::<Vec<_>>().into_iter().rev() {
                    text = text.replace(&format!("\"{id}\""), &format!("\"event {number}\""));
                }
                let mut told = json::parse(&text)?;
                sort_errors(&mut told);
                blocks.push((format!("json told {name}"), json::layout(&told.to_string())?));
            }
        }
        ended.iter().for_each(|name| drop(self.clients.remove(name)));
        Ok(blocks)
    }
}
