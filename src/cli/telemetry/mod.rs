//! Where logs and traces go: lines to standard error, for people or as JSON (`RUST_LOG` says how much), spans to a collector.
//! Values from the environment are hidden in both. What is recorded is `crate::telemetry`'s affair.

mod lines;
mod otlp;

use std::{io::IsTerminal, sync::Arc};

use arc_swap::ArcSwap;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::FilterFn, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use self::lines::{Fields, JsonLines};
use crate::{
    config::{self, LogFormat},
    fetch::{Redaction, SetUpError},
    graph::Graph,
    telemetry::TRACE_TARGET,
};

/// What is hidden now: a reload may read other values.
type Hidden = Arc<ArcSwap<Redaction>>;

/// Logs and traces, under way.
pub(super) struct Telemetry {
    hidden: Hidden,
    traces: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts both, as `ficus.yaml` says. Spans are sent from the tokio runtime that this is called in.
    ///
    /// Without `RUST_LOG`: what Ficus says at level `info`, others' warnings, and all of the targets of `verbose`.
    ///
    /// # Errors
    /// When the HTTP client for the collector cannot be made.
    pub(super) fn start(
        config: &config::Telemetry,
        verbose: &[&str],
        graph: &Graph,
    ) -> Result<Self, SetUpError> {
        let hidden = Arc::new(ArcSwap::from_pointee(Redaction::of(graph)));
        let traces = config
            .otlp
            .as_deref()
            .map(|url| otlp::exporting(url, config.sample, Arc::clone(&hidden)))
            .transpose()?;
        let verbose: String = verbose.iter().map(|target| format!(",{target}=debug")).collect();
        let default = || EnvFilter::new(format!("warn,ficus=info{verbose}"));
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default());
        let lines = fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(config.log == LogFormat::Pretty && std::io::stderr().is_terminal())
            .fmt_fields(Fields::new(Arc::clone(&hidden)));
        let lines = match config.log {
            LogFormat::Pretty => lines.boxed(),
            LogFormat::Json => lines.event_format(JsonLines::new(Arc::clone(&hidden))).boxed(),
        };
        // A second start in one process (tests) keeps the first.
        let _ = match &traces {
            // One filter for all: what it leaves out costs nothing.
            None => tracing_subscriber::registry().with(lines).with(filter).try_init(),
            Some(provider) => {
                let spans = tracing_opentelemetry::layer()
                    .with_tracer(provider.tracer("ficus"))
                    .with_location(false)
                    .with_threads(false)
                    .with_target(false)
                    .with_tracked_inactivity(false)
                    // Not only spans: whether one is wanted is asked first, and is neither a span nor an event.
                    .with_filter(FilterFn::new(|metadata| metadata.target() == TRACE_TARGET));
                tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).try_init()
            }
        };
        Ok(Telemetry { hidden, traces })
    }

    /// What is called when a reload has brought a new graph.
    pub(super) fn on_reload(&self) -> impl Fn(&Graph) + Send + Sync + 'static {
        let hidden = Arc::clone(&self.hidden);
        move |graph| hidden.store(Arc::new(Redaction::of(graph)))
    }

    /// Sends what is left, within a bound.
    pub(super) async fn end(self) {
        let Some(provider) = self.traces else { return };
        // It waits for the thread that sends, which needs this runtime.
        let ended =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(otlp::LAST_SEND)).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::warn!("the last spans could not be sent");
        }
    }
}
