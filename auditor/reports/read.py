# SPDX-License-Identifier: GPL-2.0-only
"""A JSON report read back. The file may come from anybody: what is not as written is one InputError naming the place.

What JSON does not carry cannot come back: traits, guards, operations and the members that a proposal adds. The layout
after a proposal is rebuilt from its shifts, which is enough to draw it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from auditor.errors import InputError
from auditor.model import (
    Coverage,
    Effects,
    Failure,
    Field,
    FunctionEntry,
    JudgedSite,
    Judgement,
    Layout,
    Proposal,
    Related,
    Report,
    Run,
    Site,
    Target,
    Uncovered,
    Verdict,
)  # fmt: skip
from auditor.reports.json import SCHEMA_VERSION
from auditor.reports.rebuilt import layout_after

MAX_BYTES = 1 << 30
MAX_MEMBERS = 2048
MAX_PROPOSALS = 256
"""Far more than a real report has; the work grows with their product, and the file may come from anybody."""

T = TypeVar("T")


def read(path: Path) -> Report:
    """The report in a file. InputError: unreadable, not JSON, another schema version, or not as described."""
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise InputError(str(path), "larger than any report", f"limit {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        raise InputError(str(path), e.strerror or "cannot be read") from e
    except UnicodeDecodeError as e:
        raise InputError(str(path), f"not UTF-8 at byte {e.start}") from e
    return parse(text, str(path))


def parse(text: str, name: str) -> Report:
    try:
        data = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise InputError(name, "nested too deeply for a report") from None
    except ValueError as e:
        raise InputError(name, f"not JSON: {e}") from e
    return _report(_Node(data, name, "report"))


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


class _Node:
    """A JSON value together with its place, so that every complaint can say where."""

    __slots__ = ("file", "place", "value")

    def __init__(self, value: Any, file: str, place: str) -> None:
        self.value, self.file, self.place = value, file, place

    def fail(self, expected: str) -> NoReturn:
        raise InputError(self.file, f"{self.place}: expected {expected}", "is it a report of this tool?")

    def __getitem__(self, key: str) -> _Node:
        if not isinstance(self.value, dict):
            self.fail("an object")
        if key not in self.value:
            self.fail(f"the key {key!r}")
        return _Node(self.value[key], self.file, f"{self.place}.{key}")

    def items(self, read: Callable[[_Node], T]) -> tuple[T, ...]:
        if not isinstance(self.value, list):
            self.fail("a list")
        return tuple(read(_Node(v, self.file, f"{self.place}[{n}]")) for n, v in enumerate(self.value))

    def mapping(self, read: Callable[[_Node], T]) -> dict[str, T]:
        if not isinstance(self.value, dict):
            self.fail("an object")
        return {k: read(_Node(v, self.file, f"{self.place}.{k}")) for k, v in self.value.items()}

    def text(self) -> str:
        if not isinstance(self.value, str):
            self.fail("a string")
        return self.value

    def integer(self) -> int:
        # bool is an int to Python, but not to JSON.
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.fail("an integer")
        return self.value

    def count(self) -> int:
        value = self.integer()
        if value < 0:
            self.fail("a number that is not negative")
        return value

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail("true or false")
        return self.value


def _report(top: _Node) -> Report:
    version = top["schema_version"].value
    if version != SCHEMA_VERSION:
        raise InputError(
            top.file, f"schema_version {version!r}, expected {SCHEMA_VERSION}", "written by another version"
        )
    runs = top["runs"].items(_run)
    if not runs:
        top["runs"].fail("at least one run")
    before = runs[0].layout
    if len(before.fields) > MAX_MEMBERS:
        top["runs"].fail(f"at most {MAX_MEMBERS} members")
    if isinstance(top["proposals"].value, list) and len(top["proposals"].value) > MAX_PROPOSALS:
        top["proposals"].fail(f"at most {MAX_PROPOSALS} proposals")
    proposals = top["proposals"].items(lambda n: _proposal(n, before))
    known = {p.id for p, _ in proposals}
    if len(known) < len(proposals):
        top["proposals"].fail("every id once")
    run_ids = {r.id for r in runs}

    def site(node: _Node) -> JudgedSite:
        judged = _site(node)
        if judged.run not in run_ids:
            node["run"].fail("the id of a run of this report")
        if not known.issuperset(judged.verdicts):
            node["verdicts"].fail("only ids of proposals of this report")
        return judged

    return Report(runs, proposals, top["sites"].items(site), top["functions"].items(_function))


def _run(node: _Node) -> Run:
    t, layout, cov = node["target"], node["layout"], node["coverage"]
    filters = t["filters"].mapping(lambda n: n.items(_Node.text))
    struct, arch, tree, version, config = (t[k].text() for k in ("struct", "arch", "tree", "version", "config"))
    target = Target(struct, arch, tree, version, config, filters)
    return Run(
        id=node["id"].count(),
        target=target,
        layout=Layout(
            target.struct,
            target.arch,
            layout["size"].count(),
            layout["align"].count(),
            layout["fields"].items(
                lambda n: Field(n["name"].text(), n["type"].text(), n["offset"].count(), n["size"].count())
            ),
        ),
        coverage=Coverage(
            units=cov["units"].count(),
            units_analysed=cov["units_analysed"].count(),
            units_failed=cov["units_failed"].items(lambda n: Failure(n["file"].text(), n["why"].text())),
            mentions=cov["mentions"].count(),
            mentions_covered=cov["mentions_covered"].count(),
            uncovered=cov["uncovered"].items(lambda n: Uncovered(n["file"].text(), n["line"].count(), n["why"].text())),
        ),
    )


def _proposal(node: _Node, before: Layout) -> tuple[Proposal, Effects]:
    e = node["effects"]
    shift, resize = e["shift"].mapping(_Node.integer), e["resize"].integer()
    effects = Effects(
        before=before,
        after=layout_after(before, shift, resize),
        shift=shift,
        resize=resize,
        new_head=e["new_head"].flag(),
        new_tail=e["new_tail"].flag(),
        frame_below=e["frame_below"].integer(),
        frame_above=e["frame_above"].integer(),
        # Only whether there is one is written down; its size is not, and nothing asks for it here.
        extension=int(e["extension"].flag()),
    )
    return Proposal(node["id"].text(), node["title"].text(), "", ()), effects


def _site(node: _Node) -> JudgedSite:
    span = node["bytes"]
    bounds = None if span.value is None else span.items(_Node.integer)
    if bounds is not None and len(bounds) != 2:
        span.fail("null or two integers")
    site = Site(
        rule=node["rule"].text(),
        file=node["file"].text(),
        line=node["line"].count(),
        end_line=node["end_line"].count(),
        column=node["column"].count(),
        function=node["function"].text(),
        expression=node["expression"].text(),
        evidence=node["evidence"].text(),
        provenance=node["provenance"].text(),
        bytes=(bounds[0], bounds[1]) if bounds is not None else None,
        fields=node["fields"].items(_Node.text),
        uses=node["uses"].count(),
        related=node["related"].items(lambda n: Related(n["file"].text(), n["line"].count(), n["note"].text())),
    )
    return JudgedSite(node["id"].text(), node["run"].count(), site, node["verdicts"].mapping(_judgement))


def _judgement(node: _Node) -> Judgement:
    try:
        verdict = Verdict(node["verdict"].text())
    except ValueError:
        node["verdict"].fail("one of " + ", ".join(v.value for v in Verdict))
    return Judgement(verdict, node["why"].text(), node["fix"].text())


def _function(node: _Node) -> FunctionEntry:
    unit, object_, function = (node[k].text() for k in ("unit", "object", "function"))
    return FunctionEntry(node["run"].count(), unit, object_, function, node["sites"].items(_Node.text))
