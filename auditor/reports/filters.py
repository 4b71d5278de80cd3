# SPDX-License-Identifier: GPL-2.0-only
"""--path, --kind and --verdict: the part of a report that was asked for."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from auditor.model import JudgedSite, Report, Verdict

Filters = Mapping[str, Sequence[str]]


def select(report: Report, filters: Filters) -> Report:
    """The report with only the sites that match, and of those only the verdicts that were asked for."""
    if not any(filters.values()):
        return report
    return replace(report, sites=tuple(_matching(report.sites, filters)))


def _matching(sites: Sequence[JudgedSite], filters: Filters) -> Iterator[JudgedSite]:
    paths, kinds = filters.get("path", ()), filters.get("kind", ())
    verdicts = {Verdict(v) for v in filters.get("verdict", ())}
    for judged in sites:
        if paths and not any(path_matches(judged.site.file, p) for p in paths):
            continue
        if kinds and judged.site.kind not in kinds:
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
