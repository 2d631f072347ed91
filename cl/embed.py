"""Writes text files into a C++ source as string constants: embed.py OUT NAME=FILE[,FILE...] ...

Each NAME becomes `extern const char* const NAME` in namespace slipring::embedded, the files' texts joined.
Includes of "..." are dropped: the order of the files is the order of their inclusion. SR_BUG(n, wrong, right), see
seeded.h, becomes (right)."""
import re
import sys


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


out, *items = sys.argv[1:]
with open(out, "w", encoding="utf-8") as cpp:
    cpp.write("namespace slipring::embedded {\n")
    for item in items:
        name, files = item.split("=", 1)
        cpp.write(f"extern const char* const {name};\nconst char* const {name} =\n")
        for path in files.split(","):
            with open(path, encoding="utf-8") as text:
                for line in without_seeded_bugs(text.read()).splitlines():
                    if line.startswith('#include "'):
                        continue
                    quoted = line.replace("\\", "\\\\").replace('"', '\\"')
                    cpp.write(f'"{quoted}\\n"\n')
        cpp.write(";\n")
    cpp.write("}\n")
