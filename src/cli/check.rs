//! `ficus check`: everything that is wrong with the files of a graph, at once; and what each code means.

use clap::{Args, ValueEnum};

use super::{
    Outcome,
    shared::{Files, answer, say, show},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, counted, to_json, to_sarif},
    graph::{Loaded, load},
    plan::n_plus_one,
};

const EXAMPLES: &str = "\
Examples:
  ficus check
  ficus check --schema api/schema --connectors api/connectors
  ficus check --format json | jq '.diagnostics[].code'
  ficus check --format sarif > ficus.sarif       for code hosts that show results beside a change
  ficus check --deny n-plus-one                  fail on lists that lead to a request for each item
  ficus check --explain UNDEFINED_ARGUMENT
  ficus check --explain                          all codes, a line each

Exit status: 0 no errors (there may be warnings), 1 errors, 2 the command line is wrong.";

/// Check a graph's files and show everything that is wrong with them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
    /// How diagnostics are printed: to standard error for people, or to standard output as JSON or SARIF 2.1.0
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Say what a code means, with an example, and check nothing; without CODE: list all codes
    #[arg(long, value_name = "CODE", num_args = 0..=1)]
    explain: Option<Option<String>>,
    /// Make an error of what is only worth a warning
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Vec<Deny>,
}

/// Warnings that a team may want to fail on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Deny {
    /// Lists that lead to a request for each of their items
    NPlusOne,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
    Sarif,
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
                (self.with_lists(loaded), sizes)
            }
            Err(diagnostics) => (diagnostics, (0, 0)),
        };
        let faulty = diagnostics.iter().any(Diagnostic::is_error);
        match self.format {
            Format::Json => answer(&format!("{}\n", to_json(&diagnostics)))?,
            Format::Sarif => answer(&format!("{}\n", to_sarif(&diagnostics)))?,
            Format::Human => {
                show(&diagnostics);
                if !diagnostics.is_empty() {
                    say("more of a code: ficus check --explain CODE\n");
                }
                if !faulty {
                    let (connectors, sources) = (counted(sizes.0, "connector"), counted(sizes.1, "source"));
                    answer(&format!("fine: {connectors}, {sources}\n"))?;
                }
            }
        }
        Ok(if faulty { Outcome::Faults } else { Outcome::Fine })
    }

    /// The warnings of a graph, and the lists that lead to a request for each of their items.
    fn with_lists(&self, loaded: Loaded) -> Vec<Diagnostic> {
        let mut all = Diagnostics::default();
        let denied = self.deny.contains(&Deny::NPlusOne);
        let found = n_plus_one(&loaded.graph).into_iter();
        let found = found.map(|diagnostic| if denied { diagnostic.denied() } else { diagnostic });
        loaded.warnings.into_iter().chain(found).for_each(|diagnostic| all.push(diagnostic));
        all.into_sorted()
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
