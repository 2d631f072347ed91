#!/bin/sh
# wraps.sh SOURCE SCRATCH: builds the library, the command and a test with what subprojects/ brings, and nothing of
# that from the system, and runs them. The tarballs come from where the wraps say. Where that cannot be reached, they
# are made of the same headers in Debian's packages: then the wraps' hashes check nothing, and the loader, of which no
# package has the source, is the system's. Exits with 77, which Meson takes for skipped, where neither can be had.
set -eu
source=$1
scratch=$2
packaging=$source/tests/packaging
unset DESTDIR MAKEFLAGS

rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"

fail() {
    echo "wraps: $*" >&2
    exit 1
}
skip() {
    echo "wraps: not tested: $*" >&2
    exit 77
}

"$packaging/snapshot.sh" "$source" tree || skip "this is no Git checkout"

# value NAME KEY: what a wrap says.
value() {
    sed -n "s/^$2 = //p" "tree/subprojects/$1.wrap"
}

# reachable NAME: can its tarball be downloaded?
reachable() {
    python3 - "$(value "$1" source_url)" <<'END' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=20)
END
}

# from_debian NAME PACKAGE FOLDER INTO: a tarball of NAME's folder INTO, with what PACKAGE has in /usr/include/FOLDER.
from_debian() {
    directory=$(value "$1" directory)
    mkdir -p "debian/$1/$directory/$4" tree/subprojects/packagecache
    (cd "debian/$1" && apt-get -q -o APT::Sandbox::User=root download "$2" >/dev/null 2>&1) || return
    dpkg-deb -x "debian/$1/$2"_*.deb "debian/$1/root"
    # Boost has 15,000 files: those that the tests' runner reads are enough.
    if [ "$1" = boost ]; then
        (cd "debian/$1/root/usr/include" && ${CXX:-c++} -std=c++23 -M -I. "$scratch/tree/tests/main.cpp" |
            tr -s ' \\' '\n\n' | grep '^\(\./\)\?boost/' | tar -cf - --files-from=-) |
            tar -C "debian/$1/$directory/$4" -xf - || return
    else
        mv "debian/$1/root/usr/include/$3" "debian/$1/$directory/$4"
    fi
    echo "$directory is made of $2 $(dpkg-deb -f "debian/$1/$2"_*.deb Version)"
    tar -C "debian/$1" -cf "tree/subprojects/packagecache/$directory.tar" "$directory"
    hash=$(sha256sum "tree/subprojects/packagecache/$directory.tar" | cut -d ' ' -f 1)
    sed -i -e "s/^source_hash = .*/source_hash = $hash/" \
        -e "s/^source_filename = .*/source_filename = $directory.tar/" "tree/subprojects/$1.wrap"
}

echo "== the tarballs =="
names=opencl-headers,opencl-clhpp,cli11,nlohmann_json,boost
if reachable opencl-icd-loader; then
    names=$names,opencl-icd-loader
elif command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
    from_debian opencl-headers opencl-c-headers CL . &&
        from_debian opencl-clhpp opencl-clhpp-headers CL include &&
        from_debian cli11 libcli11-dev CLI include &&
        from_debian nlohmann_json nlohmann-json3-dev nlohmann include &&
        from_debian boost "$(apt-cache depends libboost-dev | sed -n 's/.*Depends: //p')" boost . ||
        skip "neither the tarballs nor Debian's packages can be downloaded"
else
    skip "the tarballs cannot be downloaded"
fi

echo "== building with $names =="
mkdir none
# Without pkg-config files and CMake packages of the system. One translation unit a target compiles fastest.
PKG_CONFIG_LIBDIR=$PWD/none PKG_CONFIG_PATH='' meson setup -Dbuildtype=debug -Ddebug=false -Dunity=on \
    -Dunity_size=1000 -Dforce_fallback_for=$names -Dopencl=enabled -Dtools=enabled -Dtests=enabled -Dbench=disabled \
    -Dexamples=disabled -Dfuzz=disabled build tree >configured || { cat configured; fail "it cannot be configured"; }
cat configured
for name in $(echo $names | tr , ' '); do
    [ -d "tree/subprojects/$(value "$name" directory)" ] || fail "$name was not taken"
done
ninja -C build tools/slipring tests/test_version
# The system's headers lie where the compiler looks, and must not have been read all the same.
ninja -C build -t deps >deps
grep -q 'subprojects/.*/CL/cl.h' deps || fail "no dependencies are known"
if grep -E '^ +/usr/(local/)?include/(CL|CLI|nlohmann|boost)/' deps; then fail "headers of the system were used"; fi

echo "== running =="
build/tests/test_version
build/tools/slipring devices
printf 'a needle, and another needle\n' >hay
build/tools/slipring scan --verify -e needle hay >counts || fail "slipring scan"
cat counts
grep -q '\b2\b.*needle' counts || fail "slipring scan counts wrong"
