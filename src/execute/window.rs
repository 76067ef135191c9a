//! `batch_window`: keys that different operations ask one batch connector for wait for each other, so that one request serves several
//! clients. On async-graphql's `DataLoader`, which gathers the keys; it keeps nothing (`NoCache`): what is kept is decided by the cache
//! before the upstream alone. Operations whose requests would differ in anything but their keys never meet.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_graphql::dataloader::{DataLoader, Loader};
use bumpalo::Bump;
use futures_util::{FutureExt as _, future::BoxFuture, future::join_all};
use http::{HeaderMap, HeaderName, header};
use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::{
    calls::{self, Answered},
    send::Requests,
    step::{Sent, Unit, Work},
};
use crate::{
    connector::{Connector, Source},
    error::Code,
    fetch::{
        self, Chunk, Deadline, FetchError, Findings, Given, LookedUp, Scope, Upstream, UpstreamRequest,
        headers_named,
    },
    graph::Graph,
    mapping::{json, value::Value},
    telemetry,
};

/// The windows of a graph's sources.
#[derive(Default)]
pub(super) struct Windows {
    by_source: Vec<(Arc<Source>, Arc<DataLoader<Batches>>)>,
    next: AtomicU64,
}

impl<'r> Work<'_, 'r> {
    /// The window that the step's keys wait in; none where they do not. What a mutation reads does not wait for others, and what
    /// somebody looks at is shown as if it were alone.
    pub(super) fn window(&self) -> Option<&'r Arc<DataLoader<Batches>>> {
        let run = self.run;
        if run.plan.mutation || run.watch.is_seen() {
            return None;
        }
        run.windows.of(&self.step.connector)
    }

    /// Lets the keys of these units wait for those of other operations.
    pub(super) fn send_in_window(
        &self,
        loader: &'r Arc<DataLoader<Batches>>,
        units: &[Unit],
        arguments: &Json,
        open: &[usize],
        requests: &mut Requests<'r>,
        sent: &mut [Option<Sent>],
    ) {
        let run = self.run;
        let connector: &Arc<Connector> = &self.step.connector;
        let together = Together::new(connector, arguments, run.headers, run.context);
        let together = Arc::new(Together { looked_up: requests.kept.looked_up.clone(), ..together });
        let mut arena = Bump::new();
        for index in open {
            let (Some(unit), Some(place)) = (units.get(*index), sent.get_mut(*index)) else { continue };
            arena.reset();
            let inputs = json::to_json(&self.inputs(unit, &arena));
            let answer = run.windows.load(loader, &together, unit.key(), inputs, run.deadline);
            let call = run.calls.take_part(answer);
            run.calls.note(connector, &together.arguments, std::iter::once(unit.key()), &call);
            *place = Some(requests.add(call));
        }
    }
}

/// Keys that went into one request have one answer: it is read once for all of them.
pub(super) fn join_answers(answers: &mut Vec<(u32, Answered)>, sent: &mut [Sent]) {
    let mut firsts: Vec<(u32, Answered)> = Vec::new();
    let mut known: HashMap<*const (), u32, ahash::RandomState> = HashMap::default();
    let mut moved = Vec::with_capacity(answers.len());
    for (call, answer) in answers.drain(..) {
        let next = u32::try_from(firsts.len()).unwrap_or(u32::MAX);
        let index = *known.entry(Arc::as_ptr(&answer).cast()).or_insert(next);
        if index == next {
            firsts.push((call, answer));
        }
        moved.push(index);
    }
    for sent in sent {
        if let Sent::Call(call) = sent
            && let Some(index) = moved.get(*call as usize)
        {
            *call = *index;
        }
    }
    *answers = firsts;
}

/// What the keys that wait together have in common: all that their requests depend on beside the keys.
pub(super) struct Together {
    connector: Arc<Connector>,
    /// `$args`, as JSON.
    arguments: String,
    /// The client's headers that the connector reads, and those that go along with every request.
    headers: Option<HeaderMap>,
    /// `$context`, where the connector reads it.
    context: Map<String, Json>,
    /// That other instances were asked for rows; no part of what is compared.
    looked_up: LookedUp,
}

