#!/bin/sh
# Measures Ficus beside endpoints written by hand and beside others who serve GraphQL over REST:
#   benches/side_by_side/run.sh [ROUNDS] [--seconds S] [--workloads q1,deep] [--contenders "Ficus,Apollo Server"]
#   benches/side_by_side/run.sh growth [ROUNDS] [--seconds S]    how cost grows, and what a big graph takes to start
#
# Linux with two cores, `taskset` and `setpriv` (package util-linux) and cargo. Contenders are pinned to core 0; the load and the
# upstream share core 1. Everything in Rust is built with the profile `dist` (another: PROFILE=release), with TUNED=yes by
# benches/tuned.sh, and only loopback is opened while it is measured.
# Node and npm bring Tailcall, Apollo Server and Hive Gateway (PEERS=no leaves out all that need them); Apollo Router is whatever
# ROUTER names, or is built from its crate with ROUTER=build (an hour on two cores; its licence is Elastic 2.0: it is run as it is,
# and nothing of it is kept here). Who is missing is in the table with a reason. Figures and plots go to target/side-by-side/.
set -eu
cd "$(dirname "$0")/../.."
mode=measure
if [ "${1:-}" = growth ]; then mode=growth; shift; fi
profile=${PROFILE:-dist}
target=${CARGO_TARGET_DIR:-target}
out="$target/side-by-side"
peers=benches/side_by_side/peers
mkdir -p "$out"
out=$(cd "$out" && pwd)
for tool in taskset setpriv; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: install the package util-linux" >&2; exit 3; }
done

# Says why the packages from npm are not there; nothing if they are.
missing_packages() {
    [ "${PEERS:-yes}" = yes ] || { echo "left out with PEERS=no"; return; }
    command -v npm >/dev/null || { echo "Node and npm are missing"; return; }
    # npm writes this file when all is installed.
    [ "$peers/node_modules/.package-lock.json" -nt "$peers/package-lock.json" ] ||
        (cd "$peers" && npm ci --no-audit --no-fund) >&2 || echo "npm ci failed"
}

# Makes what a peer serves of what is written: composed PEER COMMAND…, run in its folder.
composed() {
    (cd "$peers/$1" && shift && "$@") >"$out/$1-compose.log" 2>&1 || { echo "- composing failed: $1-compose.log"; return 1; }
}

# Each says how a peer is started: its command line, or `-` and why there is none.
apollo_server() {
    command -v node
}

hive() {
    composed hive node ../node_modules/.bin/mesh-compose -c mesh.config.mjs -o supergraph.graphql || return 0
    command -v node
}

tailcall() {
    composed tailcall node compose.mjs || return 0
    binary="$peers/node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"
    [ -f "$binary" ] || { echo "- its package has no program for this system"; return; }
    chmod +x "$binary"
    if TAILCALL_TRACKER=false "$binary" --version >"$out/tailcall-version.log" 2>&1; then
        echo "$binary"
        return
    fi
    # It wants a newer C library than this system has: one of Debian's next release, in a folder of its own.
    libc="$out/libc"
    [ -d "$libc/root" ] || newer_libc "$libc" >"$out/libc.log" 2>&1 ||
        { echo "- needs glibc 2.39, and none could be fetched: libc.log"; return; }
    libraries="$libc/root/usr/lib/x86_64-linux-gnu"
    echo "$libraries/ld-linux-x86-64.so.2 --library-path $libraries $binary"
}

newer_libc() {
    mkdir -p "$1/etc" "$1/state/lists/partial" "$1/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >"$1/etc/sources.list"
    for command in "update -qq" "download libc6 libgcc-s1"; do
        (cd "$1" && apt-get -o Dir::Etc::SourceList="$PWD/etc/sources.list" -o Dir::Etc::SourceParts="$PWD/none" \
            -o Dir::State="$PWD/state" -o Dir::Cache="$PWD/cache" -o Dir::State::status=/dev/null $command) || return 1
    done
    for package in "$1"/*.deb; do dpkg-deb -x "$package" "$1/root.new" || return 1; done
    mv "$1/root.new" "$1/root"
}

router() {
    binary=${ROUTER:-}
    [ -n "$binary" ] || { echo "- ROUTER names no program; ROUTER=build builds it"; return; }
    composed router node compose.mjs || return 0
    if [ "$binary" = build ]; then
        binary="$target/reference/bin/router"
        [ -x "$binary" ] || cargo install apollo-router@2.17.0 --locked --root "$target/reference" >&2 ||
            { echo "- building it failed"; return; }
    fi
    echo "$binary"
}

missing=$(missing_packages)
found() {
    if [ -n "$missing" ]; then echo "- $missing"; else "$1"; fi
}
PEER_APOLLO_SERVER=$(found apollo_server)
PEER_HIVE=$(found hive)
PEER_TAILCALL=$(found tailcall)
PEER_ROUTER=$(found router)
export PEER_APOLLO_SERVER PEER_HIVE PEER_TAILCALL PEER_ROUTER

build=build
[ "${TUNED:-no}" = no ] || build=tuned
harness=$("benches/$build.sh" "$profile" side-by-side)
ulimit -n "$(ulimit -H -n)"
exec taskset -c 1 "$harness" "$mode" "$out" "$profile" "$@"
