# SPDX-License-Identifier: GPL-2.0-only
"""The instructions of the entry text, from objdump, and whether the injection reached each."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction: where it is, how long, and its name for people."""

    address: int
    length: int
    symbol: str
    ordinal: int  # within its symbol, from 0: survives a change of addresses
    text: str

    def __str__(self) -> str:
        return f"{self.symbol}+{self.ordinal}: {self.text}"


def symbols(image: Path) -> dict[str, int]:
    """Name -> address."""
    out = subprocess.run(["nm", str(image)], capture_output=True, text=True, check=True).stdout
    return {name: int(addr, 16) for addr, _, name in (line.split() for line in out.splitlines())}


def instructions(image: Path) -> list[Instruction]:
    """Every instruction between entry_text_start and entry_text_end."""
    table = symbols(image)
    start, end = table["entry_text_start"], table["entry_text_end"]
    out = subprocess.run(
        ["objdump", "-d", "-w", f"--start-address={start}", f"--stop-address={end}", str(image)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found: list[Instruction] = []
    symbol, ordinal = "?", 0
    for line in out.splitlines():
        if match := re.match(r"^[0-9a-f]+ <(\S+)>:$", line):
            # Labels that only mark a place are not functions; keep the name of the stub.
            if not match[1].startswith(("syscall_gap", "sysret_gap", "nmi_safe")):
                symbol, ordinal = match[1], 0
        elif match := re.match(r"^ +([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t(.*)$", line):
            length = len(match[2].split())
            text = re.sub(r"\s+", " ", match[3]).strip()
            text = re.sub(r"\b[0-9a-f]{6} (<\S+>)", r"\1", text)
            text = re.sub(r"\$0x1[0-9a-f]{5}\b", "$address", text)
            text = re.sub(r"0x[0-9a-f]+\(%rip\)(.*?) *# (<\S+>)$", r"\2\1", text)
            found.append(Instruction(int(match[1], 16), length, symbol, ordinal, text))
            ordinal += 1
    if sum(i.length for i in found) != end - start:
        raise ValueError(f"{image}: objdump does not account for every byte of the entry text")
    return found


def never_hit(image: Path, output: str) -> list[Instruction]:
    """Instructions that neither mode of the injection test stopped at."""
    hits = {
        int(word, 16)
        for line in re.findall(r"^# inject-\w+ hit:(.*)$", output, re.M)
        for word in line.split()
    }
    return [i for i in instructions(image) if i.address not in hits]
