#!/bin/bash
# Fuzzes:
#   fuzz/run.sh [SECONDS] [TARGET...]     each target for so many seconds of CPU (default 3600, all four)
#   fuzz/run.sh minimise [TARGET...]      then keeps of what was found a corpus that reaches the same code
#
# Needs cargo-fuzz and a nightly toolchain (FUZZ_TOOLCHAIN; `stable` does with RUSTC_BOOTSTRAP=1). No sanitizer: Ficus forbids
# `unsafe`, so what there is to find are panics, overflows, hangs, floods of memory, and broken promises of the targets.
# What each target reached stands in fuzz/last-run.txt. A finding ends the run with its input in fuzz/artifacts. A run that is
# broken off goes on where it was, as long as the same commit is checked out.
set -euo pipefail
cd "$(dirname "$0")/.."
built=${CARGO_TARGET_DIR:-fuzz/target}
work=$built/corpus
mode=${1:-3600}
shift || true
targets=("$@")
((${#targets[@]})) || targets=(mapping template connectors schema)
cargo "+${FUZZ_TOOLCHAIN:-nightly}" fuzz build --sanitizer none --fuzz-dir fuzz --target-dir "$built"
binary() { echo "$built/x86_64-unknown-linux-gnu/release/$1"; }
flags() { echo "-dict=fuzz/dictionaries/$1.dict -max_len=16384 -timeout=20 -rss_limit_mb=2048 -artifact_prefix=fuzz/artifacts/$1/"; }

if [[ $mode == minimise ]]; then
    for target in "${targets[@]}"; do
        small=$(mktemp -d)
        # shellcheck disable=SC2046 # the flags are words
        "$(binary "$target")" $(flags "$target") -merge=1 "$small" "fuzz/corpus/$target" "$work/$target" 2>/dev/null
        rm -r "fuzz/corpus/$target"
        # Small inputs first, up to half a megabyte a target: what is left out is found again soon.
        mkdir -p "fuzz/corpus/$target"
        bytes=0
        while read -r size path; do
            bytes=$((bytes + size))
            ((bytes > 500000)) && break
            cp "$path" "fuzz/corpus/$target/"
        done < <(find "$small" -type f -printf '%s %p\n' | sort -n)
        rm -r "$small"
    done
    exit
fi

mkdir -p "$work/results"
commit=$(git rev-parse HEAD)
for target in "${targets[@]}"; do
    mkdir -p "$work/$target" "fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=$work/results/$target.log
    # Only time on a processor counts, so that a busy machine does not shorten the run; libFuzzer measures by the clock.
    used=0 executions=0 state=$work/results/$target.state
    read -r of used executions 2>/dev/null <"$state" || of=
    [[ $of == "$commit" ]] || used=0 executions=0
    while ((used < mode)); do
        chunk=$((mode - used < 300 ? mode - used : 300))
        TIMEFORMAT='%U %S'
        status=0
        # shellcheck disable=SC2046
        time=$({ time "$(binary "$target")" $(flags "$target") -max_total_time="$chunk" -print_final_stats=1 \
            "$work/$target" "fuzz/corpus/$target" >"$log" 2>&1; } 2>&1) || status=$?
        used=$(awk -v used="$used" '{ print int(used + $1 + $2 + 0.5) }' <<<"$time")
        executions=$((executions + $(awk '/number_of_executed_units/ { print $2 }' "$log" || echo 0)))
        if ((status)); then
            rm -f "$state"
            tail -40 "$log"
            echo "$target: a finding after $used CPU seconds" >&2
            exit 1
        fi
        echo "$commit $used $executions" >"$state"
    done
    coverage=$(grep -o 'cov: [0-9]* ft: [0-9]* corp: [0-9/KMGb]*' "$log" | tail -1)
    echo "$target: $used CPU seconds, $executions executions, $coverage, no finding ($(git rev-parse --short HEAD))" |
        tee "$work/results/$target.txt"
done
cat "$work"/results/*.txt >fuzz/last-run.txt
