#!/bin/sh
# Measures Ficus beside endpoints written by hand and beside others who serve GraphQL over REST:
#   benches/side_by_side/run.sh [ROUNDS] [--seconds S] [--workloads q1,deep] [--contenders "Ficus,Apollo Server"]
#   benches/side_by_side/run.sh growth [--seconds S]        how cost grows, and what a big graph takes to start
#
# Linux with two cores, `taskset` (package util-linux) and cargo. Contenders are pinned to core 0; the load and the upstream share core 1.
# Everything in Rust is built with the profile `dist` (another: PROFILE=release), and only loopback is opened while it is measured.
# Node and npm bring Tailcall, Apollo Server and Hive Gateway (PEERS=no leaves them out); Apollo Router is whatever ROUTER names, or is
# built from its crate with ROUTER=build (an hour on two cores; its licence is Elastic 2.0: it is run as it is, and nothing of
# it is kept here). Who is missing is in the table with a reason. Figures and plots go to target/side-by-side/.
set -eu
cd "$(dirname "$0")/../.."
mode=measure
if [ "${1:-}" = growth ]; then mode=growth; shift; fi
profile=${PROFILE:-dist}
target=${CARGO_TARGET_DIR:-target}
out="$target/side-by-side"
folder="$PWD/benches/side_by_side"
peers="$folder/peers"
mkdir -p "$out"
command -v taskset >/dev/null || { echo "taskset is missing: install the package util-linux" >&2; exit 3; }

# Each sets a command line, or `-` and why there is none.
find_node() {
    PEER_NODE="- Node and npm are missing"
    command -v npm >/dev/null || return 0
    [ "${PEERS:-yes}" = yes ] || { PEER_NODE="- left out with PEERS=no"; return 0; }
    if [ ! -d "$peers/node_modules" ]; then
        (cd "$peers" && npm ci --no-audit --no-fund) || { PEER_NODE="- npm ci failed"; return 0; }
    fi
    (cd "$peers/hive" && node ../node_modules/.bin/mesh-compose -c mesh.config.mjs -o supergraph.graphql) >"$out/compose.log" 2>&1 ||
        { PEER_NODE="- composing failed: compose.log"; return 0; }
    PEER_NODE=$(command -v node)
}

find_tailcall() {
    PEER_TAILCALL="- Node and npm are missing, or left out"
    binary="$peers/node_modules/@tailcallhq/core-linux-x64-gnu/bin/tailcall"
    [ -f "$binary" ] || return 0
    chmod +x "$binary"
    PEER_TAILCALL=$binary
    TAILCALL_TRACKER=false "$binary" --version >"$out/tailcall-version.log" 2>&1 && return 0
    # It wants a newer C library than this system has: one of Debian's next release, in a folder of its own.
    libc="$out/libc"
    if [ ! -d "$libc/root" ]; then
        newer_libc "$libc" >"$out/libc.log" 2>&1 ||
            { PEER_TAILCALL="- needs glibc 2.39, and none could be fetched: libc.log"; return 0; }
    fi
    libraries="$libc/root/usr/lib/x86_64-linux-gnu"
    PEER_TAILCALL="$libraries/ld-linux-x86-64.so.2 --library-path $libraries $binary"
}

newer_libc() {
    mkdir -p "$1/etc" "$1/state/lists/partial" "$1/cache/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" >"$1/etc/sources.list"
    for command in "update -qq" "download libc6 libgcc-s1"; do
        (cd "$1" && apt-get -o Dir::Etc::SourceList="$PWD/etc/sources.list" -o Dir::Etc::SourceParts="$PWD/none" \
            -o Dir::State="$PWD/state" -o Dir::Cache="$PWD/cache" -o Dir::State::status=/dev/null $command)
    done
    for package in "$1"/*.deb; do dpkg-deb -x "$package" "$1/root.new"; done
    mv "$1/root.new" "$1/root"
}

find_router() {
    PEER_ROUTER="- ROUTER names no program; ROUTER=build builds it"
    if [ "${ROUTER:-}" = build ]; then
        ROUTER="$target/reference/bin/router"
        [ -x "$ROUTER" ] || cargo install apollo-router@2.17.0 --locked --root "$target/reference"
    fi
    [ -n "${ROUTER:-}" ] || return 0
    [ -d "$peers/node_modules" ] || { PEER_ROUTER="- npm is needed to compose its supergraph"; return 0; }
    node "$peers/router/compose.mjs" || { PEER_ROUTER="- composing failed"; return 0; }
    PEER_ROUTER=$ROUTER
}

find_node
find_tailcall
find_router
export PEER_NODE PEER_TAILCALL PEER_ROUTER

# A bench target brings the package's binary along, in the same profile.
built=$(cargo bench --locked --profile "$profile" --no-run --bench side-by-side --message-format json)
harness=$(printf '%s\n' "$built" | sed -n 's/.*"name":"side-by-side".*"executable":"\([^"]*\)".*/\1/p')
ulimit -n "$(ulimit -H -n)"
exec taskset -c 1 "$harness" "$mode" "$target/$profile/ficus" "$folder" "$out" "$profile" "$@"
