//! `@invalidates`: what a mutation purges once its request was sent, before anything else of its operation runs and before it
//! is answered. Also where nobody knows whether it took effect: to ask once too often is safe, to show old data is not.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::{
    arguments::arguments,
    calls::Answered,
    step::{Unit, Work},
};
use crate::fetch::{self, Body, Given, Scope, UpstreamResponse};

impl Work<'_, '_> {
    /// Purges what the answers of a mutation say. What was never sent, or was refused (4xx), changed nothing.
    pub(super) async fn invalidate(&mut self, units: &[Unit], arguments: &Json, answers: &[(u32, Answered)]) {
        if self.step.connector.invalidates.is_empty() {
            return;
        }
        for (unit, (_, answer)) in units.iter().zip(answers) {
            match &**answer {
                Ok(response) if response.status.is_client_error() => {}
                Ok(response) => self.purge(unit, arguments, Some(response)),
                Err(error) if error.was_never_sent() => {}
                Err(_) => self.purge(unit, arguments, None),
            }
        }
        // The client's next request may go to another instance.
        self.run.upstream.purged().await;
    }

    /// Purges what a mutation says that nothing was sent for, or that was not answered in time.
    pub(super) fn invalidate_unanswered(&mut self, units: &[Unit]) {
        if self.step.connector.invalidates.is_empty() {
            return;
        }
        if let Ok(arguments) = arguments(&self.step.arguments, self.run.variables) {
            units.iter().for_each(|unit| self.purge(unit, &arguments, None));
        }
    }

    fn purge(&mut self, unit: &Unit, arguments: &Json, response: Option<&UpstreamResponse>) {
        let connector = &self.step.connector;
        let arena = Bump::new();
        let given = self.given(unit, arguments, &arena);
        let variables = Given { response, ..given }.variables(connector, &arena);
        let format = connector.source.settings.response_format;
        let body = response.and_then(|response| Body::read(response, format, &arena).ok());
        let body = body.and_then(|body| body.value(&arena).ok());
        let mut findings = self.run.watch.findings();
        let mut scope = Scope { variables: &variables, arena: &arena, findings: &mut findings };
        let tags = fetch::invalidated(connector, body, &mut scope);
        self.run.upstream.purge_tags(&tags);
        self.findings.append(&findings);
    }
}
