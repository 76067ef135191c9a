//! The pass lines of a soak: what was asked for, what was found, and whether that is enough.

use std::{fmt::Write as _, io::Write as _, time::Duration};

use super::Extent;
use crate::support::{load::Sample, process::Ficus};

/// Collects lines; fails the test at the end where one does not hold.
#[derive(Debug)]
pub(super) struct Report {
    name: &'static str,
    extent: Extent,
    text: String,
    failed: usize,
}

impl Report {
    pub(super) fn new(name: &'static str, extent: Extent) -> Report {
        let mut report = Report { name, extent, text: String::new(), failed: 0 };
        let seconds = extent.trouble.as_secs();
        writeln!(report.text, "{name}, {seconds} s").unwrap();
        report
    }

    /// A figure that nothing is asked of.
    pub(super) fn note(&mut self, what: &str, found: impl std::fmt::Display) {
        writeln!(self.text, "      {what}: {found}").unwrap();
    }

    /// What must hold everywhere.
    pub(super) fn line(&mut self, what: &str, holds: bool, found: impl std::fmt::Display) {
        let word = if holds { "pass" } else { "FAIL" };
        self.failed += usize::from(!holds);
        writeln!(self.text, "{word}  {what}: {found}").unwrap();
    }

    /// That every query has all its data; shows one that has not.
    pub(super) fn whole(&mut self, what: &str, samples: &[Sample]) {
        let broken: Vec<&Sample> = samples.iter().filter(|sample| !sample.is_whole()).collect();
        let first = broken.first().map_or_else(String::new, |sample| format!("; {:?}", sample.answer));
        let found = format!("{} of {}{first}", samples.len() - broken.len(), samples.len());
        self.line(what, broken.is_empty(), found);
    }

    /// What must hold where times are judged.
    pub(super) fn timed(&mut self, what: &str, holds: bool, found: impl std::fmt::Display) {
        match self.extent.timed {
            true => self.line(what, holds, found),
            false => self.note(what, found),
        }
    }

    /// A time that must not be more than a bound.
    pub(super) fn within(&mut self, what: &str, bound: Duration, found: Duration) {
        self.timed(what, found <= bound, format!("{found:.1?}"));
    }

    /// A time that must not be more than so many times another one.
    pub(super) fn slower(&mut self, what: &str, times: f64, before: Duration, during: Duration) {
        let ratio = during.as_secs_f64() / before.as_secs_f64();
        self.timed(what, ratio <= times, format!("{during:.1?}, {ratio:.2} times {before:.1?}"));
    }

    /// Shows the lines, and keeps them where `FICUS_REPORT` says.
    pub(super) fn end(self) {
        if let Some(path) = std::env::var_os("FICUS_REPORT").filter(|_| self.extent.timed) {
            let mut kept = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(kept, "{}", self.text).unwrap();
        }
        assert_eq!(self.failed, 0, "{}:\n{}", self.name, self.text);
    }
}

/// What a process holds: descriptors as it starts, and memory once it has been busy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    descriptors: usize,
    memory: u64,
}

impl Held {
    pub(super) fn of(ficus: &Ficus) -> Held {
        Held { descriptors: ficus.descriptors(), memory: ficus.memory() }
    }

    /// What a process takes to be busy at all is no leak.
    pub(super) fn warmed(&mut self, ficus: &Ficus) {
        self.memory = ficus.memory();
    }

    /// With all clients and backends gone, waits until the process holds no more than before, or the patience ends; then says
    /// what it holds.
    pub(super) async fn settled(self, ficus: &Ficus, patience: Duration, report: &mut Report) {
        let descriptors_fit = |now: Held| now.descriptors * 100 <= self.descriptors * 102;
        let memory_fits = |now: Held| now.memory * 100 <= self.memory * 102;
        let mut clock = tokio::time::interval(Duration::from_millis(20));
        let timed = report.extent.timed;
        let back = async {
            let fits = |now| descriptors_fit(now) && (!timed || memory_fits(now));
            while !fits(Held::of(ficus)) {
                clock.tick().await;
            }
        };
        let _ = tokio::time::timeout(patience, back).await;
        let now = Held::of(ficus);
        let found = format!("{} now, {} before", now.descriptors, self.descriptors);
        report.line("descriptors are back at what they were (±2 %)", descriptors_fit(now), found);
        // What a short slice leaves is the allocator's, and not yet a trend.
        let found = format!("{} KiB now, {} KiB before", now.memory, self.memory);
        report.timed("memory is back at what it was (±2 %)", memory_fits(now), found);
    }
}
