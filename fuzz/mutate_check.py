"""Checks what `./dev mutate` makes, without building any of it: that it finds in a text what it should and nothing
else; that there are enough mutants, each with a name of its own; that whatever is to be run exists; and that each
equivalent still names a mutant. Exit status: 0, or 1 with a line for each thing that is wrong."""
import sys

import mutate_known
import mutate_sites

ROOT = mutate_known.ROOT
ENOUGH = 1000

TEXT = r'''
#define SR_SOME_LIMIT 4u /* 1 < 2 */
#define SR_HAS_LEFT 1
#ifdef __NV_CL_C_VERSION
int other(int a) { return a < 3; }
#else
// a < b; "1"
template <class T> struct Pair { int first = 0; };
static_assert(sizeof(int) == 4);
void run(const Pair<int>& pair, unsigned* slot, const char* text) {
    const unsigned value = get(slot, "a == 7");
    if (value <= 2u) return;
    slot[2] = value;
    sr_store_release(slot, value);
    Policy::at(RingStep::published);
    for (unsigned i = 0; i < value; ++i) text += i;
    word.store(value, std::memory_order_release);
}
#endif
'''
EXPECTED = """
2 constant+1 `4u` -> `5u`
2 constant-1 `4u` -> `3u`
8 constant+1 `0` -> `1`
12 drop `if (value <= 2u) return;`
12 boundary `<=` -> `<`
12 negate `<=` -> `>`
12 constant+1 `2u` -> `3u`
12 constant-1 `2u` -> `1u`
12 drop `return;`
13 drop `slot[2] = value;`
13 swap `slot[2] = value; sr_store_release(slot, value);` -> `sr_store_release(slot, value); slot[2] = value;`
13 constant+1 `2` -> `3`
13 constant-1 `2` -> `1`
14 drop `sr_store_release(slot, value);`
14 order `sr_store_release` -> `sr_store`
16 constant+1 `0` -> `1`
16 boundary `<` -> `<=`
16 negate `<` -> `>=`
16 drop `text += i;`
17 drop `word.store(value, std::memory_order_release);`
17 order `std::memory_order_release` -> `std::memory_order_relaxed`
"""


def wrong():
    found = [f"{site.line} {site.change}" for site in mutate_sites.sites("text", TEXT)]
    expected = EXPECTED.strip().splitlines()
    yield from (f"not found in the text: {line}" for line in expected if line not in found)
    yield from (f"found in the text, and should not be: {line}" for line in found if line not in expected)

    sites = mutate_known.all_sites()
    if len(sites) < ENOUGH:
        yield f"there are {len(sites)} mutants, and should be {ENOUGH}"
    ids = [site.id for site in sites]
    if len(set(ids)) < len(ids):
        yield "two mutants have the same name"
    for pattern, targets, tests in mutate_known.FITTING:
        if not any(site for site in sites if mutate_known.first_that_fits([(pattern, "")], site.file)):
            yield f"{pattern}: no file has a mutant"
        if not targets and not tests:
            yield f"{pattern}: nothing is run against it"
    named = [("fuzz", name) for _, targets, _ in mutate_known.FITTING for name in targets.split()]
    named += [("tests", name) for _, *_, tests in mutate_known.FITTING + mutate_known.ORDERINGS
              for name in tests.split()]
    yield from (f"there is no {folder}/{name}.cpp" for folder, name in named
                if not (ROOT / folder / f"{name}.cpp").exists())

    keys = {mutate_known.key(site) for site in sites}
    yield from (f"equivalent.txt: no such mutant: {file}: {change} #{which}\n  | {source}"
                for file, change, source, which in mutate_known.equivalent().keys() - keys)


try:
    lines = list(wrong())
except ValueError as error:
    lines = [str(error)]
print("\n".join(lines), end="\n" if lines else "")
sys.exit(1 if lines else 0)
