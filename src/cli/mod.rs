//! The command line: what is asked for, one file per subcommand. Answers go to standard output, logs and faults to standard
//! error; the exit status says which it was.

mod check;
mod connector_schema;
mod demo;
mod dev;
mod explain;
mod import;
mod run;
mod schema;
mod serve;
mod shared;
mod signals;
mod telemetry;
mod test;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Shown below every `--help`.
const AFTER_HELP: &str = "\
Exit status: 0 fine, 1 the input has faults, 2 the command line is wrong, 3 it could not start or run.
Answers go to standard output, logs and faults to standard error.";

/// One typed GraphQL graph in front of REST services and the monolith they grow out of.
#[derive(Debug, Parser)]
#[command(name = "ficus", version, about, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Dev(dev::Dev),
    Demo(demo::Shop),
    Check(check::Check),
    Explain(explain::Explain),
    Schema(schema::Schema),
    ConnectorSchema(connector_schema::ConnectorSchema),
    Import(import::Import),
    Run(run::Run),
    Test(test::Test),
}

/// How a command ends, as its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Fine,
    /// The files or the operation have faults; they were shown.
    Faults,
    /// The command line asks for something that does not exist, which only the command itself can tell; it was said.
    WrongCommandLine,
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    // clap exits by itself: 0 for help and version, 2 when the command line is wrong.
    let outcome = match Arguments::parse().command {
        Command::Serve(command) => command.run(),
        Command::Dev(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::ConnectorSchema(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Test(command) => command.run(),
    };
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Faults) => ExitCode::from(1),
        Ok(Outcome::WrongCommandLine) => ExitCode::from(2),
        Err(error) => {
            shared::say(&format!("ficus: {error:#}\n"));
            ExitCode::from(3)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("ficus {}", command.get_name())), "{}", command.get_name());
        }
    }
}
