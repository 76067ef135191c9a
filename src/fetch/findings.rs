//! What the mappings of one connector had to say while they ran: problems, each with the mapping that it is in, and the errors
//! that they report to the client. Not for what a client reads of a failure (`error`).

use crate::mapping::problems::{Problem, Problems, ReportedError};

/// How many different problems of one connector's mappings are kept; more are only counted.
const DISTINCT_MAX: usize = 100;

/// How many different errors that one connector's mappings report are kept; more are only counted.
const REPORTED_MAX: usize = 50;

/// A mapping of a connector, or of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Site {
    /// The expressions in the source's base URL.
    SourceUrl,
    /// The source's `path`.
    SourcePath,
    /// The source's `queryParams`.
    SourceQueryParams,
    /// The values of the source's headers, those of its connector file too.
    SourceHeaders,
    /// The expressions in the connector's URL.
    Url,
    /// `path`
    Path,
    /// `queryParams`
    QueryParams,
    /// The values of the connector's headers.
    Headers,
    /// `body`
    Body,
    /// `selection`
    Selection,
    /// `isSuccess`
    IsSuccess,
    /// The source's `isSuccess`.
    SourceIsSuccess,
    /// `errors.message`
    ErrorsMessage,
    /// The source's `errors.message`.
    SourceErrorsMessage,
    /// `errors.extensions`
    ErrorsExtensions,
    /// The source's `errors.extensions`.
    SourceErrorsExtensions,
    /// The tags of `@cached`.
    Tags,
    /// The tags of `@invalidates`.
    Invalidates,
}

impl Site {
    /// Where the mapping stands, as logs and the command line name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Site::SourceUrl => "source.baseURL",
            Site::SourcePath => "source.path",
            Site::SourceQueryParams => "source.queryParams",
            Site::SourceHeaders => "source.headers",
            Site::Url => "request.url",
            Site::Path => "request.path",
            Site::QueryParams => "request.queryParams",
            Site::Headers => "request.headers",
            Site::Body => "request.body",
            Site::Selection => "selection",
            Site::IsSuccess => "isSuccess",
            Site::SourceIsSuccess => "source.isSuccess",
            Site::ErrorsMessage => "errors.message",
            Site::SourceErrorsMessage => "source.errors.message",
            Site::ErrorsExtensions => "errors.extensions",
            Site::SourceErrorsExtensions => "source.errors.extensions",
            Site::Tags => "cached.tags",
            Site::Invalidates => "invalidates.tags",
        }
    }
}

/// A problem, and the mapping that it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which mapping.
    pub site: Site,
    /// What, where in the mapping, and how often.
    pub problem: Problem,
}

/// Collects what the mappings of one connector had to say. Where nobody looks, problems are dropped before their text is made;
/// errors for the client are kept in any case.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    is_recording: bool,
    problems: Vec<Finding>,
    left_out: u64,
    reported: Vec<ReportedError>,
    reported_left_out: u64,
    work_ran_out: bool,
}

impl Findings {
    /// Keeps problems, up to a bound, where `is_recording`.
    #[must_use]
    pub fn new(is_recording: bool) -> Self {
        Findings { is_recording, ..Findings::default() }
    }

    /// Whether problems are kept.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.is_recording
    }

    /// The problems, in the order in which each first came up.
    #[must_use]
    pub fn problems(&self) -> &[Finding] {
        &self.problems
    }

    /// How many problems came up beyond the bound of different ones.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many problems came up in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.problems.iter().map(|finding| finding.problem.count).sum::<u64>() + self.left_out
    }

    /// The errors that mappings reported to the client with `->withError`, in the order in which each first came up.
    #[must_use]
    pub fn reported(&self) -> &[ReportedError] {
        &self.reported
    }

    /// How many reported errors came up beyond the bound of different ones.
    #[must_use]
    pub fn reported_left_out(&self) -> u64 {
        self.reported_left_out
    }

    /// Whether a mapping was stopped because it did too much work; known also where problems are dropped.
    #[must_use]
    pub fn work_ran_out(&self) -> bool {
        self.work_ran_out
    }

    /// An empty collection for one evaluation; [`Findings::keep`] takes it back.
    #[must_use]
    pub fn fresh(&self) -> Problems {
        if self.is_recording { Problems::recorded() } else { Problems::ignored() }
    }

    /// Keeps what one evaluation of a mapping had to say.
    pub fn keep(&mut self, site: Site, problems: &Problems) {
        self.work_ran_out |= problems.work_ran_out();
        self.left_out += problems.left_out();
        for problem in problems.found() {
            self.add_counted(Finding { site, problem: problem.clone() });
        }
        self.reported_left_out += problems.reported_left_out();
        problems.reported().iter().for_each(|error| self.report(error.clone()));
    }

    /// Writes down that a mapping as a whole gave what cannot be used.
    pub fn add(&mut self, site: Site, message: String) {
        if self.is_recording {
            self.add_counted(Finding { site, problem: Problem { message, path: String::new(), count: 1 } });
        }
    }

    /// Takes over what others had to say.
    pub fn append(&mut self, other: &Findings) {
        self.work_ran_out |= other.work_ran_out;
        self.left_out += other.left_out;
        other.problems.iter().for_each(|finding| self.add_counted(finding.clone()));
        self.reported_left_out += other.reported_left_out;
        other.reported.iter().for_each(|error| self.report(error.clone()));
    }

    /// Takes over what one mapping had to say.
    pub fn append_of(&mut self, site: Site, other: &Findings) {
        let found = other.problems.iter().filter(|finding| finding.site == site);
        found.for_each(|finding| self.add_counted(finding.clone()));
    }

    fn report(&mut self, error: ReportedError) {
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

    fn add_counted(&mut self, finding: Finding) {
        let Finding { site, problem } = &finding;
        let is_known = |known: &&mut Finding| {
            known.site == *site
                && known.problem.path == problem.path
                && known.problem.message == problem.message
        };
        if let Some(known) = self.problems.iter_mut().find(is_known) {
            known.problem.count += problem.count;
        } else if self.problems.len() < DISTINCT_MAX {
            self.problems.push(finding);
        } else {
            self.left_out += problem.count;
        }
    }
}
