# SPDX-License-Identifier: GPL-2.0-only
"""The mutants of mutants/mutants.toml: each must build, and each must make a test fail."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import qemu
from build import COLUMNS, ROOT, BuildError, Config, build, build_stale, make

SOURCES = ("include", "entry", "boot", "kernel", "tests", "consumers", "harness")
EVERYTHING = "fail-fast tail,consumers"
TIMEOUT = 6.0


class MutantError(Exception):
    """A mutant says nothing: it does not apply, does not build, or cannot run."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One mistake in one layout."""

    name: str
    config: Config
    edits: tuple[tuple[str, str, str], ...]
    survives: str | None

    def __str__(self) -> str:
        return f"{self.name} ({self.config})"


def read_mutants() -> list[Mutant]:
    """All mutants, once for each of their columns."""
    configs = {config.column: config for config in COLUMNS}
    with (ROOT / "mutants" / "mutants.toml").open("rb") as file:
        entries = tomllib.load(file)["mutant"]
    return [
        Mutant(
            entry["name"],
            configs[column],
            tuple((path, old, new) for path, old, new in entry["edits"]),
            entry.get("survives"),
        )
        for entry in entries
        for column in entry["columns"]
    ]


def apply(mutant: Mutant, source: Path) -> None:
    """Make the edits in the copy of the tree at @source."""
    for path, old, new in mutant.edits:
        file = source / path
        text = file.read_text()
        if text.count(old) != 1:
            raise MutantError(f"{mutant}: text occurs {text.count(old)} times in {path}: {old!r}")
        file.write_text(text.replace(old, new))


def try_mutant(mutant: Mutant, number: int, in_process: bool = False) -> qemu.Run:
    """Build the mutant beside the real objects, so that only what changed is compiled."""
    out = ROOT / "build" / "mutants" / str(number)
    shutil.rmtree(out, ignore_errors=True)
    source = out / "src"
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name)
    shutil.copytree(mutant.config.directory, out / mutant.config.directory.name)
    shutil.copytree(ROOT / "build" / "gcc-stale", out / "gcc-stale")
    apply(mutant, source)
    before = (out / mutant.config.directory.name / "kernel.elf").read_bytes()
    try:
        make("image", f"SRC={source}", f"OUT={out}", *mutant.config.args)
    except BuildError as error:
        raise MutantError(f"{mutant}: does not build: {error}") from None
    image = out / mutant.config.directory.name / "kernel.elf"
    if image.read_bytes() == before and mutant.survives is None:
        raise MutantError(f"{mutant}: the image is the same as without it")
    if in_process:
        harness = image.parent / "harness" / "harness"
        make(str(harness), f"SRC={source}", f"OUT={out}", *mutant.config.args)
        code = subprocess.run([harness], capture_output=True, check=False).returncode
        status = qemu.Status.PASS if code == 0 else qemu.Status.FAIL
        result = qemu.Run(status, f"harness: exit status {code}", "")
    else:
        result = qemu.run_mutant(image, EVERYTHING, TIMEOUT)
    shutil.rmtree(out)
    return result


def judge(mutant: Mutant, result: qemu.Run) -> str | None:
    """None if all is well; else what is not."""
    if result.status is qemu.Status.SKIP:
        raise MutantError(f"SKIP {result.why}")
    alive = result.status is qemu.Status.PASS
    if alive and mutant.survives is None:
        return f"{mutant}: survived"
    if not alive and mutant.survives is not None:
        return f"{mutant}: should survive, but: {result.why}"
    return None


def run_mutants(jobs: int, only: str = "") -> tuple[int, int, list[str]]:
    """(caught, survived as explained, problems)."""
    mutants = [m for m in read_mutants() if only in m.name]
    build_stale("gcc")
    for config in dict.fromkeys(m.config for m in mutants):
        build(config)
        result = qemu.run(config.image, EVERYTHING)
        if result.status is not qemu.Status.PASS:
            raise MutantError(f"{config} without a mutant: {result.status.value}: {result.why}")
    caught, survived, problems = 0, 0, []
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(try_mutant, mutants, range(len(mutants)))
        for mutant, result in zip(mutants, results, strict=True):
            if problem := judge(mutant, result):
                problems.append(problem)
            elif mutant.survives is None:
                caught += 1
                print(f"# caught: {mutant}: {result.status.value}", flush=True)
            else:
                survived += 1
                print(f"# survived: {mutant}: {mutant.survives}", flush=True)
    return caught, survived, problems


def run_harness(jobs: int) -> None:
    """Which mistakes in the entry path the process alone finds, without QEMU. Only a report."""
    mutants = [
        m
        for m in read_mutants()
        if m.survives is None and all(e[0].startswith(("entry/", "include/")) for e in m.edits)
    ]
    build_stale("gcc")
    for config in dict.fromkeys(m.config for m in mutants):
        build(config)
        make(str((config.directory / "harness/harness").relative_to(ROOT)), *config.args)
    with ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(try_mutant, mutants, range(len(mutants)), [True] * len(mutants)))
    missed = [m for m, r in zip(mutants, results, strict=True) if r.status is qemu.Status.PASS]
    for mutant in missed:
        print(f"# not seen by the harness: {mutant}")
    print(f"# harness alone: {len(mutants) - len(missed)} of {len(mutants)} entry mutants")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--harness", action="store_true", help="without QEMU, only a report")
    args = parser.parse_args()
    try:
        if args.harness:
            run_harness(args.jobs)
            return 0
        caught, survived, problems = run_mutants(args.jobs, args.only)
    except (MutantError, BuildError) as error:
        print(f"not ok - mutants: {error}")
        return 0 if str(error).startswith("SKIP") else 1
    for problem in problems:
        print(f"not ok - {problem}")
    print(f"# mutants: {caught} caught, {survived} survived as explained, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
