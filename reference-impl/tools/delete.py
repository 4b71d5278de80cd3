# SPDX-License-Identifier: GPL-2.0-only
"""Delete every instruction of the entry text in turn: each deletion must make a test fail.

An instruction is deleted in the linked image, by NOPs of the same length. So every mutant builds,
and nothing else moves. Survivors must be listed, with the reason, in mutants/survivors.toml.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import qemu
from build import ROOT, BuildError, Config, build, build_stale
from entrytext import Instruction, instructions

NOP = 0x90
EVERYTHING = "fail-fast tail,consumers"
# A healthy run takes one to two seconds; an entry path that loops is found without more.
TIMEOUT = 6.0

SURVIVORS = ROOT / "mutants" / "survivors.toml"


class DeleteError(Exception):
    """The image cannot be used; main() prints it."""


def file_offset(image: bytes, address: int) -> int:
    """Where the byte at a virtual address stands in the ELF file (ELF-64, program headers)."""
    phoff = int.from_bytes(image[32:40], "little")
    size, count = (int.from_bytes(image[i : i + 2], "little") for i in (54, 56))
    for i in range(count):
        header = image[phoff + i * size : phoff + (i + 1) * size]
        kind = int.from_bytes(header[0:4], "little")
        offset, vaddr, _, filesz = (
            int.from_bytes(header[at : at + 8], "little") for at in (8, 16, 24, 32)
        )
        if kind == 1 and vaddr <= address < vaddr + filesz:
            return offset + address - vaddr
    raise DeleteError(f"{address:#x} is in no segment")


def survives(image: bytes, victim: Instruction, directory: Path) -> bool:
    """Boot the image without @victim."""
    mutant = bytearray(image)
    start = file_offset(image, victim.address)
    mutant[start : start + victim.length] = bytes([NOP]) * victim.length
    path = directory / f"{victim.address:x}.elf"
    path.write_bytes(mutant)
    status = qemu.run_mutant(path, EVERYTHING, TIMEOUT).status
    path.unlink()
    if status is qemu.Status.SKIP:
        raise DeleteError("SKIP: QEMU is needed")
    return status is qemu.Status.PASS


def explained(config: Config) -> dict[str, str]:
    """Instruction -> why its deletion changes nothing."""
    with SURVIVORS.open("rb") as file:
        entries = tomllib.load(file).get("survivor", [])
    return {
        entry["instruction"]: entry["reason"]
        for entry in entries
        if config.column in entry["columns"]
    }


def delete_all(config: Config, jobs: int) -> tuple[int, list[str]]:
    """(number of mutants, problems): unexplained survivors, and explanations of the dead."""
    image_path = build(config)
    if qemu.run(image_path, EVERYTHING).status is not qemu.Status.PASS:
        raise DeleteError(f"{config}: fails before anything is deleted")
    image = image_path.read_bytes()
    victims = instructions(image_path)
    reasons = explained(config)
    problems = []
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda victim: survives(image, victim, Path(name)), victims)
        for victim, alive in zip(victims, results, strict=True):
            reason = reasons.pop(str(victim), None)
            if alive and reason is None:
                problems.append(f"{config}: survived without a reason: {victim}")
            elif alive:
                print(f"# {config}: survived: {victim}: {reason}", flush=True)
            elif reason is not None:
                problems.append(f"{config}: is listed as a survivor but was caught: {victim}")
    problems += [f"{config}: no such instruction: {name}" for name in reasons]
    return len(victims), problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    failed = False
    try:
        build_stale("gcc")
        for config in (Config("extended"), Config("auxiliary")):
            count, problems = delete_all(config, args.jobs)
            for problem in problems:
                print(f"not ok - {problem}")
            print(f"# {config}: {count} instructions deleted one by one", flush=True)
            failed = failed or bool(problems)
    except (DeleteError, BuildError) as error:
        print(f"not ok - delete: {error}")
        return 0 if str(error).startswith("SKIP") else 1
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
