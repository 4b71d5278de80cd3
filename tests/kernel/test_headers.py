# SPDX-License-Identifier: GPL-2.0-only
"""Which files an #include may mean, and what is read of each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from auditor.kernel.headers import Headers, all_searched
from auditor.kernel.mentions import Words
from auditor.model import Unit

WORDS = Words(["pt_regs"])


@dataclass
class Place:
    """A tree in `root`; `include` are the directories where headers are looked for, relative to it."""

    root: Path
    include: tuple[str, ...] = ("include",)
    more: tuple[Path, ...] = field(default=())

    def write(self, texts: Mapping[str, str | bytes]) -> Place:
        for name, text in texts.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self

    def headers(self) -> Headers:
        directories = [os.path.normpath(self.root / d) for d in self.include]
        return Headers(WORDS, [self.root, *self.more], "x86", directories)

    def included(self, name: str) -> list[str]:
        found = self.headers().included(str(self.root / name))
        return [os.path.relpath(f, self.root) for f in found]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "tree")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("#include <linux/a.h>", ["include/linux/a.h"]),
        ("# include\t<linux/a.h>", ["include/linux/a.h"]),
        ("#include_next <linux/a.h>", ["include/linux/a.h"]),
        ("#include <linux/../linux/./a.h>", ["include/linux/a.h"]),
        ("#ifdef NO\n#include <linux/a.h>\n#endif", ["include/linux/a.h"]),
        ('#include "linux/a.h"', ["include/linux/a.h"]),  # not beside it, so where all are looked for
        ('#include "b.h"', ["kernel/b.h"]),
        ('#include "../kernel/b.h"', ["kernel/b.h"]),
        ('#include "sub/../b.h"', ["kernel/b.h"]),
        ('#include "../include/linux/a.h"', ["include/linux/a.h"]),
        ('#include "other.c"', ["kernel/other.c"]),
        ("#include <b.h>", []),  # beside it, but not asked for there
        ("#include <a.h>", []),  # no directory ends so
        ("#include <x/linux/a.h>", []),
        ("#include <none.h>", []),
        ("#include NAME", []),
        ('#include "b.h', ["kernel/b.h"]),
        ('#include ""\n#include <>', []),
        ('#include "../../outside.h"', []),
        ('#include "/etc/passwd"', []),
    ],
)
def test_what_is_included(place: Place, line: str, found: list[str]) -> None:
    texts = {"include/linux/a.h": "", "kernel/b.h": "", "kernel/other.c": "", "kernel/sub/c.h": "", "../outside.h": ""}
    place.write(texts).write({"kernel/u.c": f"{line}\n"})
    assert place.included("kernel/u.c") == found


def test_every_directory_may_be_meant(place: Place) -> None:
    """Which comes first is the unit's to say; here all units are one."""
    place.include = ("include", "arch/x86/include", "none")
    place.write({"include/asm/a.h": "", "arch/x86/include/asm/a.h": "", "drivers/asm/a.h": "", "u.c": ""})
    place.write({"u.c": "#include <asm/a.h>\n#include <asm/a.h>\n"})
    assert sorted(place.included("u.c")) == ["arch/x86/include/asm/a.h", "include/asm/a.h"]


def test_a_header_beside_hides_the_others(place: Place) -> None:
    place.write({"include/a.h": "", "kernel/a.h": "", "kernel/u.c": '#include "a.h"\n', "u.c": '#include "a.h"\n'})
    assert place.included("kernel/u.c") == ["kernel/a.h"]
    assert place.included("u.c") == ["include/a.h"]


def test_other_architectures_are_not_looked_at(place: Place) -> None:
    place.include = ("arch/arm64/include", "arch/x86/include", "drivers/arch/arm64")
    place.write({f"{d}/a.h": "" for d in place.include} | {"u.c": "#include <a.h>\n"})
    assert sorted(place.included("u.c")) == ["arch/x86/include/a.h", "drivers/arch/arm64/a.h"]


def test_headers_of_the_build(place: Place, tmp_path: Path) -> None:
    place.more = (tmp_path / "build",)
    place.include = ("../build/include", "include")
    place.write({"u.c": "#include <generated/a.h>\n", "../build/include/generated/a.h": ""})
    assert place.included("u.c") == ["../build/include/generated/a.h"]


