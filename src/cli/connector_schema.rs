//! `ficus connector-schema`: the JSON Schema of the YAML files, for editors.

use clap::Args;

use super::{Outcome, shared::answer};
use crate::config::{connector_schema, gateway_schema};

const EXAMPLES: &str = "\
Examples:
  ficus connector-schema > connectors/.schema.json
  ficus connector-schema --gateway > .ficus.schema.json

An editor with a YAML language server reads it when the file begins with
  # yaml-language-server: $schema=.schema.json

Exit status: 0 printed, 2 the command line is wrong.";

/// Print the JSON Schema of connectors/*.yaml, for editors
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConnectorSchema {
    /// Print the one of ficus.yaml instead
    #[arg(long)]
    gateway: bool,
}

impl ConnectorSchema {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        answer(&if self.gateway { gateway_schema() } else { connector_schema() })?;
        Ok(Outcome::Fine)
    }
}
