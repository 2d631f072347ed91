"""Writes text files into a C++ source as string constants: embed.py OUT NAME=FILE[,FILE...] ...

Each NAME becomes `extern const char* const NAME` in namespace slipring::embedded, the files' texts joined.
Includes of "..." are dropped: the order of the files is the order of their inclusion."""
import sys

out, *items = sys.argv[1:]
with open(out, "w", encoding="utf-8") as cpp:
    cpp.write("namespace slipring::embedded {\n")
    for item in items:
        name, files = item.split("=", 1)
        cpp.write(f"extern const char* const {name};\nconst char* const {name} =\n")
        for path in files.split(","):
            with open(path, encoding="utf-8") as text:
                for line in text:
                    if line.startswith('#include "'):
                        continue
                    quoted = line.rstrip("\n").replace("\\", "\\\\").replace('"', '\\"')
                    cpp.write(f'"{quoted}\\n"\n')
        cpp.write(";\n")
    cpp.write("}\n")
