#!/usr/bin/env bash
# Runs the 61 audits of npm graphql-http against a Ficus in the conformance profile (all must pass) and in the hardened
# profile (the misses must be those that audit.mjs lists). Needs Node 20 or newer. FICUS_BIN names a built binary; without
# it cargo builds one. With a folder as argument, both tables are also written there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."
out="${1:-}"
source tests/support/node.sh

server=
trap '[[ -z "$server" ]] || kill "$server" 2>/dev/null || true' EXIT

audit() { # profile port
  local url="http://127.0.0.1:$2"
  "$FICUS_BIN" serve --schema "$here/schema" --connectors "$here/connectors" --config "$here/$1.yaml" --listen "127.0.0.1:$2" >&2 &
  server=$!
  for _ in $(seq 100); do
    curl --silent --fail --output /dev/null "$url/health/ready" && break
    kill -0 "$server" || { echo "ficus ended before it was ready" >&2; exit 3; }
    sleep 0.1
  done
  local status=0
  if [[ -n "$out" ]]; then
    node "$here/audit.mjs" "$url/graphql" "$1" | tee "$out/$1.md" || status=1
  else
    node "$here/audit.mjs" "$url/graphql" "$1" || status=1
  fi
  kill "$server"
  wait "$server" || true
  server=
  return "$status"
}

failed=0
audit conformance "${CONFORMANCE_PORT:-4061}" || failed=1
audit hardened "${HARDENED_PORT:-4062}" || failed=1
exit "$failed"
