# SPDX-License-Identifier: GPL-2.0-only
"""Properties of apply() on arbitrary structs, and comparison of two layouts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.layouts.c import layout_from_source
from auditor.layouts.effects import apply, effects, effects_between
from auditor.layouts.relayout import natural_align, place, shape_of
from auditor.model import Field, Layout, Operation, Proposal

from .samples import FRED, PT_REGS, compiled

TYPES = {1: "u8", 2: "u16", 4: "u32", 8: "u64", 16: "__int128"}
slow = settings(deadline=None, max_examples=300)


@st.composite
def members(draw: st.DrawFn) -> tuple[Field, ...]:
    """Scalars and arrays, named m0, m1, ..."""
    found = []
    for i, size in enumerate(draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=12))):
        count = draw(st.sampled_from([1, 1, 1, 2, 3, 7]))
        found.append(Field(f"m{i}", TYPES[size] if count == 1 else f"{TYPES[size]}[{count}]", 0, size * count))
    return tuple(found)


structs = st.builds(lambda m, p: compiled(*m, packed=p), members(), st.booleans())
sizes = st.sampled_from(list(TYPES))


def proposal(*operations: Operation) -> Proposal:
    return Proposal("p", "P", "", operations)


def new(size: int) -> tuple[Field, ...]:
    return (Field("new", TYPES[size], 0, size),)


def insertion(layout: Layout, where: int, size: int) -> Operation:
    """An insertion at any of the places that a struct has."""
    names = [f.name for f in layout.fields]
    places = [{"at": "head"}, {"at": "tail"}, *({"before": n} for n in names), *({"after": n} for n in names)]
    chosen = places[where % len(places)]
    return Operation(
        "insert",
        members=new(size),
        at=chosen.get("at", ""),
        before=chosen.get("before", ""),
        after=chosen.get("after", ""),
    )


def sound(layout: Layout, packed: bool) -> None:
    """No two members overlap, all are aligned and inside, the order is that of the offsets."""
    end = 0
    for field in layout.fields:
        assert field.offset >= end
        assert packed or field.offset % natural_align(field) == 0
        end = field.offset + field.size
    assert end <= layout.size and layout.size % layout.align == 0


def is_packed(layout: Layout) -> bool:
    return layout.align == 1 and any(natural_align(f) > 1 for f in layout.fields)


@given(structs)
@slow
def test_nothing_done_changes_nothing(layout: Layout) -> None:
    assert place(layout, shape_of(layout)) == layout


@given(structs, st.integers(0, 100), sizes)
@slow
def test_an_insertion_is_sound_and_as_compiled(layout: Layout, where: int, size: int) -> None:
    operation = insertion(layout, where, size)
    after = apply(layout, proposal(operation))
    packed = is_packed(layout)
    sound(after, packed)
    fields = [f.name for f in after.fields]
    assert sorted(fields) == sorted([*(f.name for f in layout.fields), "new"])
    if packed or layout.align > 1:  # a struct of bytes may be packed or not: nothing in it tells
        assert after == replace(compiled(*after.fields, packed=packed), source=after.source)


@given(structs, st.integers(0, 100), sizes)
@slow
def test_inserting_and_removing_gives_the_original(layout: Layout, where: int, size: int) -> None:
    inserted = apply(layout, proposal(insertion(layout, where, size)))
    assert apply(inserted, proposal(Operation("remove", member="new"))).fields == layout.fields


@given(structs, st.data())
@slow
def test_reordering_twice_gives_the_original(layout: Layout, data: st.DataObject) -> None:
    names = [f.name for f in layout.fields]
    if len(names) < 2:
        return
    order = data.draw(st.permutations(names))
    moved = apply(layout, proposal(Operation("reorder", order=tuple(order))))
    sound(moved, is_packed(layout))
    assert [f.name for f in moved.fields] == list(order)
    assert apply(moved, proposal(Operation("reorder", order=tuple(names)))).fields == layout.fields


@given(structs, st.integers(0, 100), sizes)
@slow
def test_effects_say_what_differs(layout: Layout, where: int, size: int) -> None:
    found = effects(layout, proposal(insertion(layout, where, size)))
    for field in layout.fields:
        after = found.after.get(field.name)
        assert after is not None
        assert found.shift.get(field.name, 0) == after.offset - field.offset
    assert 0 not in found.shift.values()
    assert found.resize == found.after.size - layout.size
    first, last = found.after.fields[0].name, found.after.fields[-1].name
    assert (found.new_head, found.new_tail) == (first == "new", last == "new")


@given(structs, structs)
@slow
def test_comparison_is_symmetric(one: Layout, two: Layout) -> None:
    there, back = effects_between(one, two), effects_between(two, one)
    assert there.added == back.removed and there.removed == back.added
    assert there.shift == {n: -s for n, s in back.shift.items()}
    assert there.resize == -back.resize and set(there.resized) == set(back.resized)


def test_explicit_alignment_stays() -> None:
    before = Layout(
        "s", "x86_64", 64, 32, (Field("c", "char", 0, 1), Field("wide", "u32", 32, 4), Field("d", "char", 36, 1))
    )
    after = apply(before, proposal(Operation("insert", members=new(8), at="head")))
    assert [(f.name, f.offset) for f in after.fields] == [("new", 0), ("c", 8), ("wide", 32), ("d", 36)]
    assert (after.size, after.align) == (64, 32)


def test_a_hole_takes_a_small_member() -> None:
    before = compiled(Field("a", "u8", 0, 1), Field("b", "u64", 0, 8))
    found = effects(before, proposal(Operation("insert", members=new(4), after="a")))
    assert not found.shift and not found.resize and found.added == ("new",)


def test_a_union_is_never_torn() -> None:
    """Alternatives with inner members, one of which starts behind another alternative's end."""
    fields = (Field("x", "u64", 0, 8), Field("a", "u32", 8, 4), Field("b", "u32", 12, 4), Field("c", "u16", 8, 2))
    before = Layout("s", "x86_64", 16, 8, fields)
    for where in ("a", "b", "c"):
        after = apply(before, proposal(Operation("insert", members=new(8), before=where)))
        assert [(f.name, f.offset) for f in after.fields] == [("x", 0), ("new", 8), ("a", 16), ("b", 20), ("c", 16)]


