# SPDX-License-Identifier: GPL-2.0-only
"""A JSON report read back. The file may come from anybody: what is not as written is one InputError naming the place.

What JSON does not carry cannot come back: traits, guards, operations and the members that a proposal adds. The layout
after a proposal is rebuilt from its shifts, which is enough to draw it.
"""

from __future__ import annotations

from pathlib import Path

from auditor.errors import InputError
from auditor.gate.baseline import NEW, UNCHANGED
from auditor.gate.baseline_file import ENTRY_TEXTS
from auditor.model import (
    BaselineEntry,
    Comparison,
    Coverage,
    Effects,
    Failure,
    Field,
    FunctionEntry,
    Ignore,
    JudgedSite,
    Judgement,
    Layout,
    Proposal,
    Related,
    Report,
    Run,
    Site,
    Suppression,
    Target,
    Uncovered,
    Verdict,
    WrongIgnore,
)  # fmt: skip
from auditor.nodes import Node, parse_json
from auditor.reports.json import SCHEMA_VERSION
from auditor.reports.rebuilt import layout_after

STATES = (NEW, UNCHANGED)
MAX_BYTES = 1 << 30
MAX_MEMBERS = 2048
MAX_PROPOSALS = 256
"""Far more than a real report has; the work grows with their product, and the file may come from anybody."""


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
    return _report(Node(parse_json(text, name, "a report"), name, "report", "is it a report of this tool?"))


def _report(top: Node) -> Report:
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

    def site(node: Node) -> JudgedSite:
        judged = _site(node)
        if judged.run not in run_ids:
            node["run"].fail("the id of a run of this report")
        if not known.issuperset(judged.verdicts):
            node["verdicts"].fail("only ids of proposals of this report")
        return judged

    baseline = top.get("baseline", None)
    return Report(
        runs,
        proposals,
        top["sites"].items(site),
        top["functions"].items(_function),
        ignores=top.get("ignores", []).items(_ignore),
        wrong_ignores=top.get("wrong_ignores", []).items(_wrong),
        comparison=None if baseline.value is None else _comparison(baseline),
    )


def _run(node: Node) -> Run:
    t, layout, cov = node["target"], node["layout"], node["coverage"]
    filters = t["filters"].mapping(lambda n: n.items(Node.text))
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


def _proposal(node: Node, before: Layout) -> tuple[Proposal, Effects]:
    e = node["effects"]
    shift, resize = e["shift"].mapping(Node.integer), e["resize"].integer()
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


def _site(node: Node) -> JudgedSite:
    span = node["bytes"]
    bounds = None if span.value is None else span.items(Node.integer)
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
        fields=node["fields"].items(Node.text),
        uses=node["uses"].count(),
        related=node["related"].items(lambda n: Related(n["file"].text(), n["line"].count(), n["note"].text())),
    )
    states = node["verdicts"].mapping(lambda n: n.get("baseline", "").one_of("", *STATES))
    suppressed = node["suppressed"]
    return JudgedSite(
        node["id"].text(),
        node["run"].count(),
        site,
        node["verdicts"].mapping(_judgement),
        None if suppressed.value is None else _suppression(suppressed),
        {p: state for p, state in states.items() if state},
    )


def _suppression(node: Node) -> Suppression:
    by = node["by"].one_of("ignore", "baseline")
    return Suppression(by, node["reason"].text(), node.get("author", "").text(), node.get("line", 0).count())


def _ignore(node: Node) -> Ignore:
    lines = node["lines"].items(Node.count)
    if len(lines) != 2:
        node["lines"].fail("two lines")
    return Ignore(
        file=node["file"].text(),
        line=node["line"].count(),
        lines=(lines[0], lines[1]),
        below=node["below"].count(),
        rules=node["rules"].items(Node.text),
        reason=node["reason"].text(),
        malformed=node["malformed"].text(),
        unseen=node["unseen"].text(),
    )


def _wrong(node: Node) -> WrongIgnore:
    file, problem, rule, why = (node[k].text() for k in ("file", "problem", "rule", "why"))
    return WrongIgnore(file, node["line"].count(), problem, rule, why)


def _comparison(node: Node) -> Comparison:
    return Comparison(
        file=node["file"].text(),
        fixed=node["fixed"].items(lambda n: (_entry(n), _verdict(n["now"]))),
        stale=node["stale"].items(_entry),
        other=node["other"].count(),
        unlisted=node["unlisted"].items(Node.text),
    )


def _entry(node: Node) -> BaselineEntry:
    texts = {k: node[k].text() for k in ENTRY_TEXTS}
    return BaselineEntry(verdict=_verdict(node["verdict"]), **texts)


def _judgement(node: Node) -> Judgement:
    return Judgement(_verdict(node["verdict"]), node["why"].text(), node["fix"].text())


def _verdict(node: Node) -> Verdict:
    return Verdict(node.one_of(*(v.value for v in Verdict)))


def _function(node: Node) -> FunctionEntry:
    unit, object_, function = (node[k].text() for k in ("unit", "object", "function"))
    return FunctionEntry(node["run"].count(), unit, object_, function, node["sites"].items(Node.text))
