#!/usr/bin/env bash
# Checks every schema of a clone of https://github.com/apollographql/connectors-community, each by itself, and says of each
# what came of it. The schemas that hold a mistake of their own stand in known.txt with the reason; any other error fails.
#
#   tests/community/run.sh DIR
#
# FICUS names the binary; by default it is built.
set -euo pipefail
if [ $# -ne 1 ] || [ ! -d "$1" ]; then
  echo "usage: tests/community/run.sh DIR, a clone of https://github.com/apollographql/connectors-community" >&2
  exit 2
fi
clone=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
if [ -z "${FICUS:-}" ]; then
  cargo build --locked --bin ficus
  FICUS="${CARGO_TARGET_DIR:-target}/debug/ficus"
fi
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

fine=0 mistaken=0 unexpected=0
while IFS= read -r path; do
  rm -rf "$folder/schema"
  mkdir "$folder/schema"
  cp "$clone/$path" "$folder/schema/"
  status=0
  "$FICUS" check --schema "$folder/schema" --connectors "$folder/none" >"$folder/out" 2>&1 || status=$?
  codes=$(sed -n 's/^error\[\([A-Z_0-9]*\)\].*/\1/p' "$folder/out" | sort -u | paste -sd, -)
  known=$(awk -v path="$path" '$1 == path { $1 = ""; print substr($0, 2) }' tests/community/known.txt)
  if [ "$status" -eq 0 ]; then
    echo "fine      $path"
    fine=$((fine + 1))
  elif [ "$status" -eq 1 ] && [ -n "$codes" ] && [ "$codes" = "${known%% *}" ]; then
    echo "mistaken  $path: $known"
    mistaken=$((mistaken + 1))
  else
    echo "UNEXPECTED $path: exit status $status, ${codes:-no code}"
    sed 's/^/    /' "$folder/out"
    unexpected=$((unexpected + 1))
  fi
done < <(cd "$clone" && find . -name '*.graphql' -not -path './.git/*' | sed 's|^\./||' | LC_ALL=C sort)
echo "$fine fine, $mistaken with a mistake of their own, $unexpected unexpected"
[ "$unexpected" -eq 0 ] && [ "$fine" -gt 0 ]
