# SPDX-License-Identifier: GPL-2.0-only
"""Any small program: a constant offset is reported only where every path has it, and no access is missed.

The programs are interpreted here, path by path; loops run up to three times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.evidence.c.unit import Analyser
from auditor.kinds.dispatch import table
from tests.evidence.snippets import PRELUDE, analyse, own_sites

State = tuple[int, int]
"""Offset of p from the object, value of k."""


@dataclass(frozen=True, slots=True)
class Statement:
    word: str
    number: int = 0
    blocks: tuple[tuple[Statement, ...], ...] = ()


TEXTS = {
    "add": "p += {};", "assign": "p = p + {};", "set": "p = (char *)regs + {};", "k": "k = {};", "add k": "p += k;",
    "read": "x += *(u64 *)p;", "read k": "x += *(u64 *)(p + k);",
}  # fmt: skip
NUMBERS = st.integers(-2, 4).map(lambda n: 8 * n)


def programs(words: Collection[str]) -> st.SearchStrategy[list[Statement]]:
    return st.lists(st.recursive(simple(words), compound, max_leaves=6), min_size=1, max_size=6)


def simple(words: Collection[str]) -> st.SearchStrategy[Statement]:
    return st.builds(Statement, st.sampled_from(sorted(words)), NUMBERS)


def compound(inner: st.SearchStrategy[Statement]) -> st.SearchStrategy[Statement]:
    block = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Statement, st.just("if"), blocks=st.tuples(block, block)),
        st.builds(Statement, st.sampled_from(["if", "if return", "while"]), blocks=st.tuples(block)),
    )


class Program:
    """The C text, and for each line with an access the offsets that it can have."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.lines = ["u64 f(struct pt_regs *regs, int n)", "{", "char *p = (char *)regs; int k = 8; u64 x = 0;"]
        self.reached: dict[int, set[int]] = {}
        self._block(statements, {(0, 8)})
        self.lines += ["return x;", "}", ""]

    def _block(self, statements: Sequence[Statement], states: set[State]) -> set[State]:
        for one in statements:
            states = self._step(one, states)
        return states

    def _step(self, one: Statement, states: set[State]) -> set[State]:
        if one.word in TEXTS:
            self.lines.append(TEXTS[one.word].format(one.number))
            return self._simple(one, states, len(self.lines) - 1)
        self.lines.append("while (n--) {" if one.word == "while" else "if (n--) {")
        start = len(self.lines)
        ends = self._block(one.blocks[0], states)
        if one.word == "while":
            every = states | ends
            for _ in range(2):
                # Again, over the lines that are written already.
                del self.lines[start:]
                ends = self._block(one.blocks[0], ends)
                every |= ends
            ends = every
        elif one.word == "if return":
            self.lines.append("return x;")
            ends = states
        elif len(one.blocks) == 2:
            self.lines += ["}", "else {"]
            ends = ends | self._block(one.blocks[1], states)
        else:
            ends = ends | states
        self.lines.append("}")
        return ends

    def _simple(self, one: Statement, states: set[State], line: int) -> set[State]:
        match one.word:
            case "add" | "assign":
                return {(p + one.number, k) for p, k in states}
            case "add k":
                return {(p + k, k) for p, k in states}
            case "set":
                return {(one.number, k) for _, k in states}
            case "k":
                return {(p, one.number) for p, _ in states}
        added = one.word == "read k"
        self.reached.setdefault(line, set()).update(p + k * added for p, k in states)
        return states


ANALYSER = Analyser(table())


def check(directory: Path, statements: Sequence[Statement]) -> None:
    program = Program(statements)
    text = "\n".join(program.lines)
    # Texts are kept by path: each program is another file.
    name = f"{hashlib.sha256(text.encode()).hexdigest()}.c"
    result = analyse(directory, {name: PRELUDE + text}, analyser=ANALYSER)
    assert result.error == ""
    found = {s.line - 2: s.bytes for s in own_sites(result)}
    assert set(found) == set(program.reached), text
    for line, offsets in program.reached.items():
        span = found[line]
        if span is not None:
            assert offsets == {span[0]}, (line, text)


SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(programs(TEXTS.keys() - {"set"}))
def test_every_path(tmp_path: Path, statements: list[Statement]) -> None:
    check(tmp_path, statements)


@SETTINGS
@given(st.lists(simple(TEXTS), max_size=12))
def test_a_straight_line(tmp_path: Path, statements: list[Statement]) -> None:
    check(tmp_path, statements)


def test_a_program_is_what_it_says() -> None:
    read = Statement("read")
    program = Program(
        [Statement("if", 0, ((Statement("add", 8),),)), read, Statement("while", 0, ((Statement("add", 16), read),))]
    )
    assert program.reached == {6: {0, 8}, 9: {16, 24, 32, 40, 48, 56}}
    assert program.lines[6] == program.lines[9] == "x += *(u64 *)p;"
