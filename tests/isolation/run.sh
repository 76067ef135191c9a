#!/bin/sh
# Nobody gets a byte of anybody else's data (tests/it/isolation/): callers at random over connectors that are kept, shared and
# batched, with purges, writes, reloads, failures and callers who give up in between.
#   tests/isolation/run.sh [--redis] [ITERATIONS] [SEED]
#
# 100,000 iterations by default, some ten minutes: four of five with the clock stopped, and one of five on two threads, with --redis
# through two instances that share what they keep (needs redis-server). What the last run said is kept in
# tests/isolation/last-run.txt, or last-run-redis.txt.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --redis ]; then
    shift
    export FICUS_REDIS=1
fi
export FICUS_ITERATIONS="${1:-100000}" FICUS_SEED="${2:-1}"
export FICUS_REPORT="$PWD/tests/isolation/last-run${FICUS_REDIS:+-redis}.txt"
status=0
cargo test --locked --test it isolation::nobody_gets_a_byte_of_anybody_else_however -- --ignored || status=$?
cat "$FICUS_REPORT"
exit $status
