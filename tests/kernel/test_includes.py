# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.kernel.includes import Includes, directives


def written(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "tested"),
    [
        ("#ifdef A\n#endif\n", {"A"}),
        ("#if defined(A) && \\\n\tB > 3\n#endif\n", {"A", "B", "defined"}),
        ("#if 0\n#elif C\n#endif\n", {"C"}),
        ("#ifndef A\n#define A 1\n#endif\n", {"A"}),
        ("int ifdef; /* #ifdef in a line */\n", set()),
    ],
)
def test_names_that_are_tested(text: str, tested: set[str]) -> None:
    assert directives(text).tested == tested


@pytest.mark.parametrize(
    ("text", "included"),
    [
        ('#include <a.h>\n# include "b.h"\n', ["a.h", "b.h"]),
        ("#ifdef X\n#include <a.h>\n#else\n#include <b.h>\n#endif\n#include <c.h>\n", ["c.h"]),
        ("#ifndef A_H\n#define A_H\n#include <a.h>\n#ifdef X\n#include <b.h>\n#endif\n#endif\n", ["a.h"]),
        (
            "#ifndef A_H\n#define A_H\n#ifndef __ASSEMBLY__\n#include <a.h>\n#else\n#include <b.h>\n#endif\n#endif\n",
            ["a.h"],
        ),
        ("#ifdef __KERNEL__\n#include <a.h>\n#endif\n", ["a.h"]),
        ("int x;\n#ifndef X\n#include <a.h>\n#define X\n#endif\n", []),
        ("#if 0\n#include <a.h>\n#endif\n", []),
        ("#endif\n#include <a.h>\n", ["a.h"]),
        ("#include NAME\n", []),
    ],
)
def test_what_is_included_in_any_case(text: str, included: list[str]) -> None:
    assert [name for _, name in directives(text).includes] == included


def test_a_file_that_cannot_be_read_whole(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.h")
    with open(tmp_path / "huge.h", "wb") as stream:
        stream.write(b'#include "fifo.h"\n')
        stream.truncate(6 << 30)
    includes = Includes([], [str(tmp_path)])
    assert [includes.of(str(tmp_path / n)) for n in ("fifo.h", "huge.h", "none.h")] == [(), (), ()]


def test_files_elsewhere_are_not_looked_at(tmp_path: Path) -> None:
    outside = written(tmp_path / "outside/x.h", "")
    (tmp_path / "tree/inc").mkdir(parents=True)
    (tmp_path / "tree/inc/link.h").symlink_to(outside)
    lines = (
        f'#include "{outside}"\n#include "/proc/kmsg"\n#include "../outside/x.h"\n#include <link.h>\n#include "in.h"\n'
    )
    source = written(tmp_path / "tree/a.c", lines)
    inside = written(tmp_path / "tree/in.h", "")
    assert Includes([str(tmp_path / "tree/inc")], [str(tmp_path / "tree")]).of(source) == (inside,)


def test_macros_that_are_set_before_an_include() -> None:
    text = "#define A(x) x\n#undef B\n#include <c.h>\n#define D 1\n# include HEADER\n#define E 1\n"
    found = directives(text)
    assert [name for name, _ in found.before] == ["A", "B", "D"]
    assert found.includes == ((False, "c.h"),)
    assert directives("#define A\n").before == ()


def test_files_are_found_as_the_preprocessor_finds_them(tmp_path: Path) -> None:
    source = written(tmp_path / "src/a.c", '#include "own.h"\n#include <own.h>\n#include <late.h>\n#include <none.h>\n')
    own = written(tmp_path / "src/own.h", "")
    first = written(tmp_path / "one/own.h", "")
    late = written(tmp_path / "two/late.h", "")
    written(tmp_path / "two/own.h", "")
    includes = Includes([str(tmp_path / "one"), str(tmp_path / "two")], [str(tmp_path)])
    assert includes.of(source) == (own, first, late)


def test_what_reaches_a_header(tmp_path: Path) -> None:
    """a -> b <-> c -> d, e -> d, f alone."""
    texts = {"a": "b", "b": "c", "c": "b d", "d": "", "e": "d", "f": ""}
    paths = {
        n: written(tmp_path / n, "".join(f'#include "{m}"\n' for m in names.split())) for n, names in texts.items()
    }
    includes = Includes([], [str(tmp_path)])
    assert includes.closure([paths["a"]]) == {paths[n] for n in "abcd"}
    found = includes.reaching(paths.values(), {paths["d"]: 1, paths["b"]: 2})
    assert {n: found.get(p, 0) for n, p in paths.items()} == {"a": 3, "b": 3, "c": 3, "d": 1, "e": 1, "f": 0}
