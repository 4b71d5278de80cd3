# SPDX-License-Identifier: GPL-2.0-only
"""Everything that must hold, as one TAP stream with a summary line at its end."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import matrix
import mutants
import qemu
from build import COLUMNS, ROOT, BuildError, Config, build, build_stale, make
from entrytext import never_hit

RUN_LIMIT = 3.0  # seconds for one QEMU run on an idle machine; more is reported, not failed


class Tap:
    """Counts and prints; a test may also be skipped with its reason."""

    def __init__(self) -> None:
        self.count = self.failed = self.skipped = 0

    def ok(self, passed: bool, name: str, why: str = "") -> None:
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}", flush=True)
        if why and not passed:
            print("".join(f"#   {line}\n" for line in why.splitlines()[-20:]), end="")

    def skip(self, name: str, why: str) -> None:
        self.count += 1
        self.skipped += 1
        print(f"ok {self.count} - {name} # SKIP {why}", flush=True)


def harness(config: Config) -> tuple[bool, str]:
    """The entry objects of @config in an ordinary process."""
    binary = config.directory / "harness" / "harness"
    make(str(binary.relative_to(ROOT)), *config.args)
    done = subprocess.run([str(binary)], capture_output=True, text=True, timeout=180, check=False)
    passed = len(re.findall(r"^ok ", done.stdout, re.M))
    whole = done.returncode == 0 and f"1..{passed}\n" in done.stdout and passed > 0
    return whole, done.stdout + done.stderr


def kernel(config: Config) -> tuple[qemu.Run, float]:
    """All suites of one layout in QEMU."""
    image = build(config)
    start = time.monotonic()
    return qemu.run(image), time.monotonic() - start


def each(
    tap: Tap, jobs: int, what: str, configs: list[Config], test: Callable[[Config], str | None]
) -> None:
    """Run @test for each config; it returns None, or why it failed, or "SKIP reason"."""

    def guarded(config: Config) -> str | None:
        try:
            return test(config)
        except BuildError as error:
            return f"does not build: {error}"
        except subprocess.TimeoutExpired:
            return "timeout"

    with ThreadPoolExecutor(jobs) as pool:
        for config, why in zip(configs, pool.map(guarded, configs), strict=True):
            if why and why.startswith("SKIP "):
                tap.skip(f"{what}: {config}", why[5:])
            else:
                tap.ok(why is None, f"{what}: {config}", why or "")


def test_harness(config: Config) -> str | None:
    passed, output = harness(config)
    return None if passed else output


slowest = 0.0


def test_kernel(config: Config) -> str | None:
    global slowest
    result, seconds = kernel(config)
    slowest = max(slowest, seconds)
    if result.status is qemu.Status.SKIP:
        return f"SKIP {result.why}"
    if result.status is not qemu.Status.PASS:
        return f"{result.status.value}: {result.why}\n{result.output}"
    missed = never_hit(config.image, result.output)
    if missed:
        return "no injection before " + ", ".join(map(str, missed))
    return None


def test_breaks(config: Config) -> str | None:
    """append_tail: the suite must notice; how it dies is not the point."""
    result, _ = kernel(config)
    if result.status is qemu.Status.SKIP:
        return f"SKIP {result.why}"
    return "passes, although it cannot" if result.status is qemu.Status.PASS else None


def test_no_pks(cpu: str) -> str | None:
    """On a CPU without PKS the kernel skips, and says why."""
    result = qemu.run(Config("extended").image, cpu=cpu)
    if "not installed" in result.why:
        return f"SKIP {result.why}"
    good = result.status is qemu.Status.SKIP and "protection keys" in result.why
    return None if good else f"{result.status.value}: {result.why}"


def test_empty_header() -> str | None:
    """If the compiler's output is not understood, the build must end there."""
    out = ROOT / "build" / "empty-header"
    shutil.rmtree(out, ignore_errors=True)
    for name in ("include", "entry", "boot", "kernel", "tests", "consumers", "harness"):
        shutil.copytree(ROOT / name, out / "src" / name)
    (out / "src/entry/asm-offsets.c").write_text("void offsets(void);\nvoid offsets(void) {}\n")
    header = f"{out}/gcc-extended-8/asm-offsets.h"
    try:
        make(header, f"SRC={out}/src", f"OUT={out}")
    except BuildError as error:
        return None if "empty or damaged" in str(error) else str(error)
    return "an empty header was accepted"


