#!/bin/sh
# The slipring command as a user meets it: what it prints where, and its exit status. usage: cli.sh SLIPRING
# It scans on the device that SLIPRING_TEST_DEVICE names.
set -u
device=${SLIPRING_TEST_DEVICE:-auto}
slipring=$(realpath -- "$1") || exit 1  # Meson gives a path from the build folder
[ -x "$slipring" ] || exit 1
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failed=0
checks=0

fail() {
    failed=$((failed + 1))
    echo "FAIL: $1"
    sed 's/^/  out: /' out
    sed 's/^/  err: /' err
}

# run ARGUMENT...: slipring with the arguments, on the device that is to be tested unless they name one.
run() {
    case "$*" in
        *--device* | *--help* | *\ -d\ *) "$slipring" "$@" ;;
        scan\ * | bench\ *)
            command=$1
            shift
            "$slipring" "$command" --device "$device" "$@"
            ;;
        *) "$slipring" "$@" ;;
    esac
}

# status N ARGUMENT...: runs slipring with the arguments; it must end with status N.
status() {
    expected=$1
    shift
    checks=$((checks + 1))
    what="slipring $*"
    run "$@" >out 2>err </dev/null
    got=$?
    [ "$got" = "$expected" ] || fail "$what: status $got and not $expected"
}

# says FILE PATTERN: what the last run wrote to FILE matches.
says() {
    checks=$((checks + 1))
    grep -Eq -e "$2" "$1" || fail "$what: no '$2' in $1"
}

# field EXPRESSION: an expression about the JSON object `o` that the last run printed; it must hold.
field() {
    checks=$((checks + 1))
    python3 -c "import json; o = json.load(open('out', encoding='utf-8')); assert $1, o" 2>>err ||
        fail "$what: not $1"
}

mkdir -p tree/sub/empty
printf 'abababa\nfoo foobar\n' >tree/one
printf 'foo' >tree/sub/two
printf 'bar' >tree/sub/three
printf 'a\000b\377foo\000' >tree/binary
: >tree/nothing

# ---- what is counted ----
counts='{p["pattern"]: p["matches"] for p in o["patterns"]}'
status 0 scan --json -e aba -e ba -e foo -e oo -e foobar -e foo tree
field 'o["matches"] == 3 + 5 + 4 + 4 + 1 and o["files"] == 5 and o["bytes"] == 33 and o["errors"] == 0'
field "$counts == {'aba': 3, 'ba': 5, 'foo': 4, 'oo': 4, 'foobar': 1}"
field '1 <= o["slots"] == o["windows"] <= o["readers"]'
field 'o["residency"] in ("persistent", "per_launch") and o["device"]'
field 'set(o["window_round_trip_us"]) == {"p50", "p90", "p99", "p999"}'
status 0 scan --json --verify --chunk 2 -e aba -e foobar tree tree/one
field 'o["matches"] == 8 and o["verify"]["same"] and o["verify"]["matches"] == 8 and o["slots"] > 20'
status 0 scan --json --verify --threads 3 --chunk 8 -e aba -e foobar tree tree/one
field 'o["matches"] == 8 and o["verify"]["same"] and 1 <= o["readers"] <= 3'
status 0 scan -e foo tree
says out '^4 matches; 1 of 1 patterns occur'
says out '5 files'
says out 'p99\.9'
status 1 scan -e absent tree
says out '^0 matches'
status 1 scan -e foo tree/sub/empty

# ---- patterns ----
printf 'foo\nbar' >patterns
status 0 scan --json -f patterns -e -x tree/one
field "$counts == {'-x': 0, 'foo': 2, 'bar': 1}"
printf 'foo\n\nbar\n' >with_empty
status 2 scan -f with_empty tree
says err 'with_empty, line 2: an empty pattern'
status 2 scan -f nowhere tree
says err 'nowhere: No such file'
status 2 scan -f tree tree
says err '^slipring: tree: '
: >none
status 2 scan -f none tree
says err 'no pattern'
status 2 scan tree
says err 'no pattern: give -e PATTERN'
status 2 scan -e '' tree
says err 'empty'
status 0 scan --json -e "$(printf 'b\377f')" tree
field 'o["matches"] == 1'

# Patterns that differ look different, also where they are no UTF-8; those that are keep their name.
printf '\377\n\376\nfo\303\nfoo\n\303\251\n' >bytes
status 0 scan --json -f bytes tree
field '({p["pattern_hex"]: p["matches"] for p in o["patterns"] if len(p) == 2 and "pattern_hex" in p} ==
        {"ff": 1, "fe": 0, "666fc3": 0})'
field '({p["pattern"]: p["matches"] for p in o["patterns"] if len(p) == 2 and "pattern" in p} ==
        {"foo": 4, "\u00e9": 0})'

