//! Runs a case against its own responses. No connection is opened.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value as Json;

use super::{
    Case, MockResponse,
    expect::{Difference, Got, Part},
};
use crate::{
    connector::Source,
    diagnostic::counted,
    error::Code,
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::Graph,
    trial::{find, requests, run as run_connector},
};

/// What became of a case.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    /// Why it could not run as it is written; then nothing was compared.
    pub faults: Vec<String>,
    /// What is not as expected.
    pub differences: Vec<Difference>,
    /// What `--update` writes: every part that is expected or ought to be.
    pub instead: Vec<(Part, Json)>,
}

impl Ran {
    /// Whether all is as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults.is_empty() && self.differences.is_empty()
    }

    fn fault(message: impl Into<String>) -> Self {
        Ran { faults: vec![message.into()], ..Ran::default() }
    }
}

/// Runs a case.
pub async fn run(graph: &Graph, case: &Case) -> Ran {
    let connector = match find(graph, &case.connector) {
        Ok(connector) => connector,
        Err(unknown) => return Ran::fault(format!("{}: {}", unknown.message, unknown.help)),
    };
    let redaction = case.inputs.redaction(graph);
    let (got, faults) = if case.responses.is_empty() && connector.request.is_some() {
        let built = match requests(graph, connector, &case.inputs) {
            Ok(built) => built,
            Err(error) => return Ran::fault(error.to_string()),
        };
        let parts = case.expected.iter().map(|(part, _)| part).chain(&case.open);
        if let Some(part) = parts.into_iter().find(|part| **part != Part::Request) {
            let message = format!("`{}` is expected, but the case has no response to map", part.as_str());
            return Ran::fault(message);
        }
        let faults =
            built.iter().filter_map(|request| request.as_ref().err()).map(ToString::to_string).collect();
        let built: Vec<UpstreamRequest> = built.into_iter().flatten().collect();
        (Got::requests(&built, &redaction), faults)
    } else {
        let upstream = Responses::new(&case.responses);
        let trial = match run_connector(graph, connector, &case.inputs, &upstream).await {
            Ok(trial) => trial,
            Err(error) => return Ran::fault(error.to_string()),
        };
        (Got::of(&trial, &redaction), upstream.faults(case.responses.len()))
    };
    if !faults.is_empty() {
        return Ran { faults, ..Ran::default() };
    }
    let (differences, instead) = got.compare(&case.expected, &case.open);
    let mut ran = Ran { faults: Vec::new(), differences, instead };
    if case.expected.is_empty() && case.open.is_empty() {
        ran.faults.push("it expects nothing yet: `ficus test --update` writes what comes out".to_owned());
    }
    ran
}

/// A backend that gives the responses of a case, in order.
#[derive(Debug)]
struct Responses {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: VecDeque<MockResponse>,
    requests: usize,
}

impl Responses {
    fn new(responses: &[MockResponse]) -> Self {
        Responses { state: Mutex::new(State { left: responses.iter().cloned().collect(), requests: 0 }) }
    }

    fn answer(&self) -> Result<UpstreamResponse, FetchError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        match state.left.pop_front() {
            Some(MockResponse { status, headers, body }) => Ok(UpstreamResponse::new(status, headers, body)),
            None => Err(FetchError::new(Code::Internal, "the case has no response for this request")),
        }
    }

    /// What is wrong with the number of responses.
    fn faults(&self, responses: usize) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.requests == responses || (state.requests == 0 && responses == 0) {
            return Vec::new();
        }
        let (has, sent) = (counted(responses, "response"), counted(state.requests, "request"));
        vec![format!("the case has {has}, but the connector sent {sent}")]
    }
}

impl Upstream for Responses {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(std::future::ready(self.answer()))
    }
}
