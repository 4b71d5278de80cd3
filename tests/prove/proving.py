# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit prove` on a small tree, in this process: what it printed, returned and wrote."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.cli.program import run


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str
    report: dict[str, Any]

    def notes(self, proposal: str = "insert-head") -> Mapping[tuple[str, int], tuple[str, str]]:
        """{(file, line): (evidence, what the proof noted)} of sites with a note."""
        found = {}
        for site in self.report["sites"]:
            notes = [r["note"] for r in site["related"] if f" for {proposal}: " in r["note"]]
            if notes:
                found[site["file"], site["line"]] = (site["evidence"], notes[-1])
        return found

    def complains(self, *fragments: str) -> None:
        """No traceback, no internal error, and the errors hold all of `fragments`."""
        assert "Traceback" not in self.err and "internal error" not in self.err
        for fragment in fragments:
            assert fragment in self.err, (fragment, self.err)


def prove(where: Path, *arguments: object) -> Outcome:
    """With a report in `where`."""
    target = where / "proved.json"
    target.unlink(missing_ok=True)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["prove", *map(str, arguments), "--list", "-o", f"json={target}"])
    report = json.loads(target.read_text()) if target.exists() else {}
    return Outcome(code, out.getvalue(), err.getvalue(), report)
