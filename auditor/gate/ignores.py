# SPDX-License-Identifier: GPL-2.0-only
"""Inline ignores against the sites of a report: which sites they suppress, and which of them are wrong. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from auditor.layouts.near import near
from auditor.model import Ignore, JudgedSite, Suppression, WrongIgnore

SUGGESTIONS = 200
"""After so many wrong ignores nobody reads what was meant, and a tree that is not trusted may hold any number."""


def suppressed_by(ignores: Sequence[Ignore], sites: Sequence[JudgedSite]) -> dict[int, Suppression]:
    """{index of the site: what suppresses it}; the first ignore of a site counts."""
    found: dict[int, Suppression] = {}
    by_file = _by_file(sites)
    for ignore in ignores:
        if ignore.reason and not ignore.malformed:
            for index in by_file.get(ignore.file, ()):
                judged = sites[index]
                if judged.site.rule in ignore.rules and speaks_of(ignore, judged):
                    found.setdefault(index, Suppression("ignore", ignore.reason, line=ignore.line))
    return found


def speaks_of(ignore: Ignore, judged: JudgedSite) -> bool:
    """Does the comment stand on a line of the site, or alone on the line above it?"""
    site = judged.site
    if site.file != ignore.file or not site.line:
        return False
    first, last = ignore.lines
    return (first <= site.end_line and site.line <= last) or ignore.below == site.line


def wrong(
    ignores: Sequence[Ignore], sites: Sequence[JudgedSite], rules: Collection[str], unused: bool = True
) -> tuple[WrongIgnore, ...]:
    """What is wrong with the ignores, by file and line. `rules`: all that exist; `unused`: look for those, too."""
    by_file = _by_file(sites)
    found: list[WrongIgnore] = []
    for ignore in ignores:
        here = {sites[i].site.rule for i in by_file.get(ignore.file, ()) if speaks_of(ignore, sites[i])}
        found += _wrong(ignore, here, rules, unused, suggest=len(found) < SUGGESTIONS)
    return tuple(sorted(found, key=lambda w: (w.file, w.line, w.rule, w.problem)))


def _wrong(
    ignore: Ignore, here: Collection[str], rules: Collection[str], unused: bool, suggest: bool
) -> Iterator[WrongIgnore]:
    if ignore.malformed:
        yield WrongIgnore(ignore.file, ignore.line, "malformed", "", ignore.malformed)
        return
    if not ignore.reason:
        why = "it gives no reason, so that nothing is ignored: say why after the `]`"
        yield WrongIgnore(ignore.file, ignore.line, "without-reason", "", why)
    for rule in ignore.rules:
        if rule not in rules:
            yield WrongIgnore(ignore.file, ignore.line, "unknown-rule", rule, _unknown(rule, rules if suggest else ()))
        elif unused and not ignore.unseen and rule not in here:
            there = f"; what is here: {', '.join(sorted(here))}" if here else ""
            yield WrongIgnore(ignore.file, ignore.line, "unused", rule, f"no place of {rule} is here{there}")


def _unknown(rule: str, rules: Collection[str]) -> str:
    same_kind = sorted(r for r in rules if r.partition("/")[0] == rule)
    like = same_kind or near(rule, rules, 3)
    hint = f"did you mean {', '.join(like)}?" if like else "`ptregs-audit rules` lists them"
    return f"there is no rule {rule!r}: {hint}"


def _by_file(sites: Sequence[JudgedSite]) -> Mapping[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, judged in enumerate(sites):
        found.setdefault(judged.site.file, []).append(index)
    return found
