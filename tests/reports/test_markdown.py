# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
import re
from dataclasses import replace

from auditor.model import Report, Verdict
from auditor.reports import markdown
from auditor.reports.markdown import escape
from auditor.reports.view import View
from tests.reports.factory import OFFSET, make_report


def render(report: Report, view: View) -> str:
    out = io.StringIO()
    markdown.write(report, out, view)
    return out.getvalue()


def test_every_table_row_has_its_tables_columns() -> None:
    columns = 0
    rows = 0
    for line in render(make_report(), View(Verdict.SAFE)).splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        columns = columns or line.count("|")
        assert line.count("|") == columns, line
        rows += 1
    assert rows > 20


def test_markup_is_escaped() -> None:
    hostile = "a|b `c` <script> **x** [y](z) @who #1 \x1b]0;t\x07 http://evil www.evil ~~s~~ $m$ &lt;"
    site = replace(OFFSET.site, expression=hostile, file="d|`<i>.c")
    row = next(x for x in render(make_report(replace(OFFSET, site=site)), View()).splitlines() if "evil" in x)
    assert row.count("|") == 6
    assert set(re.findall(r"<[^>]*>", row)) == {"<code>", "</code>", "<br>"}
    for left in ("`", "*", "@", "[", "://", "www.", "~", "$", "&lt;", "\x1b", "\x07"):
        assert left not in row.replace("<br>", "").replace("&#", ""), left


def test_escaped_text_reads_the_same() -> None:
    import html

    plain = "*(u64 *)((char *)regs + 128) | `x` <y>"
    assert html.unescape(escape(plain)) == plain


def test_the_whole_report_in_spite_of_filters() -> None:
    out = render(make_report(kind=("order",)), View())
    assert "narrowed by <code>--kind order</code>" in out
    assert "lib/raw.c" in out
