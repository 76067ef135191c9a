//! What the subcommands share: where the files of a graph are, how diagnostics and answers are printed.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};

use crate::{
    diagnostic::{Diagnostic, render, summary},
    graph::{Loaded, Paths, load},
};

/// Where the files of a graph are.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// Directory of the schema: every *.graphql file in it and in its folders
    #[arg(long, value_name = "DIR", default_value = "schema")]
    schema: PathBuf,
    /// Directory of the connector files: one <source>.yaml per backend; need not exist
    #[arg(long, value_name = "DIR", default_value = "connectors")]
    connectors: PathBuf,
    /// The gateway's own configuration; need not exist
    #[arg(long, value_name = "FILE", default_value = "ficus.yaml")]
    config: PathBuf,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

impl Files {
    pub(super) fn paths(&self) -> Paths {
        Paths {
            schema: self.schema.clone(),
            connectors: self.connectors.clone(),
            config: self.config.clone(),
        }
    }

    /// Loads the graph. None when its files have faults, which are shown.
    pub(super) fn load(&self) -> Option<Loaded> {
        load(&self.paths()).map_err(|diagnostics| show(&diagnostics)).ok()
    }
}

/// Prints diagnostics for people to standard error, and how many there were.
pub(super) fn show(diagnostics: &[Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    // no-color.org: any value but an empty one.
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let colour = io::stderr().is_terminal() && wanted;
    say(&format!("{}{}\n", render(diagnostics, colour), summary(diagnostics)));
}

/// Writes to standard error. When nobody reads it there is nobody to tell.
pub(super) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes an answer to standard output. A reader that went away (`| head`) has read enough.
pub(super) fn answer(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
