# shellcheck shell=sh disable=SC1007,SC2046,SC2154  # run.sh reads it, and has these variables
# Part of run.sh, which sets the variables: the version in the headers, in the library, and in its SONAME.
version=$(pkg-config --modversion slipring)
$CXX $flags "$packaging/version.cpp" $(pkg-config --libs slipring) -o version
[ "$(./version)" = "$version $version" ] || fail "the version is $(./version), and not $version"
# Headers of another one: the library still says which it is.
mkdir -p other/slipring
sed 's/\(SLIPRING_VERSION_STRING\) .*/\1 "0.0.7"/' "$prefix/include/slipring/version.hpp" >other/slipring/version.hpp
$CXX -Iother $flags "$packaging/version.cpp" $(pkg-config --libs slipring) -o version
[ "$(./version)" = "0.0.7 $version" ] || fail "the headers and the library are the same one: $(./version)"
# The SONAME is 0.MINOR before 1.0, and MAJOR from then on: see version.hpp.
case $version in
    0.*) soname=libslipring.so.${version%.*} ;;
    *) soname=libslipring.so.${version%%.*} ;;
esac
readelf -d "$prefix/lib/libslipring.so" | grep SONAME | grep -qF "[$soname]" || fail "the SONAME is not $soname"
readelf -d by_hand | grep NEEDED | grep -qF "[$soname]" || fail "a program does not ask for $soname"
