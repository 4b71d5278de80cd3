# SPDX-License-Identifier: GPL-2.0-only
"""Three questions that every change of the register frame has to answer, answered from the sites' verdicts alone.

Are signals and ptrace isolated from the struct? What do BPF programs see? Who reads or writes below the struct? Where
no site was found there is no answer, and the sentence says that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from auditor.model import JudgedSite, Report, Site, Verdict
from auditor.reports.findings import place

EXAMPLES = 2
HARM = (Verdict.BREAK, Verdict.ABI)


@dataclass(frozen=True, slots=True)
class Question:
    """`subject` names the sites; `calm` is said when all are safe or rebuilt, `alarm` when some do harm."""

    title: str
    subject: str
    asks: Callable[[Site], bool]
    calm: str
    alarm: str


def _exports(site: Site) -> bool:
    # A register image that is ABI of its own is why user space is isolated, not a place where it might not be.
    own = site.rule == "uapi-export/user-twin" or site.rule.startswith("uapi-export/frozen-")
    return (site.kind == "uapi-export" and not own) or site.kind == "order"


def _bpf(site: Site) -> bool:
    return site.kind == "bpf-ctx" or site.rule == "uapi-export/user-twin"


def _below(site: Site) -> bool:
    return site.rule in ("raw-offset/below", "stack-position/below") or site.kind in ("fabricated", "cast")


def _copies(site: Site) -> bool:
    """Where there is an extension, a frame that is copied or cleared without it is the same question."""
    return _below(site) or site.rule in ("size/copy", "size/clear")


QUESTIONS = (
    Question("signals, ptrace", "Exporting registers or counting on their order", _exports, "isolated", "not isolated"),
    Question("BPF", "Showing the struct to BPF or user-space headers", _bpf, "sees no change", "affected"),
    Question(
        "below the struct",
        "Reaching below the struct, making or copying one, or reading it as another type",
        _below,
        "nobody goes wrong",
        "some go wrong",
    ),
)


def answers(report: Report, proposal: str) -> list[tuple[str, str]]:
    """[(what is asked, the answer)] for one proposal; from all sites, so never of a filtered report."""
    extended = any(e.extension for p, e in report.proposals if p.id == proposal)
    asked = (replace(q, asks=_copies) if extended and q.asks is _below else q for q in QUESTIONS)
    return [(q.title, _answer(q, report.sites, proposal)) for q in asked]


def _answer(question: Question, sites: Iterable[JudgedSite], proposal: str) -> str:
    asked = [s for s in sites if proposal in s.verdicts and question.asks(s.site) and not s.site.struct_of]
    if not asked:
        return f"no answer. {question.subject}: no place found."
    of: dict[Verdict, list[JudgedSite]] = {v: [] for v in Verdict}
    for judged in asked:
        of[judged.verdicts[proposal].verdict].append(judged)
    if any(of[v] for v in HARM):
        state = question.alarm
    elif of[Verdict.REVIEW]:
        state = "undecided"
    elif of[Verdict.BUILD_FAILS]:
        state = "guarded, the build stops"
    else:
        state = question.calm
    # Places for what needs a look; where nothing does, for what is claimed to be fine.
    shown = {v for v in (*HARM, Verdict.BUILD_FAILS, Verdict.REVIEW) if of[v]} or {v for v in Verdict if of[v]}
    parts = [
        f"{len(of[v])} {v.value}" + (f" ({_examples(of[v])})" if v in shown else "")
        for v in sorted(Verdict, key=lambda v: -v.rank)
        if of[v]
    ]
    places = "1 place" if len(asked) == 1 else f"{len(asked)} places"
    return f"{state}. {question.subject}: {places}; {', '.join(parts)}."


def _examples(sites: list[JudgedSite]) -> str:
    """One or two places, from different files where possible."""
    in_order = sorted(sites, key=lambda s: (s.site.file, s.site.line, s.site.column))
    one_per_file = list({s.site.file: s for s in reversed(in_order)}.values())[::-1]
    chosen = (one_per_file if len(one_per_file) >= EXAMPLES else in_order)[:EXAMPLES]
    return ", ".join(dict.fromkeys(place(s) for s in chosen))
