#!/bin/bash
# test.sh TARGET...: runs build.sh with the environment that the services give it, then each target from its seeds.
set -eu
here=$(dirname "$(readlink -f "$0")")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/out" "$scratch/work"
flags='-O1 -fno-omit-frame-pointer -gline-tables-only -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
       -fsanitize=address -fsanitize-address-use-after-scope -fsanitize=fuzzer-no-link'
flags=$(echo $flags)
CC=clang-19 CXX=clang++-19 CFLAGS=$flags CXXFLAGS=$flags LIB_FUZZING_ENGINE=-fsanitize=fuzzer SANITIZER=address \
    OUT=$scratch/out WORK=$scratch/work bash "$here/build.sh" "$@" >"$scratch/log" 2>&1 ||
    { cat "$scratch/log"; exit 1; }

made=0
for target; do
    mkdir "$scratch/seeds" "$scratch/new"
    unzip -q "$scratch/out/${target}_seed_corpus.zip" -d "$scratch/seeds"
    dictionary=$scratch/out/$target.dict
    options=(-runs=5000 -seed=1 -len_control=0 -timeout=20)
    [ ! -f "$dictionary" ] || options+=("-dict=$dictionary")
    # As the services do: nothing but what lies in $OUT, in another folder.
    (cd "$scratch/new" && "$scratch/out/$target" "${options[@]}" . ../seeds) >"$scratch/log" 2>&1 ||
        { cat "$scratch/log"; exit 1; }
    rm -r "$scratch/seeds" "$scratch/new"
    made=$((made + 1))
done
echo "$made targets"
[ "$made" -gt 0 ]