/// A key that somebody waits for. Two are one when what they have in common and their values after coercion are equal.
#[derive(Clone)]
struct Key {
    together: Arc<Together>,
    value: Arc<[u8]>,
    /// The element of `$batch`.
    inputs: Arc<Json>,
    /// The order in which keys came.
    number: u64,
    /// When the time of whoever asked is up.
    deadline: Instant,
}

impl Windows {
    /// Those of the sources that have one.
    pub(super) fn new(graph: &Arc<Graph>, upstream: &Arc<dyn Upstream>) -> Self {
        let mut windows = Windows::default();
        for source in &graph.sources {
            let time = source.settings.batch_window;
            if time.is_zero() {
                continue;
            }
            let batches = Batches { graph: Arc::clone(graph), upstream: Arc::clone(upstream) };
            // The loader's own clock is a thread's; ours stands still in tests, as all clocks here do.
            let after_a_while = move |load: BoxFuture<'static, ()>| {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    load.await;
                });
            };
            // Batches are cut by `maxSize`, not by how many wait.
            let loader = DataLoader::new(batches, after_a_while)
                .delay(std::time::Duration::ZERO)
                .max_batch_size(usize::MAX);
            windows.by_source.push((Arc::clone(source), Arc::new(loader)));
        }
        windows
    }

    /// The window that a connector's keys wait in; none where they do not wait, or where anything of the client might matter.
    pub(super) fn of(&self, connector: &Connector) -> Option<&Arc<DataLoader<Batches>>> {
        let (_, loader) = self.by_source.iter().find(|(source, _)| Arc::ptr_eq(source, &connector.source))?;
        (!connector.inputs.all_client_headers).then_some(loader)
    }

    /// Waits for the answer to the request that will have asked for a key.
    pub(super) fn load(
        &self,
        loader: &Arc<DataLoader<Batches>>,
        together: &Arc<Together>,
        value: &[u8],
        inputs: Json,
        deadline: Instant,
    ) -> BoxFuture<'static, Answered> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (loader, together) = (Arc::clone(loader), Arc::clone(together));
        let key = Key { together, value: value.into(), inputs: Arc::new(inputs), number, deadline };
        async move {
            match loader.load_one(key).await {
                Ok(Some(answered)) => answered,
                Ok(None) | Err(GivenUp) => {
                    Arc::new(Err(FetchError::new(Code::Internal, "Connector error: the batch was given up")))
                }
            }
        }
        .boxed()
    }
}

impl Together {
    /// What the keys of one step have in common with others.
    pub(super) fn new(
        connector: &Arc<Connector>,
        arguments: &Json,
        headers: Option<&HeaderMap>,
        context: &Map<String, Json>,
    ) -> Self {
        let names: Vec<HeaderName> =
            read(connector).chain(telemetry::PASSED_ALONG.into_iter().cloned()).collect();
        Together {
            arguments: arguments.to_string(),
            headers: headers.map(|headers| headers_named(headers, &names)),
            context: if connector.inputs.context { context.clone() } else { Map::new() },
            connector: Arc::clone(connector),
            looked_up: LookedUp::default(),
        }
    }
}

/// The client's headers that matter to a connector; `Connection` may say of one that it is not to be passed on.
fn read(connector: &Connector) -> impl Iterator<Item = HeaderName> {
    let names = &connector.inputs.client_headers;
    let read = names.iter().filter_map(|name| name.parse().ok());
    read.chain((!names.is_empty()).then_some(header::CONNECTION))
}

impl PartialEq for Together {
    fn eq(&self, other: &Self) -> bool {
        let values = |together: &Self, name: &HeaderName| {
            let headers = together.headers.as_ref();
            headers.map(|headers| headers.get_all(name).iter().cloned().collect::<Vec<_>>())
        };
        Arc::ptr_eq(&self.connector, &other.connector)
            && self.arguments == other.arguments
            && self.context == other.context
            && self.headers.is_some() == other.headers.is_some()
            && read(&self.connector).all(|name| values(self, &name) == values(other, &name))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
            && (Arc::ptr_eq(&self.together, &other.together) || self.together == other.together)
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.together.connector).hash(state);
        self.together.arguments.hash(state);
        self.value.hash(state);
    }
}

