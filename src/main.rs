//! The `ficus` binary: arguments in, exit code out.

fn main() -> std::process::ExitCode {
    ficus::cli::run()
}
