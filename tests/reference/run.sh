#!/bin/sh
# The differential run against the reference implementation of the connect language: generated connectors, answers and
# operations, through Ficus and through the reference, as a black box (tests/it/reference/).
#   tests/reference/run.sh [SEED] [TRIPLES]
#
# Needs Node and the reference's program: FICUS_ROUTER=/path/to/router, or `tests/reference/run.sh install`, which builds it with
# cargo into target/reference (crate apollo-router; an hour on two cores; its licence is Elastic 2.0: it is run as it is, and
# nothing of it is kept here). Only loopback is opened. What the last full run counted is kept in tests/reference/last-run.txt;
# every difference goes to target/reference/differences.txt.
set -eu
cd "$(dirname "$0")/../.."
folder=${CARGO_TARGET_DIR:-target}/reference
mkdir -p "$folder"
if [ "${1:-}" = install ]; then
    cargo install apollo-router@2.17.0 --locked --root "$folder"
    exit
fi
[ -d tests/reference/node_modules ] || (cd tests/reference && npm ci --no-audit --no-fund)
export FICUS_ROUTER="${FICUS_ROUTER:-$folder/bin/router}"
export FICUS_SEED="${1:-1}" FICUS_TRIPLES="${2:-2500}"
export FICUS_REPORT=tests/reference/last-run.txt FICUS_DIFFERENCES="$folder/differences.txt"
cargo test --test it reference::ficus_and -- --ignored
cat "$FICUS_REPORT"
