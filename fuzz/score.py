"""Measures the fuzz targets: score.py [--json] [--bugs N,N...] [--runs R]

Applies each patch of mutants/ by itself to a copy of the sources, builds it, then runs the targets that ought to see
the bug, on one core, from an empty corpus and from the seeds, until one does or its time is up. Prints a row a bug:
whether the bug's place was reached, whether it made a difference there (triggered), both as mutant.h tells, whether a
target stopped (detected), which, and after how many seconds, the start of the program included: the median of R runs
(1) with different seeds. Then each target's executions a second of processor time without a bug. Compiling for the
next bug goes on meanwhile, on another core.

Exit status: 0 every bug was detected both ways, 1 some were not, 2 it could not be measured."""
import argparse
import json
import os
import queue
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import mutants

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build" / "score" / "tree"
BUILD = ROOT / "build" / "score" / "build"
CORPUS = ROOT / "fuzz" / "corpus"
LIMIT = 20  # seconds a target has
SPEED = 6  # seconds of a speed measurement
# Those of run.py, and as little else as can be.
ARGUMENTS = ["-len_control=0", "-entropic=0", "-timeout=5", "-reload=0", "-print_final_stats=1"]


def build(bug, targets, to):
    """The targets with that bug (None: without any), as files in the folder `to`."""
    if bug and (wrong := mutants.apply(bug, TREE)):
        raise OSError(wrong)
    subprocess.run(["ninja", "--quiet", "-j1", "-C", BUILD, *(f"fuzz/{t}" for t in targets)], check=True,
                   stdout=subprocess.DEVNULL)
    for target in targets:
        shutil.copy(BUILD / "fuzz" / target, Path(to) / f"{bug['id'] if bug else 0}-{target}")
    if bug:
        mutants.apply(bug, TREE, "--reverse")


def set_up():
    """A copy of the sources as they are, and a build folder for it."""
    mutants.copy_to(TREE)
    if not (BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, TREE, "-Dfuzzing_engine=libfuzzer", "-Db_sanitize=address,undefined",
                        "-Db_lundef=false", "-Ddebug=false", "-Doptimization=1",
                        f"-Dcpp_args=['-include', '{TREE / 'fuzz' / 'mutant.h'}']"],
                       check=True, env={"CXX": "clang++-19", **os.environ}, stdout=subprocess.DEVNULL)


def run(program, corpora, seed, seconds):
    """One run of a target: its output, whether it stopped for a finding, and how long it took."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "corpus").mkdir()
        begin = time.monotonic()
        done = subprocess.run([program, *ARGUMENTS, f"-seed={seed}", f"-max_total_time={seconds}",
                               f"-artifact_prefix={scratch}/", f"{scratch}/corpus", *corpora],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        return done.stderr, done.returncode != 0, time.monotonic() - begin


def measure(bug, folder, origin, runs):
    """A row of the table: the first target that sees the bug, or the last that does not."""
    row = {"id": bug["id"], "what": bug["what"], "reached": False, "triggered": False, "detected": False,
           "target": None, "seconds": None, "from": origin}
    for target in bug["targets"]:
        seconds = []
        for seed in range(1, runs + 1):
            corpora = [CORPUS / target] if origin == "seeds" else []
            output, detected, took = run(Path(folder) / f"{bug['id']}-{target}", corpora, seed, LIMIT)
            row["reached"] |= "mutant: reached" in output
            row["triggered"] |= "mutant: triggered" in output
            if not detected:
                break
            seconds.append(took)
        if len(seconds) == runs:
            return row | {"detected": True, "target": target, "seconds": round(statistics.median(seconds), 2)}
    return row


def speed(program, target):
    def spent():  # by the processes that have ended: nothing is compiled any more
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    begin = spent()
    output, detected, _ = run(program, [CORPUS / target], 1, SPEED)
    executed = re.search(r"number_of_executed_units: *(\d+)", output)
    if detected or not executed:
        sys.exit(f"score: {target} stops without a bug:\n{output}")
    return {"target": target, "executions_per_second": round(int(executed[1]) / (spent() - begin))}


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz-score", description="Measure the targets with known bugs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--bugs", type=lambda text: {int(n) for n in text.split(",")}, help="these alone, as 1,2,3")
    parser.add_argument("--runs", type=int, default=1, help="runs from which a median is taken")
    options = parser.parse_args()
    known = mutants.read()
    bugs = [bug for bug in known if not options.bugs or bug["id"] in options.bugs]
    targets = sorted({target for bug in known for target in bug["targets"]})

    with tempfile.TemporaryDirectory() as folder:
        ready = queue.Queue(maxsize=4)

        def compile_all():
            try:
                set_up()
                for bug in bugs:
                    build(bug, bug["targets"], folder)
                    ready.put(bug)
                build(None, targets, folder)
                ready.put(None)
            except (subprocess.CalledProcessError, OSError) as error:
                ready.put(error)

        threading.Thread(target=compile_all, daemon=True).start()
        rows = []
        while bug := ready.get():
            if isinstance(bug, Exception):
                sys.exit(f"score: it does not build: {bug}")
            for origin in ("empty", "seeds"):
                rows.append(measure(bug, folder, origin, options.runs))
                if not options.json:
                    print_row(rows[-1])
            for target in bug["targets"]:
                (Path(folder) / f"{bug['id']}-{target}").unlink()
        speeds = [speed(Path(folder) / f"0-{target}", target) for target in targets]

    found = {origin: [row["seconds"] for row in rows if row["detected"] and row["from"] == origin]
             for origin in ("empty", "seeds")}
    if options.json:
        print(json.dumps({"bugs": rows, "targets": speeds}, indent=1))
    else:
        for origin, seconds in found.items():
            if seconds:
                print(f"from {origin}: {len(seconds)} of {len(bugs)} detected, "
                      f"median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s")
        for row in speeds:
            print(f"{row['target']:<14}{row['executions_per_second']:>10,} executions a second")
    sys.exit(0 if all(row["detected"] for row in rows) else 1)


def print_row(row, header=[f"{'bug':>3}  from   reached  triggered  detected  seconds  target        what"]):
    if header:
        print(header.pop(), flush=True)
    mark = {True: "yes", False: "-"}
    seconds = "" if row["seconds"] is None else f"{row['seconds']:.2f}"
    print(f"{row['id']:>3}  {row['from']:<6} {mark[row['reached']]:<8} {mark[row['triggered']]:<10} "
          f"{mark[row['detected']]:<9} {seconds:>7}  {row['target'] or '':<13} {row['what']}", flush=True)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
