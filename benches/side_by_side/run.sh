#!/bin/sh
# Measures Ficus beside an endpoint written by hand: benches/side_by_side/run.sh [ROUNDS]
#
# Linux with two cores and `taskset` (package util-linux). Both contenders are built with the profile `dist` (another:
# PROFILE=release) and the same allocator, log nothing per request, and are pinned to core 0; the load and the upstream
# share core 1. The figures go to the terminal and, as Markdown and JSON, to target/side-by-side/.
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-5}
profile=${PROFILE:-dist}
target=${CARGO_TARGET_DIR:-target}
command -v taskset >/dev/null || { echo "taskset is missing: install the package util-linux" >&2; exit 3; }
# A bench target brings the package's binary along, in the same profile.
built=$(cargo bench --locked --profile "$profile" --no-run --bench side-by-side --message-format json)
harness=$(printf '%s\n' "$built" | sed -n 's/.*"name":"side-by-side".*"executable":"\([^"]*\)".*/\1/p')
exec taskset -c 1 "$harness" measure "$target/$profile/ficus" benches/side_by_side/graph "$target/side-by-side" "$rounds"
