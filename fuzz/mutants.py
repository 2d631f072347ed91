"""The patches in mutants/, each of which makes a bug: mutants.py check | build COMPILER ARGUMENT... | renew REVISION

check: every patch says what it breaks and which targets see it, and applies to the sources as they are.
build: every patch compiles as well (-fsyntax-only). As many as fit beside each other are compiled together.
renew: makes every patch anew that applied to Git's REVISION: merges what has changed since, formats, compares.

Exit status: 0, or 1 with a line for each patch that is wrong."""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "fuzz" / "mutants"
LEVELS = ["-DSR_LEVELS=3u", "-DSR_LEAD=1u", "-DSR_LOWER_EVERY=8u", "-DSR_LOOKAHEAD=2u"]
TENANTS = ["-DSR_TENANTS=3u", "-DSR_RINGS=4u", "-DSR_LEVELS=2u", "-DSR_LEAD=1u", "-DSR_LOWER_EVERY=8u"]
NOT_COPIED = re.compile(r"\..*|build.*|subprojects|corpus|findings|mutants|__pycache__")


def read():
    """[{id, what, targets, patch}] by id. Exits if one is malformed: its head and its name are its only record."""
    known = {path.name for path in (ROOT / "fuzz" / "corpus").iterdir()}
    mutants = []
    for patch in sorted(FOLDER.glob("*")):
        name = re.fullmatch(r"(\d+)-[a-z0-9-]+\.patch", patch.name)
        head = re.match(r"breaks: (.+)\nseen by: (.+)\n\n--- a/", patch.read_text())
        if not name or not head:
            sys.exit(f"mutants: {patch.name} is not NUMBER-WORDS.patch with `breaks: ...`, `seen by: ...` and a diff")
        mutant = {"id": int(name[1]), "what": head[1], "targets": head[2].split(", "), "patch": patch}
        if strange := set(mutant["targets"]) - known:
            sys.exit(f"mutants: {patch.name}: there is no target {', '.join(sorted(strange))}")
        mutants.append(mutant)
    if not mutants or len({mutant["id"] for mutant in mutants}) != len(mutants):
        sys.exit("mutants: there are none, or two have the same number")
    return sorted(mutants, key=lambda mutant: mutant["id"])


def apply(mutant, tree, *options):
    """Applies the patch, all of it or nothing. Returns what Git says against it; empty: it is applied."""
    # With no repository: Git would look only at what is in this part of it, and take what is not for done.
    done = subprocess.run(["git", "apply", "--whitespace=nowarn", *options, mutant["patch"]], cwd=tree, text=True,
                          env={**os.environ, "GIT_DIR": os.devnull}, capture_output=True)
    return done.stderr.strip() if done.returncode != 0 else ""


def copy_to(tree):
    """Makes the folder a copy of the sources. A file that is the same already keeps its time."""
    wanted = set()
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not NOT_COPIED.fullmatch(name)]
        for name in files:
            source = Path(folder) / name
            copy = tree / source.relative_to(ROOT)
            wanted.add(copy)
            if copy.exists() and copy.read_bytes() == source.read_bytes():
                continue
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for copy in [path for path in tree.rglob("*") if path.is_file() and path not in wanted]:
        copy.unlink()


def check(mutants):
    return [f"{mutant['patch'].name} does not apply:\n{wrong}"
            for mutant in mutants if (wrong := apply(mutant, ROOT, "--check"))]


def changed_by(mutant):
    return re.findall(r"^\+\+\+ b/(\S+)", mutant["patch"].read_text(), re.MULTILINE)


def compile_together(mutants, tree, compiler):
    """Compiles what those that are applied to the tree have changed."""
    wrong = []
    files = sorted({file for mutant in mutants for file in changed_by(mutant)})
    units = {file: ["-x", "c++", file] for file in files if file.endswith(".cpp")}
    if headers := [file for file in files if file.endswith(".hpp")]:
        (tree / "headers.cpp").write_text("".join(f'#include "{file}"\n' for file in headers))
        units["headers.cpp"] = ["-x", "c++", "headers.cpp"]
    if len(units) - bool(headers) + len(headers) < len(files):
        units["fuzz/device.cl"] = ["-x", "cl", "-cl-std=CL3.0", "fuzz/device.cl"]
        units["fuzz/device.cl with levels"] = [*LEVELS, *units["fuzz/device.cl"]]
        units["fuzz/device.cl with tenants"] = [*TENANTS, *units["fuzz/device.cl"]]
        for unit in "fuzz/wide_device.cpp", "fuzz/wide_levels.cpp", "fuzz/wide_tenants.cpp":
            units[unit] = ["-x", "c++", unit]
    for unit, arguments in units.items():
        language = [] if "cl" in arguments else ["-std=c++23"]
        done = subprocess.run([*compiler, *language, "-Wno-unused-command-line-argument", "-fsyntax-only",
                               "-Iinclude", "-include", "fuzz/mutant.h", *arguments],
                              cwd=tree, capture_output=True, text=True)
        if done.returncode != 0:
            those = ", ".join(mutant["patch"].name for mutant in mutants)
            wrong.append(f"{unit} does not compile with {those}:\n{done.stderr}")
    return wrong


def build(mutants, compiler):
    wrong, left = [], mutants
    while left:
        with tempfile.TemporaryDirectory() as folder:
            copy_to(Path(folder))
            together = [mutant for mutant in left if not apply(mutant, folder)]
            if not together:
                return wrong + check(left)
            wrong += compile_together(together, Path(folder), compiler)
            left = [mutant for mutant in left if mutant not in together]
    return wrong


def renewed(mutant, revision, folder):
    """The patch's text for the sources as they are; raises CalledProcessError where Git cannot merge."""
    def git(*arguments, **options):
        return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, **options).stdout

    text = mutant["patch"].read_text()
    out = text[:text.index("--- a/")]
    for file in changed_by(mutant):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(git("show", f"{revision}:{file}", cwd=ROOT))
    shutil.copytree(folder, folder / "old")
    alone = {**os.environ, "GIT_DIR": os.devnull}
    subprocess.run(["git", "apply", mutant["patch"]], cwd=folder, check=True, env=alone)
    format = ["clang-format-19", "-i", f"--style=file:{ROOT / '.clang-format'}"]
    for file in changed_by(mutant):
        subprocess.run([*format, folder / file, folder / "old" / file], check=True)
        git("merge-file", folder / file, folder / "old" / file, ROOT / file)
        subprocess.run([*format, folder / file], check=True)
        lines = [(at / file).read_text().splitlines(keepends=True) for at in (ROOT, folder)]
        out += "".join(difflib.unified_diff(*lines, f"a/{file}", f"b/{file}"))
    return out


def renew(mutants, revision):
    wrong = []
    for mutant in mutants:
        with tempfile.TemporaryDirectory() as folder:
            try:
                mutant["patch"].write_text(renewed(mutant, revision, Path(folder)))
            except subprocess.CalledProcessError as error:
                wrong.append(f"{mutant['patch'].name}: {error.stderr or error}")
    return wrong + check(mutants)


def main():
    what, *rest = sys.argv[1:]
    wrong = build(read(), rest) if what == "build" else renew(read(), *rest) if what == "renew" else check(read())
    print("\n".join(wrong), end="\n" if wrong else "")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
