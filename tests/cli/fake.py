# SPDX-License-Identifier: GPL-2.0-only
"""An audit that takes no time: `auditor.audit` and the resolver of proposals, replaced in sys.modules.

What is tested here is what the command line does with an outcome, not how the outcome comes about.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any

from auditor.errors import InputError, UsageError
from auditor.model import Coverage, Proposal, Report, Verdict
from tests.reports.factory import BPF, COVERAGE, EXPORT, OFFSET, READ, make_report

COMPLETE = replace(COVERAGE, units_failed=())
CLEAN = make_report(READ, EXPORT, coverage=COMPLETE)
FINDINGS = make_report(OFFSET, BPF, coverage=COMPLETE)
REVIEW = make_report(
    replace(BPF, verdicts={p: replace(j, verdict=Verdict.REVIEW) for p, j in BPF.verdicts.items()}), coverage=COMPLETE
)
FAILED = make_report(READ, coverage=COVERAGE)
BOTH = make_report(OFFSET, coverage=COVERAGE)
EMPTY = replace(CLEAN, sites=(), functions=(), runs=(replace(CLEAN.runs[0], coverage=Coverage(0, 0)),))


@dataclass(frozen=True)
class Request:
    """Accepts what the command line fills in, by the names it uses."""

    tree: Any
    build: Any
    compdb: Any
    arch: str
    struct: str
    proposals: tuple[str, ...]
    after: tuple[str, str] | None
    jobs: int
    libclang: str | None
    exhaustive: bool
    filters: Any


def install(outcome: Report | BaseException | Callable[[Any, Any], Report], modules: MutableMapping[str, Any]) -> None:
    """Make `run_audit` return the report, raise the exception or call the function."""

    def run_audit(request: Request, progress: Any = None, store: Any = None) -> Report:
        if isinstance(outcome, BaseException):
            raise outcome
        if callable(outcome):
            return outcome(request, progress)
        target = replace(outcome.runs[0].target, filters=request.filters)
        return replace(outcome, runs=(replace(outcome.runs[0], target=target),))

    audit = types.ModuleType("auditor.audit")
    audit.__dict__.update(run_audit=run_audit)
    collect = types.ModuleType("auditor.collect")
    collect.__dict__.update(AuditRequest=Request)
    proposals = types.ModuleType("auditor.layouts.proposals")
    proposals.__dict__.update(resolve_all=_resolve_all)
    modules["auditor.audit"] = audit
    modules["auditor.collect"] = collect
    modules["auditor.layouts.proposals"] = proposals


def _resolve_all(names: Iterable[str], arch: str) -> tuple[Proposal, ...]:
    if "unknown" in names:
        raise UsageError("unknown proposal")
    ids = [n.removesuffix(".toml") for n in dict.fromkeys(names)]
    for i in ids:
        if ids.count(i) > 1:
            raise InputError(i, "two with one id")
    return tuple(Proposal(i, "", "", ()) for i in ids)


def main() -> None:
    """`python -m tests.cli.fake OUTCOME ARGUMENT...`: the real program on a fake audit, in a process of its own."""
    from auditor.cli.program import run

    outcome = KeyboardInterrupt() if sys.argv[1] == "INTERRUPT" else globals()[sys.argv[1]]
    install(outcome, sys.modules)
    sys.exit(run(sys.argv[2:]))


if __name__ == "__main__":
    main()
