"""Coverage of a clang build with -fprofile-instr-generate -fcoverage-mapping: coverage.py BUILD FUZZ

Grows a corpus from nothing with each target of the libFuzzer build FUZZ, with a fixed seed and number of executions,
into BUILD/corpus; replays these, then runs the unit tests. Prints regions covered, of each file of the project's that
is part of a target: by the targets alone, and with the unit tests; of the files that are in no target, with the unit
tests; then every region that the targets do not reach. Writes pages of all to BUILD/html. Exit status: 0, or 2 if
something could not run."""
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["cl", "include/slipring", "lib", "tools"]
# Of a target; the others are faster.
EXECUTIONS = {"wide": 8_000, "wide_levels": 8_000, "wide_tenants": 4_000, "handlers": 50_000}
OF_OTHERS = 200_000


def tool(name, *arguments):
    return subprocess.run([f"{name}-19", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def collect(build, name, command):
    """Runs the command and merges what its programs wrote into one profile."""
    raw = build / "profiles" / name
    raw.mkdir(parents=True, exist_ok=True)
    for old in raw.iterdir():
        old.unlink()
    environment = {**os.environ, "LLVM_PROFILE_FILE": f"{raw}/%m.%p.profraw"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"coverage: {' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    profile = build / f"{name}.profdata"
    tool("llvm-profdata", "merge", "-sparse", "-o", profile, *raw.iterdir())
    return profile


def grow(fuzz, target, corpus):
    """Makes the folder what the target keeps of its executions, from nothing: the same each time, if addresses are,
    since the engine looks at those too; in some containers they cannot be."""
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    runs = EXECUTIONS.get(target, OF_OTHERS)
    same = ["setarch", "-R"]
    if subprocess.run([*same, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        same = []
    done = subprocess.run([*same, fuzz / "fuzz" / target, f"-runs={runs}", "-seed=1", "-reload=0", "-len_control=0",
                           "-entropic=0", "-timeout=60", f"-artifact_prefix={corpus.parent}/", corpus],
                          capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        sys.exit(f"coverage: {target} stops:\n{done.stderr[-3000:]}")
    print(f"{target}: {len(list(corpus.iterdir()))} inputs", flush=True)


def regions(profile, programs):
    """{file: {region: executions}} of the project's files; a region is (line, column, end line, end column).
    A template is covered where one of its instances is."""
    objects = [argument for program in programs for argument in ("-object", program)]
    data = json.loads(tool("llvm-cov", "export", f"-instr-profile={profile}", *objects))["data"][0]
    found = {}
    for function in data["functions"]:
        for line, column, end_line, end_column, count, file, _, kind in function["regions"]:
            path = Path(function["filenames"][file]).resolve()
            if kind == 0 and any(path.is_relative_to(ROOT / folder) for folder in FOLDERS):  # code, not a gap
                own = found.setdefault(str(path.relative_to(ROOT)), {})
                key = (line, column, end_line, end_column)
                own[key] = max(own.get(key, 0), count)
    return found


def percent(table, files):
    counts = [count for file in files for count in table.get(file, {}).values()]
    covered = sum(count > 0 for count in counts)
    return covered, len(counts), 100 * covered / max(1, len(counts))


def main():
    build, fuzz = (Path(argument).resolve() for argument in sys.argv[1:3])
    targets = sorted(path.name for path in (ROOT / "fuzz" / "corpus").iterdir())
    fuzzers = [build / "fuzz" / target for target in targets]
    for target in targets:
        grow(fuzz, target, build / "corpus" / target)
    replay = " && ".join(f"{build}/fuzz/{target} {build}/corpus/{target}" for target in targets)
    grown = collect(build, "grown", ["sh", "-c", replay])
    tests = collect(build, "tests", ["meson", "test", "-C", build, "--no-rebuild", "--no-suite", "fuzz"])
    everything = build / "everything.profdata"
    tool("llvm-profdata", "merge", "-sparse", "-o", everything, grown, tests)

    programs = fuzzers + sorted(path for path in build.glob("tests/*")
                                if path.is_file() and os.access(path, os.X_OK)) + [build / "libslipring.so"]
    by_targets, by_all = regions(grown, fuzzers), regions(everything, programs)
    print(f"{'':<40}{'fuzz targets':>24}{'and unit tests':>24}")
    for folder in FOLDERS:
        files = sorted(file for file in by_all if file.startswith(folder + "/"))
        for name, listed in [(folder, files)] + [(f"  {file}", [file]) for file in files]:
            cells = "".join(f"{covered:>10} of {total:>4} {share:>5.1f}%" if total else f"{'-':>24}"
                            for covered, total, share in (percent(table, listed) for table in (by_targets, by_all)))
            print(f"{name:<40}{cells}")
    print("\nnot reached by the targets:")
    for file in sorted(by_targets):
        text = (ROOT / file).read_text().splitlines()
        for (line, column, *_), count in sorted(by_targets[file].items()):
            if count == 0:
                print(f"  {file}:{line}:{column}: {text[line - 1].strip()}")
    objects = [argument for program in programs for argument in ("-object", program)]
    tool("llvm-cov", "show", "-format=html", f"-output-dir={build}/html", f"-instr-profile={everything}",
         "-ignore-filename-regex=^/usr/|/(tests|fuzz|build)/", *objects)
    print(f"\npages: {(build / 'html' / 'index.html').relative_to(ROOT)}")


try:
    main()
except (OSError, subprocess.CalledProcessError) as error:
    print(f"coverage: {error} {getattr(error, 'stderr', '')}", file=sys.stderr)
    sys.exit(2)