def test_a_build_inside_the_tree(place: Place) -> None:
    place.more = (place.root / "out",)
    place.include = ("out/include", "include")
    place.write({"u.c": "#include <a.h>\n#include <b.h>\n", "out/include/a.h": "", "include/b.h": ""})
    assert place.included("u.c") == ["out/include/a.h", "include/b.h"]


def test_a_module_elsewhere(place: Place) -> None:
    place.include = ("include", "../module/inc")
    place.write({"../module/m.c": '#include "m.h"\n#include <own.h>\n#include <linux/a.h>\n#include "no.h"\n'})
    place.write({"../module/m.h": "", "../module/inc/own.h": "", "include/linux/a.h": ""})
    assert place.included("../module/m.c") == ["../module/m.h", "../module/inc/own.h", "include/linux/a.h"]


def test_links_lead_nowhere(place: Place, tmp_path: Path) -> None:
    """Neither to files elsewhere nor round in circles; what they lead to in the tree has a name of its own."""
    place.write(
        {"u.c": '#include <a.h>\n#include <in.h>\n#include "loop/u.c"\n', "../outside/a.h": "", "include/b.h": ""}
    )
    (place.root / "include/a.h").symlink_to(tmp_path / "outside/a.h")
    (place.root / "include/in.h").symlink_to("b.h")
    (place.root / "loop").symlink_to(".")
    assert place.included("u.c") == []


def test_what_is_no_file_of_sources(place: Place) -> None:
    place.write({".git/a.h": "", "include/b.h": "", "u.c": '#include ".git/a.h"\n#include <fifo.h>\n#include <d.h>\n'})
    os.mkfifo(place.root / "include/fifo.h")
    (place.root / "include/d.h").mkdir()
    assert place.included("u.c") == []


def test_a_tree_that_is_not_there(tmp_path: Path) -> None:
    assert Place(tmp_path / "none").included("u.c") == []


def test_what_is_read_of_a_file(place: Place) -> None:
    place.write({"a.h": '#include <b.h>\n#include "c.h"\nint f(struct pt_regs *regs, my_pt_regs_t *xpt_regs);\n'})
    text = place.headers().get(str(place.root / "a.h"))
    assert text.includes == ((False, "b.h"), (True, "c.h"))
    assert {b"f", b"pt_regs", b"regs", b"my_pt_regs_t", b"include"} <= text.words
    # A letter before it makes it another word, `_` does not.
    assert text.named == {b"pt_regs", b"my_pt_regs_t"}


@pytest.mark.parametrize("name", ["none.h", "directory.h", "fifo.h", "empty.h", "huge.h", "nul\0.h"])
def test_what_cannot_be_read_has_no_text(place: Place, name: str) -> None:
    place.write({"empty.h": ""})
    (place.root / "directory.h").mkdir()
    os.mkfifo(place.root / "fifo.h")
    with open(place.root / "huge.h", "wb") as stream:
        stream.write(b"struct pt_regs;\n")
        stream.truncate(6 << 30)
    text = place.headers().get(str(place.root / name))
    assert (text.data, text.includes, text.words, text.named) == (b"", (), frozenset(), frozenset())


def test_bytes_that_are_no_text(place: Place) -> None:
    place.write({"a.h": b'\xff\0pt_regs\xe4#include "\xf6.h"\n'})
    path = place.root / os.fsdecode(b"\xf6.h")
    path.write_text("")
    headers = place.headers()
    assert headers.get(str(place.root / "a.h")).named == {b"pt_regs"}
    assert headers.included(str(place.root / "a.h")) == (str(path),)


def test_long_lines(place: Place) -> None:
    place.write({"include/b.h": "", "a.h": "#include " * (1 << 17) + "\n" + "#" + " " * (1 << 20) + "include <b.h>\n"})
    assert place.included("a.h") == ["include/b.h"]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("-Iinclude",), {"/b/include"}),
        (("-I", "include"), {"/b/include"}),
        (("-I/t/include/", "-I../t/x"), {"/t/include", "/t/x"}),
        (("-isystem", "a", "-iquote", "c", "-idirafterd"), {"/b/a", "/b/c", "/b/d"}),
        (("-DI", "-include", "a.h", "-nostdinc"), set()),
        (("-I.",), {"/b"}),
    ],
)
def test_where_headers_are_looked_for(arguments: tuple[str, ...], found: set[str]) -> None:
    assert all_searched([Unit("a.c", "a.o", "/b", ("gcc", *arguments, "-c", "a.c"), "gcc")]) == found
