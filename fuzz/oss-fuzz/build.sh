#!/bin/bash -eu
# build.sh [TARGET...]: what OSS-Fuzz and ClusterFuzzLite run, in the folder of the sources: builds every target, or
# those that are named, with the service's compiler, flags and engine ($CC, $CXX, $CFLAGS, $CXXFLAGS,
# $LIB_FUZZING_ENGINE) into $OUT, with its corpus, options and dictionary.
cd "$(dirname "$(readlink -f "$0")")/../.."
build=${WORK:-$(mktemp -d)}/slipring
rm -rf "$build"
meson setup "$build" -Dfuzzing_engine=oss-fuzz -Dbuildtype=plain -Db_lundef=false
[ $# -gt 0 ] || { set -- fuzz/corpus/* && set -- "${@##*/}"; }
ninja --quiet -C "$build" "${@/#/fuzz/}"
for target; do
    corpus=fuzz/corpus/$target
    cp "$build/fuzz/$target" "$OUT/$target"
    (cd "$corpus" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
    # As in ../run.py, on slower machines.
    printf '[libfuzzer]\nlen_control = 0\nentropic = 0\ntimeout = 10\n' >"$OUT/$target.options"
    [ ! -f "fuzz/dictionaries/$target.dict" ] || cp "fuzz/dictionaries/$target.dict" "$OUT/$target.dict"
done
