#!/bin/sh
# readme.sh README SOURCE PROGRAM: the README's program is SOURCE, in at most 30 lines, and it prints what the README
# says.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What stands in the first block of a language.
block() {
    awk -v open="\`\`\`$1" '$0 == "```" && inside { exit } inside { print } $0 == open { inside = 1 }' "$2"
}

block cpp "$1" >"$work/source"
diff -u "$work/source" "$2"
test "$(wc -l <"$2")" -le 30

block text "$1" >"$work/output"
"$3" >"$work/printed"
diff -u "$work/output" "$work/printed"
