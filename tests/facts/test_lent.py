# SPDX-License-Identifier: GPL-2.0-only
"""What is left of a closure after an edit is what a new closure gives, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from auditor.facts.codec import pack, unpack
from auditor.facts.database import Database
from auditor.facts.lents import Lents
from auditor.kernel.headers import Headers, all_searched
from auditor.kernel.lent import Lent, asked_by, lend, refreshed
from auditor.kernel.mentions import Words
from auditor.kernel.snapshot import Snapshot, changes, take
from auditor.model import Unit
from tests.evidence.snippets import write

FILES = {
    "include/linux/ptrace.h": "struct pt_regs { long ip; };\n#define task_regs(t) ((struct pt_regs *)(t))\n",
    "include/linux/plain.h": "#define PLAIN 1\n",
    "include/linux/quiet.h": "#define QUIET 1\n",
    "include/linux/trace.h": "#ifdef CREATE_IT\n#include <linux/make.h>\n#endif\n"
    "#ifdef OTHER\n#include <linux/plain.h>\n#endif\n",
    "include/linux/make.h": "#include <linux/ptrace.h>\nlong made(void) { return task_regs(0)->ip; }\n",
    "drivers/near.h": "#include <linux/ptrace.h>\n#define peek(x) task_regs(x)\n",
    "drivers/deep.h": '#include "near.h"\n',
    "kernel/uses.c": "#include <linux/ptrace.h>\nlong f(void) { return task_regs(0)->ip; }\n",
    "kernel/plain.c": "#include <linux/plain.h>\nint plain = PLAIN;\n",
    "kernel/events.c": "#define CREATE_IT\n#include <linux/trace.h>\n",
    "kernel/quiet.c": "#include <linux/trace.h>\nint quiet;\n",
    "kernel/whole.c": '#include "part.c"\nint whole;\n',
    "kernel/part.c": "int part;\n",
    "kernel/own.c": "struct own_pt_regs { int a; };\n",
    "drivers/near.c": '#include "deep.h"\nlong g(void) { return peek(0)->ip; }\n',
    "drivers/far.c": "long peek(int x);\nlong h(void) { return peek(0); }\n",
    "drivers/empty.c": '#include "deep.h"\nint empty;\n',
}
WORDS = Words(("pt_regs",))


@dataclass
class Kept:
    """A tree, its units, and what the closure gave before anything changed."""

    root: Path
    units: tuple[Unit, ...]
    before: Snapshot
    lent: Lent

    def fresh(self, words: Words = WORDS, known: tuple[str, ...] = ("regs_of",)) -> Lent:
        return closed(self.root, self.units, words, known)

    def again(self, words: Words = WORDS) -> Lent | None:
        found = changes(self.before.directories, take([str(self.root)], time.time()).directories)
        return refreshed(self.lent, replace(found, changed=found.changed | found.moved), words)


def closed(root: Path, units: tuple[Unit, ...], words: Words, known: tuple[str, ...]) -> Lent:
    texts = Headers(words, [root], "x86", all_searched(units))
    return lend(units, known, texts, asked_by(units, known, words))


def unit(root: Path, source: str) -> Unit:
    arguments = ("gcc", f"-I{root}/include", "-c", str(root / source))
    return Unit(source, source.replace(".c", ".o"), str(root), arguments, "gcc")


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    root = tmp_path / "tree"
    write(root, FILES)
    time.sleep(0.05)
    units = tuple(unit(root, s) for s in sorted(FILES) if s.endswith(".c"))
    return Kept(root, units, take([str(root)], time.time()), closed(root, units, WORDS, ("regs_of",)))


def more(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / name).write_text((root / name).read_text() + text)


def instead(name: str, text: str) -> Callable[[Path], object]:
    return lambda root: write(root, {name: text})


def replaced(name: str, text: str) -> Callable[[Path], object]:
    """As an editor does that writes a new file first."""

    def act(root: Path) -> None:
        write(root, {f"{name}.new": text})
        (root / f"{name}.new").replace(root / name)

    return act


def becomes_a_link(name: str) -> Callable[[Path], object]:
    def act(root: Path) -> None:
        (root / name).rename(root / "else.h")
        (root / name).symlink_to(root / "else.h")

    return act


def both(*acts: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda root: [act(root) for act in acts]


ANSWERED: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "nothing": (lambda r: None, set()),
    "a comment": (more("kernel/uses.c", "/* more */\n"), set()),
    "by a new file": (replaced("kernel/quiet.c", FILES["kernel/quiet.c"] + "\n"), set()),
    "it names the struct": (more("kernel/plain.c", "struct pt_regs *r;\n"), {"kernel/plain.o"}),
    "it writes a name that leads there": (more("kernel/plain.c", "int x = task_regs(1);\n"), {"kernel/plain.o"}),
    "it writes a name that is known": (more("kernel/plain.c", "int x = regs_of(1);\n"), {"kernel/plain.o"}),
    "it writes a name of its neighbour": (more("drivers/empty.c", "int x = peek(1);\n"), {"drivers/empty.o"}),
    "it writes another's neighbour's name": (more("kernel/plain.c", "int peek;\n"), set()),
    "it does no longer": (instead("kernel/uses.c", "#include <linux/ptrace.h>\n"), {"kernel/uses.o"}),
    "nor the neighbour's": (instead("drivers/near.c", '#include "deep.h"\nint n;\n'), {"drivers/near.o"}),
    "a word of its own for the struct": (more("kernel/plain.c", "int my_pt_regs;\n"), {"kernel/plain.o"}),
    "its only word for it goes": (instead("kernel/own.c", "int own;\n"), {"kernel/own.o"}),
    "the word of another, too": (more("kernel/plain.c", "int own_pt_regs;\n"), {"kernel/plain.o"}),
    "one word moves": (
        both(instead("kernel/own.c", "int own;\n"), more("kernel/plain.c", "int own_pt_regs;\n")),
        {"kernel/own.o", "kernel/plain.o"},
    ),
    "it defines what others do": (
        more("kernel/quiet.c", "#define CREATE_IT\n"),
        {"kernel/quiet.o"},
    ),
    "nobody switches any more": (instead("kernel/events.c", "#include <linux/trace.h>\n"), {"kernel/events.o"}),
    "it asks what others switch": (more("kernel/plain.c", "#ifdef CREATE_IT\n#endif\n"), set()),
    "it defines what switches nothing": (more("kernel/plain.c", "#define OTHER\n"), set()),
    "it becomes empty": (instead("drivers/far.c", ""), {"drivers/far.o"}),
    "a file that nobody includes": (instead("notes.txt", "struct pt_regs\n"), set()),
    "a source that nobody compiles": (instead("kernel/new.c", "struct pt_regs;\n"), set()),
    "a header that nobody includes": (more("include/linux/quiet.h", "struct pt_regs;\n"), set()),
}
ASKED_ANEW: dict[str, Callable[[Path], object]] = {
    "it includes another header": more("kernel/plain.c", "#include <linux/ptrace.h>\n"),
    "it includes what was not read": more("kernel/plain.c", "#include <linux/quiet.h>\n"),
    "it includes one header less": instead("kernel/events.c", "#define CREATE_IT\n"),
    "it includes the same by another name": instead("kernel/plain.c", '#include "linux/plain.h"\nint plain = PLAIN;\n'),
    "a source that another includes": more("kernel/part.c", "struct pt_regs *p;\n"),
    "a header": more("include/linux/plain.h", "#define PLAINER task_regs(0)\n"),
    "a header leads no more": instead("include/linux/make.h", "\n"),
    "a header is gone": lambda r: (r / "include/linux/plain.h").unlink(),
    "a header beside its user": instead("kernel/linux/plain.h", "struct pt_regs;\n"),
    "a header where none was found": instead("drivers/linux/ptrace.h", "\n"),
    "a header becomes a link": becomes_a_link("include/linux/plain.h"),
    "a link to a directory": lambda r: (r / "include/more").symlink_to("linux"),
}


def test_the_tree_has_what_the_tests_need(kept: Kept) -> None:
    selected = {"kernel/uses.o", "kernel/events.o", "kernel/own.o", "drivers/near.o"}
    assert kept.lent.objects == selected
    assert kept.lent.switches == {"CREATE_IT"}
    assert set(kept.lent.nearby) == {"peek"}
    assert kept.lent.spoken == {"own_pt_regs": {str(kept.root / "kernel/own.c")}}
    assert str(kept.root / "include/linux/quiet.h") not in kept.lent.read


@pytest.mark.parametrize("change", ANSWERED)
def test_an_edit_that_costs_no_closure(kept: Kept, change: str) -> None:
    act, concerned = ANSWERED[change]
    act(kept.root)
    again = kept.again()
    assert again is not None
    assert (again, again.leading) == (kept.fresh(), kept.fresh().leading)
    assert again.objects ^ kept.lent.objects == concerned


@pytest.mark.parametrize("change", ASKED_ANEW)
def test_an_edit_that_does(kept: Kept, change: str) -> None:
    ASKED_ANEW[change](kept.root)
    assert kept.again() is None


def test_the_first_who_switches(kept: Kept) -> None:
    instead("kernel/events.c", "#include <linux/trace.h>\n")(kept.root)
    time.sleep(0.05)
    later = replace(kept, before=take([str(kept.root)], time.time()), lent=kept.fresh())
    assert later.lent.switches == {"CREATE_IT"} and "kernel/events.o" not in later.lent.objects
    more("kernel/quiet.c", "#define CREATE_IT\n")(kept.root)
    again = later.again()
    assert again is not None and again == later.fresh()
    assert again.objects - later.lent.objects == {"kernel/quiet.o"}


def test_edits_one_after_the_other(kept: Kept) -> None:
    """What is left of what was left is still right."""
    for name, text in (
        ("kernel/plain.c", "int own_pt_regs; int my_pt_regs;\n#define CREATE_IT\n"),
        ("kernel/own.c", "int own;\n"),
        ("kernel/plain.c", "int my_pt_regs;\n"),
        ("kernel/plain.c", "int my_pt_regs;\n#define CREATE_IT\n"),
        ("kernel/events.c", "int my_pt_regs;\n"),
        ("kernel/events.c", "int nothing;\n#define CREATE_IT\n"),
        ("kernel/plain.c", "int nothing;\n"),
        ("kernel/uses.c", "int nothing;\n"),
    ):
        includes = [line for line in FILES[name].splitlines(True) if line.startswith("#include")]
        (kept.root / name).write_text("".join(includes) + text)
        again = kept.again()
        assert (again, name) == (kept.fresh(), name)
        assert again is not None
        time.sleep(0.05)
        kept.lent, kept.before = again, take([str(kept.root)], time.time())


def test_what_is_no_file_is_another_question(kept: Kept) -> None:
    def asked(units: tuple[Unit, ...] = kept.units, known: tuple[str, ...] = ("regs_of",), words: Words = WORDS) -> str:
        return asked_by(units, known, words)

    first, *others = kept.units
    assert asked() == kept.lent.asked
    different = [
        asked(tuple(others)),
        asked((*kept.units, unit(kept.root, "kernel/new.c"))),
        asked((replace(first, arguments=(*first.arguments, "-Ielsewhere")), *others)),
        asked((replace(first, object="other.o"), *others)),
        asked((replace(first, directory="/"), *others)),
        asked(known=("regs_of", "more")),
        asked(words=Words(("pt_regs", "other"))),
    ]
    assert len({asked(), *different}) == len(different) + 1


def test_kept_as_it_was(kept: Kept, tmp_path: Path) -> None:
    assert unpack(pack(kept.lent), Lent) == kept.lent
    database = Database(tmp_path / "facts.sqlite")
    lents = Lents(database)
    with database.writing() as connection:
        assert connection is not None
        connection.execute("INSERT INTO run VALUES (x'01', '', '', '', '', '', '', '', 1)")
    lents.keep(b"\1", b"now", kept.lent)
    lents.keep(b"\2", b"now", kept.lent)
    assert lents.of(b"\1", b"now") == kept.lent
    assert lents.of(b"\1", b"then") is None
    assert lents.of(b"\2", b"now") is None
    with database.writing() as connection:
        assert connection is not None
        connection.execute("UPDATE lent SET lent = substr(lent, 1, length(lent) - 1)")
    assert lents.of(b"\1", b"now") is None
    assert database.warnings == []
    database.close()
