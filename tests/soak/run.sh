#!/bin/sh
# The gateway as a process of its own under trouble that lasts (tests/it/soak/), with pass lines:
#   tests/soak/run.sh [all|storm|slow_source|slow_clients|sockets|subscribers|churn|drain|flood|shedding]
#
# Some thirty minutes for all of them, and as quiet a machine as you have: several lines compare times. Needs 12,000 descriptors;
# `slowhttptest` joins in where it is installed (apt-get install slowhttptest). FICUS_BIN names another binary than the one that is
# shipped (profile `dist` with jemalloc: some ten minutes of building, and `make`), FICUS_SOAK_SECONDS another length of the trouble.
# What the last run of all said is kept in tests/soak/last-run.txt.
set -eu
cd "$(dirname "$0")/../.."
name=${1:-all}
target=${CARGO_TARGET_DIR:-target}
if [ -z "${FICUS_BIN:-}" ]; then
    cargo build --locked --profile dist --features jemalloc --bin ficus
    FICUS_BIN=$(cd "$target" && pwd)/dist/ficus
    export FICUS_BIN
fi
ulimit -n 12000 || { echo "12,000 descriptors are needed: ulimit -n" >&2; exit 3; }
if [ "$name" = all ]; then
    filter=soak:: FICUS_REPORT=$PWD/tests/soak/last-run.txt
else
    filter=soak::$name:: FICUS_REPORT=$(cd "$target" && pwd)/soak-$name.txt
fi
export FICUS_REPORT
echo "$(date -u +%F), $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)
" >"$FICUS_REPORT"
status=0
cargo test --locked --test it "$filter" -- --ignored --test-threads 1 || status=$?
cat "$FICUS_REPORT"
exit $status
