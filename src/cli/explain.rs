//! `ficus explain`: the fetches of an operation as a tree, without running it.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::{
    Outcome,
    shared::{Files, answer, say},
};
use crate::{
    config::Config,
    graph::Graph,
    operation::{Document, Refusal, Rules, coerce},
    plan::{explain, plan},
};

const EXAMPLES: &str = "\
Examples:
  ficus explain -q '{ orders { id customer { name } } }'
  ficus explain operation.graphql -v '{\"first\": 20}'
  cat operation.graphql | ficus explain -

Exit status: 0 explained, 1 the files or the operation have faults, 2 the command line is wrong, 3 a file cannot be read.";

/// Show which requests an operation makes, and how they are batched
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Explain {
    #[command(flatten)]
    files: Files,
    /// File with the operation; `-` reads standard input
    #[arg(value_name = "FILE", required_unless_present = "query", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// The operation itself
    #[arg(short, long, value_name = "QUERY")]
    query: Option<String>,
    /// Values of its variables, to be checked against it; a plan never depends on them
    #[arg(short, long, value_name = "JSON", value_parser = variables)]
    variables: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Explain {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let text = match (&self.query, &self.file) {
            (Some(query), _) => query.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => String::new(),
        };
        let Some(loaded) = self.files.load() else { return Ok(Outcome::Faults) };
        match explained(&loaded.graph, &loaded.config, &text, self.variables.as_ref()) {
            Ok(plans) => {
                answer(&plans)?;
                Ok(Outcome::Fine)
            }
            Err(refusal) => {
                say(&refused(&refusal));
                Ok(Outcome::Faults)
            }
        }
    }
}

/// The plans of all operations of a document.
fn explained(
    graph: &Graph,
    config: &Config,
    text: &str,
    variables: Option<&serde_json::Map<String, serde_json::Value>>,
) -> Result<String, Refusal> {
    let rules = Rules { limits: config.limits.clone(), introspection: true, suggestions: true };
    let document = Document::parse(text, &graph.schema, &rules)?;
    let mut plans = String::new();
    for operation in document.executable().operations.iter() {
        let name = operation.name.as_ref().map(|name| name.as_str());
        let operation = document.operation(name)?;
        if let Some(variables) = variables {
            coerce(&graph.schema, document.executable(), operation, variables)?;
        }
        if let Some(name) = name {
            plans.push_str(&format!("# {name}\n"));
        }
        plans.push_str(&explain(&plan(graph, document.executable(), operation)));
    }
    Ok(plans)
}

fn refused(refusal: &Refusal) -> String {
    let line = |error: &crate::operation::RequestError| {
        let places: Vec<String> =
            error.locations.iter().map(|(line, column)| format!("{line}:{column}: ")).collect();
        format!("error[{}]: {}{}\n", error.error.code.as_str(), places.concat(), error.error.message)
    };
    refusal.errors.iter().map(line).collect()
}

fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn variables(text: &str) -> Result<serde_json::Map<String, serde_json::Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}
