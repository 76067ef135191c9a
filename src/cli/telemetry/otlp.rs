//! Spans on their way to a collector, by OTLP over HTTP: gathered in a bounded queue and sent in batches from a thread of their
//! own, so that a request never waits for them. What does not fit in the queue is dropped.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter},
};
use tokio::runtime::Handle;

use super::Hidden;
use crate::{
    fetch::{CollectorClient, SetUpError},
    telemetry::Seldom,
};

/// Spans that wait to be sent; of an operation with ten fetches some twenty.
const QUEUE_MAX: usize = 8192;
/// How long a span waits for others to be sent with.
const SEND_EVERY: Duration = Duration::from_secs(2);
/// How long the last spans may take: less than what an orchestrator leaves after the drain.
pub(super) const LAST_SEND: Duration = Duration::from_secs(3);
/// How often an unreachable collector is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What sends spans to the collector at `url`, hidden as logs are. `sample` is the part of the traces that begin here.
pub(super) fn exporting(url: &str, sample: f64, hidden: Hidden) -> Result<SdkTracerProvider, SetUpError> {
    let endpoint = format!("{}/v1/traces", url.trim_end_matches('/'));
    let client = Collector::new(CollectorClient::new()?, Handle::current());
    let sender = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint)
        .with_protocol(Protocol::HttpBinary)
        .build()
        .map_err(|error| SetUpError::Client(Box::new(error)))?;
    let batches =
        BatchConfigBuilder::default().with_max_queue_size(QUEUE_MAX).with_scheduled_delay(SEND_EVERY).build();
    let processor =
        BatchSpanProcessor::builder(Redacted { sender, hidden }).with_batch_config(batches).build();
    // `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read by the builder.
    let mut resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("ficus");
    }
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(sample)));
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_sampler(sampler)
        .with_span_processor(processor)
        .build())
}

/// Hides values from the environment in what is sent. It runs where batches are sent, not where requests are.
#[derive(Debug)]
struct Redacted {
    sender: opentelemetry_otlp::SpanExporter,
    hidden: Hidden,
}

impl SpanExporter for Redacted {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        let hidden = self.hidden.load_full();
        for attribute in batch.iter_mut().flat_map(|span| &mut span.attributes) {
            if let Value::String(text) = &attribute.value
                && let Cow::Owned(shown) = hidden.text(text.as_str())
            {
                attribute.value = Value::String(StringValue::from(shown));
            }
        }
        self.sender.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.sender.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.sender.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.sender.set_resource(resource);
    }
}

/// Carries batches to the collector. They come from a thread without a runtime, so they are sent from ours.
struct Collector {
    client: CollectorClient,
    runtime: Handle,
    tells: Seldom,
    lost: AtomicU64,
}

impl Collector {
    fn new(client: CollectorClient, runtime: Handle) -> Self {
        Collector { client, runtime, tells: Seldom::default(), lost: AtomicU64::new(0) }
    }

    fn tell(&self, answered: &Result<http::Response<Bytes>, HttpError>) {
        let detail = match answered {
            Ok(response) if response.status().is_success() => return,
            Ok(response) => format!("the collector answered {}", response.status()),
            Err(error) => error.to_string(),
        };
        self.lost.fetch_add(1, Ordering::Relaxed);
        if self.tells.is_due(TELL_EVERY) {
            let batches = self.lost.swap(0, Ordering::Relaxed);
            tracing::warn!(batches, detail, "spans are lost: they cannot be sent to `telemetry.otlp`");
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl HttpClient for Collector {
    fn send_bytes<'c, 'f>(
        &'c self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'c: 'f,
        Self: 'f,
    {
        let sending = self.runtime.spawn(self.client.send(request));
        Box::pin(async move {
            let answered = sending.await.unwrap_or_else(|ended| Err(ended.into()));
            self.tell(&answered);
            answered
        })
    }
}
