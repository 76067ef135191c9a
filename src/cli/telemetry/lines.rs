//! How a line of the log is written: one event, one line, whatever its values hold. Control characters are escaped, values
//! from the environment are hidden, and of long values the beginning is kept.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value as Json};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

use super::Hidden;

/// Of longer values this many bytes are written, and how long they were.
const VALUE_BYTES_MAX: usize = 2048;

/// A text as it may stand in a log.
fn shown(hidden: &Hidden, text: &str) -> String {
    let mut shown = hidden.load().start(text, VALUE_BYTES_MAX).into_owned();
    if text.len() > VALUE_BYTES_MAX {
        // Writing to a string does not fail.
        let _ = write!(shown, "… ({} bytes)", text.len());
    }
    shown
}

/// JSON, one object a line: `timestamp`, `level`, `target`, `message`, and the event's fields beside them.
pub(super) struct JsonLines {
    hidden: Hidden,
}

impl JsonLines {
    pub(super) fn new(hidden: Hidden) -> Self {
        JsonLines { hidden }
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), metadata.level().as_str().into());
        line.insert("target".to_owned(), metadata.target().into());
        if let Some(trace) = context.lookup_current().and_then(|span| trace_of(&span.id())) {
            line.insert("trace_id".to_owned(), trace.into());
        }
        event.record(&mut Collected { hidden: &self.hidden, line: &mut line });
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// The trace that a span is sent under; none where it is not sent.
fn trace_of(span: &tracing::span::Id) -> Option<String> {
    use opentelemetry::trace::TraceContextExt as _;
    let context =
        tracing::dispatcher::get_default(|dispatch| tracing_opentelemetry::get_otel_context(span, dispatch))?;
    let known = context.span().span_context().clone();
    known.is_valid().then(|| known.trace_id().to_string())
}

struct Collected<'l> {
    hidden: &'l Hidden,
    line: &'l mut Map<String, Json>,
}

impl Collected<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Json>) {
        self.line.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Collected<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let shown = shown(self.hidden, value);
        self.put(field, shown);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let shown = shown(self.hidden, &format!("{value:?}"));
        self.put(field, shown);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}

/// Fields for people: `name=value`, texts in quotes.
pub(super) struct Fields {
    hidden: Hidden,
}

impl Fields {
    pub(super) fn new(hidden: Hidden) -> Self {
        Fields { hidden }
    }
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut written = Written { hidden: &self.hidden, writer, is_first: true, result: Ok(()) };
        fields.record(&mut written);
        written.result
    }
}

struct Written<'l, 'w> {
    hidden: &'l Hidden,
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Written<'_, '_> {
    fn put(&mut self, field: &Field, value: &dyn fmt::Display) {
        let space = if self.is_first { "" } else { " " };
        self.is_first = false;
        let written = match field.name() {
            "message" => write!(self.writer, "{space}{value}"),
            name => write!(self.writer, "{space}{name}={value}"),
        };
        self.result = self.result.and(written);
    }
}

impl Visit for Written<'_, '_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let shown = shown(self.hidden, value);
        match field.name() {
            "message" => self.put(field, &Escaped(&shown)),
            _ => self.put(field, &format_args!("{shown:?}")),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let shown = shown(self.hidden, &format!("{value:?}"));
        self.put(field, &Escaped(&shown));
    }
}

/// A text without control characters: they are escaped as Rust writes them.
struct Escaped<'t>(&'t str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())?
            } else {
                f.write_char(letter)?
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use arc_swap::ArcSwap;
    use tracing_subscriber::{Layer as _, fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;
    use crate::fetch::Redaction;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Log;

        fn make_writer(&'a self) -> Log {
            self.clone()
        }
    }

    /// What `event` leaves in the log.
    fn logged(json: bool, event: impl FnOnce()) -> String {
        let hidden: Hidden = Arc::new(ArcSwap::from_pointee(Redaction::new(["hush-hush", "s/3 t"])));
        let log = Log::default();
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(log.clone())
            .with_ansi(false)
            .fmt_fields(Fields::new(Arc::clone(&hidden)));
        let lines = if json { lines.event_format(JsonLines::new(hidden)).boxed() } else { lines.boxed() };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), event);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    const HOSTILE: &str = "a\r\nb\u{1b}[31mc\u{9b}2Jd\0\u{2028}\"}{\"level\":\"ERROR\"";

    #[test]
    fn one_event_is_one_line_of_json() {
        let log = logged(true, || {
            tracing::info!(name = HOSTILE, shown = %HOSTILE, number = 7_u64, yes = true, "said {HOSTILE}");
        });
        assert_eq!(log.matches(['\n', '\r']).count(), 1, "{log}");
        assert!(!log.contains(['\u{1b}', '\0']), "{log}");
        let line: Json = serde_json::from_str(&log).unwrap();
        assert_eq!((&line["name"], &line["shown"]), (&HOSTILE.into(), &HOSTILE.into()));
        assert_eq!(
            (&line["number"], &line["yes"], &line["level"]),
            (&7.into(), &true.into(), &"INFO".into())
        );
        assert_eq!(line["message"], format!("said {HOSTILE}"));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{log}");
    }

    #[test]
    fn one_event_is_one_line_for_people() {
        let log = logged(false, || tracing::info!(name = HOSTILE, shown = %HOSTILE, "said {HOSTILE}"));
        assert_eq!(log.matches(['\n', '\r']).count(), 1, "{log}");
        assert!(!log.contains(['\u{1b}', '\u{9b}', '\0']), "{log}");
    }

    #[test]
    fn values_from_the_environment_are_hidden_however_they_are_written() {
        for json in [true, false] {
            let log = logged(json, || {
                let detail = "GET http://a/?k=s%2F3%20t failed: hush-hush";
                tracing::warn!(detail, list = ?["hush-hush", "s/3 t"], "with hush-hush");
            });
            assert!(!log.contains("hush-hush") && !log.contains("s%2F3") && !log.contains("s/3 t"), "{log}");
            assert_eq!(log.matches("***").count(), 5, "{log}");
        }
    }

    #[test]
    fn of_a_long_value_the_beginning_is_written() {
        let long = format!("{}é", "x".repeat(1 << 20));
        for json in [true, false] {
            let log = logged(json, || tracing::info!(name = long.as_str(), shown = %long, "{long}"));
            assert!(log.len() < 3 * VALUE_BYTES_MAX + 500, "{}", log.len());
            assert_eq!(log.matches("… (1048578 bytes)").count(), 3);
        }
        let secret = format!("{}hush-hush", "x".repeat(VALUE_BYTES_MAX - 3));
        assert!(!logged(true, || tracing::info!(name = secret.as_str())).contains("hus"));
    }
}
