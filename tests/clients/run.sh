#!/usr/bin/env bash
# Subscribes to a Ficus as clients that exist do: npm graphql-ws, graphql-sse in both modes, Apollo Client over WebSocket and over
# multipart responses, urql; and sends SIGTERM while a client listens. Needs Node 20 or newer. FICUS_BIN names a built binary;
# without it cargo builds one.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."

if [[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" != true ]]; then
  echo "Node 20 or newer is needed; this is $(node --version)" >&2
  exit 3
fi
[[ -d "$here/node_modules/graphql-ws" ]] || npm --prefix "$here" ci --no-audit --no-fund >&2
if [[ -z "${FICUS_BIN:-}" ]]; then
  cargo build --quiet --bin ficus
  FICUS_BIN="${CARGO_TARGET_DIR:-target}/debug/ficus"
fi
node "$here/clients.mjs" "$(realpath "$FICUS_BIN")" "${CLIENTS_PORT:-4066}"
