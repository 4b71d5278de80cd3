# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

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
        # A default: whoever sets it first only gives it another value.
        ("#ifndef A\n#define A 1\n#endif\n", set()),
        ("# ifndef A\n#  define A(x) \\\n\t(x)\n# endif\n", set()),
        # No default: something else hangs on it.
        ("#ifndef A\n#define A 1\nint x;\n#define B\n#endif\n", {"A"}),
        ("#ifndef A\n#define B 1\n#endif\n", {"A"}),
        ("#ifndef A\n#undef A\n#endif\n", {"A"}),
        ("#ifndef A\n#define A 1\n#else\n#endif\n", {"A"}),
        ("#ifndef A\n#define A 1\n#endif\n#if A\n#endif\n", {"A"}),
        # A guard ends with its header.
        ("#ifndef A_H\n#define A_H\n#include <b.h>\n#endif\n", {"A_H"}),
        ("int ifdef; /* #ifdef in a line */\n", set()),
    ],
)
def test_names_that_are_tested(tmp_path: Path, text: str, tested: set[str]) -> None:
    assert directives(written(tmp_path / "a.h", text)).tested == tested


def test_macros_that_are_set_before_an_include(tmp_path: Path) -> None:
    text = "#define A(x) x\n#undef B\n#include <c.h>\n#define D 1\n# include HEADER\n#define E 1\n"
    found = directives(written(tmp_path / "a.c", text))
    assert [name for name, _ in found.before] == ["A", "B", "D"]
    assert found.includes == ((False, "c.h"),)
    assert directives(written(tmp_path / "b.c", "#define A\n")).before == ()
    assert directives(str(tmp_path / "none.c")).includes == ()


def test_files_are_found_as_the_preprocessor_finds_them(tmp_path: Path) -> None:
    source = written(tmp_path / "src/a.c", '#include "own.h"\n#include <own.h>\n#include <late.h>\n#include <none.h>\n')
    own = written(tmp_path / "src/own.h", "")
    first = written(tmp_path / "one/own.h", "")
    late = written(tmp_path / "two/late.h", "")
    written(tmp_path / "two/own.h", "")
    includes = Includes([str(tmp_path / "one"), str(tmp_path / "two")])
    assert includes.of(source) == (own, first, late)


def test_what_reaches_a_header(tmp_path: Path) -> None:
    """a -> b <-> c -> d, e -> d, f alone."""
    texts = {"a": "b", "b": "c", "c": "b d", "d": "", "e": "d", "f": ""}
    paths = {
        n: written(tmp_path / n, "".join(f'#include "{m}"\n' for m in names.split())) for n, names in texts.items()
    }
    includes = Includes([])
    assert includes.closure([paths["a"]]) == {paths[n] for n in "abcd"}
    found = includes.reaching(paths.values(), {paths["d"]: 1, paths["b"]: 2})
    assert {n: found.get(p, 0) for n, p in paths.items()} == {"a": 3, "b": 3, "c": 3, "d": 1, "e": 1, "f": 0}
