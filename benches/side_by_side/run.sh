#!/bin/sh
# Measures Ficus beside a hand-written endpoint: benches/side_by_side/run.sh [ROUNDS]
# Needs two cores, Linux, and `taskset` (package util-linux). Both are built with the profile `dist` and use the same
# allocator. Figures go to target/side-by-side/ and to the terminal.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-5}
profile=${PROFILE:-dist}
command -v taskset >/dev/null || { echo "taskset is missing: install the package util-linux" >&2; exit 3; }
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --profile "$profile" --bin ficus
harness=$(cargo bench --locked --profile "$profile" --no-run --bench side-by-side --message-format json |
  sed -n 's/.*"executable":"\([^"]*side[^"]*\)".*/\1/p' | tail -n 1)
exec taskset -c 1 "$harness" measure "$target/$profile/ficus" benches/side_by_side/graph "$target/side-by-side" "$rounds"
