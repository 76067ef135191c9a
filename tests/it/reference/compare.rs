//! What came out of both, side by side: the same, different for a reason that `rules` knows, or unexplained.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value as Json;

use super::{generate::Triple, rules, upstream::Call};

/// What one of them did with a triple.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) data: Json,
    pub(super) errors: Vec<Seen>,
    pub(super) calls: Vec<Call>,
}

/// An error that the client sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    /// Joined with dots.
    pub(super) path: String,
    pub(super) code: String,
    pub(super) message: String,
}

/// A triple and both outcomes.
pub(super) struct Pair<'a> {
    pub(super) triple: &'a Triple,
    pub(super) ficus: &'a Outcome,
    pub(super) reference: &'a Outcome,
}

impl Outcome {
    pub(super) fn new(answer: Json, calls: Vec<Call>) -> Self {
        let text = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
        let mut errors: Vec<Seen> = answer["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|error| Seen {
                path: error["path"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join("."),
                code: error["extensions"].get("code").map(text).unwrap_or_default(),
                message: text(&error["message"]),
            })
            .collect();
        errors.sort();
        Outcome { data: answer["data"].clone(), errors, calls }
    }

    /// Paths and codes of its errors.
    pub(super) fn faults(&self) -> Vec<(&str, &str)> {
        self.errors.iter().map(|error| (error.path.as_str(), error.code.as_str())).collect()
    }

    /// Its calls as far as they matter: a body of JSON as JSON, no headers that each client sets as it likes.
    pub(super) fn requests(&self) -> Vec<Sent> {
        let own = |name: &str| {
            [
                "host",
                "x-envoy-expected-rq-timeout-ms",
                "content-length",
                "accept",
                "accept-encoding",
                "user-agent",
                "connection",
            ]
            .contains(&name)
        };
        self.calls
            .iter()
            .map(|call| {
                let body = serde_json::from_str(&call.body).unwrap_or_else(|_| call.body.clone().into());
                let headers = call.headers.iter().filter(|(name, _)| !own(name)).cloned().collect();
                (format!("{} {}", call.method, call.target), body, headers)
            })
            .collect()
    }
}

/// A call: method and target, body, headers.
pub(super) type Sent = (String, Json, Vec<(String, String)>);

impl Pair<'_> {
    pub(super) fn same_data(&self) -> bool {
        self.ficus.data == self.reference.data
    }

    pub(super) fn same_errors(&self) -> bool {
        self.ficus.faults() == self.reference.faults()
    }

    pub(super) fn same_requests(&self) -> bool {
        self.ficus.requests() == self.reference.requests()
    }
}

/// What the reference does with a triple that Ficus refuses.
pub(super) enum There {
    /// It does not start with it.
    Refused,
    /// It gives nothing.
    Null,
    /// It gives this.
    Value(String),
    /// Its process ends.
    Ended,
}

/// The refusals of one kind, and what the reference does with them.
#[derive(Debug, Default)]
struct Refusals {
    count: usize,
    null: usize,
    value: usize,
    refused: usize,
    ended: usize,
}

/// What the run found.
#[derive(Default)]
pub(super) struct Report {
    compared: usize,
    same: usize,
    by_family: BTreeMap<&'static str, usize>,
    explained: BTreeMap<&'static str, usize>,
    /// By kind, with what the reference makes of them.
    ficus_refused: BTreeMap<&'static str, Refusals>,
    reference_refused: BTreeMap<String, usize>,
    unexplained: Vec<String>,
    /// One example of each explained kind.
    examples: BTreeMap<&'static str, String>,
    refusals: String,
}

