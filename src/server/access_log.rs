//! One line in the log for each request, under the target `ficus::access`, also for those whose client went away. At level
//! debug, so that it is off unless asked for (`RUST_LOG=info,ficus::access=debug`): a line costs as much as a small request.
//! Failures (5xx) are warnings.

use std::{
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use http::{HeaderValue, Method, StatusCode};

use crate::telemetry::{self, ACCESS_TARGET};

/// Names from clients are cut here, so that nobody fills the log with them.
const TEXT_BYTES_MAX: usize = 120;

/// Nginx's status for a client that closed its connection before it had an answer.
const CLIENT_CLOSED: u16 = 499;

/// A line that is being gathered; it is written when dropped.
pub(super) struct Line {
    started: Instant,
    wanted: bool,
    peer: SocketAddr,
    /// Who it is from: the peer, or whom a trusted proxy names.
    client: IpAddr,
    request_id: HeaderValue,
    method: Method,
    path: String,
    operation: String,
    outcome: Option<(StatusCode, u64)>,
}

impl Line {
    /// Begins the line of a request.
    pub(super) fn begin(
        (peer, client): (SocketAddr, IpAddr),
        request_id: &HeaderValue,
        method: &Method,
        path: &str,
    ) -> Line {
        let wanted = tracing::enabled!(target: ACCESS_TARGET, tracing::Level::DEBUG);
        Line {
            started: Instant::now(),
            wanted,
            peer,
            client,
            request_id: request_id.clone(),
            method: method.clone(),
            path: if wanted { cut(path).to_owned() } else { String::new() },
            operation: String::new(),
            outcome: None,
        }
    }

    /// Notes the operation's name, as the client gave it.
    pub(super) fn operation(&mut self, name: Option<&str>) {
        if self.wanted {
            self.operation = cut(name.unwrap_or_default()).to_owned();
        }
    }

    /// Notes the answer; `bytes` is its body's length.
    pub(super) fn answered(&mut self, status: StatusCode, bytes: u64) {
        self.outcome = Some((status, bytes));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (status, bytes) =
            self.outcome.map_or((CLIENT_CLOSED, 0), |(status, bytes)| (status.as_u16(), bytes));
        if !self.wanted && status < 500 {
            return;
        }
        // Text is recorded as text: the formatters escape it, so that a name with a line break stays on its line.
        macro_rules! write_at {
            ($level:expr) => {
                tracing::event!(
                    target: ACCESS_TARGET,
                    $level,
                    request_id = self.request_id.to_str().unwrap_or_default(),
                    peer = %self.peer,
                    client = %self.client,
                    method = cut(self.method.as_str()),
                    path = self.path.as_str(),
                    operation = self.operation.as_str(),
                    status,
                    bytes,
                    elapsed_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX),
                )
            };
        }
        if status >= 500 { write_at!(tracing::Level::WARN) } else { write_at!(tracing::Level::DEBUG) }
    }
}

fn cut(text: &str) -> &str {
    telemetry::cut(text, TEXT_BYTES_MAX)
}
