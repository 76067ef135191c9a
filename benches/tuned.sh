#!/bin/sh
# Builds a bench target and `ficus` as benches/build.sh does, tuned by what runs in them: benches/tuned.sh [PROFILE] [NAME]
#
# Both are built to count what runs, run once under every workload of side_by_side, and built again by the counts (profile-guided
# optimisation): what runs often comes to stand together, and what never runs apart. That takes three times as long as building. The
# program is target/tuned/built/PROFILE/ficus then. Counts are kept: remove target/tuned to count anew.
#
# Needs what side_by_side/run.sh needs, and llvm-profdata (`rustup component add llvm-tools`, or Debian's llvm-19; PROFDATA names
# another).
set -eu
cd "$(dirname "$0")/.."
profile=${1:-dist}
name=${2:-side-by-side}
mkdir -p "${CARGO_TARGET_DIR:-target}/tuned"
tuned=$(cd "${CARGO_TARGET_DIR:-target}/tuned" && pwd)

# Merges what was counted, with the first llvm-profdata that reads what this rustc writes.
merge() {
    own=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/llvm-profdata
    for known in "${PROFDATA:-}" "$own" llvm-profdata-22 llvm-profdata-21 llvm-profdata-20 llvm-profdata-19 llvm-profdata; do
        if [ -n "$known" ] && "$known" merge -o "$tuned/counts" "$tuned/seen" >>"$tuned/counting.log" 2>&1; then return; fi
    done
    tail -5 "$tuned/counting.log" >&2
    echo "no llvm-profdata reads what was counted: rustup component add llvm-tools" >&2
    exit 3
}

if [ ! -f "$tuned/counts" ]; then
    seen=$(CARGO_TARGET_DIR=$tuned/counting RUSTFLAGS="-Cprofile-generate=$tuned/seen" benches/build.sh "$profile" side-by-side)
    # What its build scripts and macros ran is of no interest.
    rm -rf "$tuned/seen"
    (
        ulimit -n "$(ulimit -H -n)"
        for peer in APOLLO_SERVER HIVE TAILCALL ROUTER; do export "PEER_$peer=- not tuned"; done
        taskset -c 1 "$seen" measure "$tuned" "$profile" 1 --seconds 2 --contenders "hand-written,async-graphql,Ficus"
    ) >"$tuned/counting.log" 2>&1 || { tail -5 "$tuned/counting.log" >&2; exit 1; }
    merge
fi
CARGO_TARGET_DIR=$tuned/built RUSTFLAGS="-Cprofile-use=$tuned/counts" benches/build.sh "$profile" "$name"
