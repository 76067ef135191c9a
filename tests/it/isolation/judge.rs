//! What a response may hold: names of its own caller, and nothing from before a change that was known when it was asked for.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard},
};

use serde_json::Value;

use super::{
    backend::names,
    world::{EVERYBODY, User},
};

/// Says how old data may be: for each thing written, and for all.
#[derive(Debug, Default)]
pub(crate) struct Floors(Mutex<HashMap<String, u64>>);

/// The floors at one time.
pub(crate) type Known = HashMap<String, u64>;

/// What stands for everything in the floors.
pub(crate) const ALL: &str = "";

impl Floors {
    fn all(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap()
    }

    pub(crate) fn now(&self) -> Known {
        self.all().clone()
    }

    /// From now on nothing older than this generation is right.
    pub(crate) fn raise(&self, of: &str, generation: u64) {
        let mut all = self.all();
        let floor = all.entry(of.to_owned()).or_default();
        *floor = generation.max(*floor);
    }
}

/// What was counted, and what was found wrong.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) answers: usize,
    pub(crate) with_errors: usize,
    pub(crate) given_up: usize,
    /// Values that hold their caller's name.
    pub(crate) own: usize,
    pub(crate) everybodys: usize,
    pub(crate) writes: usize,
    pub(crate) purges: usize,
    pub(crate) reloads: usize,
    pub(crate) asked: usize,
    pub(crate) sent: usize,
    /// Of other callers' data.
    pub(crate) leaks: Vec<String>,
    /// From before a change.
    pub(crate) outdated: Vec<String>,
    /// Neither an answer nor an error.
    pub(crate) broken: Vec<String>,
}

impl Report {
    /// Looks at every byte of a response.
    pub(crate) fn judge(&mut self, user: &User, query: &str, known: &Known, body: &str) {
        self.answers += 1;
        self.with_errors += usize::from(body.contains("\"errors\""));
        if !body.starts_with("{\"data\":{") && !body.starts_with("{\"errors\":") {
            self.broken.push(format!("{query}: {body}"));
        }
        for name in names(body) {
            if !user.is_called(name) {
                self.leaks.push(format!("{name} in an answer to {}: {query}: {body}", user.token));
            }
        }
        if serde_json::from_str(body).is_ok_and(|answer: Value| is_mixed_up(&answer["data"])) {
            self.broken.push(format!("a value of another object: {query}: {body}"));
        }
        for (name, generation, of) in values(body) {
            let own = name != EVERYBODY;
            self.own += usize::from(own);
            self.everybodys += usize::from(!own);
            let floor = [ALL, of].into_iter().filter_map(|of| known.get(of)).max().copied().unwrap_or(0);
            if generation < floor {
                self.outdated
                    .push(format!("{of} of generation {generation}, after {floor}: {query}: {body}"));
            }
        }
    }
}

/// The values in a text: `<~u3~ 17 note/2>`, whose it is, when it was true, and what it is about.
fn values(text: &str) -> impl Iterator<Item = (&str, u64, &str)> {
    text.split('<').skip(1).filter_map(|rest| {
        let mut words = rest.split('>').next()?.split(' ');
        Some((words.next()?, words.next()?.parse().ok()?, words.next()?))
    })
}

/// Whether an object has a value that is about an object of another id.
fn is_mixed_up(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(is_mixed_up),
        Value::Object(object) => {
            let id = object.get("id").and_then(Value::as_str).map(|id| id.trim_start_matches('r'));
            let is_of_another = |text: &str| {
                let mut about = values(text).filter_map(|(_, _, of)| of.split('/').nth(1));
                about.any(|about| about.parse::<u32>().is_ok() && id.is_some_and(|id| id != about))
            };
            object.values().any(|value| value.as_str().map_or_else(|| is_mixed_up(value), is_of_another))
        }
        _ => false,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = 100 - 100 * self.sent / self.asked.max(1);
        writeln!(
            f,
            "answers {} ({} with errors), given up {}",
            self.answers, self.with_errors, self.given_up
        )?;
        writeln!(f, "values of the caller {}, of everybody {}", self.own, self.everybodys)?;
        writeln!(f, "writes {}, purges {}, reloads {}", self.writes, self.purges, self.reloads)?;
        writeln!(f, "requests {}, of them sent {} ({kept} of 100 kept or shared)", self.asked, self.sent)?;
        for (what, found) in [("leaks", &self.leaks), ("outdated", &self.outdated), ("broken", &self.broken)]
        {
            writeln!(f, "{what} {}", found.len())?;
            for one in found.iter().take(3) {
                writeln!(f, "  {one}")?;
            }
        }
        Ok(())
    }
}