# ---- paths ----
status 2 scan -e foo
status 2 scan -e foo nowhere
says err '^slipring: nowhere: No such file'
status 2 scan --json -e foo nowhere tree
field 'o["matches"] == 4 and o["errors"] == 1'
ln -s one tree/link
ln -s sub tree/linked
ln -s nowhere tree/dangling
mkfifo tree/pipe
status 0 scan --json -e foo tree
field 'o["matches"] == 4 and o["files"] == 5'
status 0 scan --json -e foo tree/link tree/linked
field 'o["matches"] == 3 and o["files"] == 3'
status 2 scan -e foo tree/dangling
if [ "$(id -u)" != 0 ]; then
    chmod 0 tree/sub/two
    status 2 scan --json -e foo tree
    says err 'tree/sub/two: Permission denied'
    field 'o["matches"] == 3'
    chmod 0 tree/sub
    status 2 scan --json -e foo tree
    says err 'tree/sub: Permission denied'
    chmod 755 tree/sub
    chmod 644 tree/sub/two
fi
if [ -r /proc/self/mem ]; then
    status 2 scan --json -e foo /proc/self/mem tree/one
    says err '^slipring: /proc/self/mem: '
    field 'o["matches"] == 2 and o["errors"] == 1'
fi

# ---- standard input, which cannot be read twice ----
checks=$((checks + 1))
what='scan -'
printf 'foofoo' | run scan --json --verify -e foo - >out 2>err || fail "$what: status $?"
field 'o["matches"] == 2 and o["verify"]["same"]'
printf 'xfoo' | run scan --json --verify -e foo - tree/pipe tree/one >out 2>err &
scanning=$!
timeout 60 sh -c 'printf foo >tree/pipe'  # it opens when somebody reads
what='scan of a named pipe'
checks=$((checks + 1))
wait "$scanning" || fail "$what: status $?"
field 'o["matches"] == 4 and o["files"] == 3 and o["verify"]["same"]'

# ---- where they are ----
# lists 'SCAN ARGUMENTS' GREP_ARGUMENT...: prints what grep prints, where no two matches overlap.
lists() {
    arguments=$1
    shift
    # shellcheck disable=SC2086
    status 0 scan --list $arguments
    checks=$((checks + 1))
    LC_ALL=C grep -aobF "$@" | LC_ALL=C sort >expected
    LC_ALL=C sort out | cmp -s - expected || fail "scan --list $arguments"
}
lists '-e foo -e bar tree' -r -e foo -e bar tree
lists '-e foo -e bar tree/sub/two tree/binary' -H -e foo -e bar tree/sub/two tree/binary
lists '-e foo tree/sub/two' -h -e foo tree/sub/two
lists '-e foo --chunk 2 tree' -r -e foo tree
status 0 scan --list -e a -e aba -e ba tree/one
checks=$((checks + 1))
printf '%s\n' 0:aba 0:a 1:ba 2:aba 2:a 3:ba 4:aba 4:a 5:ba 6:a 15:ba 16:a >expected
cmp -s expected out || fail "the order of --list: $(cat out)"
# Two files of some megabytes, in parts that several threads read: each in its order, and the first one first.
python3 -c "
import random
random.seed(5)
for name in 'large', 'larger':
    with open(name, 'wb') as f:
        for i in range(40 if name == 'larger' else 20):
            f.write(random.randbytes(1 << 20) + b'needle')"
LC_ALL=C grep -aobF needle larger large | sed 's/.* //' >expected
status 0 scan --list --threads 3 -e needle larger large
checks=$((checks + 1))
cmp -s out expected || fail "scan --list of large files: $(diff out expected | head -4)"
# Matches at the border of two parts, of which the later part has the one that begins first.
python3 -c "
with open('large', 'wb') as f:
    f.write(bytes((8 << 20) - 4) + b'foobarfoo' + bytes(9 << 20) + b'foo')"
status 0 scan --list --threads 3 -e foobarf -e oob -e foo -e ba large
checks=$((checks + 1))
printf '%s\n' 8388604:foobarf 8388604:foo 8388605:oob 8388607:ba 8388610:foo 17825797:foo >expected
cmp -s out expected || fail "scan --list at the border of parts: $(cat out)"
rm large larger
status 2 scan --list --json -e foo tree
status 2 scan --list --compare -e foo tree

# ---- the ring beside launches ----
status 0 scan --json --compare -e foo tree
field 'o["compare"]["same"] and 1 <= o["compare"]["chunks"] <= 5 and o["compare"]["bytes"] >= 33'
field 'all(o["compare"][k]["launch_us"] > 0 for k in ("chunk", "task", "all_chunks"))'
status 0 scan --compare -e foo tree
says out 'tiny task .* ring +[0-9.]+ us +launch +[0-9.]+ us'

