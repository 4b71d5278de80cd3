# SPDX-License-Identifier: GPL-2.0-only
"""The `expect:` comments of the fixtures, and what an audit says of the same lines (grammar: fixtures/README.md)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from auditor.model import JudgedSite

_COMMENT = re.compile(r"/\*(.*?)\*/")
_EXPECT = re.compile(r"expect:\s*(\S+)((?:\s+[\w-]+=[\w-]+)*)")

Expectation = tuple[str, int, str, tuple[tuple[str, str], ...]]
"""(file, line, rule, ((proposal, verdict), ...)), verdicts other than safe, sorted."""


def expected(root: Path, files: Iterable[str]) -> Counter[Expectation]:
    found: Counter[Expectation] = Counter()
    for name in files:
        for number, line in enumerate((root / name).read_text().splitlines(), 1):
            for comment in _COMMENT.findall(line):
                for rule, verdicts in _EXPECT.findall(comment):
                    pairs = tuple(sorted(tuple(v.split("=")) for v in verdicts.split()))
                    found[(name, number, rule, pairs)] += 1
    return found


def reported(sites: Iterable[JudgedSite]) -> Counter[Expectation]:
    found: Counter[Expectation] = Counter()
    for judged in sites:
        verdicts = {p: j.verdict.value for p, j in judged.verdicts.items()}
        pairs = tuple(sorted((p, v) for p, v in verdicts.items() if v != "safe"))
        found[(judged.site.file, judged.site.line, judged.site.rule, pairs)] += 1
    return found


def differences(want: Counter[Expectation], got: Counter[Expectation]) -> list[str]:
    lines = [(f, n, "missing   ", r, v) for (f, n, r, v) in (want - got).elements()]
    lines += [(f, n, "unexpected", r, v) for (f, n, r, v) in (got - want).elements()]
    return [f"{f}:{n}: {what} {r} " + " ".join(f"{p}={x}" for p, x in v) for f, n, what, r, v in sorted(lines)]
