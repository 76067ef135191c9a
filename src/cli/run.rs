//! `ficus run`: one connector against its real backend; what was sent, what came back, what became of it.

mod show;

use std::{fs, io::IsTerminal};

use clap::Args;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value as Json, json};

use super::{
    Outcome,
    shared::{Files, Format, answer, say, show},
};
use crate::{
    connector::Connector,
    fetch::{FetchError, HttpUpstream, Redaction, Upstream as _, UpstreamRequest},
    graph::load,
    trial::{Inputs, Trial, find, requests, run, shown},
};

const EXAMPLES: &str = "\
Examples:
  ficus run Query.user -v '{\"$args\": {\"id\": \"7\"}}'
  ficus run 'User[0]' -v '{\"$batch\": [{\"id\": 1}, {\"id\": 2}]}'
  ficus run Query.me -H 'authorization: Bearer …' --dry-run
  ficus run Query.user -v @variables.json --format json | jq .result

Variables: $args, $this, $batch, $config, $context, $env, $request.headers. Values from the environment, authorization and
cookies are sent, and shown as ***.

Exit status: 0 the connector gave a result, 1 it failed, the result does not fit the schema, or the files or variables have
faults (with --strict also: its mappings had problems), 2 the command line is wrong, 3 it could not run.";

/// Run one connector against its backend and show request, response and result
#[derive(Debug, Args)]
#[command(name = "run", after_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    files: Files,
    /// The connector: Query.user, Query.user[0], User[1], or its id
    #[arg(value_name = "CONNECTOR")]
    connector: String,
    /// What its mappings see, as a JSON object; @FILE reads it from a file
    #[arg(short, long, value_name = "JSON", value_parser = variables)]
    variables: Option<Map<String, Json>>,
    /// A header of the client's request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Show the requests and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Exit with 1 when the mappings had problems, too
    #[arg(long)]
    strict: bool,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let graph = match load(&self.files.paths()) {
            Ok(loaded) => loaded.graph,
            Err(diagnostics) => {
                show(&diagnostics);
                return Ok(Outcome::Faults);
            }
        };
        let mut inputs = match Inputs::read(&self.variables.clone().unwrap_or_default()) {
            Ok(inputs) => inputs,
            Err(error) => return Ok(refused(&error.to_string(), None)),
        };
        for (name, value) in &self.headers {
            inputs.headers.append(name, value.clone());
        }
        let mut redaction = inputs.redaction(&graph);
        let connector = match find(&graph, &self.connector) {
            Ok(connector) => connector,
            Err(unknown) => return Ok(refused(&unknown.message, Some(&unknown.help))),
        };
        if self.dry_run {
            return match requests(&graph, connector, &inputs) {
                Ok(requests) => self.show_requests(connector, &requests, &redaction),
                Err(error) => Ok(refused(&error.to_string(), None)),
            };
        }
        let upstream = HttpUpstream::new()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let trial = runtime.block_on(run(&graph, connector, &inputs, &upstream));
        redaction.hide(upstream.secrets().iter().map(String::as_str));
        match trial {
            Ok(trial) => self.show(&trial, &redaction),
            Err(error) => Ok(refused(&error.to_string(), None)),
        }
    }

    fn show_requests(
        &self,
        connector: &Connector,
        requests: &[Result<UpstreamRequest, FetchError>],
        redaction: &Redaction,
    ) -> anyhow::Result<Outcome> {
        match self.format {
            Format::Json => {
                let one = |request: &Result<UpstreamRequest, FetchError>| match request {
                    Ok(request) => shown::request_json(request, redaction),
                    Err(error) => json!({ "failure": shown::failure_json(error, redaction) }),
                };
                let requests: Vec<Json> = requests.iter().map(one).collect();
                answer(&pretty(&json!({ "connector": connector.coordinate, "requests": requests })))?;
            }
            Format::Human => answer(&show::requests(&connector.coordinate, requests, redaction))?,
        }
        Ok(if requests.iter().any(Result::is_err) { Outcome::Faults } else { Outcome::Fine })
    }

    fn show(&self, trial: &Trial, redaction: &Redaction) -> anyhow::Result<Outcome> {
        match self.format {
            Format::Json => answer(&pretty(&shown::trial_json(trial, redaction)))?,
            Format::Human => answer(&show::trial(trial, redaction, width()))?,
        }
        Ok(if self.is_fine(trial) { Outcome::Fine } else { Outcome::Faults })
    }

    fn is_fine(&self, trial: &Trial) -> bool {
        let findings = &trial.findings;
        let without_errors = trial.errors.is_empty() && findings.reported().is_empty();
        without_errors && !(self.strict && findings.count() > 0)
    }
}

/// Columns of the terminal; none where the answer is read by a program.
fn width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    // The terminal itself is asked by the program that every system has for it.
    let size = std::process::Command::new("stty").arg("size").stdin(std::process::Stdio::inherit()).output();
    let size = size.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    size.and_then(|size| size.split_whitespace().nth(1)?.parse().ok())
}

fn refused(message: &str, help: Option<&str>) -> Outcome {
    let help = help.map(|help| format!("  = help: {help}\n")).unwrap_or_default();
    say(&format!("error: {message}\n{help}"));
    Outcome::Faults
}

fn pretty(json: &Json) -> String {
    format!("{json:#}\n")
}

fn variables(text: &str) -> Result<Map<String, Json>, String> {
    let read = match text.strip_prefix('@') {
        Some(file) => fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?,
        None => text.to_owned(),
    };
    serde_json::from_str(&read).map_err(|error| format!("not a JSON object: {error}"))
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write it as `name: value`")?;
    let name = name.trim().parse().map_err(|_| format!("`{}` is not a header name", name.trim()))?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| "the value holds characters that a header cannot carry".to_owned())?;
    Ok((name, value))
}
