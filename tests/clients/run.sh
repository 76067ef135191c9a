#!/usr/bin/env bash
# Subscribes to a Ficus as clients that exist do: npm graphql-ws, graphql-sse in both modes, Apollo Client over WebSocket and over
# multipart responses, urql; and sends SIGTERM while a client listens. Needs Node 20 or newer. FICUS_BIN names a built binary;
# without it cargo builds one.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cd "$here/../.."
source tests/support/node.sh
node "$here/clients.mjs" "$(realpath "$FICUS_BIN")" "${CLIENTS_PORT:-4066}"
