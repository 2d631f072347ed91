#!/bin/sh
# run.sh SOURCE SCRATCH OPENCL: builds and runs the consumer project in every way that the README promises.
# OPENCL is "enabled" or "disabled". Compilers and pkg-config come from the environment, as for any Meson project.
set -eu
source=$1
scratch=$2
opencl=$3
packaging=$source/tests/packaging
: "${CXX:=c++}"
unset DESTDIR MAKEFLAGS

rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"

fail() {
    echo "packaging: $*" >&2
    exit 1
}

echo "== as a subproject =="
prefix=$scratch/prefix
mkdir -p in_tree/subprojects
cp "$packaging"/consumer/* in_tree
ln -s "$source" in_tree/subprojects/slipring
# Debug compiles fastest. Both libraries, from one compilation: static is for the end of this. The library is one
# translation unit, and the project has no exceptions: those configurations are tested here as well.
meson setup --prefix "$prefix" --libdir lib -Dbuildtype=debug -Dslipring:buildtype=debug -Ddefault_library=both \
    -Dunity=subprojects -Dunity_size=1000 -Dcpp_eh=none -Dslipring:opencl="$opencl" in_tree/build in_tree \
    >configured ||
    { cat configured; exit 1; }
cat configured
# What it looked for, without where.
sed -n -e 's/(.*)//' -e '/\(found\|header\|Checking\).*: \(YES\|NO\)/p' configured >looked_for
grep -q threads looked_for || fail "the log of the configuration is another than this test reads"
if grep -iE 'cli11|nlohmann|boost|benchmark|queue|git' looked_for; then
    fail "a subproject looks for what it does not build"
fi
if [ "$opencl" = disabled ] && grep -iE 'opencl|CL/' looked_for; then fail "it looks for what is disabled"; fi
ninja -C in_tree/build
in_tree/build/consumer
# "targets all" lists every file that the build can make.
if ninja -C in_tree/build -t targets all | grep -E '^subprojects/slipring/(tests|tools|bench|examples|fuzz)/'; then
    fail "a subproject built more than the library"
fi

echo "== by a wrap file =="
if "$packaging/snapshot.sh" "$source" repository; then
    . "$packaging/by_wrap.sh"
else
    echo "not tested: the source is no Git checkout"
fi

echo "== installed =="
meson install --no-rebuild -C in_tree/build
PKG_CONFIG_PATH=$prefix/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
LD_LIBRARY_PATH=$prefix/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export PKG_CONFIG_PATH LD_LIBRARY_PATH

cp -R "$packaging/consumer" by_meson  # no subprojects folder: only the installed library can be found
meson setup by_meson/build by_meson
ninja -C by_meson/build
by_meson/build/consumer

# Unquoted below: lists of flags.
flags=$(pkg-config --cflags slipring)
runtime=
if [ "$opencl" = enabled ]; then runtime=-DWITH_RUNTIME; fi
shared=$(pkg-config --libs slipring)
static=$(pkg-config --static --libs slipring | sed 's/-lslipring/-l:libslipring.a/')
$CXX $flags $runtime "$packaging/consumer/main.cpp" $shared -o by_hand
./by_hand
$CXX $flags $runtime "$packaging/consumer/main.cpp" $static -o by_hand_static
LD_LIBRARY_PATH='' ./by_hand_static

echo "== by CMake =="
if command -v cmake >/dev/null; then
    . "$packaging/by_cmake.sh"
else
    echo "not tested: there is no cmake"
fi

echo "== the version =="
. "$packaging/version.sh"

echo "== the library's symbols: its own alone =="
nm -DC --defined-only "$prefix/lib/libslipring.so" >symbols
grep -q ' slipring::encode(' symbols || fail "the shared library shows no symbols"
if grep -Ev '^[0-9a-f]+ [A-Za-z] slipring::' symbols; then fail "the shared library shows more than slipring's"; fi
nm -C --defined-only "$prefix/lib/libslipring.a" >symbols
if grep -E ' cl::' symbols; then fail "the static library has OpenCL bindings that a program may replace"; fi
if [ "$opencl" = enabled ]; then
    # Unoptimised: then the program's bindings are functions that a linker might take for the library's, too.
    mkdir no_platform
    for library in shared static; do
        [ "$library" = shared ] && linked=$shared || linked=$static
        $CXX $flags -O0 "$packaging/exceptions.cpp" $linked -lOpenCL -o exceptions
        ./exceptions build || fail "a program with exceptions in its bindings, $library"
        OCL_ICD_FILENAMES='' OCL_ICD_VENDORS="$PWD/no_platform/" ./exceptions platform ||
            fail "the same without a platform, $library"
    done
fi

echo "== the headers, all of them and nothing else =="
for header in "$prefix"/include/slipring/*.hpp "$prefix/include/slipring/abi.h"; do
    printf '#include <slipring/%s>\n' "${header##*/}"
