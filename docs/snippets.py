#!/usr/bin/env python3
"""snippets.py ROOT PAGE...: every block of code on the pages is part of a file that is built, run or read elsewhere.

In front of a block a comment names the file, as in <!-- examples/hello.cpp -->. The block's lines are consecutive
lines of that file, but for the indentation that they have in common. It must be so for C++, OpenCL C and output
(cpp, c, text); of shell blocks (sh) it checks the syntax, and that ./dev has the commands they name.
"""
import os
import re
import subprocess
import sys
import textwrap

QUOTED = ("cpp", "c", "text")


def blocks(page):
    """(line, language, named file or None, text) of each fenced block."""
    source = fence = None
    for number, line in enumerate(page.split("\n"), 1):
        if fence is None and line.lstrip().startswith("```"):
            fence, language, begin, inside = line.index("`"), line.strip()[3:], number, []
        elif fence is not None and line.strip() == "```":
            yield begin, language, source, textwrap.dedent("\n".join(inside))
            source = fence = None
        elif fence is not None:
            inside.append(line)
        elif found := re.fullmatch(r"<!-- (\S+) -->", line):
            source = found.group(1)
        elif line.strip():
            source = None


def is_part(block, text):
    """Whether the block's lines stand in the text, one after the other, with one indentation."""
    wanted, lines = block.split("\n"), text.split("\n")
    return any(textwrap.dedent("\n".join(lines[at:at + len(wanted)])) == block
               for at in range(len(lines) - len(wanted) + 1))


def is_built(path, root):
    """Programs and their outputs in examples/ and docs/snippets/, if Meson knows their name; headers of theirs."""
    folder, name = os.path.split(path)
    stem, kind = os.path.splitext(name)
    script = {"examples": "examples/meson.build", "docs/snippets": "docs/meson.build"}.get(folder)
    if script is None:
        return False
    programs = re.findall(r"'(\w+)'", read(root, script))
    if kind != ".hpp":
        return stem in programs
    sources = [os.path.join(folder, f"{program}.cpp") for program in programs]
    return any(os.path.exists(os.path.join(root, source)) and f'#include "{name}"' in read(root, source)
               for source in sources)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def shell_fault(block, root):
    checked = subprocess.run(["sh", "-n"], input=block, text=True, capture_output=True, check=False)
    if checked.returncode != 0:
        return checked.stderr.strip()
    commands = re.findall(r"^ +([a-z-]+)\) ", read(root, "dev").split("case ${1-} in")[-1], re.M)
    for command in re.findall(r"\./dev ([a-z-]+)", block):
        if command not in commands:
            return f"./dev has no command {command}"
    return None


def fault(language, source, block, root):
    if language == "sh":
        return shell_fault(block, root)
    if language not in QUOTED:
        return None
    if source is None:
        return f"a block of {language} that names no file"
    if not is_built(source, root):
        return f"{source} is not built by Meson"
    return None if is_part(block, read(root, source)) else f"not in {source}"


def main(root, pages):
    faults = quoted = 0
    for path in pages:
        for line, language, source, block in blocks(read("", path)):
            quoted += language in QUOTED
            if wrong := fault(language, source, block, root):
                print(f"{path}:{line}: {wrong}", file=sys.stderr)
                faults += 1
    print(f"{quoted} blocks")
    return 1 if faults or quoted == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
