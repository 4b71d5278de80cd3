# SPDX-License-Identifier: GPL-2.0-only
"""Consumers x layouts: what happened, and whether expected.toml said so before."""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import qemu
from build import COLUMNS, ROOT, BuildError, Config, build, build_stale

VERDICTS = ("safe", "rebuild", "build-fails", "abi", "break")

Cells = dict[str, str]


class MatrixError(Exception):
    """expected.toml or a run cannot be used; main() prints it."""


def verdict(stale: str | None, rebuilt: str | None) -> str:
    """From what the two builds of one consumer did: right, abi or wrong."""
    if rebuilt is None:
        return "build-fails"
    if rebuilt == "wrong":
        return "break"
    if rebuilt == "abi":
        return "abi"
    # The entry path has no stale build: it is made with its layout or not at all.
    return "safe" if stale in (None, "right") else "rebuild"


def read_expected() -> dict[str, Cells]:
    """Row -> column -> verdict."""
    with (ROOT / "expected.toml").open("rb") as file:
        data = tomllib.load(file)
    columns = data["columns"]
    if columns != [config.column for config in COLUMNS]:
        raise MatrixError("expected.toml: columns differ from tools/build.py")
    rows: dict[str, Cells] = {}
    for row, cells in data["cells"].items():
        if len(cells) != len(columns) or not set(cells) <= set(VERDICTS):
            raise MatrixError(f"expected.toml: row {row} is malformed")
        rows[row] = dict(zip(columns, cells, strict=True))
    used = {cell for row in rows.values() for cell in row.values()}
    if used != set(VERDICTS):
        raise MatrixError(f"expected.toml: no cell says {sorted(set(VERDICTS) - used)}")
    return rows


def run_column(config: Config) -> Cells:
    """Build and boot one layout; row -> verdict."""
    image = build(config)
    result = qemu.run(image, "only tail,consumers")
    if result.status is qemu.Status.SKIP:
        raise MatrixError(f"SKIP {result.why}")
    # In append-tail the entry row is a failed test; anything worse is not a result.
    if result.status not in (qemu.Status.PASS, qemu.Status.FAIL):
        raise MatrixError(f"{config}: {result.why}\n{result.output[-500:]}")
    seen: dict[str, dict[str, str]] = {}
    for name, version, flavour, word in re.findall(
        r"^# cell (\S+) (\S+) (\S+) (\S+)$", result.output, re.M
    ):
        row = seen.setdefault(f"{name}-{version}", {})
        if flavour in row:
            raise MatrixError(f"{config}: {name}-{version} {flavour} ran twice")
        row[flavour] = word
    for row_name, row in seen.items():
        guard = config.directory / "consumers" / f"{row_name}.o.log"
        if "rebuilt" not in row and not guard.exists():
            raise MatrixError(f"{config}: {row_name} was neither run nor refused by the compiler")
    return {name: verdict(row.get("stale"), row.get("rebuilt")) for name, row in seen.items()}


def compare(config: Config, expected: dict[str, Cells], actual: Cells) -> Iterator[str]:
    """One line for each cell that is not as it was foretold."""
    for row in expected.keys() | actual.keys():
        want = expected.get(row, {}).get(config.column, "no such row")
        got = actual.get(row, "did not run")
        if want != got:
            yield f"{config}: {row}: expected {want}, got {got}"


def table(rows: dict[str, Cells]) -> str:
    """The matrix in Markdown, as the README has it: row -> column -> verdict."""
    columns = [config.column for config in COLUMNS]
    lines = ["| consumer | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row, cells in rows.items():
        words = (cells.get(column, "-") for column in columns)
        lines.append(f"| {row} | " + " | ".join(words) + " |")
    return "\n".join(lines).replace(" break ", " **break** ")


def run_matrix(compilers: list[str], jobs: int) -> tuple[list[str], dict[str, Cells], int]:
    """All columns: (differences, column -> row -> verdict, number of cells compared)."""
    expected = read_expected()
    differences: list[str] = []
    actual: dict[str, Cells] = {}
    cells = 0
    for compiler in compilers:
        build_stale(compiler)
        configs = [Config(c.layout, c.ext, compiler) for c in COLUMNS]
        with ThreadPoolExecutor(jobs) as pool:
            for config, column in zip(configs, pool.map(run_column, configs), strict=True):
                differences += compare(config, expected, column)
                actual.setdefault(config.column, column)
                cells += len(column)
    return differences, actual, cells


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", action="append", choices=["gcc", "clang"])
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    try:
        differences, actual, cells = run_matrix(args.compiler or ["gcc", "clang"], args.jobs)
        columns = actual.items()
        print(table({row: {c: v.get(row, "-") for c, v in columns} for row in read_expected()}))
    except (MatrixError, BuildError) as error:
        print(f"not ok - matrix: {error}")
        return 0 if str(error).startswith("SKIP") else 1
    for line in differences:
        print(f"not ok - {line}")
    print(f"# matrix: {cells} cells, {len(differences)} not as expected")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
