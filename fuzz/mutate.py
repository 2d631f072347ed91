"""Mutants that a program makes: mutate.py [--sample N] [--seed S] [--only PART] [--jobs N] [--list] [--json]
                                     [--equivalent]

Changes the sources at one place at a time (mutate_sites.py finds the places, mutate_known.py has what is run against
which file): comparisons, constants by one, statements left out, stores swapped, memory orders weakened. Each mutant
of the sample is built; then the fitting fuzz targets run from nothing for 20 s each, then the fitting tests, until
one stops. First all of these run once without a mutant: what fails then would kill every mutant. Prints a row a
mutant as it is judged, a table of the files, and the survivors, which are the next tests.

Those of equivalent.txt are not run but counted by themselves; --equivalent runs them alone, and none may be killed.

Exit status: 0 of ten that are no equivalents nine were killed, 1 fewer were, 2 it could not be measured."""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import queue
import subprocess
import sys

import mutate_known
import mutate_run
import mutate_sites

COLUMNS = ["fuzzing", "tests", "survived", "equivalent", "does not build"]


def arguments():
    parser = argparse.ArgumentParser(prog="./dev mutate", description="Do targets and tests see arbitrary changes?")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants to judge (default: all)")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="that chooses the sample (default 1)")
    parser.add_argument("--only", default="", metavar="PART", help="files whose path has this part")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="mutants at a time (default 1)")
    parser.add_argument("--list", action="store_true", help="judge nothing: how many there are; with --json: each")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    parser.add_argument("--equivalent", action="store_true", help="judge those of equivalent.txt alone")
    return parser.parse_args()


def sample(sites, size, seed):
    """By their names: a change of the sources changes few of those that are chosen."""
    def rank(site):
        return hashlib.sha256(f"{seed} {site.file} {site.change} {site.source} {site.which}".encode()).digest()

    return sorted(sites, key=rank)[:size]


def print_list(sites):
    names = mutate_sites.OPERATORS
    print(f"{'':<34}" + "".join(f"{name:>12}" for name in names) + f"{'all':>8}")
    by_file = collections.Counter((site.file, site.operator) for site in sites)
    for file in sorted({site.file for site in sites}) + ["all"]:
        own = [by_file[file, name] for name in names]
        if file == "all":
            own = [sum(site.operator == name for site in sites) for name in names]
        print(f"{file:<34}" + "".join(f"{count:>12}" for count in own) + f"{sum(own):>8}")


def healthy(bench, sites):
    """Whether all that is run against these passes without a mutant; says what does not."""
    runs = [mutate_known.fitting(site) for site in sites]
    targets = list(dict.fromkeys(target for fit, _ in runs for target in fit))
    tests = list(dict.fromkeys(test for _, fit in runs for test in fit))
    stopped = [*(bench.fuzz(target) for target in targets), *(bench.test(*test) for test in tests)]
    failed = [by for by in stopped if by]
    for by in failed:
        print(f"mutate: without a mutant, {by} stops: nothing can be measured", file=sys.stderr)
    return not failed


def judge_all(sites, jobs, on_row):
    """A row each, in the order of the sites; None where without a mutant something fails."""
    benches = queue.SimpleQueue()
    first = mutate_run.Bench(0)
    if sites and not healthy(first, sites):
        return None
    for bench in (first, *(mutate_run.Bench(number) for number in range(1, jobs))):
        benches.put(bench)

    def judge(site):
        bench = benches.get()
        try:
            row = bench.judge(site, *mutate_known.fitting(site))
        finally:
            benches.put(bench)
        on_row(row)
        return row

    # Neighbours one after the other: what a mutant compiled, the next one compiles anyway.
    with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
        order = sorted(sites, key=lambda site: (site.file, site.operator == "order", site.begin))
        return list(pool.map(judge, order))


def print_row(row):
    print(f"{row['verdict']:<15}{row['seconds']:>7.1f} s  {row['by'] or '':<26} {row['id']}", flush=True)


def killed_of(rows):
    """(killed, of how many)"""
    killed = sum(row["verdict"] in ("fuzzing", "tests") for row in rows)
    return killed, killed + sum(row["verdict"] == "survived" for row in rows)


def print_table(rows):
    print(f"\n{'killed by, or':<34}" + "".join(f"{column:>16}" for column in COLUMNS) + f"{'killed':>18}")
    for file in sorted({row["file"] for row in rows}) + ["all"]:
        own = [row for row in rows if file in ("all", row["file"])]
        counts = [sum(row["verdict"] == column for row in own) for column in COLUMNS]
        killed, of = killed_of(own)
        share = f"{killed} of {of}" + (f", {100 * killed / of:.0f} %" if of else "")
        print(f"{file:<34}" + "".join(f"{count:>16}" for count in counts) + f"{share:>18}")
    for column in ("survived", "equivalent"):
        for row in (row for row in rows if row["verdict"] == column):
            print(f"\n{column}: {row['id']}\n  {row['change']}\n  | {row['source']}")
            if "reason" in row:
                print(f"  {row['reason']}")


def main():
    options = arguments()
    known = mutate_known.equivalent()
    sites = [site for site in mutate_known.all_sites() if options.only in site.file]
    if options.equivalent:
        sites = [site for site in sites if mutate_known.key(site) in known]
    if options.sample is not None:
        sites = sample(sites, options.sample, options.seed)
    if not sites:
        raise ValueError("there is no such mutant")
    if options.list:
        if options.json:
            listed = [{"id": site.id, "change": site.change, "source": site.source} for site in sites]
            print(json.dumps(listed, indent=1))
        else:
            print_list(sites)
        return 0

    judged = [site for site in sites if options.equivalent or mutate_known.key(site) not in known]
    rows = judge_all(judged, options.jobs, (lambda row: None) if options.json else print_row)
    if rows is None:
        return 2
    if options.equivalent:
        if wrong := [row for row in rows if row["verdict"] in ("fuzzing", "tests")]:
            print("\nno equivalents:\n" + "\n".join(f"{row['id']}  {row['change']}" for row in wrong))
        return 1 if wrong else 0
    rows += [{"id": site.id, "file": site.file, "operator": site.operator, "change": site.change,
              "source": site.source, "verdict": "equivalent", "by": None, "seconds": 0,
              "reason": known[mutate_known.key(site)]} for site in sites if site not in judged]
    print(json.dumps(rows, indent=1)) if options.json else print_table(rows)
    killed, of = killed_of(rows)
    return 0 if 10 * killed >= 9 * of else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, ValueError, mutate_run.DoesNotBuild, subprocess.CalledProcessError) as error:
        print(f"mutate: {error}", file=sys.stderr)
        sys.exit(2)
