#!/bin/sh
# smoke.sh TARGET CORPUS RUNS: a short run of a libFuzzer target from its corpus, the same one every time where
# addresses can be the same: the engine looks at those, too. In some containers they cannot.
set -eu
scratch=$(mktemp -d) # new inputs go here, and away
trap 'rm -rf "$scratch"' EXIT
same=
! setarch -R true 2>/dev/null || same='setarch -R'
$same "$1" -runs="$3" -seed=1 -reload=0 -len_control=0 -entropic=0 -timeout=20 -print_final_stats=1 \
    -artifact_prefix="$scratch/" "$scratch" "$2" || { cat "$scratch"/crash-* | base64; exit 1; }