/// No key has an error of its own: what a request came to is a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct GivenUp;

/// Sends the batches of one source.
pub(super) struct Batches {
    graph: Arc<Graph>,
    upstream: Arc<dyn Upstream>,
}

impl Loader<Key> for Batches {
    type Value = Answered;
    type Error = GivenUp;

    async fn load(&self, keys: &[Key]) -> Result<HashMap<Key, Answered>, GivenUp> {
        let mut keys: Vec<&Key> = keys.iter().collect();
        keys.sort_unstable_by_key(|key| key.number);
        let mut groups: Vec<Vec<&Key>> = Vec::new();
        for key in keys {
            match groups
                .iter_mut()
                .find(|group| group.first().is_some_and(|first| first.together == key.together))
            {
                Some(group) => group.push(key),
                None => groups.push(vec![key]),
            }
        }
        let answers = join_all(groups.into_iter().map(|group| self.ask(group))).await;
        Ok(answers.into_iter().flatten().collect())
    }
}

impl Batches {
    /// Asks for keys that have everything else in common.
    async fn ask(&self, keys: Vec<&Key>) -> Vec<(Key, Answered)> {
        let Some(together) = keys.first().map(|key| Arc::clone(&key.together)) else { return Vec::new() };
        let connector = &together.connector;
        let size_max = connector.batch.as_ref().and_then(|batch| batch.size_max).unwrap_or(usize::MAX);
        let chunks = fetch::chunks(&keys, size_max, &Findings::new(false), |chunk, findings| {
            self.build(&together, chunk, findings)
        });
        let answers = chunks.into_iter().map(|Chunk { elements, built, .. }| async move {
            let answered = match built {
                Ok(request) => self.send(&elements, request).await,
                Err(error) => Arc::new(Err(error)),
            };
            elements.into_iter().map(move |key| (key.clone(), Arc::clone(&answered))).collect::<Vec<_>>()
        });
        join_all(answers).await.concat()
    }

    /// The request has as much time as the most patient of those who wait for it.
    async fn send(&self, keys: &[&Key], mut request: UpstreamRequest) -> Answered {
        let Some(first) = keys.first() else {
            let nothing = FetchError::new(Code::Internal, "Connector error: a batch of nothing");
            return Arc::new(Err(nothing));
        };
        request.deadline = Deadline(keys.iter().map(|key| key.deadline).max());
        // Each of them looked before the batch is sent, so any will do.
        request.looked_up = first.together.looked_up.clone();
        calls::fetch(&*self.upstream, &first.together.connector, Arc::new(request)).await
    }

    fn build(
        &self,
        together: &Together,
        keys: &[&Key],
        findings: &mut Findings,
    ) -> Result<UpstreamRequest, FetchError> {
        let connector = &*together.connector;
        let Some(request) = &connector.request else {
            return Err(FetchError::new(Code::Internal, "The connector has no request."));
        };
        let arena = Bump::new();
        let arguments: Json = serde_json::from_str(&together.arguments).unwrap_or_default();
        let batch: Vec<Value<'_>> = keys.iter().map(|key| json::from_json(&key.inputs, &arena)).collect();
        let client = together.headers.as_ref();
        let mut given = Given { client, ..Given::new(&self.graph.env) };
        given.args = Some(json::from_json(&arguments, &arena));
        given.batch = Some(Value::List(arena.alloc_slice_copy(&batch)));
        given.context = connector.inputs.context.then(|| json::from_map(&together.context, &arena));
        let variables = given.variables(connector, &arena);
        let mut scope = Scope { variables: &variables, arena: &arena, findings };
        fetch::build(connector, request, client, &mut scope)
    }
}

#[cfg(test)]
mod tests;
