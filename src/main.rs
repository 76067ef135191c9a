//! The `ficus` binary: arguments in, exit code out.

fn main() {}
