//! Rows of batches that are kept one by one (`@cached`, `cache` of a connector file): looked up before a batch is asked for,
//! mapped as the rows of an answer are, kept of the answers that come. Not for when they may be used: `fetch::cache`.

use std::{cell::LazyCell, collections::HashMap, sync::Arc};

use bumpalo::Bump;
use http::{HeaderMap, StatusCode};
use serde_json::Value as Json;

use super::{
    calls::Answered,
    cut::{self, cut},
    respond::{Links, join, map},
    send::Requests,
    step::{Sent, Unit, Work},
};
use crate::{
    connector::{Connector, Rows},
    fetch::{
        self, AskedAgain, Body, Chunk, Findings, Given, KeptRows, LookedUp, Part, RowCache, RowUse,
        RowsToKeep, Site, UpstreamRequest, UpstreamResponse,
    },
    response::Link,
};

/// What a step has of the cache instead of asking for it, by unit.
#[derive(Default)]
pub(super) struct Kept {
    /// Used as they are.
    rows: Vec<(usize, UpstreamResponse)>,
    /// Used where asking for them fails.
    stand_ins: Vec<(usize, UpstreamResponse)>,
    /// Used as they are, while they are asked for again.
    asked_again: Vec<(usize, AskedAgain)>,
    /// The requests for one unit alone, as far as they were built.
    singles: HashMap<usize, UpstreamRequest>,
    /// The units that this process has nothing for.
    lacking: Vec<usize>,
    /// Goes along with the requests for what is not kept.
    pub(super) looked_up: LookedUp,
}

impl Kept {
    /// What the rows that are used are of.
    pub(super) fn answers(&self) -> impl Iterator<Item = &UpstreamResponse> {
        self.rows.iter().map(|(_, answer)| answer)
    }

    /// Notes what was found for a unit; whether it is used. Where a whole answer tells whether it went well (`isSuccess`), those
    /// who ask again wait for that.
    fn found(&mut self, unit: usize, found: KeptRows, is_judged: bool) -> bool {
        match found.good_for {
            RowUse::Fresh => {}
            RowUse::AskedAgain(again) if !is_judged => self.asked_again.push((unit, again)),
            RowUse::AskedAgain(_) | RowUse::OnError => {
                self.stand_ins.push((unit, found.answer));
                return false;
            }
        }
        self.rows.push((unit, found.answer));
        true
    }

    /// Lets kept rows stand in for answers that failed.
    pub(super) fn stand_in(&mut self, answers: &[(u32, Answered)], sent: &mut [Sent]) {
        for (unit, rows) in self.stand_ins.drain(..) {
            let Some(place) = sent.get_mut(unit) else { continue };
            let Sent::Call(call) = *place else { continue };
            if answers.get(call as usize).is_some_and(|(_, answer)| RowCache::stands_in_for(answer)) {
                *place = Sent::Kept;
                self.rows.push((unit, rows));
            }
        }
    }
}