# ---- devices, help, usage ----
status 2 scan --device 'no such device' -e foo tree
says err 'no OpenCL device of that name'
status 0 devices
says out 'mode +(persistent|per_launch)'
says out 'why '
status 0 devices --json
field 'any(d["usable"] and d["residency"] in ("persistent", "per_launch") and d["why"] for d in o["devices"])'
field 'all(d["memory"] in ("none", "svm", "nv_host", "mirrored", "bus_window") for d in o["devices"])'
field 'all(d["groups"] >= 0 and d["lanes"] >= 0 and d["probe_round_trip_us"] >= 0 for d in o["devices"])'
field 'all(set(a) == {"memory", "answered", "outcome", "took_us"} for d in o["devices"] for a in d["attempts"])'
# No platform at all: the loader is shown an empty folder.
checks=$((checks + 2))
what='devices without a platform'
OCL_ICD_FILENAMES='' OCL_ICD_VENDORS="$dir/tree/sub/empty/" "$slipring" devices --json >out 2>err
got=$?
[ "$got" = 2 ] || fail "$what: status $got"
says err 'install'
field 'o["devices"] == [] and o["error"]'
OCL_ICD_FILENAMES='' OCL_ICD_VENDORS="$dir/tree/sub/empty/" "$slipring" scan -e foo tree >out 2>err
got=$?
what='scan without a platform'
[ "$got" = 2 ] || fail "$what: status $got"
says err 'install'
status 0 --help
says out 'scan'
status 0 scan --help
says out 'Exit status'
status 0 --version
says out '^slipring [0-9]'
status 2
status 2 fly
says err '^slipring: there is no subcommand fly; there are: scan, devices'
status 2 scn
says err '^slipring: there is no subcommand scn; did you mean scan\?$'
status 2 device --json
says err 'did you mean devices\?'
status 2 scan --chunk 0 -e foo tree
status 2 scan --threads 0 -e foo tree
status 2 scan --no-such-option -e foo tree

# ---- standard output that takes nothing ----
# full ARGUMENT...: what cannot be printed is an error of its own.
full() {
    checks=$((checks + 2))
    what="slipring $* >/dev/full"
    : >out
    run "$@" >/dev/full 2>err </dev/null
    got=$?
    [ "$got" = 2 ] || fail "$what: status $got"
    says err '^slipring: standard output: (No space left on device|could not be written)$'
}
if [ -w /dev/full ]; then
    full scan -e foo tree
    full scan --json -e foo tree
    full scan -e absent tree
    full devices
    full devices --json
    full --help
    full scan --help
    full --version
fi

# ---- bench ----
if "$slipring" --help | grep -qE '^ +bench\b'; then  # it may have been built without
    status 0 bench --only device --seconds 0.1 --commit here --json --svg plot.svg
    field 'o["machine"]["commit"] == "here" and o["round_trip_us"]["samples"] > 0'
    checks=$((checks + 1))
    python3 -c 'import xml.dom.minidom as x; assert x.parse("plot.svg").getElementsByTagName("path")' 2>err ||
        fail "$what: no picture"
    status 2 bench --only device --seconds 0.1 --svg nowhere/plot.svg
    says err '^slipring: nowhere/plot.svg: No such file'
    status 2 bench --only device --device 'no such device'
    status 2 bench --only device -d 'no such device'
    says err 'no OpenCL device of that name'
    status 2 bench --only device --memory paper
    says err 'memory'
    status 0 bench --only device --memory mirrored --seconds 0.1 --json
    field 'o["memory"] == "mirrored"'
    status 0 bench --only codec --seconds 0.1 --json
    status 0 bench --only coexistence --seconds 0.1
    says out 'same context, busy'
    status 2 bench --only coexistence -d 'no such device'
    status 0 bench --only prefetch --seconds 0.1
    says out 'by windows'
    status 2 bench --only prefetch -d 'no such device'
    [ ! -w /dev/full ] || full bench --only codec --seconds 0.1
fi

# ---- Ctrl-C while it waits for input: ends of the signal, and says nothing on standard output ----
# (A shell's background job ignores SIGINT; python starts one that does not.)
checks=$((checks + 1))
what='Ctrl-C'
python3 - "$slipring" >out 2>err <<'PYTHON' || fail "$what"
import signal, subprocess, sys, time
scan = subprocess.Popen([sys.argv[1], "scan", "-e", "foo", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
# The first byte is taken once the scan reads; only then does it catch the signal.
scan.stdin.write(b"f" * 2000000)
scan.stdin.flush()
for attempt in range(50):
    time.sleep(0.2)
    scan.send_signal(signal.SIGINT)
    try:
        scan.wait(timeout=2)
        break
    except subprocess.TimeoutExpired:
        pass  # it came just before the read began: a second one ends that
out = scan.stdout.read()
assert scan.returncode == -signal.SIGINT, scan.returncode
assert out == b"", out
PYTHON

echo "$checks checks, $failed failed"
[ "$failed" = 0 ]
