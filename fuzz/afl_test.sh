#!/bin/bash
# afl_test.sh SCRATCH TARGET...: builds the targets for AFL++ and lets it run each from its corpus for a moment.
set -eu
here=$(dirname "$(readlink -f "$0")")
scratch=$1
shift
rm -rf "$scratch"
mkdir -p "$scratch"
trap 'rm -rf "$scratch"' EXIT
(CXX=clang++-19 meson setup "$scratch/build" "$here/.." -Dfuzzing_engine=afl -Ddebug=false \
    -Doptimization=0 -Db_lundef=false && ninja --quiet -C "$scratch/build" "${@/#/fuzz/}") >"$scratch/log" 2>&1 ||
    { cat "$scratch/log"; exit 1; }

# A build machine's settings are not AFL's to complain of, and there is no screen.
export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1
for target; do
    seed=$(find "$here/corpus/$target" -type f -size -2k | sort | head -n 1)
    mkdir "$scratch/in"
    cp "$seed" "$scratch/in"
    timeout 60 afl-fuzz -E 2000 -i "$scratch/in" -o "$scratch/out" -- "$scratch/build/fuzz/$target" \
        >"$scratch/log" 2>&1 || { tail -n 40 "$scratch/log"; exit 1; }
    stats=$scratch/out/default/fuzzer_stats
    awk -v target="$target" '{ of[$1] = $3 }
        END { print target, of["execs_done"] " executions", of["edges_found"] " edges", of["saved_crashes"] " crashes"
              exit !(of["execs_done"] >= 2000 && of["edges_found"] > 10 && of["saved_crashes"] == 0) }' "$stats"
    rm -r "$scratch/in" "$scratch/out"
done
