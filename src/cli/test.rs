//! `ficus test`: cases of connectors, run without a server and without a network.

mod difference;
mod junit;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value as Json, json};

use super::{
    Outcome,
    shared::{Files, Format, answer, say, show},
};
use crate::{
    diagnostic::{Diagnostic, Diagnostics, counted, to_json},
    graph::{Graph, files_below, load},
    trial::case::{Case, CaseFile, Part, Ran, is_case_file, read, run, update},
};

const EXAMPLES: &str = "\
Examples:
  ficus test                                   every case below tests/connectors
  ficus test tests/connectors/orders.test.yaml --filter 'not there'
  ficus test --junit target/connectors.xml
  ficus test --update                          take what came out as what is expected

A case names a connector, what its mappings see, what its backend answers, and what is expected: the request, the result,
errors, problems. Files are YAML or Markdown; in a folder those that end in .test.yaml, .test.yml and .test.md.

Exit status: 0 all cases passed (or were updated), 1 one failed, or files have faults, 2 the command line is wrong, 3 a file
cannot be read or written.";

/// Folders nested deeper than this are a loop of links.
const FOLDERS_MAX: usize = 32;

/// Run cases of connectors, without a server
#[derive(Debug, Args)]
#[command(name = "test", after_help = EXAMPLES)]
pub(super) struct Test {
    #[command(flatten)]
    files: Files,
    /// Files of cases, or folders of them
    #[arg(value_name = "PATH", default_value = "tests/connectors")]
    paths: Vec<PathBuf>,
    /// Only cases whose file, name or connector holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what came out into the cases, in the place of what was expected
    #[arg(long)]
    update: bool,
    /// Write a JUnit report, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// One case that was run, or a file that could not be read as cases.
struct Report {
    file: String,
    line: u32,
    name: String,
    connector: String,
    ran: Ran,
    updated: bool,
}

impl Report {
    fn passed(&self) -> bool {
        self.updated || self.ran.passed()
    }
}

impl Test {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let mut paths = Vec::new();
        for path in &self.paths {
            find(path, &mut paths).with_context(|| format!("cannot read {}", path.display()))?;
        }
        let graph = match load(&self.files.paths()) {
            Ok(loaded) => loaded.graph,
            Err(diagnostics) => {
                show(&diagnostics);
                return Ok(Outcome::Faults);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let mut reports = Vec::new();
        let mut diagnostics = Diagnostics::default();
        for path in &paths {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.to_string_lossy();
            let file = read(&name, text.strip_prefix('\u{feff}').unwrap_or(&text), &mut diagnostics);
            reports.extend(runtime.block_on(self.run_file(&graph, path, &file))?);
        }
        let diagnostics = diagnostics.into_sorted();
        if let Some(path) = &self.junit {
            let report = junit::report(&reports, &diagnostics);
            fs::write(path, report).with_context(|| format!("cannot write {}", path.display()))?;
        }
        self.print(&reports, &diagnostics)?;
        let failed = reports.iter().any(|report| !report.passed());
        let nothing = reports.is_empty() && diagnostics.is_empty();
        if nothing {
            say("no cases were found: a folder is searched for *.test.yaml and *.test.md\n");
        }
        let faulty = diagnostics.iter().any(Diagnostic::is_error);
        Ok(if failed || faulty || nothing { Outcome::Faults } else { Outcome::Fine })
    }

    fn is_wanted(&self, file: &CaseFile, case: &Case) -> bool {
        let texts = [&*file.file.name, case.name.as_str(), case.connector.as_str()];
        self.filter.as_deref().is_none_or(|filter| texts.iter().any(|text| text.contains(filter)))
    }

    /// Runs the cases of a file, and rewrites it where that is asked for.
    async fn run_file(&self, graph: &Graph, path: &Path, file: &CaseFile) -> anyhow::Result<Vec<Report>> {
        let mut reports = Vec::new();
        let mut instead: Vec<Option<Vec<(Part, Json)>>> = Vec::new();
        for case in &file.cases {
            if !self.is_wanted(file, case) {
                instead.push(None);
                continue;
            }
            let ran = run(graph, case).await;
            let changes = self.update && !ran.passed() && !ran.instead.is_empty();
            instead.push(changes.then(|| ran.instead.clone()));
            reports.push(Report {
                file: file.file.name.to_string(),
                line: case.place.line,
                name: case.name.clone(),
                connector: case.connector.clone(),
                ran,
                updated: changes,
            });
        }
        if instead.iter().any(Option::is_some) {
            let instead: Vec<_> = instead.iter().map(Option::as_deref).collect();
            let (text, left) = update(file, &instead);
            if text != *file.file.text {
                fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            let left: Vec<&str> = left
                .iter()
                .filter_map(|index| file.cases.get(*index))
                .map(|case| case.name.as_str())
                .collect();
            for report in reports.iter_mut().filter(|report| left.contains(&report.name.as_str())) {
                report.updated = false;
                report.ran.faults.push("this cannot be rewritten in its place: write it by hand".to_owned());
            }
        }
        Ok(reports)
    }

    fn print(&self, reports: &[Report], diagnostics: &[Diagnostic]) -> anyhow::Result<()> {
        if self.format == Format::Json {
            return answer(&format!("{:#}\n", as_json(reports, diagnostics)));
        }
        show(diagnostics);
        let mut out = String::new();
        for report in reports {
            let Report { file, line, name, .. } = report;
            if report.updated {
                out.push_str(&format!("updated {file}: {name}\n"));
            } else if report.passed() {
                out.push_str(&format!("ok      {file}: {name}\n"));
            } else {
                out.push_str(&format!("FAILED  {file}:{line}: {name}\n"));
                difference::lines(&report.ran).iter().for_each(|line| {
                    out.push_str(format!("        {line}").trim_end());
                    out.push('\n');
                });
            }
        }
        if !reports.is_empty() {
            out.push_str(&summary(reports));
        }
        answer(&out)
    }
}

fn summary(reports: &[Report]) -> String {
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let updated = reports.iter().filter(|report| report.updated).count();
    let passed = reports.len() - failed - updated;
    let mut summary = format!("{}: {passed} passed", counted(reports.len(), "case"));
    for (count, word) in [(updated, "updated"), (failed, "failed")] {
        if count > 0 {
            summary.push_str(&format!(", {count} {word}"));
        }
    }
    summary + "\n"
}

fn as_json(reports: &[Report], diagnostics: &[Diagnostic]) -> Json {
    let of = |report: &Report| {
        let difference = |difference: &crate::trial::case::Difference| json!({ "part": difference.part.as_str(), "expected": difference.expected, "got": difference.got });
        json!({
            "file": report.file,
            "line": report.line,
            "name": report.name,
            "connector": report.connector,
            "passed": report.passed(),
            "updated": report.updated,
            "faults": report.ran.faults,
            "differences": report.ran.differences.iter().map(difference).collect::<Vec<_>>(),
        })
    };
    let mut json: Json = serde_json::from_str(&to_json(diagnostics)).unwrap_or_default();
    if let Some(json) = json.as_object_mut() {
        json.insert("cases".to_owned(), reports.iter().map(of).collect());
        json.insert("passed".to_owned(), reports.iter().filter(|report| report.passed()).count().into());
        json.insert("failed".to_owned(), reports.iter().filter(|report| !report.passed()).count().into());
    }
    json
}

/// The files of cases at a path, in the order of their names. A file that is named is one whatever its name.
fn find(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        files_below(path, FOLDERS_MAX, &is_case_file, found)?;
    } else if path.exists() {
        found.push(path.to_owned());
    } else {
        bail!("there is no such file or folder");
    }
    Ok(())
}
