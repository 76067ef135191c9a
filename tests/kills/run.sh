#!/bin/sh
# Instances killed with `kill -9` at random while deliveries arrive (tests/it/hub/kills.rs): nothing that was answered as kept is
# missing afterwards, and nothing comes twice to a client that resumes by id.
#   tests/kills/run.sh [KILLS] [SEED]
#
# 1,000 kills by default, first of one hub with its events on disk, then of two with theirs in Redis (needs redis-server), then of
# the gateway itself while its webhook is called, some twenty minutes. What the last run said is kept in tests/kills/last-run.txt.
set -eu
cd "$(dirname "$0")/../.."
export FICUS_KILLS="${1:-1000}" FICUS_SEED="${2:-1}" FICUS_REPORT="$PWD/tests/kills/last-run.txt"
status=0
cargo test --locked --test it hub::kills::kills_lose_nothing -- --ignored --exact || status=$?
cat "$FICUS_REPORT"
exit $status
