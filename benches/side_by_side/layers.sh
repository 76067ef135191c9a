#!/bin/sh
# Counts the instructions that Q1 takes with and without the cache and the guards before the HTTP client, none of which
# serves it: benches/side_by_side/layers.sh
#
# Needs valgrind. What a request takes is what five hundred more take, so the start does not count. PROFILE=dist for
# what is shipped; the release profile builds sooner.
set -eu
cd "$(dirname "$0")/../.."
profile=${PROFILE:-release}
command -v valgrind >/dev/null || { echo "valgrind is missing" >&2; exit 3; }
built=$(cargo bench --locked --profile "$profile" --no-run --bench side-by-side --message-format json)
harness=$(printf '%s\n' "$built" | sed -n 's/.*"name":"side-by-side".*"executable":"\([^"]*\)".*/\1/p')
"$harness" upstream 127.0.0.1:4280 &
trap 'kill $!' EXIT
counted() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$harness" layers "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
for layers in none resilience all; do
    few=$(counted "$layers" 50) many=$(counted "$layers" 550)
    each=$(((many - few) / 500))
    [ "$layers" != none ] || bare=$each
    echo "$layers: $each instructions a request, $((100 * 100 * (each - bare) / bare)) hundredths of a percent more"
done
