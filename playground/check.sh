#!/usr/bin/env bash
# Says whether dist/ is what build.sh made of the sources at hand; needs no Node. Exit status 1 when it is stale.
set -euo pipefail
cd "$(dirname "$0")"
sha256sum --check --quiet dist.sha256 || { echo "playground/dist is stale: run playground/build.sh" >&2; exit 1; }
