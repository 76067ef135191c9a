//! `ficus check`: everything that is wrong with the files of a graph, at once; and what each code means.

use clap::{Args, ValueEnum};

use super::{
    Outcome,
    shared::{Files, answer, say, show},
};
use crate::{
    diagnostic::{Code, Diagnostic, counted, to_json},
    graph::load,
};

const EXAMPLES: &str = "\
Examples:
  ficus check
  ficus check --schema api/schema --connectors api/connectors
  ficus check --format json | jq '.diagnostics[].code'
  ficus check --explain UNDEFINED_ARGUMENT
  ficus check --explain                          all codes, a line each

Exit status: 0 no errors (there may be warnings), 1 errors, 2 the command line is wrong.";

/// Check a graph's files and show everything that is wrong with them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
    /// How diagnostics are printed: to standard error for people, or to standard output as JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Say what a code means, with an example, and check nothing; without CODE: list all codes
    #[arg(long, value_name = "CODE", num_args = 0..=1)]
    explain: Option<Option<String>>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        if let Some(code) = self.explain {
            return explain(code.as_deref());
        }
        let loaded = load(&self.files.paths());
        let (diagnostics, sizes) = match loaded {
            Ok(loaded) => {
                let sizes = (loaded.graph.connectors.len(), loaded.graph.sources.len());
                (loaded.warnings, sizes)
            }
            Err(diagnostics) => (diagnostics, (0, 0)),
        };
        let faulty = diagnostics.iter().any(Diagnostic::is_error);
        match self.format {
            Format::Json => answer(&format!("{}\n", to_json(&diagnostics)))?,
            Format::Human => {
                show(&diagnostics);
                if !faulty {
                    let (connectors, sources) = (counted(sizes.0, "connector"), counted(sizes.1, "source"));
                    answer(&format!("fine: {connectors}, {sources}\n"))?;
                }
            }
        }
        Ok(if faulty { Outcome::Faults } else { Outcome::Fine })
    }
}

fn explain(code: Option<&str>) -> anyhow::Result<Outcome> {
    let Some(code) = code else {
        let widest = Code::all().map(|code| code.as_str().len()).max().unwrap_or(0);
        let line = |code: Code| format!("{:widest$}  {}\n", code.as_str(), code.summary());
        answer(&Code::all().map(line).collect::<String>())?;
        return Ok(Outcome::Fine);
    };
    match Code::named(code) {
        Ok(code) => {
            answer(code.page())?;
            Ok(Outcome::Fine)
        }
        Err(help) => {
            say(&format!("ficus: `{code}` is not a code of a diagnostic: {help}\n"));
            Ok(Outcome::WrongCommandLine)
        }
    }
}
