# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from auditor.gate.fingerprint import ID_LENGTH, assign_ids, normalise
from auditor.model import Site

_words = st.sampled_from(["regs->ip", "regs->sp", "*(u64 *)((char *)regs + 128)", 'x = "/* not a comment */"'])
_sites = st.lists(
    st.builds(
        Site,
        rule=st.sampled_from(["field/read", "raw-offset/constant"]),
        file=st.sampled_from(["a.c", "b/c.h"]),
        line=st.integers(1, 40),
        end_line=st.just(0),
        column=st.integers(1, 9),
        function=st.sampled_from(["", "f", "g"]),
        expression=_words,
    ),
    max_size=12,
)


@given(_sites, st.integers(0, 10_000))
def test_shifting_every_line_keeps_all_ids(sites: list[Site], by: int) -> None:
    assert assign_ids([replace(s, line=s.line + by, end_line=s.end_line + by) for s in sites]) == assign_ids(sites)


@given(_sites)
def test_ids_are_unique_and_short(sites: list[Site]) -> None:
    ids = assign_ids(sites)
    assert len(set(ids)) == len(sites)
    assert all(len(i) == ID_LENGTH and int(i, 16) >= 0 for i in ids)


@given(_sites, st.data())
def test_an_unrelated_site_changes_no_id(sites: list[Site], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(sites)))
    other = Site("size/copy", "a.c", 3, 3, 1, "f", "*a = *b")
    ids = assign_ids([*sites[:position], other, *sites[position:]])
    assert ids[:position] + ids[position + 1 :] == assign_ids(sites)


@given(_sites)
def test_the_order_of_the_list_does_not_matter(sites: list[Site]) -> None:
    distinct = list({(s.line, s.column): s for s in sites}.values())
    turned = list(reversed(distinct))
    assert dict(zip(map(id, turned), assign_ids(turned), strict=True)) == dict(
        zip(map(id, distinct), assign_ids(distinct), strict=True)
    )


def test_two_equal_sites_differ_and_keep_their_order() -> None:
    first = Site("field/read", "a.c", 10, 10, 5, "f", "regs->ip")
    second = replace(first, line=20)
    one, two = assign_ids([first, second])
    assert one != two
    assert assign_ids([second, first]) == [two, one]


def test_comments_and_spacing_do_not_count() -> None:
    assert normalise("*( u64 * ) /* the ip */ (p+128) // here") == "*(u64*)(p+128)"
    assert normalise("sizeof  struct\n\tpt_regs") == "sizeof struct pt_regs"


def test_text_inside_literals_counts() -> None:
    assert normalise('f("a  /* b */")') == 'f("a  /* b */")'
    assert normalise("x = '\"' /* \" */ + 1") == "x='\"'+1"