def test_renamed_is_removed_and_added() -> None:
    renamed = replace(PT_REGS, fields=tuple(replace(f, name="rip") if f.name == "ip" else f for f in PT_REGS.fields))
    found = effects_between(PT_REGS, renamed)
    assert (found.removed, found.added, found.shift, found.resize) == (("ip",), ("rip",), {}, 0)
    assert not found.new_head and not found.new_tail


def test_the_unions_of_fred_are_neither_head_nor_tail() -> None:
    found = effects_between(PT_REGS, FRED)
    assert found.added == ("csx", "ssx", "vector") and found.resized == ("cs", "ss")
    assert not found.shift and not found.resize and not found.new_head and not found.new_tail


def test_nothing_in_common() -> None:
    found = effects_between(compiled(Field("a", "u8", 0, 1)), compiled(Field("b", "u8", 0, 1)))
    assert (found.added, found.removed, found.shift) == (("b",), ("a",), {})


def test_a_proposal_without_edits_of_the_struct() -> None:
    after = apply(PT_REGS, proposal(Operation("frame-above", bytes=16)))
    assert after == replace(PT_REGS, source="x86-64 with p")


PLAIN_C = {"u8": "unsigned char", "u16": "unsigned short", "u32": "unsigned int", "u64": "unsigned long"}


def declaration(field: Field) -> str:
    base, _, count = field.type.partition("[")
    return f"{PLAIN_C.get(base, base)} {field.name}{'[' + count if count else ''};"


@given(structs.filter(lambda s: s.align > 1), st.integers(0, 100), sizes)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_the_compiler_places_the_members_likewise(
    tmp_path_factory: pytest.TempPathFactory, layout: Layout, where: int, size: int
) -> None:
    after = apply(layout, proposal(insertion(layout, where, size)))
    header = tmp_path_factory.getbasetemp() / "after.h"
    header.write_text("struct s {\n" + "\n".join(map(declaration, after.fields)) + "\n};\n")
    found = layout_from_source(str(header), "s", "x86_64")
    assert [(f.name, f.offset, f.size) for f in found.fields] == [(f.name, f.offset, f.size) for f in after.fields]
    assert (found.size, found.align) == (after.size, after.align)
