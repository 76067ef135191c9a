//! `extensions` of a response: what mappings report to the client, and the calls where the client asked for them.

use http::HeaderMap;
use serde_json::{Map, Value as Json};

use super::Served;
use crate::{
    execute::{debugger::debugging, watch::Watch},
    fetch::{Findings, Redaction, Upstream},
    plan::Plan,
    response::{Reported, connector_errors},
};

/// `extensions` of a response: what mappings report, and the calls where the client asked for them.
pub(super) fn extensions(
    served: &Served,
    upstream: &dyn Upstream,
    plan: &Plan,
    watch: Watch,
    client: Option<&HeaderMap>,
    errors_max: usize,
) -> Map<String, Json> {
    let (seen, reported) = watch.end();
    let mut extensions = Map::new();
    let mut errors = Vec::new();
    for (step, findings) in reported.iter().map(|(id, findings)| (plan.step(*id), findings)) {
        let mut path: Vec<&str> = step.path.split('.').filter(|key| !key.is_empty()).collect();
        if let [field] = step.fields.as_slice() {
            path.push(field);
        }
        let reported = findings.reported().iter();
        errors.extend(reported.map(|error| Reported {
            connector: &step.connector,
            path: path.clone(),
            error,
        }));
    }
    let left_out = reported.values().map(Findings::reported_left_out).sum();
    if let Some(errors) = connector_errors(&errors, left_out, errors_max) {
        extensions.insert("connectorErrors".to_owned(), errors);
    }
    if let Some(seen) = seen {
        let mut redaction = Redaction::of(&served.graph);
        redaction.hide(upstream.secrets().iter().map(String::as_str));
        let debugging = debugging(&seen, redaction, client);
        extensions.insert("apolloConnectorsDebugging".to_owned(), debugging);
    }
    extensions
}
