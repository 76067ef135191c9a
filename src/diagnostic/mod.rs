//! What is wrong with the files of a graph: code, message, places, help. Rendered for people, as JSON and as SARIF.
//! Diagnostics belong to loading; what goes wrong while a request runs is an `error`.

mod code;
mod file;
mod json;
mod page;
mod render;
mod sarif;
mod width;

pub use code::{Code, Severity};
pub use file::{Place, TextFile};
pub use json::to_json;
pub use render::{counted, render, summary};
pub use sarif::to_sarif;

/// One fault or warning, with all that a person needs to repair it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// From the closed table.
    pub code: Code,
    /// As the code has it, unless the command line is stricter.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What shows it, one example each.
    pub notes: Vec<String>,
    /// Where.
    pub place: Place,
    /// Other places that have to do with it, each with a word on why.
    pub further: Vec<(Place, String)>,
    /// The schema coordinate or connector that it is about: `Query.users`, `User[1]`.
    pub coordinate: Option<String>,
}

impl Diagnostic {
    /// A diagnostic with what it cannot do without.
    #[must_use]
    pub fn new(code: Code, place: Place, message: impl Into<String>) -> Self {
        let message = shortened(message.into());
        Diagnostic {
            code,
            severity: code.severity(),
            message,
            help: None,
            notes: Vec::new(),
            place,
            further: Vec::new(),
            coordinate: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(shortened(help.into()));
        self
    }

    /// Adds an example that shows it.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(shortened(note.into()));
        self
    }

    /// Makes it an error whatever its code says.
    #[must_use]
    pub fn denied(mut self) -> Self {
        self.severity = Severity::Error;
        self
    }

    /// Shows another place that has to do with it.
    #[must_use]
    pub fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.further.push((place, shortened(label.into())));
        self
    }

    /// Names the schema coordinate or connector that it is about.
    #[must_use]
    pub fn on(mut self, coordinate: impl Into<String>) -> Self {
        self.coordinate = Some(shortened(coordinate.into()));
        self
    }

    /// Whether it stops the graph from being served.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A text longer than this holds a name that nobody reads to its end, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

fn shortened(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let end = (0..=TEXT_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Diagnostics as they are found. Loading goes on after a fault, so that all are shown at once.
#[derive(Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    /// How many are counted and not shown.
    left_out: usize,
}

impl Diagnostics {
    /// So many errors, and so many warnings, are shown; the others are counted. Nobody reads more before the next run, and a
    /// file of a million faults must not take the memory of a million messages.
    pub const SHOWN_MAX: usize = 1_000;

    /// Keeps one, or counts it.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let count = if diagnostic.is_error() { &mut self.errors } else { &mut self.warnings };
        *count += 1;
        if *count <= Self::SHOWN_MAX {
            self.found.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    /// Counts errors that are not shown.
    pub fn leave_out_errors(&mut self, count: usize) {
        self.errors += count;
        self.left_out += count;
    }

    /// How many errors there are so far; a check that could only repeat them compares it with an earlier count.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All of them in the order of files and lines, each once. The last tells how many more there are than are shown.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by(|a, b| {
            let key = |d: &Diagnostic| (d.place.file.clone(), d.place.line, d.place.column, d.code.as_str());
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        found.dedup();
        if let (Some(last), true) = (found.last_mut(), self.left_out > 0) {
            let more = format!("{} more are not shown", self.left_out);
            last.help = Some(last.help.take().map_or(more.clone(), |help| format!("{help}; {more}")));
        }
        found
    }
}

/// Longer names are not compared with others.
const NAME_BYTES_MAX: usize = 200;

/// The known name that is nearest to a mistyped one; none when nothing is near.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // What is that long was not mistyped, and comparing takes the product of the lengths.
    if typed.len() > NAME_BYTES_MAX {
        return None;
    }
    // A third of the letters may be wrong: enough for a slip, too few to suggest something unrelated.
    let length = typed.chars().count();
    let allowed = ((length + 1) / 3).max(1).min(length.saturating_sub(1));
    known
        .into_iter()
        .filter(|name| name.len() <= NAME_BYTES_MAX)
        .map(|name| (strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// "did you mean `x`?", or the known names when there are few of them and none is near.
#[must_use]
pub fn suggest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(typed, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    known.sort_unstable();
    known.dedup();
    let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (1..=20).contains(&listed.len()).then(|| format!("known here: {}", listed.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_gets_a_suggestion_and_an_unrelated_name_does_not() {
        assert_eq!(nearest("timeot", ["timeout", "headers"]), Some("timeout"));
        assert_eq!(nearest("Timeout", ["timeout"]), Some("timeout"));
        assert_eq!(nearest("cache", ["timeout", "headers"]), None);
        assert_eq!(nearest(&"t".repeat(1 << 20), ["t"]), None);
    }

    #[test]
    fn a_name_that_never_ends_is_cut() {
        let place = Place::whole("a.graphql");
        let diagnostic = Diagnostic::new(Code::UnknownKey, place, "ä".repeat(1 << 20));
        assert!(diagnostic.message.len() < 2_010 && diagnostic.message.ends_with("ä…"));
    }

    #[test]
    fn a_flood_is_counted_and_an_error_behind_warnings_is_shown() {
        let place = |line: usize| TextFile::new("a.yaml", "\n".repeat(9_000)).place(line..line);
        let mut diagnostics = Diagnostics::default();
        for line in 0..1_500 {
            diagnostics.push(Diagnostic::new(Code::UnusedConnectorFile, place(line), "unused"));
        }
        diagnostics.push(Diagnostic::new(Code::UnknownKey, place(2_000), "unknown"));
        assert_eq!(diagnostics.errors(), 1);
        let found = diagnostics.into_sorted();
        assert_eq!(found.len(), Diagnostics::SHOWN_MAX + 1);
        let last = found.last().unwrap();
        assert_eq!(
            (last.message.as_str(), last.help.as_deref()),
            ("unknown", Some("500 more are not shown"))
        );
    }

    #[test]
    fn sorted_by_place_and_each_once() {
        let file = TextFile::new("a.yaml", "one\ntwo\n");
        let mut diagnostics = Diagnostics::default();
        for range in [4..7, 0..3, 4..7] {
            diagnostics.push(Diagnostic::new(Code::UnknownKey, file.place(range), "unknown"));
        }
        let lines: Vec<u32> = diagnostics.into_sorted().iter().map(|d| d.place.line).collect();
        assert_eq!(lines, [1, 2]);
    }
}
