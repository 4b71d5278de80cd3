# SPDX-License-Identifier: GPL-2.0-only
"""Static meets dynamic: the consumers of the reference kernel, audited, against what happened when they ran.

`reference-impl/expected.toml` says for every consumer and layout what must happen, and `make -C reference-impl matrix`
holds it against runs in QEMU. Here the same sources are audited as they are at the baseline, and each cell must be what
the matrix says, or be listed in `reference-impl/static.toml` with the verdict and why the audit cannot know better yet.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.audit import run_audit
from auditor.collect import AuditRequest
from auditor.model import JudgedSite, Report, Verdict

REFERENCE = Path(__file__).parents[2] / "reference-impl"
COPIED = ("consumers", "include")
UNREAD = "unread"
"""Of a row without a C source, or whose source the audit did not select."""

Cells = dict[tuple[str, str], str]
"""{(row, proposal): verdict}"""


@dataclass(frozen=True, slots=True)
class Open:
    verdict: str
    reason: str


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference kernel's headers and consumers where a kernel tree has its own, with their compile commands."""
    root = tmp_path_factory.mktemp("reference")
    for name in COPIED:
        shutil.copytree(REFERENCE / name, root / name)
    (root / "Makefile").write_text("VERSION = 0\nPATCHLEVEL = 1\n")
    (root / "Kconfig").touch()
    (root / "arch/x86").mkdir(parents=True)
    (root / "include/linux").mkdir()
    flags = output("make", "-s", "-C", str(REFERENCE), "flags", "LAYOUT=baseline", "EXT=8", "COMPILER=gcc", "DEBUG=1")
    # <stdbool.h> and <stddef.h> are the compiler's.
    headers = output("gcc", "-print-file-name=include")
    command = ["gcc", *shlex.split(flags), "-DVERSION=0", "-DFLAVOUR=0", "-isystem", headers, "-c"]
    sources = sorted(p.relative_to(root).as_posix() for p in (root / "consumers").glob("*.c"))
    entries = [{"directory": str(root), "file": s, "arguments": [*command, s]} for s in sources]
    (root / "compile_commands.json").write_text(json.dumps(entries))
    return root


@pytest.fixture(scope="module")
def report(tree: Path) -> Report:
    return run_audit(AuditRequest(tree=tree, compdb=tree / "compile_commands.json"))


@pytest.fixture(scope="module")
def dynamic() -> Cells:
    """One verdict for a proposal, whatever the size of the extension; the baseline column is no proposal."""
    data = tomllib.loads((REFERENCE / "expected.toml").read_text())
    found: dict[tuple[str, str], set[str]] = {}
    for row, cells in data["cells"].items():
        for column, cell in zip(data["columns"], cells, strict=True):
            if column != "baseline":
                found.setdefault((row, column.rpartition("-")[0]), set()).add(cell)
    assert all(len(cells) == 1 for cells in found.values()), "the size decides: compare the columns one by one"
    return {key: cells.pop() for key, cells in found.items()}


@pytest.fixture(scope="module")
def static(report: Report, tree: Path, dynamic: Cells) -> Cells:
    proposals = [p.id for p, _ in report.proposals]
    found: Cells = {}
    for row in {row for row, _ in dynamic}:
        sites = of_consumer(report, tree, f"consumers/{row}.c")
        for proposal in proposals:
            found[row, proposal] = joined([s.verdicts[proposal].verdict for s in sites]) if sites else UNREAD
    return found


def of_consumer(report: Report, tree: Path, source: str) -> Sequence[JudgedSite]:
    """The sites in a consumer and in what it shares with other consumers. The headers of the kernel are not its own:
    each layout of the reference kernel changes those by hand."""
    path = tree / source
    text = path.read_text() if path.is_file() else ""
    own = {source} | {f"consumers/{h.name}" for h in (tree / "consumers").glob("*.h") if f'"{h.name}"' in text}
    selected = any(s.site.file == source for s in report.sites)
    return [s for s in report.sites if s.site.file in own] if selected else []


def joined(verdicts: Sequence[Verdict]) -> str:
    """What becomes of the whole consumer: a guard stops all of it; break beats abi; a site that is undecided leaves
    everything below break undecided."""
    worst = (Verdict.BUILD_FAILS, Verdict.BREAK, Verdict.ABI, Verdict.REVIEW, Verdict.REBUILD)
    return next((v.value for v in worst if v in verdicts), Verdict.SAFE.value)


@pytest.fixture(scope="module")
def listed() -> Mapping[tuple[str, str], Open]:
    data = tomllib.loads((REFERENCE / "static.toml").read_text())
    found = {}
    for reason, group in data["open"].items():
        assert len(group["why"]) > 40, reason
        for row, cells in group["cells"].items():
            for proposal, verdict in cells.items():
                assert (row, proposal) not in found, f"{row} x {proposal} is listed twice"
                found[row, proposal] = Open(verdict, reason)
    return found


def test_every_unit_was_read(report: Report) -> None:
    coverage = report.runs[0].coverage
    assert coverage.units_failed == ()
    assert coverage.units_analysed == len(list((REFERENCE / "consumers").glob("*.c")))


def test_the_two_know_the_same_cells(static: Cells, dynamic: Cells) -> None:
    assert static.keys() == dynamic.keys()
    assert len(dynamic) == 6 * 19


def test_cell_by_cell(static: Cells, dynamic: Cells, listed: Mapping[tuple[str, str], Open]) -> None:
    wrong = []
    for key in sorted(static):
        told, ran, known = static[key], dynamic[key], listed.get(key)
        name = " x ".join(key)
        if known is None and told != ran:
            wrong.append(f"{name}: the audit says {told}, the run {ran}, and static.toml nothing")
        elif known is not None and told == ran:
            wrong.append(f"{name}: both say {told}; take it out of static.toml ({known.reason})")
        elif known is not None and told != known.verdict:
            wrong.append(f"{name}: the audit says {told}, static.toml {known.verdict} ({known.reason})")
    assert not listed.keys() - static.keys()
    assert wrong == []


def test_no_hazard_is_called_safe(static: Cells, dynamic: Cells) -> None:
    """What breaks or changes when it runs may be undecided or unread, never safe."""
    assert [k for k, ran in dynamic.items() if ran in ("break", "abi", "build-fails") and static[k] == "safe"] == []


def test_no_alarm_is_false(static: Cells, dynamic: Cells) -> None:
    """What is right when it runs, at the latest after a rebuild, is not called broken; but for a proposal that edits
    less than the reference kernel does (entry-adapted)."""
    alarms = [k for k, told in static.items() if told in ("break", "abi") and dynamic[k] in ("safe", "rebuild")]
    assert alarms == [("ptrace-careless", "append-tail")]
