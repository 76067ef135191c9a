#!/bin/sh
# The long run of the differential test: random operations, Ficus against the oracle (tests/it/differential.rs).
#   tests/differential.sh [SEED] [OPERATIONS]
# What the last full run printed is kept in tests/differential.out.
set -eu
cd "$(dirname "$0")/.."
seed=${1:-1000}
operations=${2:-10000}
{
    echo "seed $seed, $operations operations"
    FICUS_SEED=$seed FICUS_OPERATIONS=$operations cargo test --test it differential 2>/dev/null | grep '^test '
} | tee tests/differential.out
