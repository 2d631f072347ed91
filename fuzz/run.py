"""Runs fuzz targets of a libFuzzer build: run.py BUILD [TARGET...] [--seconds N] [--jobs N] [--merge | --seeds]

What is found goes to fuzz/findings/TARGET-HASH, minimized, with the command that reproduces it. New inputs that are
merely interesting stay under build/corpus/TARGET, where the next run begins, beside the seeds and regressions in
fuzz/corpus. --merge leaves there only what covers more than those do; findings that are mended by then go to
fuzz/corpus as regression-HASH, for ever. --seeds writes the seeds in fuzz/corpus anew: of what seeds.cpp makes the
fewest that reach the same code.

Exit status: 0 nothing was found, 1 something was, 2 it could not run."""
import argparse
import concurrent.futures
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "fuzz" / "corpus"
FINDINGS = ROOT / "fuzz" / "findings"
GROWN = ROOT / "build" / "corpus"
FEWER_THAN = 200  # files in fuzz/corpus: they are part of every clone
# The mutator knows how long an input should be; weighing the corpus by rare features takes longer than running it;
# an input that takes five seconds is a finding, as most take microseconds.
ARGUMENTS = ["-len_control=0", "-entropic=0", "-timeout=5", "-detect_leaks=1"]


def dictionary(target):
    path = ROOT / "fuzz" / "dictionaries" / f"{target}.dict"
    return [f"-dict={path}"] if path.exists() else []


def essence(output):
    """The broken expectation or the sanitizer's report, without the engine's progress and the map of the memory."""
    lines = output.splitlines()
    begins = [i for i, line in enumerate(lines) if any(mark in line for mark in ("expected:", "ERROR:", "error:"))]
    lines = lines[begins[0]:] if begins else lines[-40:]
    ends = [i for i, line in enumerate(lines) if line.startswith(("Shadow bytes", "MS: ", "stat::"))]
    return "\n".join(lines[:ends[0]] if ends else lines)


def file(build, target, crash):
    """Minimizes the input in the file `crash` and files it."""
    program = build / "fuzz" / target
    small = crash.with_name("small")
    subprocess.run([program, "-minimize_crash=1", "-max_total_time=30", f"-exact_artifact_path={small}", *ARGUMENTS,
                    crash], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    best = small if small.exists() else crash
    FINDINGS.mkdir(exist_ok=True)
    kept = FINDINGS / f"{target}-{hashlib.sha1(best.read_bytes()).hexdigest()[:12]}"
    kept.write_bytes(best.read_bytes())
    print(f"\n{target}: a finding of {kept.stat().st_size} bytes. It is reproduced by\n"
          f"    {program.relative_to(ROOT)} {kept.relative_to(ROOT)}", flush=True)


def fuzz(build, target, seconds):
    """True if something was found."""
    program = build / "fuzz" / target
    grown = GROWN / target
    grown.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run([program, *ARGUMENTS, *dictionary(target), f"-max_total_time={seconds}",
                               "-print_final_stats=1", f"-artifact_prefix={scratch}/", grown, CORPUS / target],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              env={"UBSAN_OPTIONS": "print_stacktrace=1", **os.environ})
        crashes = [path for path in Path(scratch).iterdir() if path.is_file()]
        if done.returncode != 0:
            print(f"\n{target}:\n{essence(done.stdout)}", flush=True)
        for crash in crashes:
            file(build, target, crash)
    stats = dict(line[6:].split(":") for line in done.stdout.splitlines() if line.startswith("stat::"))
    executed = stats.get("number_of_executed_units", "?").strip()
    print(f"{target}: {executed} executions, {'FOUND SOMETHING' if done.returncode else 'nothing found'}", flush=True)
    return done.returncode != 0


def refill(folder, source, keeps=lambda path: False):
    """Makes the folder's files those of another, by their hashes, and what it keeps."""
    contents = [path.read_bytes() for path in source.iterdir()]
    for path in folder.iterdir():
        if not keeps(path):
            path.unlink()
    for content in contents:
        (folder / hashlib.sha1(content).hexdigest()[:12]).write_bytes(content)


def is_regression(path):
    return path.name.startswith("regression-")


def run_merge(program, *arguments):
    subprocess.run([program, "-len_control=0", *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def merge(build, target):
    program, corpus, grown = build / "fuzz" / target, CORPUS / target, GROWN / target
    for path in sorted(FINDINGS.glob(f"{target}-*")) if FINDINGS.exists() else []:
        if subprocess.run([program, path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            print(f"{target}: {path.relative_to(ROOT)} is still a finding")
            continue
        path.rename(corpus / f"regression-{path.name.rpartition('-')[2]}")
    grown.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for path in corpus.iterdir():
            (Path(scratch) / f"tree-{path.name}").write_bytes(path.read_bytes())
        run_merge(program, "-merge=1", scratch, grown)  # adds to the first what covers more
        for path in Path(scratch).glob("tree-*"):
            path.unlink()
        refill(grown, Path(scratch))
    print(f"{target}: {len(list(grown.iterdir()))} inputs in {grown.relative_to(ROOT)}", flush=True)


def write_seeds(build, targets):
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([build / "fuzz" / "seeds", made, ROOT / "tests" / "conformance_vectors.txt"], check=True,
                       stdout=subprocess.DEVNULL)
        for target in targets:
            corpus = CORPUS / target
            corpus.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory() as fewest:
                # How often a line runs does not matter here: a run from the seeds finds that out by itself.
                run_merge(build / "fuzz" / target, "-set_cover_merge=1", "-use_counters=0", fewest,
                          Path(made) / target)
                refill(corpus, Path(fewest), keeps=is_regression)
            print(f"{target}: {len(list(corpus.iterdir()))} inputs", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="Run the fuzz targets.")
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("targets", metavar="TARGET", nargs="*", help="these alone (default: all)")
    parser.add_argument("--seconds", type=int, default=60, help="that each target runs (default 60)")
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time (default 1)")
    parser.add_argument("--merge", action="store_true", help="do not fuzz: make the corpora in build/corpus minimal")
    parser.add_argument("--seeds", action="store_true", help="do not fuzz: write the seeds in fuzz/corpus anew")
    options = parser.parse_intermixed_args()
    options.build = options.build.resolve()
    sources = [path.stem for path in (ROOT / "fuzz").glob("*.cpp") if path.stem != "seeds"]
    known = sorted(name for name in sources if (options.build / "fuzz" / name).exists())
    unknown = set(options.targets) - set(known)
    if unknown:
        print(f"dev: there is no target {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        sys.exit(2)
    targets = options.targets or known
    with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
        if options.merge or options.seeds:
            if options.seeds:
                write_seeds(options.build, targets)
            else:
                list(pool.map(lambda target: merge(options.build, target), targets))
            files = sum(path.is_file() for path in CORPUS.rglob("*"))
            print(f"all: {files} files in {CORPUS.relative_to(ROOT)}")
            if files >= FEWER_THAN:
                sys.exit(f"dev: there should be fewer than {FEWER_THAN}")
            return
        found = list(pool.map(lambda target: fuzz(options.build, target, options.seconds), targets))
    sys.exit(1 if any(found) else 0)


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
except (OSError, subprocess.CalledProcessError) as error:
    print(f"dev: {error}", file=sys.stderr)
    sys.exit(2)
