# SPDX-License-Identifier: GPL-2.0-only
"""JSON, the stable interface; report.schema.json beside this file is its exact description.

Output is sorted and holds one site, function or mention per line: two reports can be compared with diff. Only one
such line is in memory at a time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from auditor import __version__
from auditor.model import (
    BaselineEntry,
    Coverage,
    Effects,
    FunctionEntry,
    Ignore,
    JudgedSite,
    Layout,
    Proposal,
    Report,
    Run,
    Suppression,
    WrongIgnore,
)
from auditor.reports.gated import counts
from auditor.reports.view import DEFAULT, View

SCHEMA_VERSION = 1


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    """The whole report, whatever `view` says."""
    for chunk in chunks(report):
        stream.write(chunk)


def chunks(report: Report) -> Iterator[str]:
    yield f'{{"schema_version": {SCHEMA_VERSION},\n'
    yield f'"tool": {_dump({"name": "ptregs-audit", "version": __version__})},\n'
    yield '"runs": ['
    for n, run in enumerate(sorted(report.runs, key=lambda r: r.id)):
        yield ",\n" if n else "\n"
        yield from _run(run)
    yield '],\n"proposals": ['
    yield from _lines(_proposal(p, e) for p, e in report.proposals)
    yield '],\n"sites": ['
    yield from _lines(_site(s) for s in sorted(report.sites, key=_site_order))
    yield '],\n"functions": ['
    yield from _lines(_function(f) for f in sorted(report.functions, key=_function_order))
    yield '],\n"ignores": ['
    yield from _lines(_ignore(i) for i in sorted(report.ignores, key=lambda i: (i.file, i.line)))
    yield '],\n"wrong_ignores": ['
    yield from _lines(_wrong(w) for w in report.wrong_ignores)
    yield '],\n"baseline": '
    yield from _comparison(report) if report.comparison is not None else ["null"]
    yield f',\n"summary": {_dump(report.summary())}}}\n'


def _dump(value: Any) -> str:
    # ASCII only: a lone surrogate (an odd file name) stays readable to every JSON parser and to any stream.
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _lines(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for n, item in enumerate(items):
        yield (",\n" if n else "\n") + _dump(item)


def _site_order(judged: JudgedSite) -> tuple[int, str, int, int, str, str]:
    s = judged.site
    return judged.run, s.file, s.line, s.column, s.rule, judged.id


def _function_order(f: FunctionEntry) -> tuple[int, str, str, str]:
    return f.run, f.unit, f.object, f.function


def _run(run: Run) -> Iterator[str]:
    target = {
        "struct": run.target.struct,
        "arch": run.target.arch,
        "tree": run.target.tree,
        "version": run.target.version,
        "config": run.target.config,
        "filters": {name: list(run.target.filters[name]) for name in sorted(run.target.filters)},
    }
    yield f'{{"id": {run.id}, "target": {_dump(target)},\n"layout": {_dump(_layout(run.layout))},\n"coverage": '
    yield from _coverage(run.coverage)
    yield "}"


def _layout(layout: Layout) -> dict[str, Any]:
    fields = [{"name": f.name, "type": f.type, "offset": f.offset, "size": f.size} for f in layout.fields]
    return {"size": layout.size, "align": layout.align, "fields": fields}


def _coverage(coverage: Coverage) -> Iterator[str]:
    yield f'{{"units": {coverage.units}, "units_analysed": {coverage.units_analysed}, "units_failed": ['
    failed = sorted(coverage.units_failed, key=lambda f: (f.file, f.object, f.why))
    yield from _lines({"file": f.file, "why": f.why} for f in failed)
    yield f'], "mentions": {coverage.mentions}, "mentions_covered": {coverage.mentions_covered}, "uncovered": ['
    uncovered = sorted(coverage.uncovered, key=lambda u: (u.file, u.line, u.why))
    yield from _lines({"file": u.file, "line": u.line, "why": u.why} for u in uncovered)
    yield "]}"


def _proposal(proposal: Proposal, effects: Effects) -> dict[str, Any]:
    return {"id": proposal.id, "title": proposal.title, "effects": effects_object(effects)}


def effects_object(effects: Effects) -> dict[str, Any]:
    return {
        "shift": {name: effects.shift[name] for name in sorted(effects.shift)},
        "resize": effects.resize,
        "new_head": effects.new_head,
        "new_tail": effects.new_tail,
        "frame_below": effects.frame_below,
        "frame_above": effects.frame_above,
        "extension": effects.extension != 0,
    }


def _site(judged: JudgedSite) -> dict[str, Any]:
    s = judged.site
    verdicts = {
        pid: {"verdict": j.verdict.value, "why": j.why, "fix": j.fix, **_state(judged, pid)}
        for pid, j in sorted(judged.verdicts.items())
    }
    return {
        "id": judged.id,
        "run": judged.run,
        "rule": s.rule,
        "kind": s.kind,
        "file": s.file,
        "line": s.line,
        "end_line": s.end_line,
        "column": s.column,
        "function": s.function,
        "expression": s.expression,
        "evidence": s.evidence,
        "provenance": s.provenance,
        "bytes": list(s.bytes) if s.bytes is not None else None,
        "fields": list(s.fields),
        "uses": s.uses,
        "related": [{"file": r.file, "line": r.line, "note": r.note} for r in s.related],
        "verdicts": verdicts,
        "suppressed": _suppression(judged.suppressed),
    }


def _state(judged: JudgedSite, proposal: str) -> dict[str, str]:
    state = judged.baseline.get(proposal)
    return {"baseline": state} if state else {}


def _suppression(found: Suppression | None) -> dict[str, Any] | None:
    if found is None:
        return None
    author = {"author": found.author} if found.author else {}
    line = {"line": found.line} if found.line else {}
    return {"by": found.by, "reason": found.reason, **author, **line}


def _ignore(i: Ignore) -> dict[str, Any]:
    return {
        "file": i.file,
        "line": i.line,
        "lines": list(i.lines),
        "below": i.below,
        "rules": list(i.rules),
        "reason": i.reason,
        "malformed": i.malformed,
        "unseen": i.unseen,
    }


def _wrong(w: WrongIgnore) -> dict[str, Any]:
    return {"file": w.file, "line": w.line, "problem": w.problem, "rule": w.rule, "why": w.why}


def _comparison(report: Report) -> Iterator[str]:
    found = report.comparison
    if found is None:
        return
    numbers = {**counts(report), "other": found.other, "unlisted": list(found.unlisted)}
    yield f'{{"file": {_dump(found.file)}, {_dump(numbers)[1:-1]}, "fixed": ['
    yield from _lines({**_entry(e), "now": now.value} for e, now in found.fixed)
    yield '], "stale": ['
    yield from _lines(_entry(e) for e in found.stale)
    yield "]}"


def _entry(e: BaselineEntry) -> dict[str, Any]:
    return {
        "id": e.id,
        "proposal": e.proposal,
        "verdict": e.verdict.value,
        "rule": e.rule,
        "file": e.file,
        "function": e.function,
        "expression": e.expression,
        "reason": e.reason,
        "author": e.author,
    }


def _function(f: FunctionEntry) -> dict[str, Any]:
    return {"run": f.run, "unit": f.unit, "object": f.object, "function": f.function, "sites": sorted(f.sites)}
