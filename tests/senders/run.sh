#!/usr/bin/env bash
# Delivers webhooks that the senders' own libraries signed (npm standardwebhooks, stripe, @octokit/webhooks-methods) to a Ficus, and
# checks which are taken. Needs Node 20 or newer. FICUS_BIN names a built binary; without it cargo builds one.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."

if [[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" != true ]]; then
  echo "Node 20 or newer is needed; this is $(node --version)" >&2
  exit 3
fi
[[ -d "$here/node_modules/standardwebhooks" ]] || npm --prefix "$here" ci --no-audit --no-fund >&2
if [[ -z "${FICUS_BIN:-}" ]]; then
  cargo build --quiet --bin ficus
  FICUS_BIN="${CARGO_TARGET_DIR:-target}/debug/ficus"
fi
node "$here/senders.mjs" "$(realpath "$FICUS_BIN")" "${SENDERS_PORT:-4064}" "${SENDERS_ADMIN_PORT:-4065}"
