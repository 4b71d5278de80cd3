# SPDX-License-Identifier: GPL-2.0-only
"""A baseline as a file: sorted JSON, one finding a line, so that a change of it reads well as a diff."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from auditor.errors import InputError
from auditor.files import read_bounded
from auditor.gate.baseline import Baseline, order
from auditor.model import BaselineEntry, Verdict
from auditor.nodes import Node, parse_json

SCHEMA_VERSION = 1
LARGEST = 64 << 20
_WHAT = "a baseline of this tool"
_HINT = "mend it, or take it back from version control; `ptregs-audit baseline create --force` makes it anew"
ENTRY_TEXTS = ("id", "proposal", "rule", "file", "function", "expression", "reason", "author")


def read(path: str) -> Baseline:
    """InputError: unreadable, not JSON, no baseline, of another version, or damaged, with the place."""
    try:
        text = read_bounded(path, LARGEST).decode("utf-8")
    except UnicodeDecodeError as e:
        raise InputError(path, f"not UTF-8 at byte {e.start}", f"{_WHAT} was expected") from e
    return parse(text, path)


def parse(text: str, name: str) -> Baseline:
    top = Node(parse_json(text, name, _WHAT), name, "baseline", _HINT)
    if not isinstance(top.value, dict) or top.value.get("format") != "ptregs-audit baseline":
        raise InputError(name, 'is no baseline: the key "format" with "ptregs-audit baseline" was expected', _HINT)
    version = top["schema_version"].value
    if version != SCHEMA_VERSION:
        made_by = "another version of the tool wrote it: use that one, or make the baseline anew"
        raise InputError(name, f"schema_version {version!r}, expected {SCHEMA_VERSION}", made_by)
    top.only("format", "schema_version", "target", "proposals", "findings")
    target = top["target"]
    target.only("struct", "arch")
    entries = top["findings"].items(_entry)
    seen: dict[tuple[str, str], int] = {}
    for n, entry in enumerate(entries):
        first = seen.setdefault((entry.id, entry.proposal), n)
        if first != n:
            raise InputError(name, f"baseline.findings[{n}]: the same finding as findings[{first}]", _HINT)
    proposals = top["proposals"].items(Node.text)
    for n, entry in enumerate(entries):
        if entry.proposal not in proposals:
            raise InputError(name, f"baseline.findings[{n}].proposal: {entry.proposal!r} is not in proposals", _HINT)
    return Baseline(name, target["struct"].text(), target["arch"].text(), proposals, entries)


def _entry(node: Node) -> BaselineEntry:
    node.only(*ENTRY_TEXTS, "verdict")
    verdict = Verdict(node["verdict"].one_of(*(v.value for v in Verdict)))
    return BaselineEntry(verdict=verdict, **{key: node[key].text() for key in ENTRY_TEXTS})


def chunks(baseline: Baseline) -> Iterator[str]:
    """The whole file; equal baselines are equal in every byte."""
    yield f'{{"format": "ptregs-audit baseline",\n"schema_version": {SCHEMA_VERSION},\n'
    yield f'"target": {_dump({"struct": baseline.struct, "arch": baseline.arch})},\n'
    yield f'"proposals": {_dump(sorted(baseline.proposals))},\n"findings": ['
    for n, entry in enumerate(sorted(baseline.entries, key=order)):
        yield (",\n" if n else "\n") + _dump(_line(entry))
    yield "\n]}\n" if baseline.entries else "]}\n"


def _line(e: BaselineEntry) -> dict[str, str]:
    return {
        "file": e.file, "function": e.function, "rule": e.rule, "id": e.id, "proposal": e.proposal,
        "verdict": e.verdict.value, "expression": e.expression, "reason": e.reason, "author": e.author,
    }  # fmt: skip


def _dump(value: Any) -> str:
    # ASCII only, as in the report: an odd file name stays readable to every parser and on every terminal.
    return json.dumps(value, ensure_ascii=True, allow_nan=False)
