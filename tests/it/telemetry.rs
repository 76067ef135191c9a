//! What is seen of a gateway from outside: metrics, traces, logs, and the admin graph's figures of a real run.

mod backend;
mod logs;
mod metrics;
mod otlp;
mod process;
