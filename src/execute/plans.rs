//! Documents and plans by the text of the document. Variables never enter a plan, so one plan serves all callers. What was asked
//! for just now is found with one hash and one comparison, without a lock and without a copy of anything.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ahash::RandomState;
use apollo_compiler::{Node, executable::Operation, response::JsonMap};
use arc_swap::ArcSwapOption;
use moka::sync::Cache;

use super::{OperationSummary, introspection::introspect, request::Response};
use crate::{
    graph::Graph,
    operation::{Document, Refusal, Rules, Variables},
    plan::{Plan, explain, plan},
    telemetry::OperationType,
};

/// Texts of documents, in bytes: what is kept for a document is a small multiple of its text.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// Places for what was asked for just now; it falls back on the documents where two want the same place.
const RECENT: usize = 512;

/// Longer texts are not among them, so that together they take no more than a fraction of what documents may.
const RECENT_TEXT_BYTES_MAX: usize = 8 << 10;

/// Of so many uses of a recent one, one is told to the cache of documents, which forgets what nobody uses.
const USES_TOLD: u64 = 64;

/// A response that depends on nothing but the graph is kept where it takes no more than a document might.
const CONSTANT_BYTES_MAX: usize = 4 << 10;

/// The documents that were asked for lately.
pub(super) struct Plans {
    documents: Cache<Box<str>, Arc<Known>, RandomState>,
    recent: Box<[ArcSwapOption<Recent>]>,
    hasher: RandomState,
}

/// A plan, and what was asked.
struct Recent {
    text: Box<str>,
    operation_name: Option<Box<str>>,
    planned: Arc<Planned>,
}

/// A valid document, and the plans of those of its operations that ran.
struct Known {
    document: Arc<Document>,
    operations: Mutex<HashMap<Option<String>, Arc<Planned>>>,
}

