//! Where logs go: standard error, for people or as JSON. `RUST_LOG` says how much.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::{config::LogFormat, telemetry::PROBLEMS_TARGET};

/// Starts logging. Without `RUST_LOG`: what Ficus says at level `info`, others' warnings; where the debugger is on, somebody
/// works on mappings and wants to know their problems too.
pub(super) fn start(format: LogFormat, debugger: bool) {
    let problems = if debugger { format!(",{PROBLEMS_TARGET}=debug") } else { String::new() };
    let default = || EnvFilter::new(format!("warn,ficus=info{problems}"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start in one process (tests) keeps the first logger.
    let _ = match format {
        LogFormat::Pretty => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