done >all.cpp
$CXX $flags -Wall -Wextra -Wconversion -Wshadow -Werror -fsyntax-only all.cpp ||
    fail "the installed headers do not compile"

echo "== a handler can be checked before a device does =="
if command -v clang-19 >/dev/null; then
    check="clang-19 -x cl -cl-std=CL1.2 -I$prefix/include -include slipring/handler.h -Werror -fsyntax-only"
    echo 'uint f(sr_args a, uint* r) { *r = (uint)sr_arg64(a, 0); return SR_CODE_OK; }' >f.cl
    $check f.cl || fail "handler.h does not compile by itself"
    echo 'uint f(sr_args a) { return a.words[0]; }' >f.cl
    if $check f.cl 2>refusal; then fail "a wrong handler passes"; fi
fi

echo "== an older C++ is refused, by one error =="
# What a program writes behind the header adds no error of its own. abi.h is C.
stop='fatal error.*see_the_error_above'
for old in "$CXX $flags -std=c++20" "clang++-19 $flags -std=c++17"; do
    command -v ${old%% *} >/dev/null || continue
    for header in "$prefix"/include/slipring/*.hpp; do
        printf '#include <slipring/%s>\nstd::expected<int, slipring::Errc> f();\n' "${header##*/}" >old.cpp
        if $old -fsyntax-only old.cpp 2>refusal; then fail "$old compiles ${header##*/}"; fi
        errors=$(grep 'error:' refusal | grep -vc "$stop") || true
        [ "$errors" = 1 ] && grep -q 'error:.*slipring wants C++23' refusal ||
            { cat refusal; fail "$old ${header##*/}: not one clear error"; }
    done
done

echo "== another machine is refused =="
refused='64-bit little-endian Linux'
for machine in -U__linux__ '-U__SIZEOF_POINTER__ -D__SIZEOF_POINTER__=4' '-U__BYTE_ORDER__ -D__BYTE_ORDER__=4321'; do
    if $CXX $flags $machine -w -fsyntax-only all.cpp 2>refusal; then fail "the headers compile with $machine"; fi
    grep -q "error.*$refused" refusal || fail "no clear refusal with $machine"
done
if CXX="$CXX -U__linux__" meson setup refused "$source" >refusal; then fail "configured for another one"; fi
grep -q "ERROR:.*$refused" refusal || fail "no clear refusal when another machine is configured for"

echo "== no header is missing =="
for header in "$source"/include/slipring/*.hpp; do
    case ${header##*/} in
        awaitable.hpp | completion_queue.hpp | device.hpp | diagnosis.hpp | event_fd.hpp | fleet.hpp | opencl.hpp | \
            options.hpp | result.hpp | runtime.hpp | timeout.hpp)
            [ "$opencl" = enabled ] || continue ;;
    esac
    [ -f "$prefix/include/slipring/${header##*/}" ] || fail "${header##*/} is not installed"
done
