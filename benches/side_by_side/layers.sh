#!/bin/sh
# Counts the instructions that Q1 takes with and without the cache and the guards before the HTTP client, none of which
# serves it: benches/side_by_side/layers.sh
#
# Needs valgrind. What a request takes is what five hundred more take, so the start does not count. PROFILE=dist for
# what is shipped; the release profile builds sooner.
set -eu
cd "$(dirname "$0")/../.."
profile=${PROFILE:-release}
command -v valgrind >/dev/null || { echo "valgrind is missing: install the package valgrind" >&2; exit 3; }
harness=$(benches/build.sh "$profile" side-by-side)
# It ends with this script, however that ends.
setpriv --pdeathsig KILL "$harness" upstream 127.0.0.1:4280 &
counted() {
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$harness" layers "$1" "$2" 2>&1) ||
        { printf '%s\n' "$said" >&2; return 1; }
    printf '%s\n' "$said" | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
for layers in none resilience all off; do
    few=$(counted "$layers" 50)
    many=$(counted "$layers" 550)
    each=$(((many - few) / 500))
    [ "$layers" != none ] || bare=$each
    echo "$layers $each $bare" | awk '{ printf "%s: %d instructions a request, %.1f %% more\n", $1, $2, 100 * ($2 - $3) / $3 }'
done
