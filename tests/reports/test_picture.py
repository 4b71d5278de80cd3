# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace

from auditor.model import Effects, Field, Layout
from auditor.reports.picture import picture
from tests.reports.factory import EXTENDED, HEAD, LAYOUT, MACRO, OFFSET, READ, verdict

EXPECTED = """\
          before                        after
        +------------------+          +------------------+
      0 | bx               |        0 | pks              |
        +------------------+          +------------------+
 >    8 | ip               |   >    8 | bx               |
        +------------------+          +------------------+
     16 | sp               |       16 | ip               |
        +------------------+          +------------------+"""


def test_a_number_stays_where_it_was() -> None:
    assert "\n".join(picture(OFFSET.site, HEAD[1], OFFSET.verdicts["insert-head"])) == EXPECTED


def test_a_name_follows_its_member() -> None:
    rows = picture(READ.site, HEAD[1], READ.verdicts["insert-head"])
    (marked,) = [r for r in rows if ">" in r]
    assert marked == " >    8 | ip               |   >   16 | ip               |"


def test_the_extension_lies_below() -> None:
    rows = picture(MACRO.site, EXTENDED[1], MACRO.verdicts["extended"])
    assert any("> " in r and "(below)" in r and "(extension)" in r for r in rows)


def test_bytes_past_the_end() -> None:
    site = replace(OFFSET.site, bytes=(32, 40), fields=())
    tail = Effects(LAYOUT, replace(LAYOUT, size=40), resize=8, new_tail=True)
    (marked,) = [r for r in picture(site, tail, verdict("break")) if ">" in r]
    assert "(past the end)" in marked
    assert "(new)" in marked


def test_no_bytes_and_no_members_is_no_picture() -> None:
    assert picture(replace(READ.site, bytes=None, fields=()), HEAD[1], verdict("break")) == []


def test_an_order_site_promises_nothing_about_after() -> None:
    site = replace(OFFSET.site, rule="order/index")
    (marked,) = [r for r in picture(site, HEAD[1], verdict("break")) if ">" in r]
    assert marked.count(">") == 1


def test_members_that_share_bytes_share_a_box() -> None:
    union = Layout("u", "x86_64", 16, 8, (Field("ax", "long", 0, 8), Field("al", "char", 0, 1)))
    rows = picture(replace(READ.site, bytes=(0, 16), fields=()), Effects(union, union), verdict("review"))
    assert any("ax/al" in r for r in rows)
    assert any("(padding)" in r for r in rows)


def test_hostile_names_and_sizes() -> None:
    fields = tuple(Field(f"\x1b[2J{n}", "long", n * 8, 8) for n in range(10_000))
    layout = Layout("big", "x86_64", 10**30, 8, fields)
    rows = picture(replace(READ.site, bytes=(-(10**30), 10**31)), Effects(layout, layout), verdict("break"))
    assert len(rows) < 100
    assert not any("\x1b" in r for r in rows)
