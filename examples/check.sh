#!/bin/sh
# check.sh PROGRAM OUTPUT: the program succeeds and prints what OUTPUT holds.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" >"$work/printed"
diff -u "$2" "$work/printed"
