# SPDX-License-Identifier: GPL-2.0-only
"""Functions that a report lists against those that a compiler made differently.

impacted.py --report FILE --before DIR --head DIR --tail DIR [--misses] [--extras]

The three directories are finished builds of one configuration: of the tree as it is, with a new first member of the
struct, and with a new last one. To make them:

1. copy the tree with hard links twice (`cp -al`), and replace the header that defines the struct by a changed copy in
   each. Write the member on a line that is there already, so that no line number moves: __LINE__ ends up in code;
2. configure three build directories alike (`make O=B olddefconfig` with one .config);
3. `make -k O=B KCFLAGS=-g0` in each: debug information changes no code, and one object does not compile with a new
   first member, as a guard on the layout demands. What only one side has is not compared.

The report is one of the tree as it is (`ptregs-audit audit TREE --build DIR -o json=FILE`). Of its functions those
count that hold a site whose code can change: its rule has a verdict rebuild, break or abi. Objects that Kbuild linked
of others, and those of scripts/ and tools/, are left out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from auditor.errors import InputError  # noqa: E402 - the path comes first
from auditor.judge import rules  # noqa: E402
from auditor.model import Verdict  # noqa: E402
from auditor.prove.objects import compare  # noqa: E402

CHANGING = {Verdict.REBUILD, Verdict.BREAK, Verdict.ABI}
NOT_KERNEL = {"scripts", "tools"}
Function = tuple[str, str]
"""(object, name)"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    listed = of_report(options.report)
    changed: set[Function] = set()
    for name, after in (("head", options.head), ("tail", options.tail)):
        found = differing(options.before, after, options.jobs)
        print(f"{name}: {len(found)} functions in {len({o for o, _ in found})} objects; {share(found & listed, found)}")
        _names(f"{name}: missed", found - listed, options.misses)
        changed |= found
    print(f"either: {len(changed)} functions; {share(changed & listed, changed)}")
    print(f"listed: {len(listed)}, {len(listed) / max(1, len(changed)):.2f} of those that changed")
    _names("listed, not changed", listed - changed, options.extras)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name in ("--report", "--before", "--head", "--tail"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--misses", action=argparse.BooleanOptionalAction, default=True, help="name those not listed")
    parser.add_argument("--extras", action="store_true", help="name those listed that did not change")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    return parser.parse_args(arguments)


def of_report(path: Path) -> set[Function]:
    """The functions that a report lists for a site whose code can change."""
    report = json.loads(path.read_text())
    known = rules.by_id()
    changing = {s["id"] for s in report["sites"] if CHANGING & {c.verdict for c in known[s["rule"]].clauses}}
    return {(f["object"], f["function"]) for f in report["functions"] if not changing.isdisjoint(f["sites"])}


def differing(before: Path, after: Path, jobs: int) -> set[Function]:
    """The functions of objects that are in both builds and differ, or are there on one side only."""
    pairs = [(str(before), str(after), name) for name in objects(before) if (after / name).is_file()]
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        results = pool.starmap(_differing, pairs, chunksize=32)
    return {(name, function) for (_, _, name), found in zip(pairs, results, strict=True) for function in found}


def _differing(before: str, after: str, name: str) -> frozenset[str]:
    one, other = Path(before, name), Path(after, name)
    if one.read_bytes() == other.read_bytes():
        return frozenset()
    try:
        return compare(one, other).functions.differing
    except InputError as e:
        print(f"{name}: not compared: {e}", file=sys.stderr)
        return frozenset()


def objects(build: Path) -> Iterator[str]:
    """Objects that were compiled, relative to the build, in their order."""
    for directory, directories, files in os.walk(build):
        directories[:] = sorted(d for d in directories if Path(directory) != build or d not in NOT_KERNEL)
        for file in sorted(f for f in files if f.endswith(".o")):
            # Kbuild notes the source of what it compiles; of what it links there is none.
            command = Path(directory, f".{file}.cmd")
            if command.is_file() and b"\nsource_" in command.read_bytes():
                yield os.path.relpath(os.path.join(directory, file), build)


def share(part: set[Function], whole: set[Function]) -> str:
    return f"listed: {len(part)} of {len(whole)}, {len(part) / len(whole):.2%}" if whole else "none differ"


def _names(title: str, found: set[Function], wanted: bool) -> None:
    if wanted and found:
        print(f"{title}: {len(found)}")
        for name, function in sorted(found):
            print(f"  {name} {function}")


if __name__ == "__main__":
    sys.exit(main())