def test_wrong_header() -> str | None:
    """A generated number that differs from the struct must end the build, too."""
    out = ROOT / "build" / "wrong-header"
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(Config("extended").directory, out / "gcc-extended-8")
    header = out / "gcc-extended-8/asm-offsets.h"
    text = header.read_text()
    changed = re.sub(r"#define PT_si \d+", "#define PT_si 96", text)
    if changed == text:
        return "no such line in the header"
    header.write_text(changed)
    (out / "gcc-extended-8/offsets.ok").unlink()
    try:
        make(f"{out}/gcc-extended-8/offsets.ok", f"OUT={out}")
    except BuildError as error:
        return None if "asm-offsets.h: PT_si" in str(error) else str(error)
    return "a wrong number was accepted"


def test_no_literals() -> str | None:
    """No displacement in assembly is a number: each is a generated name."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in [*ROOT.rglob("*.S"), ROOT / "entry/calling.h"]
        if "build" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"(?<![\w)])-?\d[\dx]*(\s*\*\s*\d+)?\(%r", line)
    ]
    return "\n".join(found) or None


def test_readme() -> str | None:
    """The table that people read is the one that the runs are compared with."""
    expected = matrix.table(matrix.read_expected())
    return None if expected in (ROOT / "README.md").read_text() else f"not in it:\n{expected}"


def run_quick(tap: Tap, jobs: int) -> None:
    both = [Config("extended"), Config("auxiliary")]
    build_stale("gcc")
    each(tap, jobs, "harness", both[:1], test_harness)
    each(tap, jobs, "kernel", both, test_kernel)


def one(tap: Tap, name: str, why: str | None) -> None:
    if why and why.startswith("SKIP "):
        tap.skip(name, why[5:])
    else:
        tap.ok(why is None, name, why or "")


def run_check(tap: Tap, jobs: int) -> None:
    works = [c for c in COLUMNS if c.layout != "append-tail"]
    clang = [Config(c.layout, c.ext, "clang") for c in works]
    for compiler in ("gcc", "clang"):
        build_stale(compiler)
    build_stale("gcc", debug=False)
    each(tap, jobs, "harness", [*works, *clang[1:4:2]], test_harness)
    each(tap, jobs, "kernel", [*works, *clang, Config("extended", debug=False)], test_kernel)
    each(tap, jobs, "kernel fails as it must", [Config("append-tail")], test_breaks)
    for cpu in ("max,-pks", "qemu64"):
        one(tap, f"a CPU without PKS is a reason to skip: {cpu}", test_no_pks(cpu))
    one(tap, "an empty generated header fails the build", test_empty_header())
    one(tap, "a wrong generated header fails the build", test_wrong_header())
    one(tap, "no literal displacement in assembly", test_no_literals())
    one(tap, "README.md shows the matrix of expected.toml", test_readme())
    try:
        differences, _, cells = matrix.run_matrix(["gcc", "clang"], jobs)
        tap.ok(not differences, f"matrix: {cells} cells as expected", "\n".join(differences))
        caught, survived, problems = mutants.run_mutants(jobs)
        tap.ok(
            not problems,
            f"mutants: {caught} caught, {survived} survive with a reason",
            "\n".join(problems),
        )
    except (matrix.MatrixError, mutants.MutantError, BuildError) as error:
        one(tap, "matrix and mutants", str(error))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    tap = Tap()
    start = time.monotonic()
    (run_quick if args.quick else run_check)(tap, args.jobs)
    print(f"1..{tap.count}")
    if slowest > RUN_LIMIT:
        print(f"# slowest QEMU run: {slowest:.1f} s, more than {RUN_LIMIT} s")
    print(
        f"# reference-impl: {tap.count} tests, {tap.failed} failed, {tap.skipped} skipped, "
        f"slowest QEMU run {slowest:.1f} s, {time.monotonic() - start:.0f} s in all"
    )
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
