# shellcheck shell=sh disable=SC1007,SC2046,SC2154  # run.sh reads it, and has these variables
# Part of run.sh, which sets the variables: a project takes slipring by examples/slipring.wrap, from a repository. The
# codec and the ring alone: the rest was built as a subproject above.
mkdir -p by_wrap/subprojects
cp "$packaging"/consumer/* by_wrap
(cd repository && git init -q && git add -A &&
    git -c user.name=test -c user.email=test -c commit.gpgsign=false commit -qm snapshot)
sed "s#SLIPRING_REPOSITORY#file://$PWD/repository#" "$source/examples/slipring.wrap" \
    >by_wrap/subprojects/slipring.wrap
# No pkg-config file: the installed library is not to be found.
PKG_CONFIG_LIBDIR="$PWD/none" PKG_CONFIG_PATH= CMAKE_PREFIX_PATH= meson setup -Dbuildtype=debug \
    -Dslipring:opencl=disabled by_wrap/build by_wrap
ninja -C by_wrap/build
by_wrap/build/consumer
[ -f by_wrap/subprojects/slipring/subprojects/packagefiles/cli11/meson.build ] || fail "Git ignores the packagefiles"
