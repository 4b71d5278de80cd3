# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import re
from dataclasses import replace

from auditor.model import Report
from auditor.reports.pr import IGNORES, MOST, ROWS
from auditor.reports.view import View
from tests.gate.samples import place
from tests.reports.factory import COVERAGE, MACRO, OFFSET, READ, make_report
from tests.reports.test_gated import gated
from tests.reports.written import clean, hostile, written


def comment(report: Report, url: str = "") -> str:
    return written("pr", report, View(url=url))


def test_who_breaks_where_and_under_what() -> None:
    found = comment(clean(OFFSET, MACRO, READ))
    assert found.startswith("### ptregs-audit: 2 places to look at\n")
    (row,) = [line for line in found.splitlines() if "lib/raw.c" in line]
    assert row.startswith(
        "| <code>lib/raw.c:12</code> | <code>f</code><br>raw-offset/constant a69275099cae | insert-head"
    )
    assert row.endswith("| **break**: offset 8 is &#96;ip&#96; today and &#96;bx&#96; then |")
    assert "Proposals: <code>extended</code> an extension below the struct; <code>insert-head</code> a new" in found
    assert "arch/signal.c" not in found


def test_nothing_is_one_line() -> None:
    assert comment(clean(READ)) == (
        "**ptregs-audit**: nothing new in what depends on the layout of <code>struct pt&#95;regs</code> (x86&#95;64).\n"
    )


def test_what_is_known_is_counted_only() -> None:
    found = comment(gated())
    assert "0 new, 1 in the baseline, 1 ignored in the source" in found
    assert "raw-offset" not in found
    assert "- <code>lib/&#60;b&#62;.c:7</code>: malformed ignore: expected more" in found


def test_a_report_that_is_not_whole_says_so() -> None:
    found = comment(make_report(READ, coverage=COVERAGE))
    assert "**1 unit could not be analysed**: findings may be missing." in found


def test_it_is_short_whatever_is_found() -> None:
    sites = (place(n, "abi", function=f"f{n}") for n in range(1, 500))
    many = replace(clean(*sites), wrong_ignores=gated().wrong_ignores * 50)
    found = comment(replace(many, runs=make_report().runs)).splitlines()
    assert len(found) <= MOST
    assert f"| and {499 - ROWS} more | | | |" in found
    assert f"- and {50 - IGNORES} more ignores that are wrong" in found


def test_what_one_function_does_again_is_one_row() -> None:
    found = comment(clean(*(place(n) for n in range(1, 10))))
    assert "| <code>lib/raw.c:10, 20, 30, 40, 50, 60, ...</code> | <code>f</code>" in found
    assert "more | |" not in found


def test_the_full_report() -> None:
    assert "[Full report](<https://ci.example/1>)." in comment(clean(OFFSET), "https://ci.example/1")
    assert "-o markdown=report.md" in comment(clean(OFFSET))


def test_rows_have_the_columns_of_the_table_and_no_markup_of_others() -> None:
    rows = [line for line in comment(hostile()).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5}
    assert set(re.findall(r"<[^>]*>", "".join(rows))) == {"<code>", "</code>", "<br>"}
    for left in ("@who", "](", "`", "\x1b", "://"):
        assert left not in "".join(rows)


def test_filters_narrow_it_as_they_do_the_exit_code() -> None:
    assert "lib/raw.c" not in comment(make_report(path=("include",)))
