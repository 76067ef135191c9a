#!/usr/bin/env bash
# Delivers webhooks that the senders' own libraries signed (npm standardwebhooks, stripe, @octokit/webhooks-methods) to a Ficus, and
# checks which are taken. Needs Node 20 or newer. FICUS_BIN names a built binary; without it cargo builds one.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."
source tests/support/node.sh
node "$here/senders.mjs" "$(realpath "$FICUS_BIN")" "${SENDERS_PORT:-4064}" "${SENDERS_ADMIN_PORT:-4065}"
