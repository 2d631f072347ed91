#!/usr/bin/env python3
"""That snippets.py refuses what it is there for."""
import os
import sys

sys.dont_write_bytecode = True
import snippets  # noqa: E402, behind the line above

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def faults(page):
    return [snippets.fault(language, source, block, ROOT) for _, language, source, block in snippets.blocks(page)]


def expect(page, expected):
    if faults(page) != expected:
        sys.exit(f"{page!r}: {faults(page)}, not {expected}")


HELLO = "<!-- examples/hello.cpp -->\n\n"
expect(HELLO + "```cpp\nusing namespace slipring;\n```\n", [None])
expect(HELLO + "```cpp\nusing namespace slipping;\n```\n", ["not in examples/hello.cpp"])
expect(HELLO + "```cpp\nint main() {\nusing namespace slipring;\n```\n", ["not in examples/hello.cpp"])
expect(HELLO + "And so:\n```cpp\nint main() {\n```\n", ["a block of cpp that names no file"])
expect("<!-- examples/missing.cpp -->\n```cpp\nint main() {\n```\n", ["examples/missing.cpp is not built by Meson"])
CACHE = "```cpp\nclass Cache {\npublic:\n```\n"
expect("<!-- examples/prefetch_cache.hpp -->\n\n" + CACHE, [None])
expect("<!-- examples/prefetch_missing.hpp -->\n\n" + CACHE, ["examples/prefetch_missing.hpp is not built by Meson"])
expect("<!-- lib/ring.cpp -->\n```cpp\n#include\n```\n", ["lib/ring.cpp is not built by Meson"])
expect("```sh\n./dev test\n```\n", [None])
expect("```sh\n./dev fly\n```\n", ["./dev has no command fly"])
if None in faults("```sh\nif true\n```\n"):
    sys.exit("a syntax error of the shell's goes unseen")