impl Report {
    /// The kind of the refusal; one that no rule knows is unexplained.
    pub(super) fn refused_by_ficus(&mut self, triple: &Triple, why: &str) -> Option<&'static str> {
        let shown = format!("ficus refuses {}: {why}\n  {} {}", triple.name, triple.fields, triple.types);
        let kind = rules::refused(why);
        match kind {
            Some(kind) => self.ficus_refused.entry(kind).or_default().count += 1,
            None => self.unexplained.push(shown.clone()),
        }
        writeln!(self.refusals, "{shown}").unwrap();
        kind
    }

    /// What the reference made of a triple that Ficus refuses.
    pub(super) fn there(&mut self, kind: Option<&'static str>, there: There) {
        let Some(refusals) = kind.and_then(|kind| self.ficus_refused.get_mut(kind)) else { return };
        match there {
            There::Refused => refusals.refused += 1,
            There::Null => refusals.null += 1,
            There::Value(_) => refusals.value += 1,
            There::Ended => refusals.ended += 1,
        }
    }

    pub(super) fn refusal_seen(&mut self, triple: &Triple, there: &There) {
        let shown = match there {
            There::Refused => "refused at start",
            There::Null => "null",
            There::Value(value) => value.as_str(),
            There::Ended => "the end of its process",
        };
        writeln!(self.refusals, "the reference answers {}: {shown}", triple.name).unwrap();
    }

    pub(super) fn refused_by_reference(&mut self, triple: &Triple, why: &str) {
        let kind: String = why.chars().take(60).filter(|letter| !letter.is_ascii_digit()).collect();
        *self.reference_refused.entry(kind).or_default() += 1;
        writeln!(self.refusals, "the reference refuses {}: {why}\n  {}", triple.name, triple.fields).unwrap();
    }

    pub(super) fn compare(&mut self, triple: &Triple, ficus: Outcome, reference: Outcome) {
        self.compared += 1;
        *self.by_family.entry(triple.family).or_default() += 1;
        let pair = Pair { triple, ficus: &ficus, reference: &reference };
        if pair.same_data() && pair.same_errors() && pair.same_requests() {
            self.same += 1;
            return;
        }
        match rules::explain(&pair) {
            Some(kind) => {
                *self.explained.entry(kind).or_default() += 1;
                self.examples.entry(kind).or_insert_with(|| show(&pair));
            }
            None => self.unexplained.push(show(&pair)),
        }
    }

    /// The reference ended while it ran a triple.
    pub(super) fn ended_by(&mut self, triple: &Triple, ficus: &Outcome) {
        self.compared += 1;
        *self.by_family.entry(triple.family).or_default() += 1;
        *self.explained.entry(rules::ENDED).or_default() += 1;
        let nothing = Outcome { data: Json::Null, errors: Vec::new(), calls: Vec::new() };
        let shown = show(&Pair { triple, ficus, reference: &nothing });
        writeln!(self.refusals, "the reference ended: {shown}").unwrap();
    }

    pub(super) fn unexplained(&self) -> usize {
        self.unexplained.len()
    }

    /// Counts, as they are kept.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} compared, {} the same, ", self.compared, self.same);
        let explained: usize = self.explained.values().sum();
        writeln!(text, "{explained} different for a reason, {} unexplained", self.unexplained.len()).unwrap();
        for (family, count) in &self.by_family {
            writeln!(text, "  family {family}: {count}").unwrap();
        }
        for (kind, count) in &self.explained {
            writeln!(text, "  {count:4} {kind}: {}", rules::why(kind)).unwrap();
        }
        let refused: usize = self.ficus_refused.values().map(|refusals| refusals.count).sum();
        writeln!(text, "refused by Ficus at load: {refused}; the reference looks at mappings when they run")
            .unwrap();
        for (kind, refusals) in &self.ficus_refused {
            let Refusals { count, null, value, refused, ended } = refusals;
            writeln!(text, "  {count:4} {kind}: {}", rules::why_refused(kind)).unwrap();
            write!(text, "       there: null {null}, what the rest of the mapping gives {value}").unwrap();
            for (count, what) in [(refused, "refused"), (ended, "the end of the process")] {
                if *count > 0 {
                    write!(text, ", {what} {count}").unwrap();
                }
            }
            text.push('\n');
        }
        let refused: usize = self.reference_refused.values().sum();
        writeln!(text, "refused by the reference at start: {refused}").unwrap();
        for (kind, count) in &self.reference_refused {
            writeln!(text, "  {count:4} {kind}").unwrap();
        }
        text
    }

    /// Every difference that is unexplained, one of each kind that is, and all refusals.
    pub(super) fn details(&self) -> String {
        let mut text = String::new();
        for shown in &self.unexplained {
            writeln!(text, "UNEXPLAINED {shown}").unwrap();
        }
        for (kind, shown) in &self.examples {
            writeln!(text, "EXPLAINED {kind} {shown}").unwrap();
        }
        text + &self.refusals
    }
}

fn show(pair: &Pair<'_>) -> String {
    let triple = pair.triple;
    let mut text = format!("{} {:?} {}\n", triple.name, triple.grammar, triple.family);
    for line in [&triple.fields, &triple.mutation, &triple.types, &triple.operation] {
        if !line.is_empty() {
            writeln!(text, "  {line}").unwrap();
        }
    }
    writeln!(text, "  variables {} headers {:?}", triple.variables, triple.headers).unwrap();
    for (path, answer) in &triple.answers {
        writeln!(text, "  answer {path:?}: {} {:?} {}", answer.status, answer.content_type, answer.body)
            .unwrap();
    }
    if !pair.same_data() {
        writeln!(text, "  ficus     {}\n  reference {}", pair.ficus.data, pair.reference.data).unwrap();
    } else {
        writeln!(text, "  both      {}", pair.ficus.data).unwrap();
    }
    if !pair.same_errors() || !pair.same_data() {
        writeln!(text, "  ficus     {:?}\n  reference {:?}", pair.ficus.errors, pair.reference.errors)
            .unwrap();
    }
    if !pair.same_requests() {
        for (who, outcome) in [("ficus    ", pair.ficus), ("reference", pair.reference)] {
            for (line, body, headers) in outcome.requests() {
                writeln!(text, "  {who} {line} {body} {headers:?}").unwrap();
            }
        }
    }
    text
}
