//! What is asked: a request's operation and all that its answer depends on. Two requests that are equal here have the same
//! answer at the same time, so they may share one execution (`share`) or what was kept of one (`answers`). Compared in
//! full; the request id, the trace and how long the caller waits are no part of it.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Value as Json};

use super::plans::Planned;
use crate::{fetch::headers_named, operation::Variables};

/// A request of which only the execution is left to do.
pub(super) struct Asked {
    /// Of one graph: another graph's plans are others.
    pub(super) planned: Arc<Planned>,
    /// Coerced, so that `7` and `"7"` for an `ID`, or a default and its value, are the same.
    pub(super) variables: Variables,
    /// The client's, where the host application passed them.
    pub(super) headers: Option<HeaderMap>,
    pub(super) context: Map<String, Json>,
}

impl Asked {
    /// Whether another request may have the same answer: only a plan that reads any header at all makes that unknown, and
    /// one that asks no backend is not worth the question.
    pub(super) fn may_be_shared(&self) -> bool {
        let reads = &self.planned.plan.reads;
        reads.backends && !reads.all_headers && !self.planned.plan.mutation
    }

    /// The same without the headers that do not matter, to be kept.
    pub(super) fn to_kept(&self) -> Self {
        Asked {
            planned: Arc::clone(&self.planned),
            variables: self.variables.clone(),
            headers: self.headers.as_ref().map(|headers| headers_named(headers, self.headers_read())),
            context: self.context.clone(),
        }
    }

    /// What it takes in memory, about, beside its plan.
    pub(super) fn bytes(&self) -> usize {
        let headers =
            self.headers.iter().flatten().map(|(name, value)| name.as_str().len() + value.len() + 64);
        let context =
            if self.context.is_empty() { 0 } else { Json::Object(self.context.clone()).to_string().len() };
        headers.sum::<usize>() + self.variables.bytes() + 4 * context
    }

    /// The headers that matter. `Connection` may say of a header that it is not to be passed on.
    fn headers_read(&self) -> impl Iterator<Item = &HeaderName> {
        let read = &self.planned.plan.reads.headers;
        read.iter().chain((!read.is_empty()).then_some(&header::CONNECTION))
    }

    fn values(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.headers.iter().flat_map(move |headers| headers.get_all(name))
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.planned, &other.planned)
            && self.variables == other.variables
            && self.headers.is_some() == other.headers.is_some()
            && self.headers_read().all(|name| self.values(name).eq(other.values(name)))
            && self.context == other.context
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    /// Of the context only how large it is: hosts that have one seldom have two for one set of headers and variables.
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.planned).hash(state);
        self.variables.hash(state);
        self.context.len().hash(state);
        for name in self.headers_read() {
            self.values(name).for_each(|value| value.as_bytes().hash(state));
            // Ends the values of one header.
            0xff_u8.hash(state);
        }
    }
}
