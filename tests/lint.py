"""Checks that the tree obeys its style, a line for each defect: lint.py BUILD [--fix] [--quick]

BUILD: a build folder of Meson's, with the sources that are generated there, for clang-tidy.
--fix: formats first, and ends lines and files as they should end.  --quick: without clang-tidy.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
from pathlib import Path

CXX = {".cpp", ".hpp", ".h", ".cl"}
COLUMNS = 118
# What other programs write, or read byte by byte.
NOT_OURS = re.compile(r"^fuzz/corpus/|^tests/conformance_vectors\.txt|\.(json|svg)$")
# A context line of a patch begins with a space, also where it is empty; prose and tables are not filled.
NO_COLUMNS, TRAILING = {".md", ".patch"}, {".patch"}
# Each concept has one name. These were others.
OTHER_NAMES = {"clerk": "retirer", "desk": "scheduler state", "crew": "team"}
# The rule for commits is as old as this one.
RULED_SINCE = "6aa1645b"

defects = 0


def defect(where, what):
    global defects
    defects += 1
    print(f"{where}: {what}", flush=True)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def our_files():
    names = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True, text=True).stdout.split("\0")
    return [Path(name) for name in names if name and not NOT_OURS.search(name) and Path(name).is_file()]


def is_a(kind, file):
    """Whether a file is a script of this kind: its name says so, or its first line."""
    if file.suffix:
        return file.suffix == {"bash": ".sh", "python3": ".py"}[kind]
    first = file.read_text(encoding="utf-8").split("\n", 1)[0]
    return first.startswith("#!") and kind in first


def lines_and_ends(file, fix):
    text = file.read_bytes().decode("utf-8")
    if fix:
        ended = text if file.suffix in TRAILING else re.sub(r"[ \t\r]+$", "", text, flags=re.MULTILINE)
        ended = ended.rstrip("\n") + "\n"
        if ended != text:
            file.write_bytes(ended.encode("utf-8"))
        text = ended
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            defect(f"{file}:{number}", "a tab")
        if line != line.rstrip() and file.suffix not in TRAILING:
            defect(f"{file}:{number}", "white space at the end of the line")
        if len(line) > COLUMNS and file.suffix not in NO_COLUMNS:
            defect(f"{file}:{number}", f"{len(line)} columns, more than {COLUMNS}")
    if not text.endswith("\n") or text.endswith("\n\n"):
        defect(file, "does not end in one newline")


def formatting(file, fix):
    made = run("clang-format-19", str(file))
    text = file.read_text(encoding="utf-8")
    if made.returncode:
        defect(file, made.stderr.strip())
    elif fix and made.stdout != text:
        file.write_text(made.stdout, encoding="utf-8")
    elif made.stdout != text:
        pairs = enumerate(zip(text.split("\n"), made.stdout.split("\n")), 1)
        number = next((number for number, (here, there) in pairs if here != there), 1)
        defect(f"{file}:{number}", "not as clang-format makes it: ./dev lint --fix")


def names(file):
    if file == Path(__file__).resolve().relative_to(Path.cwd()) or file.suffix == ".md":
        return
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
        for word in re.findall(r"[a-z]+", line.lower()):
            if word in OTHER_NAMES:
                defect(f"{file}:{number}", f"{word}: its name is {OTHER_NAMES[word]}")


def links(file):
    text = re.sub(r"^```.*?^```", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        target = link.split("#")[0]
        if target and not re.match(r"[a-z]+:", link) and not (file.parent / target).exists():
            defect(file, f"links to {link}, which is not there")


def scripts(files):
    for kind, command in {"bash": ["shellcheck", "-S", "warning", "-f", "gcc"], "python3": ["pyflakes3"]}.items():
        told = run(*command, *(str(file) for file in files if is_a(kind, file)))
        # On standard error: what is no Python at all, with the line itself behind.
        lines = re.findall(r"^(\S+:\d+):(?:\d+:)? ?(.*)$", told.stdout + told.stderr, re.MULTILINE)
        for where, what in lines:
            defect(where, what)
        if told.returncode and not lines:
            defect(command[0], told.stderr.strip() or f"ended with status {told.returncode}")


def commits():
    log = ["git", "log", "--no-merges", "--format=%h%x00%s%x00%b%x01"]
    told = run(*log, f"{RULED_SINCE}..HEAD")
    if told.returncode:  # a clone without its history
        told = run(*log, "-1")
    for commit in told.stdout.split("\x01")[:-1]:
        name, subject, body = commit.strip("\n").split("\0")
        if len(subject) > 72:
            defect(name, f"a subject of {len(subject)} characters, more than 72: {subject}")
        if not body.strip():
            defect(name, f"no body that says why: {subject}")


def tidy(build):
    database = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    sources = {(Path(entry["directory"]) / entry["file"]).resolve() for entry in database}
    ours = sorted(source for source in sources if build.resolve() not in source.parents)
    ours.sort(key=lambda source: source.stat().st_size, reverse=True)
    command = ["clang-tidy-19", "-p", str(build), "--quiet", "--warnings-as-errors=*"]
    told = set()  # what is wrong with a header is told with each source that includes it
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, result in zip(ours, pool.map(lambda source: run(*command, str(source)), ours)):
            text = result.stdout.replace(",-warnings-as-errors]", "]")
            lines = re.findall(r"^(\S.*?:\d+):\d+: (?:error|warning): (.*)$", text, re.MULTILINE)
            for where, what in dict.fromkeys(lines):
                if (where, what) not in told:
                    told.add((where, what))
                    defect(os.path.relpath(build / where), what)
            if result.returncode and not lines:
                defect(os.path.relpath(source), (result.stdout + result.stderr).strip())


def main(arguments):
    build, *options = arguments
    if not set(options) <= {"--fix", "--quick"}:
        sys.exit(__doc__)
    files = our_files()
    for file in files:
        if file.suffix in CXX:
            formatting(file, "--fix" in options)
        lines_and_ends(file, "--fix" in options)
        names(file)
        if file.suffix == ".md":
            links(file)
    scripts(files)
    commits()
    if "--quick" not in options:
        tidy(Path(build))
    print(f"lint: {defects} defects")
    sys.exit(defects != 0)


main(sys.argv[1:])
