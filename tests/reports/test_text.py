# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
from dataclasses import replace

import pytest

from auditor.model import Coverage, Report, Verdict
from auditor.reports import text
from auditor.reports.view import View
from tests.reports import factory
from tests.reports.factory import BPF, MACRO, OFFSET, make_report


def render(report: Report, view: View = View()) -> str:  # noqa: B008
    out = io.StringIO()
    text.write(report, out, view)
    return out.getvalue()


GOLDEN = """\
ptregs-audit 0.1.0: struct pt_regs, x86_64, 32 bytes
/tree, 6.1.0, x86_64_defconfig
4 of 5 units analysed, 1 failed; 87 of 90 mentions covered; 2.5 s

proposal       safe    rebuild    review    build-fails    abi    break
-----------  ------  ---------  --------  -------------  -----  -------
extended          5          0         1              0      0        1
insert-head       0          3         0              2      1        1

7 sites; 5 with a verdict of build-fails or worse under some proposal.

Root causes
  extended
    break           1 site  stack-position/below  macro FRAME include/frame.h:3
  insert-head
    break           1 site  raw-offset/constant  lib/raw.c:12:5
    abi             1 site  bpf-ctx/program-context  trace/bpf.c:40:5
    build-fails     2 sites  assert/build  guard arch/ptrace.c:7:5

Sites: 5, the first 2 (--all shows every one)

include/frame.h:3:5  stack-position/below  72808a5cf598  12 uses
  break: extended; rebuild: insert-head
  | (void *)regs - 8
  break: reads the extension

lib/raw.c:12:5  raw-offset/constant  a69275099cae
  break: insert-head
  | *(u64 *)((char *)regs + 8)
  break: offset 8 is `ip` today and `bx` then

Not looked at (it can only add to the numbers above)
   1 unit failed  'gen.h' file not found  (drivers/odd.c)
      2 mentions  other architecture  (first arch/arm/ptrace.c:2)
       1 mention  unit failed: 'gen.h' file not found  (drivers/odd.c:9)

Signals and ptrace, BPF, below the struct
  from 7 sites; 3 mentions were not looked at
  extended: an extension below the struct
    signals, ptrace: isolated. Exporting registers or counting on their order: 2 places; 2 safe
      (arch/ptrace.c:9:5, arch/signal.c:22:5).
    BPF: undecided. Showing the struct to BPF or user-space headers: 1 place; 1 review
      (trace/bpf.c:40:5).
    below the struct: some go wrong. Reaching below the struct, making or copying one, or reading it
      as another type: 1 place; 1 break (include/frame.h:3:5).
  insert-head: a new first member
    signals, ptrace: guarded, the build stops. Exporting registers or counting on their order: 2
      places; 1 build-fails (arch/ptrace.c:9:5), 1 rebuild.
    BPF: affected. Showing the struct to BPF or user-space headers: 1 place; 1 abi
      (trace/bpf.c:40:5).
    below the struct: nobody goes wrong. Reaching below the struct, making or copying one, or
      reading it as another type: 1 place; 1 rebuild (include/frame.h:3:5).
"""


def test_golden() -> None:
    assert render(make_report(), View(threshold=Verdict.BUILD_FAILS, limit=2, seconds=2.5)) == GOLDEN


def test_the_summary_fits_a_small_screen() -> None:
    report = make_report()
    ids = ("extended", "auxiliary", "insert-head", "insert-middle", "append-tail", "fred-frame")
    proposals = tuple((replace(p, id=i), e) for i, (p, e) in zip(ids, [*report.proposals] * 3, strict=True))
    coverage = replace(factory.COVERAGE, units=2968, units_analysed=2966, mentions=23456, mentions_covered=12345)
    run = replace(report.runs[0], coverage=coverage)
    big = replace(report, runs=(run,), proposals=proposals, sites=report.sites * 3)
    lines = render(big, View(seconds=123.4)).splitlines()
    summary = lines[: lines.index("Root causes")]
    assert len(summary) < 24
    assert max(map(len, summary)) <= 80


def test_all_lifts_the_limit() -> None:
    few, every = (render(make_report(), View(Verdict.SAFE, limit)) for limit in (3, None))
    assert few.count("\n  | ") == 3
    assert every.count("\n  | ") == len(make_report().sites)


def test_what_is_not_shown_is_not_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def one_line(expression: str, limit: int) -> str:
        shown.append(expression)
        return ""

    monkeypatch.setattr(text, "one_line", one_line)
    render(make_report(coverage=Coverage(1, 1)), View(Verdict.SAFE, limit=2))
    assert len(shown) == 2


def test_nothing_left_out_is_said() -> None:
    assert "nothing: every mention lies in a unit" in render(make_report(coverage=Coverage(1, 1)))


def test_a_filtered_report_shows_its_part_and_answers_nothing() -> None:
    out = render(make_report(kind=("raw-offset",), path=("lib",)))
    assert "narrowed by --path lib --kind raw-offset" in out
    assert "1 site; 1 with" in out
    assert "lib/raw.c:12" in out
    assert "include/frame.h:3" not in out
    assert "not answered" in out


def test_a_verdict_filter_shows_what_lies_below_the_threshold() -> None:
    out = render(make_report(verdict=("review",)))
    assert "trace/bpf.c:40:5  bpf-ctx/program-context" in out
    assert "abi: insert-head" not in out
    assert "lib/raw.c:12" not in out


def test_answers_say_so_when_nothing_was_found() -> None:
    out = render(make_report(OFFSET))
    assert "no answer. Exporting registers" in out
    assert "isolated." not in out


HOSTILE = "a\x1b]0;owned\x07|`<b>\u202e\x9b31m\n\udc80"


def test_hostile_text_cannot_steer_the_terminal() -> None:
    site = replace(MACRO.site, expression=HOSTILE, file=HOSTILE, function=HOSTILE,
                   related=(replace(MACRO.site.related[0], file=HOSTILE),))  # fmt: skip
    verdicts = {k: replace(j, why=f"because {HOSTILE}") for k, j in MACRO.verdicts.items()}
    report = make_report(replace(MACRO, site=site, verdicts=verdicts), BPF)
    run = report.runs[0]
    hostile_run = replace(run, target=replace(run.target, tree=HOSTILE, version=HOSTILE, struct=HOSTILE))
    out = render(replace(report, runs=(hostile_run,)), View(Verdict.SAFE, None))
    assert "\\x1b]0;owned\\x07|`<b>\\u202e\\x9b31m" in out
    assert not set(out) & set("\x1b\x07\x9b\u202e\udc80")


def test_colour_only_when_asked() -> None:
    assert "\x1b[" not in render(make_report())
    assert "\x1b[31m" in render(make_report(), View(colour=True))
