#!/bin/sh
# Builds a bench target, and the `ficus` program with it, with jemalloc as they are shipped (which needs `make`), and says where the
# target's program is: benches/build.sh PROFILE NAME
set -eu
cd "$(dirname "$0")/.."
built=$(cargo bench --locked --profile "$1" --features jemalloc --no-run --bench "$2" --message-format json)
printf '%s\n' "$built" | sed -n 's/.*"name":"'"$2"'".*"executable":"\([^"]*\)".*/\1/p'
