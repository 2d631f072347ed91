"""Verifies the models of the ring's protocol with Spin, then breaks their edges one by one:
run.py [--cc COMPILER] [BREAK_X]

With the name of an edge: breaks that one alone, and prints the steps to the defect. Exit status: 0 if each whole
model holds and each broken one does not, else 1, with a line for each that is wrong.
"""
import argparse
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
MEMORY = 1500  # MiB: what a search may use

# A model and its sizes. All sizes at their largest at once would be ten times as many states.
WHOLE = [
    ("ring.pml", ""),
    ("ring.pml", "-DWINDOW"),
    ("launches.pml", "-DMAX_TOLD=0"),
    ("launches.pml", "-DMAX_WISHES=2 -DTOTAL=2"),
    ("launches.pml", "-DDEATH -DMAX_TOLD=0 -DTOTAL=2"),
    ("launches.pml", "-DSHUTDOWN -DTOTAL=2"),
    ("launches.pml", "-DSHUTDOWN -DPATIENT"),
    ("launches.pml", "-DWINDOW -DMAX_TOLD=0 -DTOTAL=2"),
]

SLEEPS = "invalid end state"  # nothing moves, and something has not finished
# Each edge that can be broken, with what Spin says then: the property that fails.
BROKEN = {
    "ring.pml": {
        "BREAK_R1": ("", "copy"),
        "BREAK_R2": ("", "copy"),
        "BREAK_R_BATCH": ("", "followed"),
        "BREAK_A": ("", "copy"),
        "BREAK_A_ENTRY": ("", "words"),
        "BREAK_E": ("", "words"),
        "BREAK_E1": ("", "words"),
        "BREAK_E_EARLY": ("", "words"),
        "BREAK_COMPLETED": ("", "finished"),
        "BREAK_COMPLETED_IDLE": ("", SLEEPS),
        "BREAK_RECLAIM": ("", "copy"),
        "BREAK_RESERVE": ("", SLEEPS),
        "BREAK_ROOM": ("", "copy"),
        "BREAK_W_BATCH": ("-DWINDOW", "followed"),
        "BREAK_W_FIRST": ("-DWINDOW", SLEEPS),
    },
    "launches.pml": {
        "BREAK_S_PRODUCER": ("", SLEEPS),
        "BREAK_S_NUMBER": ("", SLEEPS),
        "BREAK_S_DEVICE": ("", SLEEPS),
        "BREAK_S_LOOK": ("", SLEEPS),
        "BREAK_S_WINDOW": ("-DWINDOW", SLEEPS),
        "BREAK_TAKE_BACK": ("-DDEATH -DTOTAL=2", SLEEPS),
        "BREAK_RELEASE": ("", SLEEPS),
        "BREAK_WAKE": ("", SLEEPS),
        "BREAK_BUSY": ("", "is_dead"),
        "BREAK_NUMBER": ("", SLEEPS),
        "BREAK_FINISHED": ("", "is_dead"),
        "BREAK_QUEUE": ("", "running==1"),
        "BREAK_STOP": ("-DSHUTDOWN -DPATIENT", SLEEPS),
        "BREAK_SUCCESSOR_IDLE": ("", "is_silent"),
        "BREAK_SUCCESSOR_LOOK": ("", SLEEPS),
        "BREAK_SUCCESSOR_ORDER": ("-DDEATH", "is_dead"),
    },
}


def run(folder, *command):
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    return told.returncode, told.stdout + told.stderr


class Defect(Exception):
    pass


def verify(compiler, model, flags, trail=False):
    """The property that fails, as Spin writes it, or "" if all hold; with `trail`, the steps too."""
    with tempfile.TemporaryDirectory() as folder:
        status, told = run(folder, "spin", *flags, "-a", str(HERE / model))
        if status or "rror" in told:
            raise Defect(f"spin does not take it:\n{told}")
        is_broken = any(flag.startswith("-DBREAK_") for flag in flags)  # then the search is short
        status, told = run(folder, *compiler, "-O0" if is_broken else "-O2", "-w", "-DSAFETY", "-DNOCLAIM",
                           f"-DMEMLIM={MEMORY}", "-o", "pan", "pan.c")
        if status:
            raise Defect(f"pan.c does not compile:\n{told}")
        _, told = run(folder, "./pan", "-m100000", "-w18" if is_broken else "-w22")
        errors = re.search(r"errors: (\d+)", told)
        if not errors:
            raise Defect(f"the search has no result:\n{told}")
        if errors[1] == "0":
            if "not completed" in told or "too small" in told or "out of memory" in told:
                raise Defect(f"the search is not exhaustive:\n{told}")
            states = re.search(r"(\d+) states, stored", told)
            print(f"  {states[1]} states, all of them", flush=True)
            return ""
        if trail:
            print(run(folder, "spin", *flags, "-p", "-t", str(HERE / model))[1])
        found = re.search(r"^pan:\d+: (.*)$", told, re.MULTILINE)
        return found[1] if found else told


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cc", default="cc", help="a C compiler, with its arguments")
    parser.add_argument("edge", nargs="?", help="breaks this edge alone, and prints the steps to the defect")
    arguments = parser.parse_args()
    compiler = arguments.cc.split()

    defects = []
    for model, edges in BROKEN.items():
        named = set(re.findall(r"\bBREAK_\w+", (HERE / model).read_text(encoding="utf-8"))) - {"BREAK_X"}
        for edge in sorted(named ^ set(edges)):
            defects.append(f"{edge} is not both in {model} and in run.py")
    cases = [(model, flags, "") for model, flags in WHOLE]
    cases += [(model, f"-D{edge} {flags}", expected)
              for model, edges in BROKEN.items() for edge, (flags, expected) in edges.items()]
    if arguments.edge:
        cases = [case for case in cases if f"-D{arguments.edge}" in case[1].split()]
        if not cases:
            sys.exit(f"run.py: no edge {arguments.edge}")
    for model, flags, expected in cases:
        name = f"{model} {flags}".strip()
        print(name, flush=True)
        try:
            found = verify(compiler, model, flags.split(), trail=bool(arguments.edge))
        except (Defect, subprocess.TimeoutExpired) as why:
            defects.append(f"{name}: {why}")
            continue
        if found:
            print(f"  {found}", flush=True)
        if not expected and found:
            defects.append(f"{name}: it does not hold: {found}")
        elif expected and not found:
            defects.append(f"{name}: no property fails, though the edge is broken")
        elif expected not in found:
            defects.append(f"{name}: the defect is another than \"{expected}\": {found}")
    for defect in defects:
        print(f"model: {defect}", file=sys.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"model: {len(cases)} searches, {len(defects)} defects, {used.ru_utime + used.ru_stime:.0f} s of CPU, "
          f"at most {used.ru_maxrss // 1024} MiB")
    sys.exit(bool(defects))


main()
