#!/bin/sh
# build.sh FOLDER: the site, in FOLDER/html. Fails at the first warning, and where the pages lack what they are for.
set -eu
cd -- "$(dirname -- "$(readlink -f -- "$0")")/.."
out=$1
[ -n "${out##/*}" ] && out=$OLDPWD/$out

fail() {
    echo "docs: $*" >&2
    exit 1
}

rm -rf "$out"
mkdir -p "$out"
{
    cat docs/Doxyfile
    echo "OUTPUT_DIRECTORY = \"$out\""
} | doxygen - || fail "doxygen has something to say, see above"

# What the filter is for: descriptions that are plain comments in the headers.
text_of() {
    tr '\n' ' ' <"$out/html/$1" | sed 's/<[^>]*>//g; s/  */ /g'
}
has() {
    text_of "$1" | grep -qF -- "$2" || fail "$1 lacks: $2"
}
has classslipring_1_1Runtime.html 'publish()'
has classslipring_1_1Runtime.html 'Where the shape is 1 x 1'
has classslipring_1_1Runtime.html 'Waits for every slot of the ticket'
has classslipring_1_1Fleet.html 'a device that is slow or busy gets fewer'
has structslipring_1_1Options.html 'How long an idle kernel keeps polling'
has structslipring_1_1DeviceInfo.html 'a word to the running kernel and back'
has structsr__buffers.html "custom operation's buffers"

# Every page of the guide is in the navigation.
for page in docs/guide/*.md; do
    [ "${page##*/}" = README.md ] && continue
    title=$(sed -n '1s/^# //p' "$page")
    [ -n "$title" ] || fail "$page does not begin with its title"
    grep -qF -- "\"$title\"" "$out"/html/navtreedata.js || fail "$page is not in the navigation"
    grep -qF -- "$page" docs/Doxyfile || fail "$page is not in docs/Doxyfile"
done
echo "$out/html/index.html"
