# SPDX-License-Identifier: GPL-2.0-only
"""SARIF 2.1.0 for code scanning: every site that needs a reader, one result each, with the rules behind them.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. What GitHub wants and takes at most:
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TextIO

from auditor import __version__
from auditor.judge import rules
from auditor.judge.rules import Rule
from auditor.model import JudgedSite, Report, Run, Verdict
from auditor.reports.findings import ranked, reaching, reasons, worst
from auditor.reports.json import effects_object
from auditor.reports.sarif_gate import ignore_result, ignore_rule, suppressions
from auditor.reports.sarif_places import ROOT, location
from auditor.reports.view import DEFAULT, View

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LOWEST = Verdict.REVIEW
"""Sites whose worst verdict is below need nobody's eyes: they are safe, or follow a rebuild."""
MAX_RESULTS = 25_000
MAX_LOCATIONS = 100
_LEVELS = {
    Verdict.BREAK: "error",
    Verdict.ABI: "error",
    Verdict.BUILD_FAILS: "warning",
    Verdict.REVIEW: "note",
}


def write(report: Report, stream: TextIO, view: View = DEFAULT) -> None:
    """The whole report, whatever `view` says; one result a line."""
    for chunk in _chunks(report):
        stream.write(chunk)


def _chunks(report: Report) -> Iterator[str]:
    # `version` early: readers look for it in the first bytes (oasis-tcs/sarif-spec, issue 531).
    yield f'{{"version": "2.1.0",\n"$schema": {_dump(SCHEMA)},\n"runs": ['
    for n, run in enumerate(report.runs):
        yield ",\n" if n else "\n"
        yield from _run(report, run)
    yield "]}\n"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False)


def _run(report: Report, run: Run) -> Iterator[str]:
    found = reaching((s for s in report.sites if s.run == run.id), LOWEST)
    # What is suppressed is the first to be left out.
    shown = ranked([s for s in found if s.suppressed is None], MAX_RESULTS)
    shown += ranked([s for s in found if s.suppressed is not None], MAX_RESULTS - len(shown))
    known = rules.by_id()
    used = sorted({s.site.rule for s in shown})
    index = {name: i for i, name in enumerate(used)}
    order = [p.id for p, _ in report.proposals]
    # Either all results of a run say whether they are suppressed, or none does (3.27.23).
    marked = report.comparison is not None or any(s.suppressed for s in shown)
    wrong = report.wrong_ignores if run is report.runs[0] else ()
    problems = sorted({w.problem for w in wrong})
    yield '{"tool": {"driver": {"name": "ptregs-audit", '
    yield f'"version": {_dump(__version__)}, "semanticVersion": {_dump(__version__)},\n"rules": ['
    described = (_rule(name, known.get(name), [s for s in shown if s.site.rule == name]) for name in used)
    yield from _lines(chain(described, map(ignore_rule, problems)))
    yield ']}},\n"results": ['
    results = (_result(s, index[s.site.rule], order, marked) for s in shown)
    more = ({**ignore_result(w, len(used) + problems.index(w.problem)), **suppressions(None, marked)} for w in wrong)
    yield from _lines(chain(results, more))
    yield "],\n"
    rest = {
        "automationDetails": {"id": f"ptregs-audit/{run.target.struct}/{run.target.arch}/"},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the audited tree."}}},
        "invocations": [_invocation(run, len(found) - len(shown))],
        "properties": _properties(report, run),
    }
    yield _dump(rest)[1:]


def _lines(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    for n, item in enumerate(items):
        yield (",\n" if n else "\n") + _dump(item)


def _rule(name: str, rule: Rule | None, sites: Sequence[JudgedSite]) -> dict[str, Any]:
    """A report that another version wrote may name a rule that is not known here."""
    level = _LEVELS[max((worst(s) for s in sites), key=lambda v: v.rank)]
    severity = {"error": "error", "warning": "warning", "note": "recommendation"}[level]
    described: dict[str, Any] = {"id": name, "defaultConfiguration": {"level": level}}
    if rule is not None:
        described["shortDescription"] = {"text": _sentence(rule.title)}
        described["fullDescription"] = {"text": f"{rule.what} {rule.why}"}
        described["help"] = _help(rule)
    kind = name.partition("/")[0]
    described["properties"] = {"tags": [kind], "precision": "high", "problem.severity": severity}
    return described


def _sentence(title: str) -> str:
    return f"{title[:1].upper()}{title[1:]}."


def _help(rule: Rule) -> dict[str, str]:
    parts = (("Why it matters", rule.why), ("Example", rule.example), ("What to do", rule.fix))
    text = "\n\n".join(f"{heading}: {words}" for heading, words in parts)
    markdown = "\n\n".join(f"**{heading}.** {words}" for heading, words in parts)
    references = "".join(f"\n* {r}" for r in rule.references)
    ending = f"\n\nReferences:\n{references}" if references else ""
    return {"text": text + ending, "markdown": markdown + ending}


def _result(judged: JudgedSite, rule_index: int, order: Sequence[str], marked: bool) -> dict[str, Any]:
    site = judged.site
    why = [f"{r.verdict.value} under {', '.join(r.proposals)}: {r.why}" for r in reasons(judged, order, LOWEST)]
    fixes = dict.fromkeys(j.fix for j in judged.verdicts.values() if j.fix)
    result: dict[str, Any] = {
        "ruleId": site.rule,
        "ruleIndex": rule_index,
        "level": _LEVELS[worst(judged)],
        "message": {"text": "\n".join([*why, *(f"Fix: {f}" for f in fixes)])},
        "locations": [location(site.file, site.line, site)],
        # GitHub would hash the line itself, if it could read the source; an id survives changes of the line, too.
        "partialFingerprints": {"primaryLocationLineHash": judged.id, "ptregsAuditId/v1": judged.id},
        "properties": {
            "kind": site.kind,
            "evidence": site.evidence,
            "provenance": site.provenance,
            "fields": list(site.fields),
            "uses": site.uses,
            "verdicts": {p: judged.verdicts[p].verdict.value for p in order if p in judged.verdicts},
            **({"baseline": {p: judged.baseline[p] for p in order if p in judged.baseline}} if judged.baseline else {}),
        },
        **suppressions(judged, marked),
    }
    if site.related:
        result["relatedLocations"] = [
            {"id": n, **location(r.file, r.line), "message": {"text": r.note}}
            for n, r in enumerate(site.related[:MAX_LOCATIONS])
        ]
    return result


def _invocation(run: Run, left_out: int) -> dict[str, Any]:
    """What was not looked at is said: an empty list of results means nothing where units failed."""
    failed = [
        {
            "level": "warning",
            "message": {"text": f"not analysed: {f.why}"},
            "locations": [location(f.file, 0)],
        }
        for f in sorted(run.coverage.units_failed, key=lambda f: (f.file, f.object))
    ]
    cut = [{"level": "warning", "message": {"text": f"{left_out} results are left out: at most {MAX_RESULTS}"}}]
    notes = [*failed, *(cut if left_out else [])]
    return {"executionSuccessful": True, **({"toolExecutionNotifications": notes} if notes else {})}


def _properties(report: Report, run: Run) -> Mapping[str, Any]:
    coverage = run.coverage
    return {
        "struct": run.target.struct,
        "arch": run.target.arch,
        "version": run.target.version,
        "config": run.target.config,
        "units": coverage.units,
        "unitsAnalysed": coverage.units_analysed,
        "mentions": coverage.mentions,
        "mentionsCovered": coverage.mentions_covered,
        "proposals": {p.id: effects_object(e) for p, e in report.proposals},
        "summary": report.summary(),
    }
