//! An upstream in memory: answers from mocks, writes down every call, and complains of calls without a mock and of
//! mocks without a call. Nothing in it waits for time: an answer may wait only for another call to be made.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use ficus::{
    connector::Source,
    error::Code,
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
};
use tokio::sync::watch;

/// What a mock answers.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    /// `METHOD URL [BODY]` of a call that must have been made before this answer is given.
    pub(crate) after: Option<String>,
}

/// How an exchange ends.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Response(UpstreamResponse),
    Failure(FetchError),
    /// It does not: the caller has to give up.
    Never,
}

/// Answers to one call, in turn; the last one stays.
#[derive(Debug)]
struct Mock {
    call: String,
    answers: Vec<Answer>,
    used: usize,
}

#[derive(Debug, Default)]
struct State {
    mocks: Vec<Mock>,
    calls: Vec<Call>,
    in_flight: Vec<String>,
    problems: Vec<String>,
}

/// A call as it was made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    /// `METHOD URL [BODY]`
    pub(crate) line: String,
    /// Every declared header, in the order sent.
    pub(crate) headers: Vec<String>,
    /// What was still unanswered when it was made.
    pub(crate) during: Vec<String>,
}

/// The upstream of the tests.
#[derive(Debug)]
pub(crate) struct MockUpstream {
    state: Mutex<State>,
    made: watch::Sender<usize>,
}

impl MockUpstream {
    pub(crate) fn new() -> Self {
        MockUpstream { state: Mutex::default(), made: watch::Sender::new(0) }
    }

    /// Sets what `call` is answered with from now on.
    pub(crate) fn mock(&self, call: &str, answers: Vec<Answer>) {
        let mut state = self.state();
        state.complain_of_unused(|mock| mock.call == call);
        state.mocks.retain(|mock| mock.call != call);
        state.mocks.push(Mock { call: call.to_owned(), answers, used: 0 });
    }

    /// The calls made since this was asked last, in the order they were made.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// What is wrong with the calls so far, and with mocks that no call used.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut state = self.state();
        state.complain_of_unused(|_| true);
        std::mem::take(&mut state.problems)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn answer(&self, request: Arc<UpstreamRequest>) -> Result<UpstreamResponse, FetchError> {
        let call = Call::new(&request, &self.state().in_flight);
        let line = call.line.clone();
        let answer = self.state().begin(call);
        self.made.send_modify(|made| *made += 1);
        let _in_flight = InFlight { upstream: self, line };
        // The caller gets a turn before each answer, so that what it does without waiting for it shows.
        tokio::task::yield_now().await;
        if let Some(after) = &answer.after {
            let mut made = self.made.subscribe();
            while !self.state().calls.iter().any(|call| call.line == *after) {
                made.changed().await.unwrap();
            }
        }
        match answer.outcome {
            Outcome::Response(response) => Ok(response),
            Outcome::Failure(error) => Err(error),
            Outcome::Never => std::future::pending().await,
        }
    }
}

impl State {
    /// Writes a call down and finds its answer.
    fn begin(&mut self, call: Call) -> Answer {
        let line = call.line.clone();
        self.calls.push(call);
        self.in_flight.push(line.clone());
        let Some(mock) = self.mocks.iter_mut().find(|mock| mock.call == line) else {
            self.problems.push(format!("no mock for the call {line}"));
            let error = FetchError::new(Code::Internal, "no mock for this call");
            return Answer { outcome: Outcome::Failure(error), after: None };
        };
        let answer = mock.answers[mock.used.min(mock.answers.len() - 1)].clone();
        mock.used += 1;
        answer
    }

    fn complain_of_unused(&mut self, which: impl Fn(&Mock) -> bool) {
        for mock in self.mocks.iter().filter(|mock| which(mock) && mock.used < mock.answers.len()) {
            self.problems.push(format!(
                "{} of {} answers to {} were not asked for",
                mock.answers.len() - mock.used,
                mock.answers.len(),
                mock.call
            ));
        }
    }
}

impl Call {
    fn new(request: &UpstreamRequest, in_flight: &[String]) -> Self {
        let mut line = format!("{} {}", request.method, request.url);
        if let Some(body) = &request.body {
            line.push(' ');
            line.push_str(&String::from_utf8_lossy(body));
        }
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        Call { line, headers, during: in_flight.to_vec() }
    }
}

/// Takes the call out of those in flight, also when its caller gave up.
struct InFlight<'a> {
    upstream: &'a MockUpstream,
    line: String,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let in_flight = &mut self.upstream.state().in_flight;
        if let Some(index) = in_flight.iter().position(|line| *line == self.line) {
            in_flight.remove(index);
        }
    }
}

impl Upstream for MockUpstream {
    fn send<'a>(
        &'a self,
        _source: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(self.answer(request))
    }
}

impl Answer {
    /// A response with a body; headers as `(name, value)`.
    pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let mut map = http::HeaderMap::new();
        for (name, value) in headers {
            map.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let status = http::StatusCode::from_u16(status).unwrap();
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer { outcome: Outcome::Response(UpstreamResponse::new(status, map, body)), after: None }
    }
}

#[tokio::test]
async fn a_call_without_a_mock_and_a_mock_without_a_call_are_problems() {
    let upstream = MockUpstream::new();
    upstream.mock("GET http://api/wanted", vec![Answer::response(200, &[], "")]);
    let request = UpstreamRequest::new(http::Method::GET, "http://api/sent");
    assert!(upstream.answer(request.into()).await.is_err());
    assert_eq!(
        upstream.problems(),
        [
            "no mock for the call GET http://api/sent",
            "1 of 1 answers to GET http://api/wanted were not asked for"
        ]
    );
}
