"""Coverage of a clang build with -fprofile-instr-generate -fcoverage-mapping: coverage.py BUILD

Replays the fuzz corpora, then runs the unit tests. Prints regions covered, of each file of the project's that is part
of a target: by the corpora alone, and with the unit tests; of the files that are in no target, with the unit tests;
then every region that the corpora do not reach. Writes pages of all to BUILD/html. Exit status: 0,
or 2 if something could not run."""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["cl", "include/slipring", "lib", "tools"]


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
    build = Path(sys.argv[1]).resolve()
    targets = sorted(path.name for path in (ROOT / "fuzz" / "corpus").iterdir())
    fuzzers = [build / "fuzz" / target for target in targets]
    replay = " && ".join(f"{build}/fuzz/{target} {ROOT}/fuzz/corpus/{target}" for target in targets)
    corpora = collect(build, "corpora", ["sh", "-c", replay])
    tests = collect(build, "tests", ["meson", "test", "-C", build, "--no-rebuild", "--no-suite", "fuzz"])
    everything = build / "everything.profdata"
    tool("llvm-profdata", "merge", "-sparse", "-o", everything, corpora, tests)

    programs = fuzzers + sorted(path for path in build.glob("tests/*")
                                if path.is_file() and os.access(path, os.X_OK)) + [build / "libslipring.so"]
    by_corpora, by_all = regions(corpora, fuzzers), regions(everything, programs)
    print(f"{'':<40}{'fuzz corpora':>24}{'and unit tests':>24}")
    for folder in FOLDERS:
        files = sorted(file for file in by_all if file.startswith(folder + "/"))
        for name, listed in [(folder, files)] + [(f"  {file}", [file]) for file in files]:
            cells = "".join(f"{covered:>10} of {total:>4} {share:>5.1f}%" if total else f"{'-':>24}"
                            for covered, total, share in (percent(table, listed) for table in (by_corpora, by_all)))
            print(f"{name:<40}{cells}")
    print("\nnot reached by the corpora:")
    for file in sorted(by_corpora):
        text = (ROOT / file).read_text().splitlines()
        for (line, column, *_), count in sorted(by_corpora[file].items()):
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
