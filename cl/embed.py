"""Writes OpenCL C into a C++ source as string constants: embed.py OUT DEPFILE NAME=FILE ...

Each NAME becomes `extern const char* const NAME` in namespace slipring::embedded: the file's text, with each file that it
includes by #include "..." in the place of its first inclusion. What the first NAME has, the others leave out: they stand
behind it. SR_BUG(n, wrong, right), see seeded.h, becomes (right)."""
import re
import sys
from pathlib import Path


def without_seeded_bugs(text):
    """A call inside another one's arguments is met when the outer one is gone."""
    while call := re.search(r"\bSR_BUG\(", text):
        depth, commas, at = 1, [], call.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            if text[at] == "," and depth == 1:
                commas.append(at)
            at += 1
        text = f"{text[:call.start()]}({text[commas[1] + 1:at - 1].strip()}){text[at:]}"
    return text


def lines_of(path, included):
    """The file's lines; `included` are the files that are there already, and gets those that come."""
    included.append(path)
    for line in without_seeded_bugs(path.read_text(encoding="utf-8")).splitlines():
        include = re.match(r'#include "(.*)"', line)
        if not include:
            yield line
        elif include[1] != "seeded.h" and (file := (path.parent / include[1]).resolve()) not in included:
            yield from lines_of(file, included)


out, depfile, *items = sys.argv[1:]
first, read = [], set()
with open(out, "w", encoding="utf-8") as cpp:
    cpp.write("namespace slipring::embedded {\n")
    for item in items:
        name, path = item.split("=", 1)
        included = list(first)
        cpp.write(f"extern const char* const {name};\nconst char* const {name} =\n")
        for line in lines_of(Path(path).resolve(), included):
            quoted = line.replace("\\", "\\\\").replace('"', '\\"')
            cpp.write(f'"{quoted}\\n"\n')
        cpp.write(";\n")
        first = first or included
        read.update(included)
    cpp.write("}\n")
Path(depfile).write_text(f"{out}: {' '.join(map(str, sorted(read)))}\n", encoding="utf-8")
