//! What is expected, held against what came out; and what is to be written in its place when that is taken as right.

use serde_json::{Map, Value as Json, json};

use crate::{
    fetch::{Redaction, UpstreamRequest},
    trial::{Trial, shown},
};

/// Keys of an expected request.
pub(super) const REQUEST_KEYS: [&str; 4] = ["method", "url", "headers", "body"];

/// What can be expected of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is sent: a request, or a list of them.
    Request,
    /// What the selection gives.
    Result,
    /// Entries of `errors`.
    Errors,
    /// What the mapping reports with `->withError`.
    Reported,
    /// What the mappings had to say.
    Problems,
}

impl Part {
    /// In the order of a report.
    pub const ALL: [Part; 5] = [Part::Request, Part::Result, Part::Errors, Part::Reported, Part::Problems];

    /// Its key in a case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Part::Request => "request",
            Part::Result => "result",
            Part::Errors => "errors",
            Part::Reported => "reported",
            Part::Problems => "problems",
        }
    }

    /// Whether a client would see it: then its being there must have been expected.
    pub(super) const fn is_loud(self) -> bool {
        matches!(self, Part::Errors | Part::Reported)
    }
}

/// A part that is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Which.
    pub part: Part,
    /// What the case says; none where it says nothing of a part that must be expected.
    pub expected: Option<Json>,
    /// What came out, as much of it as the case speaks of.
    pub got: Json,
}

/// What came out, by part: with its secrets for comparing, and as it may be shown.
#[derive(Debug, Clone, Default)]
pub(super) struct Got {
    parts: Vec<(Part, Json, Json)>,
}

impl Got {
    /// Of a connector that was not given a response.
    pub(super) fn requests(requests: &[UpstreamRequest], redaction: &Redaction) -> Self {
        let plain = requests.iter().map(shown::plain_request_json).collect();
        let shown = requests.iter().map(|request| shown::request_json(request, redaction)).collect();
        Got { parts: vec![(Part::Request, plain, shown)] }
    }

    /// Of a connector that ran.
    pub(super) fn of(trial: &Trial, redaction: &Redaction) -> Self {
        let requests: Vec<_> = trial.calls.iter().filter_map(|call| call.request.clone()).collect();
        let mut got = Got::requests(&requests, redaction);
        let none = Redaction::default();
        let rest = |redaction: &Redaction| {
            let errors = trial.errors.iter().map(|error| redaction.json(error)).collect();
            let reported = shown::reported_all(trial, redaction);
            let problems = shown::problems_all(trial, redaction);
            [redaction.json(&trial.result), errors, reported, problems]
        };
        let parts = [Part::Result, Part::Errors, Part::Reported, Part::Problems];
        for ((part, raw), shown) in parts.into_iter().zip(rest(&none)).zip(rest(redaction)) {
            got.parts.push((part, raw, shown));
        }
        got
    }

    fn part(&self, part: Part) -> Option<(&Json, &Json)> {
        self.parts.iter().find(|(known, _, _)| *known == part).map(|(_, raw, shown)| (raw, shown))
    }

    /// Compares; gives the differences, and all that should be expected instead.
    pub(super) fn compare(
        &self,
        expected: &[(Part, Json)],
        open: &[Part],
    ) -> (Vec<Difference>, Vec<(Part, Json)>) {
        let mut differences = Vec::new();
        let mut instead = Vec::new();
        for part in Part::ALL {
            let Some((raw, shown)) = self.part(part) else { continue };
            let said = expected.iter().find(|(known, _)| *known == part).map(|(_, json)| json);
            match said {
                Some(said) if part.fits(said, raw) || part.fits(said, shown) => {
                    instead.push((part, said.clone()))
                }
                Some(said) => {
                    let got = part.like(said, shown);
                    differences.push(Difference { part, expected: Some(said.clone()), got: got.clone() });
                    instead.push((part, got));
                }
                None if open.contains(&part) || (part.is_loud() && !is_empty(shown)) => {
                    let got = part.brief(shown);
                    differences.push(Difference { part, expected: None, got: got.clone() });
                    instead.push((part, got));
                }
                // A case that says nothing yet gets all there is to say.
                None if expected.is_empty()
                    && open.is_empty()
                    && (part == Part::Result || !is_empty(shown)) =>
                {
                    instead.push((part, part.brief(shown)));
                }
                None => {}
            }
        }
        (differences, instead)
    }
}

fn is_empty(json: &Json) -> bool {
    json.as_array().is_some_and(Vec::is_empty)
}

impl Part {
    fn fits(self, said: &Json, got: &Json) -> bool {
        match self {
            Part::Result => same(said, got),
            Part::Request => {
                let said = items(said);
                let all = items(got);
                said.len() == all.len() && said.iter().zip(all).all(|(said, got)| request_fits(said, got))
            }
            _ => {
                let (said, got) = (items(said), items(got));
                said.len() == got.len() && said.iter().zip(got).all(|(said, got)| entry_fits(said, got))
            }
        }
    }

