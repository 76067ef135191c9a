//! What went wrong while a mapping ran. Problems never fail a field; the debugger and telemetry show them. Errors that a mapping
//! reports with `->withError` stand beside them: they are for the client, and kept whether or not anybody looks at problems.

use std::fmt::Arguments;

use serde_json::{Map, Value as Json};

/// How many different problems are kept; more are only counted.
const DISTINCT_MAX: usize = 100;

/// How many characters of a problem's message and of its path are kept: keys and texts of a body may stand in both.
const TEXT_CHARS_MAX: usize = 300;

/// How many different reported errors are kept; more are only counted.
const REPORTED_MAX: usize = 50;

/// One problem, at one place of the mapping, however often it came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What went wrong.
    pub message: String,
    /// Where: the keys and methods on the way, with `@` for the elements of lists (`users.@.name`).
    pub path: String,
    /// How often.
    pub count: u64,
}

/// An error that a mapping reported to the client with `->withError` (section 8 of the connect language), at one place of the
/// mapping, however often it came up.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportedError {
    /// What the mapping says.
    pub message: String,
    /// What the mapping adds; always with a `code`, which is `CONNECTORS_MAPPING_ERROR` where the mapping says none.
    pub extensions: Map<String, Json>,
    /// Where: as [`Problem::path`].
    pub path: String,
    /// How often.
    pub count: u64,
}

/// Collects problems, or, where nobody looks, drops them before their text is made. Reported errors are kept in any case.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    is_recording: bool,
    found: Vec<Problem>,
    left_out: u64,
    reported: Vec<ReportedError>,
    reported_left_out: u64,
    work_ran_out: bool,
}

impl Problems {
    /// Drops all problems; keeps reported errors.
    #[must_use]
    pub fn ignored() -> Self {
        Problems::default()
    }

    /// Keeps problems, up to a bound.
    #[must_use]
    pub fn recorded() -> Self {
        Problems { is_recording: true, ..Problems::default() }
    }

    /// The problems, in the order in which each first came up.
    #[must_use]
    pub fn found(&self) -> &[Problem] {
        &self.found
    }

    /// How many problems came up beyond the bound of different ones.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The errors that mappings reported to the client, in the order in which each first came up.
    #[must_use]
    pub fn reported(&self) -> &[ReportedError] {
        &self.reported
    }

    /// How many reported errors came up beyond the bound of different ones.
    #[must_use]
    pub fn reported_left_out(&self) -> u64 {
        self.reported_left_out
    }

    /// Whether an evaluation was stopped because it did too much work (see `budget::WORK_MAX`); known also where problems
    /// are ignored. Its result is incomplete, so the field has failed.
    #[must_use]
    pub fn work_ran_out(&self) -> bool {
        self.work_ran_out
    }

    /// Writes a problem down, where somebody looks. `path` is as [`Problem::path`]; empty for the mapping as a whole.
    pub fn add(&mut self, message: Arguments<'_>, path: String) {
        if self.is_recording {
            self.add_counted(Problem { message: cut(message.to_string()), path: cut(path), count: 1 });
        }
    }

    pub(super) fn is_recording(&self) -> bool {
        self.is_recording
    }

    pub(super) fn set_work_ran_out(&mut self) {
        self.work_ran_out = true;
    }

    /// Keeps an error for the client.
    pub(super) fn report(&mut self, error: ReportedError) {
        let is_known = |known: &&mut ReportedError| {
            known.path == error.path && known.message == error.message && known.extensions == error.extensions
        };
        if let Some(known) = self.reported.iter_mut().find(is_known) {
            known.count += error.count;
        } else if self.reported.len() < REPORTED_MAX {
            self.reported.push(error);
        } else {
            self.reported_left_out += error.count;
        }
    }

    /// An empty collection that treats problems as this one does.
    pub(super) fn fresh(&self) -> Self {
        Problems { is_recording: self.is_recording, ..Problems::default() }
    }

    pub(super) fn append(&mut self, other: Problems) {
        other.found.into_iter().for_each(|problem| self.add_counted(problem));
        self.left_out += other.left_out;
        other.reported.into_iter().for_each(|error| self.report(error));
        self.reported_left_out += other.reported_left_out;
    }

    fn add_counted(&mut self, problem: Problem) {
        let is_known = |known: &&mut Problem| known.path == problem.path && known.message == problem.message;
        if let Some(known) = self.found.iter_mut().find(is_known) {
            known.count += problem.count;
        } else if self.found.len() < DISTINCT_MAX {
            self.found.push(problem);
        } else {
            self.left_out += problem.count;
        }
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(message: &str) -> ReportedError {
        ReportedError { message: message.to_owned(), extensions: Map::new(), path: String::new(), count: 1 }
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_is_counted() {
        let mut problems = Problems::recorded();
        for index in 0..150 {
            problems.add(format_args!("problem {index}"), "a".to_owned());
            problems.report(error(&format!("error {index}")));
        }
        problems.add(format_args!("problem 7"), "a".to_owned());
        problems.report(error("error 7"));
        assert_eq!((problems.found().len(), problems.left_out()), (100, 50));
        assert_eq!((problems.reported().len(), problems.reported_left_out()), (50, 100));
        assert_eq!((problems.found()[7].count, problems.reported()[7].count), (2, 2));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut problems = Problems::recorded();
        problems.add(format_args!("{}", "ä".repeat(1000)), "ö".repeat(1000));
        let Problem { message, path, .. } = &problems.found()[0];
        assert_eq!((message.chars().count(), path.chars().count()), (301, 301));
        assert!(message.ends_with("ä…") && path.ends_with("ö…"));
    }
}