/// An operation that can run.
pub(super) struct Planned {
    pub(super) document: Arc<Document>,
    pub(super) operation: Node<Operation>,
    pub(super) plan: Plan,
    /// Introspection's part, where it depends on no variable.
    introspection: OnceLock<Arc<JsonMap>>,
    /// The response, where it depends on nothing but the graph.
    constant: OnceLock<Response>,
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Plans {
    pub(super) fn new() -> Self {
        let documents = Cache::<Box<str>, Arc<Known>>::builder()
            .max_capacity(TEXT_BYTES_MAX)
            .weigher(|text, _| u32::try_from(text.len()).unwrap_or(u32::MAX));
        let hasher = RandomState::new();
        let recent = (0..RECENT).map(|_| ArcSwapOption::empty()).collect();
        Plans { documents: documents.build_with_hasher(hasher.clone()), recent, hasher }
    }

    /// The plan of an operation, made at its first use.
    pub(super) fn get(
        &self,
        graph: &Graph,
        text: &str,
        operation_name: Option<&str>,
        rules: &Rules,
    ) -> Result<Arc<Planned>, Refusal> {
        let place = self.place(text, operation_name);
        if let Some(recent) = place.map(ArcSwapOption::load).as_deref()
            && let Some(recent) = recent
            && *recent.text == *text
            && recent.operation_name.as_deref() == operation_name
        {
            if recent.planned.count.load(Ordering::Relaxed) % USES_TOLD == 0 {
                self.documents.get(text);
            }
            return Ok(Arc::clone(&recent.planned));
        }
        let planned = self.of_document(graph, text, operation_name, rules)?;
        if let Some(place) = place {
            let (text, operation_name) = (text.into(), operation_name.map(Box::from));
            place.store(Some(Arc::new(Recent { text, operation_name, planned: Arc::clone(&planned) })));
        }
        Ok(planned)
    }

    /// Where a plan stands among the recent ones; none where its text is too long.
    fn place(&self, text: &str, operation_name: Option<&str>) -> Option<&ArcSwapOption<Recent>> {
        if text.len() > RECENT_TEXT_BYTES_MAX {
            return None;
        }
        let hash = self.hasher.hash_one((text, operation_name));
        self.recent.get(usize::try_from(hash % RECENT as u64).unwrap_or_default())
    }

    fn of_document(
        &self,
        graph: &Graph,
        text: &str,
        operation_name: Option<&str>,
        rules: &Rules,
    ) -> Result<Arc<Planned>, Refusal> {
        let known = match self.documents.get(text) {
            Some(known) => known,
            None => {
                let document = Arc::new(Document::parse(text, &graph.schema, rules)?);
                let known = Arc::new(Known { document, operations: Mutex::default() });
                self.documents.insert(text.into(), known.clone());
                known
            }
        };
        let mut operations = known.operations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(planned) = operations.get(&operation_name.map(str::to_owned)) {
            return Ok(planned.clone());
        }
        let operation = known.document.operation(operation_name)?.clone();
        let planned = Arc::new(Planned {
            plan: plan(graph, known.document.executable(), &operation),
            document: known.document.clone(),
            operation,
            introspection: OnceLock::new(),
            constant: OnceLock::new(),
            count: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
        });
        operations.insert(operation_name.map(str::to_owned), planned.clone());
        Ok(planned)
    }

    /// What is known of the operations that ran.
    pub(super) fn summaries(&self) -> Vec<OperationSummary> {
        let mut summaries = Vec::new();
        for (text, known) in &self.documents {
            let operations = known.operations.lock().unwrap_or_else(PoisonError::into_inner);
            summaries.extend(operations.values().map(|planned| OperationSummary {
                name: planned.name().map(str::to_owned),
                text: text.to_string(),
                plan: explain(&planned.plan),
                steps: planned.plan.steps.len(),
                count: planned.count.load(Ordering::Relaxed),
                time: Duration::from_nanos(planned.nanos.load(Ordering::Relaxed)),
            }));
        }
        summaries.sort_by(|a, b| a.text.cmp(&b.text).then_with(|| a.name.cmp(&b.name)));
        summaries
    }
}

impl Planned {
    /// Introspection's part of a response; none where the operation has no such field.
    pub(super) fn introspection(
        &self,
        graph: &Graph,
        variables: &Variables,
    ) -> Result<Option<Arc<JsonMap>>, Refusal> {
        if !self.plan.introspection {
            return Ok(None);
        }
        if let Some(known) = self.introspection.get() {
            return Ok(Some(known.clone()));
        }
        let found = Arc::new(introspect(graph, &self.document, &self.operation, variables)?);
        if self.operation.variables.is_empty() {
            return Ok(Some(self.introspection.get_or_init(|| found).clone()));
        }
        Ok(Some(found))
    }

    /// Whether nothing but the graph decides the response: no backend, nothing of the client, no variable.
    fn is_constant(&self) -> bool {
        let Plan { reads, mutation, subscribe, .. } = &self.plan;
        let asks = reads.backends || reads.identity() || *mutation || subscribe.is_some();
        !asks && self.operation.variables.is_empty()
    }

    /// The response, where it is the same every time and was made before.
    pub(super) fn constant(&self) -> Option<&Response> {
        self.constant.get()
    }

    /// Keeps a response without errors and extensions, where it will be the same every time.
    pub(super) fn keep_constant(&self, response: &Response) {
        if response.body.len() <= CONSTANT_BYTES_MAX && self.is_constant() {
            let _ = self.constant.set(response.clone());
        }
    }

    /// Its type.
    pub(super) fn operation_type(&self) -> OperationType {
        match self.operation.operation_type {
            apollo_compiler::ast::OperationType::Query => OperationType::Query,
            apollo_compiler::ast::OperationType::Mutation => OperationType::Mutation,
            apollo_compiler::ast::OperationType::Subscription => OperationType::Subscription,
        }
    }

    /// Its name, where it has one.
    pub(super) fn name(&self) -> Option<&str> {
        self.operation.name.as_ref().map(|name| name.as_str())
    }

    /// Counts one run.
    pub(super) fn ran(&self, time: Duration) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
