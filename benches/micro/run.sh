#!/bin/sh
# Counts the instructions of small pieces of work and holds them against those recorded in instructions.json:
# benches/micro/run.sh [--record] [WORD…]
#
# Only workloads whose names hold one of the words, where there are any. Needs callgrind (package valgrind). The profile is
# `release` (another: PROFILE=dist); counts depend on it and on the compiler, so both are recorded. Fails when a count has
# risen by more than 10 %. Takes two minutes after building, on a machine as busy as it likes.
set -eu
cd "$(dirname "$0")/../.."
profile=${PROFILE:-release}
part=check
if [ "${1:-}" = --record ]; then
    part=record
    shift
fi
command -v valgrind >/dev/null || { echo "valgrind is missing: install the package valgrind" >&2; exit 3; }
counter=$(benches/build.sh "$profile" micro)
target=$(rustc -vV | sed -n 's/^host: //p')
exec "$counter" "$part" benches/micro/instructions.json "$(rustc --version) for $target" "$profile" "$@"
