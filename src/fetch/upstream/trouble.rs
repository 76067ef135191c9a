//! What went wrong with an exchange: in words for the client, and with its causes for the log.

use std::error::Error as _;

use crate::{
    error::Code,
    fetch::{FetchError, Trouble},
};

/// Says what happened in words for the client, and keeps the chain of causes for the log.
pub(super) fn failed(error: reqwest::Error) -> FetchError {
    // The URL may hold secrets; `attempt` adds what of it may be logged.
    let error = error.without_url();
    let mut causes = error.to_string();
    let mut http = None;
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        http = http.or(cause.downcast_ref::<hyper::Error>());
        next = cause.source();
    }
    let (code, words) = if error.is_builder() {
        (Code::ConnectorRequestInvalid, "the request cannot be written as HTTP")
    } else if error.is_connect() {
        (Code::HttpClientError, if error.is_dns() { "the host is not known" } else { "cannot connect" })
    } else if http.is_some_and(hyper::Error::is_parse) {
        (Code::HttpClientError, "the answer is not valid HTTP, or its headers are too large")
    } else {
        (Code::HttpClientError, "the connection broke off before the answer was complete")
    };
    let failed = FetchError::new(code, format!("Connector error: {words}")).with_detail(causes);
    if code == Code::HttpClientError { failed.with_trouble(Trouble::Connection) } else { failed }
}
