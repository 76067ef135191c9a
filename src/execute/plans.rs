//! Documents and plans by the text of the document. Variables never enter a plan, so one plan serves all callers.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use apollo_compiler::{Node, executable::Operation, response::JsonMap};
use moka::sync::Cache;

use super::{OperationSummary, introspection::introspect};
use crate::{
    graph::Graph,
    operation::{Document, Refusal, Rules, Variables},
    plan::{Plan, explain, plan},
    telemetry::OperationType,
};

/// Texts of documents, in bytes: what is kept for a document is a small multiple of its text.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// The documents that were asked for lately.
pub(super) struct Plans {
    documents: Cache<Box<str>, Arc<Known>>,
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
    count: AtomicU64,
    nanos: AtomicU64,
}

impl Plans {
    pub(super) fn new() -> Self {
        let documents = Cache::<Box<str>, Arc<Known>>::builder()
            .max_capacity(TEXT_BYTES_MAX)
            .weigher(|text, _| u32::try_from(text.len()).unwrap_or(u32::MAX));
        Plans { documents: documents.build() }
    }

    /// The plan of an operation, made at its first use.
    pub(super) fn get(
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