impl<'r> Work<'_, 'r> {
    /// Where rows of this step's connector are kept; none where they are not.
    fn row_cache(&self) -> Option<(&'r RowCache, &'r Arc<Rows>)> {
        let how = self.step.connector.caching.rows.as_ref()?;
        Some((self.run.upstream.rows()?, how))
    }

    /// Takes the units that need not be asked for out of those that are open. Where others are asked for their rows, that takes
    /// a while; true then.
    pub(super) async fn take_kept(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        size_max: usize,
        open: &mut Vec<usize>,
        requests: &mut Requests<'r>,
        sent: &mut [Option<Sent>],
    ) -> bool {
        requests.kept = self.kept(units, open, arguments);
        let has_waited = self.find_elsewhere(&mut requests.kept).await;
        for (unit, _) in &requests.kept.rows {
            if let Some(place) = sent.get_mut(*unit) {
                *place = Some(Sent::Kept);
            }
        }
        open.retain(|index| matches!(sent.get(*index), Some(None)));
        if !requests.kept.asked_again.is_empty() {
            self.ask_again(units, arguments, size_max, &mut requests.kept);
        }
        has_waited
    }

    fn is_judged(&self) -> bool {
        self.step.connector.is_success.is_some() || self.step.connector.source.is_success.is_some()
    }

    /// Looks up what is kept of these units.
    fn kept(&mut self, units: &[Unit], open: &[usize], arguments: &Json) -> Kept {
        let mut kept = Kept::default();
        let connector = &self.step.connector;
        let Some((cache, how)) = self.row_cache().filter(|(cache, _)| cache.knows(connector)) else {
            return kept;
        };
        for index in open {
            let Some(request) = units.get(*index).and_then(|unit| self.build_single(unit, arguments)) else {
                continue;
            };
            let found = cache.find(&connector.source, how, &request);
            let is_used = found.is_some_and(|found| kept.found(*index, found, self.is_judged()));
            // One whose tags cannot be made is kept by nobody.
            if !is_used && request.keeping.part == Part::Whole {
                kept.lacking.push(*index);
            }
            kept.singles.insert(*index, request);
        }
        kept
    }

    /// Looks up what other instances keep of what is to be asked for; whether anybody could be asked.
    async fn find_elsewhere(&self, kept: &mut Kept) -> bool {
        let Some((cache, how)) = self.row_cache().filter(|_| !kept.lacking.is_empty()) else { return false };
        let lacking = std::mem::take(&mut kept.lacking);
        let requests: Vec<&UpstreamRequest> =
            lacking.iter().filter_map(|index| kept.singles.get(index)).collect();
        // Boxed: steps of which nothing is kept need no room for it.
        let asking = Box::pin(cache.find_elsewhere(&self.step.connector.source, how, &requests));
        let (found, looked_up) = asking.await;
        let has_waited = !found.is_empty();
        for (index, found) in lacking.into_iter().zip(found) {
            if let Some(found) = found {
                kept.found(index, found, self.is_judged());
            }
        }
        kept.looked_up = looked_up;
        has_waited
    }

    /// The request as it would be sent for one unit alone.
    fn build_single(&mut self, unit: &Unit, arguments: &Json) -> Option<UpstreamRequest> {
        let mut findings = self.run.watch.findings();
        let arena = Bump::new();
        let mut given = self.given_batch(std::iter::once(unit), arguments, &arena);
        // What tags read of the one object.
        given.this = Some(self.inputs(unit, &arena));
        let built = self.run.build(&self.step.connector, given, &arena, &mut findings);
        // What else there is to say is said of the batch.
        self.findings.append_of(Site::Tags, &findings);
        built.ok()
    }

    /// Asks again for what is used meanwhile; nobody waits for it.
    fn ask_again(&self, units: &[Unit], arguments: &Json, size_max: usize, kept: &mut Kept) {
        let build = |chunk: &[usize], findings: &mut Findings| {
            self.build_batch(chunk.iter().filter_map(|index| units.get(*index)), arguments, findings)
        };
        let mut held: HashMap<usize, AskedAgain> = kept.asked_again.drain(..).collect();
        let mut open: Vec<usize> = held.keys().copied().collect();
        open.sort_unstable();
        for Chunk { elements, built, .. } in fetch::chunks(&open, size_max, &Findings::default(), build) {
            let Ok(request) = built else { continue };
            let mut singles = Vec::new();
            let mut holds = Vec::new();
            for index in elements {
                holds.extend(held.remove(&index));
                if let (Some(unit), Some(single)) = (units.get(index), kept.singles.remove(&index)) {
                    singles.push((unit.join_key().to_vec(), single));
                }
            }
            let (upstream, connector) = (Arc::clone(self.run.upstream), Arc::clone(&self.step.connector));
            tokio::spawn(async move {
                let answer = upstream.send(&connector.source, Arc::new(request)).await;
                if let (Ok(response), Some(cache)) = (&answer, upstream.rows()) {
                    keep(cache, &connector, response, || singles);
                }
                drop(holds);
            });
        }
    }

    /// Keeps the rows of an answer, each unit's by itself.
    pub(super) fn keep_rows<'u>(
        &mut self,
        answer: &Answered,
        units: impl Iterator<Item = (usize, &'u Unit)>,
        arguments: &Json,
        kept: &mut Kept,
    ) {
        let (Some((cache, _)), Ok(response)) = (self.row_cache(), &**answer) else { return };
        let connector = Arc::clone(&self.step.connector);
        keep(cache, &connector, response, || {
            let single = |(index, unit): (usize, &Unit)| {
                let request = kept.singles.remove(&index).or_else(|| self.build_single(unit, arguments))?;
                Some((unit.join_key().to_vec(), request))
            };
            units.filter_map(single).collect()
        });
    }

    /// Links units to what is kept for them.
    pub(super) fn map_kept(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        sent: &[Sent],
        kept: &Kept,
        found: &mut Links,
    ) {
        let Some(how) = self.step.connector.caching.rows.as_ref().filter(|_| !kept.rows.is_empty()) else {
            return;
        };
        let body = cut::join(kept.answers().map(|answer| &answer.body), how);
        let asked = || {
            let all = sent.iter().zip(units).enumerate();
            all.filter(|(_, (sent, _))| matches!(sent, Sent::Kept)).map(|(index, (_, unit))| (index, unit))
        };
        let response = UpstreamResponse::new(StatusCode::OK, HeaderMap::new(), body);
        let arena = Bump::new();
        let mut notes = self.run.watch.notes();
        let variables = LazyCell::new(|| {
            let given = self.given_batch(asked().map(|(_, unit)| unit), arguments, &arena);
            Given { response: Some(&response), ..given }.variables(&self.step.connector, &arena)
        });
        // The rows were JSON when they were cut.
        let text = std::str::from_utf8(&response.body).unwrap_or("null");
        let mapped = map(self, &response, Body::Json(text), &variables, &arena, &mut notes);
        match mapped.and_then(|mut table| Ok((join(self.step, &mut table, asked())?, table))) {
            Ok((nodes, table)) => found.add(nodes, table),
            Err(error) => {
                let error = self.fail(error);
                asked().for_each(|(unit, _)| found.set(unit, Link::Error(error)));
            }
        }
        self.findings.append(&notes.findings);
    }
}

/// Cuts an answer and keeps its rows; `singles` are the keys that were asked for, each with the request for it alone.
fn keep(
    cache: &RowCache,
    connector: &Connector,
    response: &UpstreamResponse,
    singles: impl FnOnce() -> Vec<(Vec<u8>, UpstreamRequest)>,
) {
    let Some(how) = &connector.caching.rows else { return };
    let arena = Bump::new();
    cache.keep(connector, response, || {
        let body = Body::read(response, connector.source.settings.response_format, &arena);
        let Ok(Body::Json(text)) = body else { return Vec::new() };
        let Some(by_key) = cut(text, how) else { return Vec::new() };
        let rows_of = |(key, request): (Vec<u8>, UpstreamRequest)| {
            let found = by_key.get(&key).map_or(&[][..], Vec::as_slice);
            // Of two rows with one key the last counts.
            let from = if how.has_many { 0 } else { found.len().saturating_sub(1) };
            RowsToKeep { request, rows: found.get(from..).unwrap_or_default().to_vec() }
        };
        singles().into_iter().map(rows_of).collect()
    });
}
