# Sourced by the scripts that run clients written for Node, from their folder `$here`: sees to Node 20 or newer, the packages of
# `$here/package-lock.json`, and FICUS_BIN, a built binary; without it cargo builds one.

if [[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" != true ]]; then
  echo "Node 20 or newer is needed; this is $(node --version)" >&2
  exit 3
fi
# What npm noted when it had installed all of it.
[[ -f "$here/node_modules/.package-lock.json" ]] || npm --prefix "$here" ci --no-audit --no-fund >&2
if [[ -z "${FICUS_BIN:-}" ]]; then
  cargo build --quiet --locked --bin ficus
  FICUS_BIN="${CARGO_TARGET_DIR:-target}/debug/ficus"
fi
