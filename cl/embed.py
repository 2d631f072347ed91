"""Writes OpenCL C into a C++ source as string constants: embed.py OUT DEPFILE NAME=FILE ...

Each NAME becomes `extern const char* const NAME` in namespace slipring::embedded: the file's text, with each file
that it includes by #include "..." in the place of its first inclusion. What the first NAME has, the others leave out:
they stand behind it."""
import re
import sys
from pathlib import Path


def lines_of(path, included):
    """The file's lines; `included` are the files that are there already, and gets those that come."""
    included.append(path)
    for line in path.read_text(encoding="utf-8").splitlines():
        include = re.match(r'#include "(.*)"', line)
        if not include:
            yield line
        elif (file := (path.parent / include[1]).resolve()) not in included:
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
