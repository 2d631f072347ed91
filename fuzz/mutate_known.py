"""Which mutants there are, what is run against each, and which are known to be no bug."""
import re
from pathlib import Path

import mutate_sites

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = ROOT / "fuzz" / "equivalent.txt"

# (files, fuzz targets, tests): what is run against a mutant of those files, the likeliest first.
FITTING = [
    ("lib/codec.cpp", "slot batch window decode", "codec decode conformance"),
    ("include/slipring/codec.hpp", "decode window", "codec decode"),
    ("lib/descriptor.cpp", "slot window", "descriptor codec conformance"),
    ("include/slipring/arguments.hpp", "", "arguments"),
    ("include/slipring/descriptor.hpp", "slot window decode", "descriptor codec decode"),
    ("lib/ring.cpp", "ring ring_attach program", "ring reservations ring_suspended"),
    ("include/slipring/ring.hpp", "ring window", "ring reservations ring_window ring_suspended ring_interleavings"),
    ("include/slipring/ring_view.hpp", "ring", "ring reservations ring_suspended ring_interleavings"),
    ("include/slipring/consumer.hpp", "ring", "ring terminal slots_unchanged"),
    ("cl/handler.h", "interpreter scan", "interpreter"),
    ("cl/launch.h", "program schedule tenants wide", "drain levels leave_stepped wide_window wide wide_launches"),
    ("cl/levels.h", "schedule tenants windows wide_tenants", "levels tenants lookahead wide_tenants"),
    ("cl/shares.h", "tenants wide_tenants", "wide_tenants tenants"),
    ("cl/ops.h", "interpreter program tenants wide", "interpreter wide_lanes drain team_of_one"),
    ("cl/ring.h", "interpreter program wide", "drain cancel_stepped slots_unchanged wide wide_launches"),
    ("cl/serial.h", "program schedule tenants windows", "drain levels leave_stepped slots_unchanged team_of_one"),
    ("cl/tenants.h", "tenants wide_tenants", "tenants wide_tenants"),
    ("cl/team.h", "wide", "team_threads wide_teams"),
    ("cl/wide/pick.h", "wide", "wide_teams wide_teams_leave"),
    ("cl/wide/gaze.h", "wide_levels", "wide_levels wide_levels_teams"),
    ("cl/wide/levels.h", "wide_levels wide_tenants", "wide_levels wide_levels_teams wide_tenants"),
    ("cl/wide/team.h", "wide", "wide_teams wide_teams_leave"),
    ("cl/wide/*.h", "wide program",
     "wide_lanes wide_window wide wide_launches wide_teams wide_teams_leave wide_tenants"),
    ("cl/atomics/native.h", "interpreter program wide", "drain wide wide_launches"),
    ("lib/device/handlers.cpp", "handlers", "preprocessed handlers"),
    ("lib/device/source.cpp", "handlers", "preprocessed handlers"),
    ("lib/device/pace.cpp", "", "pace"),
    ("include/slipring/awaitable.hpp", "", "awaitable no_memory"),
    ("lib/runtime/completion_queue.*pp", "", "completion_queue event_fd awaitable no_memory"),
    ("lib/runtime/event_fd.cpp", "", "event_fd"),
    ("lib/runtime/log.cpp", "", "runtime no_memory"),
    ("lib/runtime/lookahead.cpp", "", "lookahead"),
    ("lib/runtime/records.cpp", "", "records"),
    ("lib/runtime/windows_in_flight.hpp", "", "windows_in_flight tickets"),
    ("lib/fleet/fleet.cpp", "", "fleet fleet_spread fleet_opening fleet_threads fleet_lost fleet_levels no_memory"),
    ("tools/automaton.cpp", "scan", "automaton scan"),
    ("tools/segment.cpp", "scan", "scan"),
    ("tools/scan.cl", "scan", "scan"),
]
# Against a weakened ordering: under ThreadSanitizer, since an x86 processor gives most orderings away for nothing. No
# target has a second thread.
ORDERINGS = [
    ("lib/ring.cpp", "ring_threads terminal ring"),
    ("include/slipring/ring.hpp", "ring_threads terminal drain wide"),
    ("include/slipring/ring_view.hpp", "ring_threads terminal drain wide"),
    ("include/slipring/consumer.hpp", "ring_threads terminal"),
    ("cl/team.h", "team_threads"),
    ("cl/*.h", "drain terminal wide wide_launches"),
    ("cl/wide/*.h", "wide wide_launches"),
    ("cl/atomics/native.h", "drain terminal wide wide_launches"),
]


def first_that_fits(table, file):
    return next((rest for pattern, *rest in table if Path(file).match(pattern)), None)


def files():
    return sorted({str(path.relative_to(ROOT)) for pattern, *_ in FITTING for path in ROOT.glob(pattern)})


def all_sites():
    return [site for file in files() for site in mutate_sites.sites(file, (ROOT / file).read_text())]


def fitting(site):
    """(targets, [(build, test)])"""
    targets, tests = first_that_fits(FITTING, site.file)
    if site.operator == "order" and (threaded := first_that_fits(ORDERINGS, site.file)):
        return [], [("tsan", test) for test in threaded[0].split()] + [("tests", test) for test in tests.split()]
    return targets.split(), [("tests", test) for test in tests.split()]


def key(site):
    return site.file, site.change, site.source, site.which


def equivalent():
    """{key: reason} of equivalent.txt, whose first lines say how an entry is written. ValueError if one is not so."""
    out = {}
    for entry in re.split(r"\n\s*\n", EQUIVALENT.read_text()):
        lines = [line for line in entry.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        head = re.fullmatch(r"(\S+): (.+?)(?: #(\d+))?", lines[0])
        if not head or len(lines) < 3 or not lines[1].startswith("  | "):
            raise ValueError(f"{EQUIVALENT.name}: not an entry:\n{entry}")
        named = head[1], head[2], lines[1][4:].strip(), int(head[3] or 1)
        if named in out:
            raise ValueError(f"{EQUIVALENT.name}: twice:\n{entry}")
        out[named] = " ".join(line.strip() for line in lines[2:])
    return out
