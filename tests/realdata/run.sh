#!/usr/bin/env bash
# The real-data test: a graph over the data of npm's jsonplaceholder, served by npm's json-server, compared field by
# field with what the REST API says. Needs Node 18 or newer; fails, and says so, without it.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "tests/realdata: node and npm are needed (Debian, Ubuntu: apt-get install nodejs npm)" >&2
  exit 1
fi
npm ci --ignore-scripts --no-audit --no-fund --silent

# The name is given in full and the count is checked: a test that was renamed away would pass by not running.
output=$(cargo test --locked --test it realdata:: -- --ignored 2>&1) || { echo "$output"; exit 1; }
echo "$output"
grep -Eq '^test result: ok\. [1-9][0-9]* passed' <<<"$output" || { echo "tests/realdata: no test ran" >&2; exit 1; }
