//! `ficus schema`: the schema that clients see, or what other tools read.

use clap::Args;

use super::{
    Outcome,
    shared::{Files, answer, say},
};
use crate::{
    diagnostic::Diagnostics,
    graph::{connect_schema, directive_definitions, read_files},
};

const EXAMPLES: &str = "\
Examples:
  ficus schema > api.graphql          the schema that clients see
  ficus schema --connect              with @source and @connect, for tools that read the connect language
  ficus schema --directives           the definitions of all directives, for editors

Exit status: 0 printed, 1 the files have faults, 2 the command line is wrong.";

/// Print the public API schema
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Schema {
    #[command(flatten)]
    files: Files,
    /// Print the schema with only the connect directives, and say what they cannot express
    #[arg(long, conflicts_with = "directives")]
    connect: bool,
    /// Print the definitions of the directives that Ficus reads; needs no files
    #[arg(long)]
    directives: bool,
}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        if self.directives {
            answer(&directive_definitions())?;
            return Ok(Outcome::Fine);
        }
        let Some(loaded) = self.files.load() else { return Ok(Outcome::Faults) };
        if self.connect {
            let written = connect_schema(&read_files(&self.files.paths(), &mut Diagnostics::default()));
            written.lost.iter().for_each(|lost| say(&format!("not expressed: {lost}\n")));
            answer(&written.sdl)?;
        } else {
            answer(&loaded.graph.schema.serialize().to_string())?;
        }
        Ok(Outcome::Fine)
    }
}
