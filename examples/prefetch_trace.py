#!/usr/bin/env python3
"""prefetch_trace.py HEADER: writes examples/prefetch_trace.hpp anew, the page reads of a real program's run.

The program is sqlite3; its database is made of this machine's Debian package lists, in pages of 64 KiB. strace sees
which pages it reads. Needs Debian or Ubuntu with filled package lists (apt-get update), sqlite3 and strace, some
100 MB in the temporary folder, and less than a minute.
"""
import re
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

PAGE = 65536
COLUMNS = 118
LIMIT = 600  # seconds for each program that is run

SCHEMA = f"""
pragma page_size = {PAGE};
create table package (id integer primary key, name text, version text, section text, maintainer text, size integer,
                      homepage text, tags text, description text, file text, sha256 text);
create table depends (package integer, name text);
"""
INDICES = """
create index package_name on package (name);
create index package_section on package (section, size);
create index depends_package on depends (package, name);
create index depends_name on depends (name);
"""

# Each is asked once in a round, about other packages each time.
QUESTIONS = {
    "what an installation of a package needs": """
with recursive needed (name) as (
    select '{package}'
    union
    select d.name from needed n join package p on p.name = n.name join depends d on d.package = p.id limit 40)
select count(*), sum(p.size) from needed n join package p on p.name = n.name;""",
    "what needs it": """
select p.name, p.version from depends d join package p on p.id = d.package where d.name = '{package}' limit 40;""",
    "packages by name": """
select name, version, description from package where name in ({names});""",
    "the largest packages of a section": """
select name, size, homepage from package where section = '{section}' order by size desc limit 30;""",
    "a stretch of the list": """
select count(*), sum(size) from package where id between {first} and {first} + 1500 and description like '%ring%';""",
}
ROUNDS = 24
SCAN = "select count(*) from package where description like '%page%';"  # in the middle


def paragraphs():
    listed = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True, timeout=LIMIT)
    for paragraph in listed.stdout.split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): *((?:.*)(?:\n[ \t].*)*)", paragraph, re.M))
        if "Package" in fields:
            yield fields


def fill(database):
    """Makes the database; returns the packages' names and sections."""
    names, sections = [], set()
    with sqlite3.connect(database) as db:
        db.executescript(SCHEMA)
        for number, of in enumerate(sorted(paragraphs(), key=lambda f: (f["Package"], f["Version"]))):
            names.append(of["Package"])
            sections.add(of.get("Section", ""))
            db.execute("insert into package values (?,?,?,?,?,?,?,?,?,?,?)",
                       (number, of["Package"], of["Version"], of.get("Section"), of.get("Maintainer"),
                        int(of.get("Size", 0)), of.get("Homepage"), of.get("Tag"), of.get("Description"),
                        of.get("Filename"), of.get("SHA256")))
            for need in re.split(r"[,|]", of.get("Depends", "")):
                if need.strip():
                    db.execute("insert into depends values (?,?)", (number, re.split(r"[\s:(]", need.strip())[0]))
        db.executescript(INDICES)
    return names, sorted(sections)


def questions(names, sections):
    """All that the program is asked. The steps are coprime to the number of packages, and choose them evenly."""
    out = ["pragma cache_size = 2;", "pragma mmap_size = 0;", "pragma temp_store = memory;"]
    for turn in range(ROUNDS):
        packages = [names[(turn * 7919 + i * 104729) % len(names)] for i in range(12)]
        for question in QUESTIONS.values():
            out.append(question.format(package=packages[0], names=", ".join(f"'{name}'" for name in packages),
                                       section=sections[turn * 7 % len(sections)],
                                       first=turn * 7919 % len(names)).strip())
        if turn == ROUNDS // 2:
            out.append(SCAN)
    return "\n".join(out)


def pages_read(folder, database, asked):
    """The pages that sqlite3 reads, in order, without those that it reads twice in a row."""
    log = folder / "reads"
    subprocess.run(["strace", "-o", log, "-e", "trace=pread64", "-s", "0", "-P", database, "sqlite3", database],
                   check=True, input=asked, stdout=subprocess.DEVNULL, text=True, timeout=LIMIT)
    offsets = re.findall(rf"^pread64\(.*, {PAGE}, (\d+)\) += {PAGE}$", log.read_text(), re.M)
    pages = [int(offset) // PAGE for offset in offsets]
    return [page for before, page in zip([None] + pages, pages) if page != before]


def renumbered(pages):
    """In the order of their numbers, without the pages that are never read."""
    number = {page: i for i, page in enumerate(sorted(set(pages)))}
    return [number[page] for page in pages]


def filled(text, before):
    return textwrap.fill(text, COLUMNS, initial_indent=before, subsequent_indent=before)


def rows(pages):
    """As many numbers a line as there is room for, without spaces."""
    lines = [""]
    for page in pages:
        if len(lines[-1]) + len(f"{page},") > COLUMNS:
            lines.append("")
        lines[-1] += f"{page},"
    return "\n".join(lines)


def main(header):
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "packages.db"
        names, sections = fill(database)
        pages = renumbered(pages_read(Path(folder), database, questions(names, sections)))
        size = database.stat().st_size
    version = subprocess.run(["sqlite3", "--version"], check=True, capture_output=True, text=True).stdout.split()[0]
    about = [
        "The pages that a real program reads, in order. prefetch_trace.py made this file.",
        f"The program: sqlite3 {version} with a cache of two pages, so that nearly each page that it needs is a "
        "read.",
        f"The data: the package lists of a Debian, {len(names):,} packages with versions, descriptions and "
        f"dependencies in two tables with four indices, {size // PAGE:,} pages of 64 KiB.",
        f"The queries: {ROUNDS} rounds of {len(QUESTIONS)} ({', '.join(QUESTIONS)}), and one that reads the whole "
        "table of packages.",
        f"The trace: {len(pages):,} reads of {len(set(pages)):,} distinct pages. A page that was read twice in a row "
        "stands here once, and pages that were never read have no number."]
    with open(header, "w", encoding="utf-8") as out:
        out.write("\n//\n".join(filled(text, "// ") for text in about[:2]) + "\n")
        out.write("\n".join(filled(text, "// ") for text in about[2:]) + "\n")
        out.write("#pragma once\n\n#include <cstdint>\n\nnamespace prefetch {\n\n")
        out.write(f"inline constexpr std::uint32_t distinct_pages = {len(set(pages))};  // numbered from 0\n")
        out.write("// clang-format off\ninline constexpr std::uint16_t trace[] = {\n")
        out.write(rows(pages) + "\n};\n// clang-format on\n\n}  // namespace prefetch\n")
    print(f"{len(pages)} reads of {len(set(pages))} pages")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
