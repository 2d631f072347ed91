# shellcheck shell=sh disable=SC1007,SC2046,SC2154  # run.sh reads it, and has these variables
# Part of run.sh, which sets the variables: find_package(slipring), as the README promises it.
# cmake_consumer NAME OPTION...: configures by_cmake/NAME for the library in $tree, builds and runs it.
tree=$prefix
cmake_consumer() {
    folder=by_cmake/$1
    shift
    CXX=$CXX cmake -S "$packaging/cmake_consumer" -B "$folder" -DCMAKE_PREFIX_PATH="$tree" "$@" \
        -DCONSUMER_SOURCE="$packaging/consumer/main.cpp" >cmake.log 2>&1 &&
        cmake --build "$folder" --verbose >>cmake.log 2>&1 || { cat cmake.log; return 1; }
    LD_LIBRARY_PATH= "$folder/consumer"
}
cmake_consumer shared || fail "CMake, with the shared library"
readelf -d by_cmake/shared/consumer | grep -q 'NEEDED.*libslipring' || fail "CMake linked no shared library"
cmake_consumer static -DLIBRARY=slipring::static || fail "CMake, with the static library"
if readelf -d by_cmake/static/consumer | grep 'NEEDED.*libslipring'; then
    fail "CMake linked the shared library for the static one"
fi

# Nothing in it knows where it was installed.
tree=$scratch/moved
mv "$prefix" "$tree"
cmake_consumer moved || fail "CMake, with an installed tree that was moved"
mv "$tree" "$prefix"
if grep -F "$prefix" "$prefix"/lib/cmake/slipring/*; then fail "the CMake package holds absolute paths"; fi

# refuses WORDS LINE: find_package with LINE fails, and says WORDS.
refuses() {
    printf 'cmake_minimum_required(VERSION 3.20)\nproject(refused LANGUAGES CXX)\n%s\n' "$2" >asking/CMakeLists.txt
    if cmake -S asking -B by_cmake/asking -DCMAKE_PREFIX_PATH="$prefix" >cmake.log 2>&1; then
        fail "CMake takes $2"
    fi
    tr -s ' \n' '  ' <cmake.log | grep -q "$1" || { cat cmake.log; fail "no clear refusal of $2"; }
}
mkdir asking
refuses 'compatible with requested version' 'find_package(slipring 0.2 REQUIRED)'
refuses 'compatible with requested version' 'find_package(slipring 0.0.9 REQUIRED)'
refuses 'without its component nonsense' 'find_package(slipring REQUIRED COMPONENTS nonsense)'
if [ "$opencl" = disabled ]; then
    refuses 'without its component runtime' 'find_package(slipring REQUIRED COMPONENTS runtime)'
fi
