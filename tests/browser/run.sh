#!/usr/bin/env bash
# Looks at the demo's playground and admin graph with a real browser: see check.mjs. Needs Node 20 or newer and Chromium
# (Debian: apt-get install chromium), and the demo's ports. FICUS_BIN names a built binary; without it cargo builds one.
# With a file as argument, a picture of the playground is kept there.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
out="${1:+$(realpath -m "$1")}"
cd "$here/../.."
source tests/support/node.sh

"$FICUS_BIN" demo >&2 &
demo=$!
trap 'kill "$demo" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  curl --silent --fail --output /dev/null http://127.0.0.1:4000/health/ready && break
  kill -0 "$demo" || { echo "the demo ended before it was ready" >&2; exit 3; }
  sleep 0.1
done
node "$here/check.mjs" http://127.0.0.1:4000 http://127.0.0.1:4001 $out
