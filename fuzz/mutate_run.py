"""Judges mutants: Bench(n).judge(site, targets, tests).

A bench is a copy of the sources and three build folders for it, all under build/mutate/N: the fuzz targets under
AddressSanitizer and UndefinedBehaviorSanitizer as `./dev fuzz-score` has them, the tests by g++, with assertions, and
the tests under ThreadSanitizer. They are kept, so that a mutant costs the programs that it changes. Two benches share
nothing."""
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import mutants

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 20  # that a target has, from nothing
TEST_LIMIT = 180  # seconds that a test has: the slowest takes a third of that on a busy machine; more is a hang
BUILD_LIMIT = 600
MEMORY = 16 << 30  # bytes of addresses that a test without a sanitizer has
SEED = 1
# As in score.py, but for an input that is slow: a busy machine makes one of `wide` take more than 5 seconds.
ARGUMENTS = ["-len_control=0", "-entropic=0", "-timeout=20", "-reload=0", f"-seed={SEED}"]
TESTED = ["-Ddebug=false", "-Doptimization=1", "-Db_ndebug=false", "-Dtests=enabled", "-Dbench=disabled",
          "-Dexamples=disabled", "-Dfuzz=disabled", "-Db_pch=true"]
BUILDS = {
    "fuzz": ("clang++-19", ["-Dfuzzing_engine=libfuzzer", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                            "-Ddebug=false", "-Doptimization=1"]),
    "tests": ("g++", [*TESTED, "-Dopencl=enabled", "-Dtools=enabled"]),
    "tsan": ("clang++-19", [*TESTED, "-Dopencl=disabled", "-Dtools=disabled", "-Db_sanitize=thread",
                            "-Db_lundef=false"]),
}


class DoesNotBuild(Exception):
    pass


def bounded(command, seconds, environment=None, memory=None):
    """(how it ended, output). What it started ends with it. Past the time: None."""
    def limit():
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                   env={**os.environ, **(environment or {})}, start_new_session=True,
                                   preexec_fn=limit)
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.seek(0)
        return status, out.read().decode(errors="replace")


class Bench:
    def __init__(self, number):
        self.folder = ROOT / "build" / "mutate" / str(number)
        self.tree = self.folder / "tree"
        mutants.copy_to(self.tree)

    def program(self, kind, name):
        """Builds a target or a test and says where it is."""
        build = self.folder / kind
        if not (build / "build.ninja").exists():
            compiler, options = BUILDS[kind]
            subprocess.run(["meson", "setup", build, self.tree, *options], check=True, stdout=subprocess.DEVNULL,
                           env={**os.environ, "CXX": compiler})
        path = f"fuzz/{name}" if kind == "fuzz" else f"tests/{name if name == 'conformance' else 'test_' + name}"
        status, output = bounded(["ninja", "--quiet", "-j1", "-C", build, path], BUILD_LIMIT)
        if status != 0:
            raise DoesNotBuild(f"{path}: {output[-2000:]}")
        return build / path

    def fuzz(self, target):
        """What stopped the target, started from nothing; None: it ran through."""
        program = self.program("fuzz", target)
        with tempfile.TemporaryDirectory() as scratch:
            (Path(scratch) / "corpus").mkdir()
            status, output = bounded([program, *ARGUMENTS, f"-max_total_time={SECONDS}",
                                      f"-artifact_prefix={scratch}/", f"{scratch}/corpus"], SECONDS + 60)
        return None if status == 0 else f"fuzz/{target}" + (" hangs" if status is None else "")

    def test(self, kind, name):
        """What the test says against it; None: it passes."""
        program = self.program(kind, name)
        environment = {"POCL_MAX_PTHREAD_COUNT": "2", "POCL_CPU_MAX_CU_COUNT": "2",
                       "POCL_CACHE_DIR": str(self.folder / "pocl"), "TSAN_OPTIONS": "halt_on_error=1"}
        arguments = [self.tree / "tests" / "conformance_vectors.txt"] if name == "conformance" else []
        status, _ = bounded([program, *arguments], TEST_LIMIT, environment, MEMORY if kind == "tests" else None)
        return None if status == 0 else f"{kind}/{name}" + (" hangs" if status is None else "")

    def stopped_by(self, targets, tests):
        """(column, by what) of the first that stops; None: none does."""
        for target in targets:
            if by := self.fuzz(target):
                return "fuzzing", by
        for kind, name in tests:
            if by := self.test(kind, name):
                return "tests", by
        return None

    def judge(self, site, targets, tests):
        """A row: the site's id and change, which column it belongs in, what stopped it, and after how long."""
        begin = time.monotonic()
        path = self.tree / site.file
        right = path.read_text()
        assert right[site.begin:site.end] == site.old, site.id
        path.write_text(right[:site.begin] + site.new + right[site.end:])
        try:
            column, by = self.stopped_by(targets, tests) or ("survived", None)
        except DoesNotBuild:
            column, by = "does not build", None
        finally:
            path.write_text(right)
        return {"id": site.id, "file": site.file, "operator": site.operator, "change": site.change,
                "source": site.source, "verdict": column, "by": by, "seconds": round(time.monotonic() - begin, 1)}

    def give_back(self):
        """Nothing of the tree is needed; the build folders are what makes the next time short."""
        shutil.rmtree(self.folder / "pocl", ignore_errors=True)
