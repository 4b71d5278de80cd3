# SPDX-License-Identifier: GPL-2.0-only
"""What each layout costs: instructions executed per entry and exit, stack, size of the stubs.

Release builds (no debug trap) under "-icount shift=0", where the TSC counts instructions. The
numbers include the C code of entry and exit and the same trivial handler in every layout.
"""

from __future__ import annotations

import difflib
import re
import sys

import qemu
from build import COLUMNS, BuildError, Config, build, build_stale
from entrytext import instructions

HEADINGS = (
    "layout",
    "#BP in ring 0",
    "#BP in ring 3",
    "syscall",
    "accessor",
    "stack bytes",
    "stubs: instructions",
    "of these added",
    "of these changed",
)


class MeasureError(Exception):
    """A run gave no numbers; main() prints it."""


def stub_changes(base: Config, config: Config) -> tuple[int, int]:
    """(added, changed): what a patch has to do to the stubs, instruction by instruction."""
    before, after = ([i.text for i in instructions(c.image)] for c in (base, config))
    added = changed = 0
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        if what != "equal":
            changed += min(i2 - i1, j2 - j1)
            added += max(0, (j2 - j1) - (i2 - i1))
    return added, changed


def measure(config: Config) -> list[int]:
    """One row, without its name and what compares it with the baseline."""
    image = build(config)
    result = qemu.run(image, "only measure", extra=["-icount", "shift=0"])
    if result.status is not qemu.Status.PASS:
        raise MeasureError(f"{config}: {result.status.value}: {result.why}")
    found = dict(re.findall(r"^# measure (\S+) (-?\d+)$", result.output, re.M))
    return [
        round(int(found["kernel-exception-instructions-x1000"]) / 1000),
        int(found["user-exception-instructions"]),
        int(found["syscall-instructions"]),
        round(int(found["accessor-instructions-x1000"]) / 1000),
        int(found["stack-bytes"]),
        len(instructions(image)),
    ]


def main() -> int:
    try:
        for compiler in ("gcc", "clang"):
            build_stale(compiler, debug=False)
            print(f"\n{compiler}:\n")
            print("| " + " | ".join(HEADINGS) + " |")
            print("|---" * len(HEADINGS) + "|")
            baseline: list[int] = []
            for column in COLUMNS:
                if column.layout == "append-tail":
                    continue  # overwrites the stack that the loop counter is on
                config = Config(column.layout, column.ext, compiler, debug=False)
                row = measure(config)
                baseline = baseline or row
                cells = [
                    f"{value} ({value - base:+d})" if value != base else str(value)
                    for value, base in zip(row, baseline, strict=True)
                ]
                base = Config("baseline", 8, compiler, debug=False)
                cells += map(str, stub_changes(base, config))
                print(f"| {column.column} | " + " | ".join(cells) + " |", flush=True)
    except (MeasureError, BuildError) as error:
        print(f"not ok - measure: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
