//! The requests of a step: what each unit's request reads, chunks of batches, and which of it is under way already.

use std::{collections::HashMap, sync::Arc};

use bumpalo::Bump;
use http::{HeaderValue, header};
use serde_json::Value as Json;

use super::{
    calls::Call,
    key::{self, Found},
    rows::Kept,
    run::Cause,
    step::{Sent, Unit, Work, is_root},
};
use crate::{
    connector::{Connector, Kind},
    fetch::{self, Chunk, FetchError, Findings, Given, UpstreamRequest},
    mapping::{json, value::Value},
};

/// The requests of a step, each once.
#[derive(Default)]
pub(super) struct Requests<'r> {
    pub(super) calls: Vec<Call<'r>>,
    /// What need not be asked for.
    pub(super) kept: Kept,
    known: HashMap<u32, u32, ahash::RandomState>,
}

impl<'r> Requests<'r> {
    pub(super) fn add(&mut self, call: Call<'r>) -> Sent {
        let next = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let index = *self.known.entry(call.number).or_insert(next);
        if index == next {
            self.calls.push(call);
        }
        Sent::Call(index)
    }
}

/// What was stored of an answer counts only once its backend said that it still holds (RFC 9111, section 5.2.1.4).
pub(super) fn ask_anew(request: &mut UpstreamRequest) {
    if request.headers.iter().all(|(name, _)| *name != header::CACHE_CONTROL) {
        request.own_headers.set(&header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

impl<'r> Work<'_, 'r> {
    /// The inputs of a unit as an object: `$this`, an element of `$batch`, or `$args` of an entity connector.
    pub(super) fn inputs<'a>(&self, unit: &Unit, arena: &'a Bump) -> Value<'a>
    where
        'r: 'a,
    {
        let position = self.run.plan.position(self.step.position);
        let Some(owner) = position.owner.and_then(|id| self.run.result(id)) else {
            return Value::Object(&[]);
        };
        let mut entries = key::Entries::new();
        for input in &self.step.inputs {
            if let Found::Node(table, node, slots) =
                key::find(input, owner, unit.at, unit.row, |id| self.run.result(id))
            {
                key::insert(&mut entries, &input.path, key::value(table, node, slots, arena), arena);
            }
        }
        Value::Object(arena.alloc_slice_copy(&entries))
    }

    /// What a unit's request and mapping read.
    pub(super) fn given<'a>(&self, unit: &Unit, arguments: &'a Json, arena: &'a Bump) -> Given<'a>
    where
        'r: 'a,
    {
        let mut given = self.run.given(&self.step.connector, arena);
        given.args = Some(json::from_json(arguments, arena));
        if self.run.plan.position(self.step.position).owner.is_some() {
            match self.step.connector.kind {
                Kind::Entity { .. } => given.args = Some(self.inputs(unit, arena)),
                _ => given.this = Some(self.inputs(unit, arena)),
            }
        }
        given
    }

    /// What the request of a batch, and the mapping of its response, read.
    pub(super) fn given_batch<'a, 'u>(
        &self,
        units: impl Iterator<Item = &'u Unit>,
        arguments: &'a Json,
        arena: &'a Bump,
    ) -> Given<'a>
    where
        'r: 'a,
    {
        let mut given = self.run.given(&self.step.connector, arena);
        let batch: Vec<Value<'a>> = units.map(|unit| self.inputs(unit, arena)).collect();
        given.args = Some(json::from_json(arguments, arena));
        given.batch = Some(Value::List(arena.alloc_slice_copy(&batch)));
        given
    }

    /// Sends what is not under way already; says for each unit what became of it.
    pub(super) async fn send(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        changes: bool,
    ) -> (Requests<'r>, Vec<Sent>) {
        let mut requests = Requests::default();
        let sent = match &self.step.connector.batch {
            Some(batch) => {
                let size_max = batch.size_max.unwrap_or(usize::MAX);
                // Boxed: a step is moved about, and has room for what it waits for long.
                Box::pin(self.send_batches(units, arguments, size_max, &mut requests)).await
            }
            None => self.send_singles(units, arguments, changes, &mut requests),
        };
        (requests, sent)
    }

    fn send_singles(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        changes: bool,
        requests: &mut Requests<'r>,
    ) -> Vec<Sent> {
        let connector: &'r Arc<Connector> = &self.step.connector;
        let mut arena = Bump::new();
        let mut sent = Vec::with_capacity(units.len());
        for unit in units {
            arena.reset();
            let mut findings = self.run.watch.findings();
            let given = self.given(unit, arguments, &arena);
            let built = self.run.build(connector, given, &arena, &mut findings);
            sent.push(match built {
                Ok(mut request) => {
                    if changes {
                        let others = self.run.plan.groups.len() > 1;
                        let of = others.then(|| self.step.fields.join("-"));
                        fetch::pass_key(&mut request, self.run.headers, of.as_deref());
                    }
                    if matches!(self.run.cause, Some(Cause::Poll)) && is_root(self.step.position) {
                        ask_anew(&mut request);
                    }
                    let copy = self.run.watch.copy(&request);
                    let call = match changes {
                        true => self.run.calls.send_anew(connector, request),
                        false => self.run.calls.send(connector, request),
                    };
                    self.run.watch.sent(call.number, self.step, copy, &findings);
                    requests.add(call)
                }
                Err(error) => Sent::Failed(self.fail_fetch(error, &findings)),
            });
            self.findings.append(&findings);
        }
        sent
    }

    fn fail_fetch(&mut self, error: FetchError, findings: &Findings) -> u32 {
        let error = *error.attributed(&self.step.connector, None).client;
        self.step.connector.source.meter().errors.count(error.code);
        self.run.watch.not_sent(self.step, &error, findings);
        self.fail(error)
    }

    async fn send_batches(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        size_max: usize,
        requests: &mut Requests<'r>,
    ) -> Vec<Sent> {
        let connector: &'r Arc<Connector> = &self.step.connector;
        let calls = &self.run.calls;
        // Only where another step asks the same connector can its requests ask for the same keys.
        let of_connector = self.run.plan.steps.iter().filter(|step| Arc::ptr_eq(&step.connector, connector));
        let scope = (of_connector.count() > 1).then(|| arguments.to_string());
        let asked = |keys: &mut dyn Iterator<Item = &[u8]>| match &scope {
            Some(scope) => calls.asked(connector, scope, keys),
            None => keys.map(|_| None).collect(),
        };
        let mut sent: Vec<Option<Sent>> = asked(&mut units.iter().map(Unit::key))
            .into_iter()
            .map(|call| call.map(|call| requests.add(call)))
            .collect();
        let mut open: Vec<usize> =
            (0..units.len()).filter(|index| matches!(sent.get(*index), Some(None))).collect();
        if self.take_kept(units, arguments, size_max, &mut open, requests, &mut sent).await {
            // Another step may have asked for some of them meanwhile.
            let mut keys = open.iter().filter_map(|index| units.get(*index)).map(Unit::key);
            for (index, call) in open.iter().zip(asked(&mut keys)) {
                if let (Some(place), Some(call)) = (sent.get_mut(*index), call) {
                    *place = Some(requests.add(call));
                }
            }
            open.retain(|index| matches!(sent.get(*index), Some(None)));
        }
        if let Some(loader) = self.window() {
            self.send_in_window(loader, units, arguments, &open, requests, &mut sent);
            return sent.into_iter().flatten().collect();
        }
        let of = |chunk: &[usize]| chunk.iter().filter_map(|index| units.get(*index)).collect::<Vec<_>>();
        let none = self.run.watch.findings();
        let chunks = fetch::chunks(&open, size_max, &none, |chunk, findings| {
            self.build_batch(of(chunk).into_iter(), arguments, findings)
        });
        for Chunk { elements, built, findings } in chunks {
            let outcome = match built {
                Ok(mut request) => {
                    request.looked_up = requests.kept.looked_up.clone();
                    let copy = self.run.watch.copy(&request);
                    let call = calls.send(connector, request);
                    self.run.watch.sent(call.number, self.step, copy, &findings);
                    if let Some(scope) = &scope {
                        calls.note(connector, scope, of(&elements).into_iter().map(Unit::key), &call);
                    }
                    requests.add(call)
                }
                Err(error) => Sent::Failed(self.fail_fetch(error, &findings)),
            };
            self.findings.append(&findings);
            for index in elements {
                if let Some(place) = sent.get_mut(index) {
                    *place = Some(outcome);
                }
            }
        }
        sent.into_iter().flatten().collect()
    }

    pub(super) fn build_batch<'u>(
        &self,
        units: impl Iterator<Item = &'u Unit>,
        arguments: &Json,
        findings: &mut Findings,
    ) -> Result<UpstreamRequest, FetchError> {
        let arena = Bump::new();
        let given = self.given_batch(units, arguments, &arena);
        self.run.build(&self.step.connector, given, &arena, findings)
    }
}