    /// What came out, in the form in which the case speaks of it.
    fn like(self, said: &Json, got: &Json) -> Json {
        if self == Part::Result {
            return got.clone();
        }
        let (said_items, got_items) = (items(said), items(got));
        if said_items.len() != got_items.len() {
            return self.brief(got);
        }
        let like = |(said, got): (&Json, &Json)| match self {
            Part::Request => request_like(said, got),
            _ => entry_like(said, got),
        };
        let all: Vec<Json> = said_items.iter().zip(got_items).map(like).collect();
        match (said, all.as_slice()) {
            (Json::Array(_), _) => Json::Array(all),
            (_, [one]) => one.clone(),
            _ => Json::Array(all),
        }
    }

    /// What is worth saying of a part that the case does not speak of yet.
    fn brief(self, got: &Json) -> Json {
        let all: Vec<Json> = match self {
            Part::Result => return got.clone(),
            Part::Request => items(got)
                .iter()
                .map(|got| request_like(&json!({"method": "", "url": "/", "body": null}), got))
                .collect(),
            Part::Errors | Part::Reported => items(got)
                .iter()
                .map(|got| entry_like(&json!({"message": "", "path": [], "extensions": {"code": ""}}), got))
                .collect(),
            Part::Problems => items(got)
                .iter()
                .map(|got| entry_like(&json!({"in": "", "path": "", "message": ""}), got))
                .collect(),
        };
        match (self, all.as_slice()) {
            (Part::Request, [one]) => one.clone(),
            _ => Json::Array(all),
        }
    }
}

fn items(json: &Json) -> &[Json] {
    match json {
        Json::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}

/// Equal values; numbers are compared by value, the order of keys does not count.
fn same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(a), Json::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

/// Whether all keys that are spoken of are there and fit, however deep. A text stands for the entry's message.
fn entry_fits(said: &Json, got: &Json) -> bool {
    match (said, got) {
        (Json::String(text), Json::Object(got)) => got.get("message").and_then(Json::as_str) == Some(text),
        (Json::Object(said), Json::Object(got)) => {
            said.iter().all(|(key, said)| got.get(key).is_some_and(|got| subset_fits(said, got)))
        }
        _ => same(said, got),
    }
}

fn subset_fits(said: &Json, got: &Json) -> bool {
    match (said, got) {
        (Json::Object(said), Json::Object(got)) => {
            said.iter().all(|(key, said)| got.get(key).is_some_and(|got| subset_fits(said, got)))
        }
        _ => same(said, got),
    }
}

fn entry_like(said: &Json, got: &Json) -> Json {
    match (said, got) {
        (Json::String(_), Json::Object(entry)) => entry.get("message").cloned().unwrap_or(Json::Null),
        (Json::Object(said), Json::Object(got)) => Json::Object(
            said.iter()
                .filter_map(|(key, said)| Some((key.clone(), subset_like(said, got.get(key)?))))
                .collect(),
        ),
        _ => got.clone(),
    }
}

fn subset_like(said: &Json, got: &Json) -> Json {
    match (said, got) {
        (Json::Object(_), Json::Object(_)) => entry_like(said, got),
        _ => got.clone(),
    }
}

/// Method, URL and body as they are; of the headers those that are spoken of, their names without case.
fn request_fits(said: &Json, got: &Json) -> bool {
    let Json::Object(parts) = said else { return false };
    parts.iter().all(|(key, value)| match (key.as_str(), value) {
        ("url", url) => *url == spoken_url(url, got),
        ("headers", Json::Object(headers)) => headers.iter().all(|(name, value)| {
            got.get("headers").and_then(|got| got.get(name.to_ascii_lowercase())).is_some_and(|got| {
                let plain = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
                plain(value) == plain(got)
            })
        }),
        ("body", Json::Null) => got.get("body").is_none_or(Json::is_null),
        _ => got.get(key).is_some_and(|got| same(value, got)),
    })
}

fn request_like(said: &Json, got: &Json) -> Json {
    let Json::Object(parts) = said else { return got.clone() };
    let mut like = Map::new();
    for (key, value) in parts {
        let value = match (key.as_str(), value) {
            ("url", url) => Some(spoken_url(url, got)),
            ("headers", Json::Object(headers)) => {
                let of = got.get("headers");
                let known = |name: &String| Some((name.clone(), of?.get(name.to_ascii_lowercase())?.clone()));
                Some(Json::Object(headers.keys().filter_map(known).collect()))
            }
            _ => got.get(key).cloned(),
        };
        if let Some(value) = value {
            like.insert(key.clone(), value);
        }
    }
    Json::Object(like)
}

/// The URL of a request, from its path on where the case writes it so: the host is often the environment's.
fn spoken_url(said: &Json, got: &Json) -> Json {
    let url = got.get("url").and_then(Json::as_str).unwrap_or_default();
    let is_path = said.as_str().is_some_and(|said| said.starts_with('/'));
    let path = url
        .split_once("://")
        .map_or(url, |(_, rest)| rest.get(rest.find('/').unwrap_or(rest.len())..).unwrap_or_default());
    if is_path { path.into() } else { url.into() }
}
