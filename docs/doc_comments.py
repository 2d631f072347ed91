#!/usr/bin/env python3
"""doc_comments.py FILE: prints FILE with its plain comments turned into Doxygen's. Doxygen's INPUT_FILTER.

In a C++ header a block of // above a declaration becomes ///, a comment behind one ///<, and the block in front of
`#pragma once` the file's description. `// ---- title ----` begins a group. Lines that are indented further than the
others are code. Inside function bodies nothing changes. In a C header /* becomes /** in the same places.
"""
import os
import re
import sys

BANNER = re.compile(r"^-{4} (.*?) -{4,}$")


def escaped(text):
    """Text in which nothing is markup but `code`."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\@<>&#%*_~])", r"\\\1", part).replace("\\_", "_") for part in parts[::2]]
    return "`".join(parts)


def documented(lines, indent, opening=""):
    """Lines of comment text as lines of a Doxygen comment."""
    out, in_code = [f"{indent}/// {opening}"] if opening else [], False
    for line in lines:
        is_code = line.startswith("  ")
        if is_code != in_code:
            out.append(f"{indent}/// " + ("@code{.cpp}" if is_code else "@endcode"))
            in_code = is_code
        out.append(f"{indent}/// " + (line[2:] if is_code else escaped(line.strip())))
    if in_code:
        out.append(f"{indent}/// @endcode")
    return out


class Scopes:
    """The braces that are open: those of namespaces, classes and enums, and others."""

    OPENER = re.compile(r"^(?:inline )?(namespace|class|struct|union|enum)\b")
    TEMPLATE = re.compile(r"^(template\s*<[^<>]*(<[^<>]*>[^<>]*)*>|requires\s*\(.*?\)+)\s*")

    def __init__(self):
        self.open = []
        self.statement = ""

    def declares(self):
        return "other" not in self.open

    def innermost(self):
        return self.open[-1] if self.open else "file"

    def read(self, code):
        if code.lstrip().startswith("#"):
            return
        code = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])\'', '""', code)
        for character in code + " ":
            if character == "{":
                statement = self.statement.strip()
                while head := self.TEMPLATE.match(statement):
                    statement = statement[head.end():]
                found = self.OPENER.match(statement)
                self.open.append(found.group(1) if found else "other")
            if character == "}" and self.open:
                self.open.pop()
            self.statement = "" if character in "{};" else self.statement + character
            if re.search(r"\b(public|private|protected):\s$", self.statement):
                self.statement = ""


class Header:
    def __init__(self, name, text):
        self.name = name
        self.about = []  # what the file says of itself
        self.lines = text.split("\n")
        self.at = 0
        self.out = []
        self.scopes = Scopes()
        self.group = None  # how deep in braces, and in which kind, the group began
        self.trailing_column = None

    def end_group(self, indent=""):
        if self.group is not None:
            self.out.append(indent + "/// @}")
            self.group = None

    def block(self):
        """The comment lines from here on, without their slashes, and the line behind them."""
        lines = []
        while self.at < len(self.lines) and (found := re.match(r"^\s*//( .*|)$", self.lines[self.at])):
            lines.append(found.group(1)[1:] if found.group(1) else "")
            self.at += 1
        return lines, self.lines[self.at] if self.at < len(self.lines) else ""

    def comment(self, indent):
        begin = self.at
        lines, behind = self.block()
        plain = self.lines[begin:self.at]
        banner = BANNER.match(lines[0])
        if behind.startswith("#pragma once"):
            self.about = lines
            self.out += documented(lines, indent, "@file")
        elif banner and self.scopes.innermost() in ("class", "struct"):
            self.end_group(indent)
            self.out += [f"{indent}/// @name {escaped(banner.group(1))}"] + documented(lines[1:], indent)
            self.out.append(indent + "/// @{")
            self.group = len(self.scopes.open)
        elif banner:
            self.end_group()
            topic = re.sub(r"\W+", "_", f"{self.name} {banner.group(1)}")
            self.out += documented(lines[1:], "", f"@defgroup {topic} {banner.group(1)}") + ["/// @{"]
            self.group = len(self.scopes.open)
        elif behind.strip() in ("", "}", "};"):
            self.out += plain
        elif self.scopes.innermost() == "enum" and "//" in behind:
            self.out += plain
        else:
            self.out += documented(lines, indent)

    def code(self, line):
        code, slashes, text = line.partition("//")
        if re.match(r"^\s*(private|protected):", code) or code.strip() == "};":
            if self.group == len(self.scopes.open) and self.scopes.innermost() != "namespace":
                self.end_group()
        if code.startswith("}") and self.scopes.innermost() == "namespace":
            self.end_group()
        is_namesake = re.match(rf"^class (SLIPRING_API )?{self.name} ", code, re.IGNORECASE)
        if is_namesake and not self.out[-1].startswith("///"):
            self.out += documented(self.about, "")  # the class that the file is about
        declared = self.scopes.declares()
        self.scopes.read(code)
        ends_here = declared and self.scopes.declares() and re.search(r"[;,]\s*$|^\s*\w+( = [^,]*)?\s*$", code)
        if slashes and ends_here and code.strip():
            self.trailing_column = len(code)
            line = f"{code}///< {escaped(text.strip())}"
        else:
            self.trailing_column = None
        self.out.append(line)

    def convert(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            found = re.match(r"^(\s*)//", line)
            if found and self.trailing_column == len(found.group(1)):
                self.out.append(f"{found.group(1)}///< {escaped(line.strip()[2:].strip())}")
                self.at += 1
            elif found and self.scopes.declares():
                self.trailing_column = None
                self.comment(found.group(1))
            else:
                self.at += 1
                self.code(line)
        return "\n".join(self.out)


def c_header(text):
    text = re.sub(r"^/\* ", "/** @file\n * ", text, count=1)
    text = re.sub(r"(?m)^/\* (?!----)", "/** ", text)
    return re.sub(r"(?m)^(.*\S) /\* ", r"\1 /**< ", text)


if __name__ == "__main__":
    path = sys.argv[1]
    with open(path, encoding="utf-8") as file:
        given = file.read()
    name = os.path.splitext(os.path.basename(path))[0]
    sys.stdout.write(c_header(given) if path.endswith(".h") else Header(name, given).convert())
