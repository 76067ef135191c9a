#!/usr/bin/env bash
# Rebuilds dist/, the files that the ficus binary embeds, and records what they were built from.
# Needs Node 20 or newer. `check.sh`, and `cargo test`, tell when dist/ is stale.
set -euo pipefail
cd "$(dirname "$0")"
npm ci --no-audit --no-fund
npm run build
find dist index.html package.json package-lock.json src vite.config.js -type f -print0 |
  LC_ALL=C sort -z | xargs -0 sha256sum > dist.sha256
