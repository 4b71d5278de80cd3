# SPDX-License-Identifier: GPL-2.0-only
"""The program in this process: what it printed, returned and reported."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.cli.program import run


@dataclass(frozen=True, slots=True)
class Outcome:
    """`report`: the JSON report, or {} where none was written."""

    code: int
    out: str
    err: str
    report: dict[str, Any]

    @property
    def coverage(self) -> dict[str, Any]:
        found: dict[str, Any] = self.report["runs"][0]["coverage"]
        return found

    @property
    def failed(self) -> dict[str, str]:
        """{file: why}"""
        return {f["file"]: f["why"] for f in self.coverage["units_failed"]}

    @property
    def new(self) -> set[tuple[str, str]]:
        """(file, rule) of the findings that count."""
        return {
            (s["file"], s["rule"])
            for s in self.report["sites"]
            if s["suppressed"] is None and any(v.get("baseline") == "new" for v in s["verdicts"].values())
        }

    def sites(self, without: Iterable[str] = ()) -> list[dict[str, Any]]:
        """What was found, but for some files."""
        left_out = set(without)
        return [s for s in self.report["sites"] if s["file"] not in left_out]

    def notes(self, proposal: str = "insert-head") -> Mapping[tuple[str, int], tuple[str, str]]:
        """{(file, line): (evidence, what the proof noted)} of sites with a note."""
        found = {}
        for site in self.report["sites"]:
            notes = [r["note"] for r in site["related"] if f" for {proposal}: " in r["note"]]
            if notes:
                found[site["file"], site["line"]] = (site["evidence"], notes[-1])
        return found

    def complains(self, *fragments: str) -> None:
        """One clear line: no traceback, no internal error, and it holds all of `fragments`."""
        assert "Traceback" not in self.err and "internal error" not in self.err, self.err
        lines = [line for line in self.err.splitlines() if line and not line.startswith(("Usage:", "Try "))]
        assert len(lines) == 1, self.err
        for fragment in fragments:
            assert fragment in lines[0], (fragment, lines[0])


def outcome(words: Iterable[object], target: Path, cwd: Path | None = None) -> Outcome:
    """Of `ptregs-audit WORDS` in `cwd`; `target`: where WORDS have the JSON report written to."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        if cwd is not None:
            stack.enter_context(contextlib.chdir(cwd))
        code = run([str(w) for w in words])
    report = json.loads(target.read_text()) if target.exists() else {}
    return Outcome(code, out.getvalue(), err.getvalue(), report)
