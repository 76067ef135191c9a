//! Runs the cases of `tests/spec/subscriptions` and `tests/spec/events`: clients that listen, webhooks that are delivered, events
//! that are published, time that passes, a graph that is loaded again, and after each what every client was told and which
//! upstream calls were made.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use ficus::{
    config::EventStore,
    events::{Delivery, EventId, Events, Hub, NewEvent, Payloads, Published, Started},
    execute::Request,
    server::Webhooks,
};
use futures_util::{FutureExt as _, StreamExt as _};

use super::spec::{calls, guarded, response_block, sort_errors};
use crate::support::{
    case::{Case, Expected, Step, check_folder, contract},
    gateway, json,
    upstream::MockUpstream,
    webhook,
};

#[test]
fn subscriptions() {
    check_folder("spec/subscriptions", run);
}

#[test]
fn webhooks() {
    check_folder("spec/events", run);
}

/// One case. Time stands still but for waits that nothing else can end, and a thousandth of a second after each step, in which
/// everything that can be done is done.
fn run(case: &Case) -> Result<Vec<Vec<Expected>>, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let upstream = Arc::new(MockUpstream::new());
        let gateway = gateway::from_files(&case.files, &case.env, guarded(upstream.clone()))?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut config = gateway.config().clone();
        if case.steps.iter().any(|step| matches!(step, Step::HubCloses)) {
            // The one that can end before the process does.
            config.events.store = EventStore::Disk(folder.path().join("events.redb"));
        }
        let hub = Hub::open(&config).map_err(|error| error.to_string())?;
        let mut world = World {
            events: Events::new(gateway, hub),
            webhooks: Webhooks::default(),
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
    webhooks: Webhooks,
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
            Step::Webhook(method, path, text) => blocks.push(self.deliver(method, path, text).await?),
            Step::HubCloses => {
                self.events.hub().close().await;
                return Ok(Happened::Quietly);
            }
            Step::Event(topic, data) => {
                let event = NewEvent { topic: topic.as_str().into(), data: Bytes::from(data.clone()) };
                let delivery = Delivery { events: vec![event], ..Delivery::default() };
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

    async fn deliver(&self, method: &http::Method, path: &str, text: &str) -> Result<Expected, String> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let mut request = http::Request::builder().method(method).uri(path);
        for line in head.lines() {
            let (name, value) = line.split_once(": ").ok_or_else(|| format!("no header: {line}"))?;
            if name != "sign" {
                request = request.header(name, value);
                continue;
            }
            let words: Vec<&str> = value.split(' ').collect();
            let (words, then) = match &words[..] {
                [words @ .., minutes, "minutes", "ago"] => {
                    (words, webhook::now() - 60 * minutes.parse::<u64>().map_err(|error| error.to_string())?)
                }
                words => (words, webhook::now()),
            };
            let signed = match *words {
                ["standard", secret, id] => webhook::standard(secret, id, then, body),
                ["hub", secret] => webhook::hub(secret, body),
                ["slack", secret] => webhook::slack(secret, then, body),
                _ => return Err(format!("no such signature: {value}")),
            };
            for (name, value) in signed {
                request = request.header(name, value);
            }
        }
        let request = request.body(Bytes::from(body.to_owned())).map_err(|error| error.to_string())?;
        let answer = webhook::send(&self.webhooks, &self.events, request).await;
        let is_json = answer.headers.get("content-type").is_some_and(|value| value == "application/json");
        let body = if is_json { json::layout(&answer.body)? } else { answer.body };
        Ok((format!("{} answered {}", if is_json { "json" } else { "text" }, answer.status), body))
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
        let mut read = Vec::new();
        for (name, payloads) in &mut self.clients {
            while let Some(next) = payloads.next().now_or_never() {
                let is_end = next.is_none();
                read.push((name.clone(), next));
                if is_end {
                    break;
                }
            }
        }
        // Events of webhooks are numbered when they are heard of.
        let ids: BTreeSet<EventId> = read.iter().filter_map(|(_, next)| next.as_ref()?.event).collect();
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        self.ids.extend(ids.into_iter().filter(|id| !self.ids.contains(id)).collect::<Vec<_>>());
        for (name, next) in read {
            let Some(payload) = next else {
                blocks.push((format!("text ended {name}"), String::new()));
                self.clients.remove(&name);
                continue;
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
        Ok(blocks)
    }
}

// ---- many subscribers, and slow ones ---------------------------------------------------------------------------

fn events(config: &str) -> Events {
    let schema = r#"
        type Query { ready: Boolean @connect(selection: "$(true)") }
        type Subscription { changed(id: ID!): Int @subscribe(topic: "changes/{$args.id}", authorize: NONE, selection: "$.n") }
    "#;
    let files = [("schema/a.graphql", schema), ("ficus.yaml", config)]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    let gateway = gateway::from_files(&files, &[], Arc::new(MockUpstream::new())).unwrap();
    Events::new(gateway, Hub::default())
}

async fn listen(events: &Events, id: usize) -> Payloads {
    listen_behind(events, id, None).await
}

/// Comes back to what was heard up to an event.
async fn listen_behind(events: &Events, id: usize, last: Option<EventId>) -> Payloads {
    let mut request =
        Request { query: format!("subscription {{ changed(id: {id}) }}"), ..Request::default() };
    request.extensions.extend(last.map(|last| ("lastEventId".to_owned(), last.to_string().into())));
    match events.start(request).await {
        Started::Stream(payloads) => payloads,
        Started::Once(response) => panic!("{:?}", response.body),
    }
}

async fn publish(events: &Events, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let data = Bytes::from(format!("{{\"n\":{number}}}"));
        let event = NewEvent { topic: "changes/1".into(), data };
        events.hub().publish(Delivery { events: vec![event], ..Delivery::default() }).await.unwrap();
        // What it becomes is handed to every subscriber before the next one.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What waits for a client: the number of each answer, with `gap` where it says that some are missing.
fn waiting(payloads: &mut Payloads) -> Vec<String> {
    let mut read = Vec::new();
    while let Some(Some(payload)) = payloads.next().now_or_never() {
        let answer: serde_json::Value = serde_json::from_slice(&payload.body).unwrap();
        let gap = if answer["extensions"]["gap"] == true { " gap" } else { "" };
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        read.push(format!("{}{code}{gap}", answer["data"]["changed"]).replace("null", ""));
    }
    read
}

#[tokio::test(start_paused = true)]
async fn who_reads_nothing_has_a_bounded_queue_and_slows_nobody() {
    for (slow, expected) in [
        ("coalesce", &["9 gap"][..]),
        ("drop_oldest", &["7 gap", "8", "9"][..]),
        ("disconnect", &["SUBSCRIPTION_ENDED"][..]),
    ] {
        let events = events(&format!("websocket: {{ queue: 3, slow: {slow} }}"));
        let mut reads_nothing = listen(&events, 1).await;
        let mut reads = listen(&events, 1).await;
        let mut read = Vec::new();
        for number in 0..10 {
            publish(&events, number..number + 1).await;
            read.extend(waiting(&mut reads));
        }
        assert_eq!(read, (0..10).map(|number| number.to_string()).collect::<Vec<_>>(), "{slow}");
        assert_eq!(waiting(&mut reads_nothing), expected, "{slow}");
        let figures = events.figures();
        assert_eq!((figures.fields[0].executed, figures.fields[0].queued), (10, 0), "{slow}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_equal_subscriptions_are_one_execution_and_one_body() {
    let events = events("");
    let mut clients = Vec::new();
    for _ in 0..10_000 {
        clients.push(listen(&events, 1).await);
    }
    assert_eq!((events.figures().tasks, events.figures().subscribers), (2, 10_000));
    publish(&events, 7..8).await;
    let bodies: Vec<Bytes> =
        clients.iter_mut().map(|client| client.next().now_or_never().unwrap().unwrap().body).collect();
    assert!(bodies.iter().all(|body| body.as_ptr() == bodies[0].as_ptr()), "one body for all");
    assert_eq!(events.figures().fields[0].executed, 1);
}

#[tokio::test(start_paused = true)]
async fn all_who_come_back_behind_one_event_are_one_execution_for_each_that_they_missed() {
    let events = events("");
    let mut first = listen(&events, 1).await;
    publish(&events, 0..1).await;
    let last = first.next().await.unwrap().event;
    drop(first);
    let executed = || events.figures().fields[0].executed;
    // Nothing is missing, and they come one after another.
    let mut clients = Vec::new();
    for _ in 0..1_000 {
        clients.push(listen_behind(&events, 1, last).await);
    }
    publish(&events, 1..3).await;
    assert!(clients.iter_mut().all(|client| waiting(client) == ["1", "2"]));
    assert_eq!(executed(), 3);
    assert_eq!((events.figures().tasks, events.figures().subscribers), (2, 1_000));
    // They come at once, and something is missing.
    let back = (0..1_000).map(|_| listen_behind(&events, 1, last));
    let mut back = futures_util::future::join_all(back).await;
    publish(&events, 3..4).await;
    assert!(back.iter_mut().all(|client| waiting(client) == ["1", "2", "3"]));
    assert!(clients.iter_mut().all(|client| waiting(client) == ["3"]));
    assert_eq!(executed(), 6);
    assert_eq!((events.figures().tasks, events.figures().subscribers), (2, 2_000));
    // Who comes when the others were told something reads what is missing on its own.
    let mut late = listen_behind(&events, 1, last).await;
    publish(&events, 4..5).await;
    assert_eq!(waiting(&mut late), ["1", "2", "3", "4"]);
    assert!(back.iter_mut().chain(&mut clients).all(|client| waiting(client) == ["4"]));
    assert_eq!(executed(), 10);
}

#[tokio::test(start_paused = true)]
async fn who_comes_and_goes_leaves_nothing_behind() {
    let events = events("");
    for round in 0..20 {
        let mut clients = Vec::new();
        for client in 0..1_000 {
            // Some are alone on their topic, some are not.
            clients.push(listen(&events, client % 500 * (round % 2)).await);
        }
        drop(clients);
        let figures = events.figures();
        assert_eq!((figures.topics, figures.tasks, figures.subscribers), (0, 0, 0), "round {round}");
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_gateway_carries_so_many() {
    let events = events("limits: { subscriptions: 1 }");
    let first = listen(&events, 1).await;
    let refused = |started| match started {
        Started::Once(response) => String::from_utf8_lossy(&response.body).into_owned(),
        Started::Stream(_) => panic!("there is no more room"),
    };
    let request = || Request { query: "subscription { changed(id: 2) }".to_owned(), ..Request::default() };
    assert!(refused(events.start(request()).await).contains("LIMIT_SUBSCRIPTIONS"));
    drop(first);
    assert!(matches!(events.start(request()).await, Started::Stream(_)), "who goes leaves its place");
}
