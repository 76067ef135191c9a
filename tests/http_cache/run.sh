#!/usr/bin/env bash
# Runs the suite `http-cache-tests` against the connector cache, mounted as a bare reverse proxy (examples/caching_proxy.rs),
# and prints how many tests of each kind pass and which required ones do not. The last output is kept in last-run.txt.
set -euo pipefail
cd "$(dirname "$0")/../.."

modules=target/http_cache
npm install --silent --no-audit --no-fund --prefix "$modules" http-cache-tests@0.4.5
cargo build --quiet --locked --example caching_proxy
proxy="${CARGO_TARGET_DIR:-target}/debug/examples/caching_proxy"

# Two free ports of loopback.
read -r origin front < <(node -e '
  const net = require("net");
  const free = () => new Promise(done => { const s = net.createServer().listen(0, "127.0.0.1", () => done(s)); });
  Promise.all([free(), free()]).then(servers => {
    console.log(servers.map(s => s.address().port).join(" "));
    servers.forEach(s => s.close());
  });')
suite="$PWD/$modules/node_modules/http-cache-tests"
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$scratch"' EXIT
(cd "$suite" && exec env npm_config_protocol=http npm_config_port="$origin" npm_config_pidfile="$scratch/pid" \
  node server/server.mjs) >"$scratch/server.log" 2>&1 &
"$proxy" "127.0.0.1:$front" "http://127.0.0.1:$origin" &
for port in "$origin" "$front"; do
  timeout 20 bash -c "until (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; do :; done"
done
(cd "$suite" && npm_config_base="http://127.0.0.1:$front" npm_package_config_id="" node --no-warnings cli.mjs) >"$scratch/results.json"
node tests/http_cache/score.mjs "$suite" "$scratch/results.json" | tee tests/http_cache/last-run.txt
