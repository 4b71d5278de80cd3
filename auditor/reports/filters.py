# SPDX-License-Identifier: GPL-2.0-only
"""--path, --kind and --verdict: the part of a report that was asked for."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from auditor.model import BaselineEntry, JudgedSite, Report, Verdict

Filters = Mapping[str, Sequence[str]]


def select(report: Report, filters: Filters) -> Report:
    """The report with only the sites that match, and of those only the verdicts that were asked for.

    So for what the gate says: entries of a baseline have all that filters ask for. A wrong ignore has a path, and a
    kind if it is about one rule, but no verdict.
    """
    if not any(filters.values()):
        return report
    comparison = report.comparison
    if comparison is not None:
        fixed = tuple((e, v) for e, v in comparison.fixed if _entry_matches(e, filters))
        stale = tuple(e for e in comparison.stale if _entry_matches(e, filters))
        comparison = replace(comparison, fixed=fixed, stale=stale)
    ignores = () if filters.get("verdict") else report.wrong_ignores
    return replace(
        report,
        sites=tuple(_matching(report.sites, filters)),
        comparison=comparison,
        wrong_ignores=tuple(w for w in ignores if _place_matches(w.file, w.rule, filters)),
    )


def narrowed(report: Report) -> Report:
    """As the command line narrowed it."""
    return select(report, report.runs[0].target.filters)


def _entry_matches(entry: BaselineEntry, filters: Filters) -> bool:
    verdicts = filters.get("verdict", ())
    return _place_matches(entry.file, entry.rule, filters) and (not verdicts or entry.verdict.value in verdicts)


def _place_matches(file: str, rule: str, filters: Filters) -> bool:
    paths, kinds = filters.get("path", ()), filters.get("kind", ())
    return (not paths or any(path_matches(file, p) for p in paths)) and (not kinds or rule.partition("/")[0] in kinds)


def _matching(sites: Sequence[JudgedSite], filters: Filters) -> Iterator[JudgedSite]:
    verdicts = {Verdict(v) for v in filters.get("verdict", ())}
    for judged in sites:
        if not _place_matches(judged.site.file, judged.site.rule, filters):
            continue
        if verdicts:
            kept = {p: j for p, j in judged.verdicts.items() if j.verdict in verdicts}
            if kept:
                yield replace(judged, verdicts=kept)
        else:
            yield judged


def path_matches(file: str, pattern: str) -> bool:
    """A glob in which `*` also matches `/`; the name of a directory stands for everything below it."""
    plain = pattern.removeprefix("./")
    return fnmatch.fnmatchcase(file, plain) or fnmatch.fnmatchcase(file, plain.rstrip("/") + "/*")


def describe(filters: Filters) -> str:
    """The filters as the user typed them; empty when there are none."""
    return " ".join(f"--{name} {value}" for name in ("path", "kind", "verdict") for value in filters.get(name, ()))
