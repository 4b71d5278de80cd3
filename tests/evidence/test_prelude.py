# SPDX-License-Identifier: GPL-2.0-only
"""Headers parsed once for many units: who may share them, and that nobody's sites depend on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from auditor.audit import run_audit
from auditor.collect import AuditRequest
from auditor.data import minikernel_dir
from auditor.evidence.c.files import covered
from auditor.evidence.c.job import Job, Prelude, Result
from auditor.evidence.c.memory import Shared
from auditor.evidence.c.unit import Analyser
from auditor.evidence.prelude import share_headers
from auditor.kinds.dispatch import table
from tests.evidence.snippets import job, write

COMMON = """#ifndef COMMON_H
#define COMMON_H
#include <pt_regs.h>
#ifdef WIDE
struct frame { struct pt_regs regs; unsigned long more; };
#else
struct frame { unsigned long more; struct pt_regs regs; };
#endif
#ifndef prefix
#define prefix "none"
#endif
#define IP(regs) ((regs)->ip)
static inline unsigned long low(struct frame *f) { return IP(&f->regs) + *(unsigned long *)((char *)&f->regs + 8); }
#endif
"""


def unit(name: str, before: str = "", after: str = "") -> str:
    body = f"unsigned long {name}(struct frame *f, struct pt_regs *regs) {{ return low(f) + IP(regs) + regs->sp; }}\n"
    return f"{before}#include <common.h>\n{after}{body}"


def jobs(directory: Path, units: dict[str, str], **flags: tuple[str, ...]) -> list[Job]:
    """`flags`: {unit without its suffix: more arguments}"""
    write(directory, {"inc/common.h": COMMON, **units})
    own = f"-I{directory}/inc"
    return [job(directory, n, own, *flags.get(n.removesuffix(".c"), ())) for n in units]


def plain(number: int) -> dict[str, str]:
    return {f"u{i}.c": unit(f"u{i}") for i in range(number)}


def users(made: list[Job]) -> set[str]:
    return {j.object for j in share_headers(made) if j.prelude is not None}


def objects(*names: str) -> set[str]:
    return {f"{n}.c.o" for n in names}


def told(result: Result) -> set[object]:
    return {(f.site, frozenset(f.places), frozenset(f.functions)) for f in result.found}


FOUR = objects("u0", "u1", "u2", "u3")


def test_units_with_the_same_flags_share(tmp_path: Path) -> None:
    made = share_headers(jobs(tmp_path, plain(4)))
    assert users(made) == FOUR
    first = made[0].prelude
    assert first is not None and first.headers == (str(tmp_path / "inc/common.h"),)
    assert {j.prelude for j in made} == {first}


def test_few_units_do_not(tmp_path: Path) -> None:
    assert users(jobs(tmp_path, plain(3))) == set()


@pytest.mark.parametrize("flag", ["-DMODULE", "-DWIDE", "-UWIDE", "-m32", "-fno-common", "-includeinc/common.h"])
def test_another_flag_is_another_class(tmp_path: Path, flag: str) -> None:
    assert users(jobs(tmp_path, plain(5), u4=(flag,))) == FOUR


@pytest.mark.parametrize("flag", ["-DKBUILD_MODNAME=u4", "-D__KBUILD_MODNAME=kmod_u4", "-Iinc/more"])
def test_names_and_later_directories_are_none(tmp_path: Path, flag: str) -> None:
    assert users(jobs(tmp_path, plain(5), u4=(flag,))) == FOUR | objects("u4")


def test_an_earlier_directory_is_one(tmp_path: Path) -> None:
    made = jobs(tmp_path, plain(5))
    write(tmp_path, {"other/common.h": COMMON.replace("COMMON_H", "OTHER_H")})
    made[4] = replace(made[4], arguments=(f"-I{tmp_path}/other", *made[4].arguments))
    # No directory comes first for all of them: nothing is known of any header.
    assert users(made) == set()


def test_a_unit_that_does_not_read_all_of_it(tmp_path: Path) -> None:
    write(tmp_path, {"inc/second.h": "#ifndef SECOND_H\n#define SECOND_H\nint second;\n#endif\n"})
    many = {f"u{i}.c": unit(f"u{i}", "#include <second.h>\n") for i in range(7)}
    made = share_headers(jobs(tmp_path, many | {"u7.c": unit("u7")}))
    assert {len(j.prelude.headers) for j in made if j.prelude is not None} == {2}
    assert [j.object for j in made if j.prelude is None] == ["u7.c.o"]


def clustered(directory: Path, *groups: tuple[str, int]) -> list[Job]:
    """Units that include common.h and more headers: (names, how many units), each with `held_NAME` by value."""
    units = {}
    for headers, number in groups:
        for name in headers.split():
            text = f"#ifndef {name}_H\n#define {name}_H\n#include <common.h>\n"
            text += f"static inline long held_{name}(struct pt_regs *r) {{ return r->ax; }}\n#endif\n"
            write(directory, {f"inc/{name}.h": text})
        for i in range(number):
            unit_name = f"{headers.replace(' ', '_') or 'plain'}_{i}"
            included = "".join(f"#include <{n}.h>\n" for n in headers.split())
            calls = "".join(f"long with_{n}(void *p) {{ return held_{n}(p); }}\n" for n in headers.split())
            units[f"{unit_name}.c"] = unit(unit_name, after=included + calls)
    return jobs(directory, units)


def shared_by(made: list[Job]) -> dict[str, set[str]]:
    """{group: names of the headers that its units share}, of those that share some; a group has one answer."""
    found: dict[str, set[str]] = {}
    for one in share_headers(made):
        group = one.object.rpartition("_")[0]
        headers = {Path(h).stem for h in one.prelude.headers} if one.prelude else set()
        assert found.setdefault(group, headers) == headers
    return {g: h for g, h in found.items() if h}


@pytest.mark.parametrize(
    ("groups", "shared"),
    [
        # Two clusters that have more in common than all units together: another parse is worth it.
        ([("a", 6), ("b", 6)], {"a": {"common", "a"}, "b": {"common", "b"}}),
        # Too few of them for that.
        ([("a", 4), ("b", 4)], {"a": {"common"}, "b": {"common"}}),
        # So few that what is left shares nothing, if that gives more than sharing with all.
        ([("a b c", 9), ("", 2)], {"a_b_c": {"common", "a", "b", "c"}}),
        # A cluster in a cluster.
        (
            [("a", 20), ("a b", 20), ("c", 20)],
            {"a": {"common", "a"}, "a_b": {"common", "a", "b"}, "c": {"common", "c"}},
        ),
        # All of them alike.
        ([("a b", 8)], {"a_b": {"common", "a", "b"}}),
        # What nobody shares makes no cluster.
        ([("a", 1), ("b", 1), ("c", 1), ("", 8)], {g: {"common"} for g in ("a", "b", "c", "plain")}),
    ],
)
def test_clusters(groups: list[tuple[str, int]], shared: dict[str, set[str]], tmp_path: Path) -> None:
    made = clustered(tmp_path, *groups)
    closed = {g: {n for h in headers for n in {h, "common"}} for g, headers in shared_by(made).items()}
    assert closed == shared
    assert {g: {*h, "common"} for g, h in shared_by(made[::-1]).items()} == closed


def test_clusters_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process has the headers of both, in turns."""
    made = share_headers(clustered(tmp_path, ("a", 6), ("b", 6)))
    assert len({j.prelude for j in made}) == 2
    sharing, seen = Analyser(table(), str(tmp_path)), counting(monkeypatch)
    for one in (j for pair in zip(made[:6], made[6:], strict=True) for j in pair):
        with_it, without = sharing.analyse(one), Analyser(table()).analyse(one)
        assert told(with_it) == told(without) != set()
        assert (with_it.layout, with_it.error, set(with_it.files)) == (without.layout, "", set(without.files))
    assert seen == [USED, ALONE] * 12


def counting(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, bool]]:
    """Of each parse from now on: whether it used what is shared, and whether that was its result."""
    seen: list[tuple[bool, bool]] = []
    real = Analyser._analyse

    def analyse(self: Analyser, job: Job, shared: Shared | None) -> Result | None:
        result = real(self, job, shared)
        seen.append((shared is not None, result is not None))
        return result

    monkeypatch.setattr(Analyser, "_analyse", analyse)
    return seen


USED, TRIED, ALONE = (True, True), (True, False), (False, True)


def test_sites_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counting(monkeypatch)
    own = "#define MORE(regs) low((struct frame *)regs)\n#undef IP\n#define IP(regs) ((regs)->cx)\n"
    made = share_headers(jobs(tmp_path, plain(4) | {"u4.c": unit("u4", after=own)}))
    sharing = Analyser(table(), str(tmp_path))
    for one in made:
        with_it, without = sharing.analyse(one), Analyser(table()).analyse(one)
        assert told(with_it) == told(without) != set()
        assert (with_it.layout, with_it.error) == (without.layout, "")
        assert set(with_it.files) == set(without.files)
        assert dict(with_it.skipped) == dict(without.skipped) != {}
    assert seen == [USED, ALONE] * 5


def test_lines_left_out_by_every_reading(tmp_path: Path) -> None:
    """A header without a guard, which a unit reads again, and the other half of it."""
    half = "#ifdef SECOND\nextern struct pt_regs *second;\n#else\nextern struct pt_regs *first;\n#endif\n"
    once = "#include <pt_regs.h>\n#include <half.h>\nlong f(struct pt_regs *regs) { return regs->ip; }\n"
    write(tmp_path, {"half.h": half, "once.c": once, "twice.c": once + "#define SECOND\n#include <half.h>\n"})
    left_out = [Analyser(table()).analyse(job(tmp_path, n, f"-I{tmp_path}")).skipped for n in ("once.c", "twice.c")]
    assert left_out[0]["half.h"] == ((1, 3),)
    # Of the two halves only the #else between them.
    assert left_out[1]["half.h"] == ((3, 3),)


@pytest.mark.parametrize(
    ("ranges", "times", "lines"),
    [
        ([], 1, ()),
        ([(1, 3)], 1, ((1, 3),)),
        ([(4, 4)], 1, ((4, 4),)),
        ([(1, 3)], 2, ()),
        ([(1, 3), (1, 3)], 2, ((1, 3),)),
        ([(1, 3), (3, 5)], 2, ((3, 3),)),
        ([(5, 9), (1, 3), (2, 6)], 2, ((2, 3), (5, 6))),
        ([(1, 9), (1, 4), (5, 9)], 2, ((1, 9),)),
        ([(1, 9), (1, 3), (5, 9)], 2, ((1, 3), (5, 9))),
    ],
)
def test_lines_in_so_many_ranges(ranges: list[tuple[int, int]], times: int, lines: tuple[tuple[int, int], ...]) -> None:
    assert covered(ranges, times) == lines


def test_a_unit_that_has_errors_with_it_is_parsed_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counting(monkeypatch)
    made = share_headers(jobs(tmp_path, plain(4)))
    # It no longer reads the header, and declares by itself what that has.
    (tmp_path / "u1.c").write_text("#include <pt_regs.h>\nstruct pt_regs *low(int x) { return (void *)(long)x; }\n")
    result = Analyser(table(), str(tmp_path)).analyse(made[1])
    assert (result.error, seen) == ("", [TRIED, ALONE])


@pytest.mark.parametrize(
    "text", ["#error no\n", "int no_struct;\n", COMMON.replace("#include <pt_regs.h>", ""), "struct { "]
)
def test_headers_that_cannot_be_shared_hide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    seen = counting(monkeypatch)
    made = share_headers(jobs(tmp_path, plain(4)))
    (tmp_path / "inc/common.h").write_text(text)
    result = Analyser(table(), str(tmp_path)).analyse(made[0])
    assert result.error == Analyser(table()).analyse(made[0]).error != ""
    assert set(seen) == {ALONE}


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    one = share_headers(jobs(tmp_path, plain(4)))[0]
    assert told(Analyser(table(), str(tmp_path / "none")).analyse(one)) == told(Analyser(table()).analyse(one)) != set()


def test_inline_functions_that_print_the_units_name(tmp_path: Path) -> None:
    """Kbuild defines it for each unit; a shared header has to have one, too, and each unit keeps its own."""
    text = COMMON.replace(
        "#endif\n#define IP", "#endif\nstatic inline char *me(void) { return KBUILD_MODNAME; }\n#define IP"
    )
    made = jobs(tmp_path, plain(4))
    (tmp_path / "inc/common.h").write_text(text)
    made = [replace(j, arguments=(*j.arguments, f'-DKBUILD_MODNAME="{j.object}"')) for j in made]
    shared = share_headers(made)
    assert shared[1].prelude is not None
    (tmp_path / "u1.c").write_text(
        unit("u1", after='_Static_assert(sizeof(KBUILD_MODNAME) == sizeof("u1.c.o"), "");\n')
    )
    result = Analyser(table(), str(tmp_path)).analyse(shared[1])
    assert result.error == ""
    assert told(result) == told(Analyser(table()).analyse(shared[1]))


def test_nothing_of_the_prelude_is_in_the_report(tmp_path: Path) -> None:
    one = share_headers(jobs(tmp_path, plain(4)))[0]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = Analyser(table(), str(scratch)).analyse(one)
    assert {p.suffix for p in scratch.iterdir()} == {".h", ".pch"}
    assert not [f for f in result.files if "scratch" in f]


def test_the_text_of_a_prelude() -> None:
    prelude = Prelude(("/t/a.h", "/t/b.h"), (), (("NAME", '"x"'),))
    assert prelude.text() == '#define NAME "x"\n#include "/t/a.h"\n#include "/t/b.h"\n#undef NAME\n'


def test_the_minikernel_is_the_same_without(monkeypatch: pytest.MonkeyPatch) -> None:
    request = AuditRequest(tree=minikernel_dir())
    used: list[bool] = []

    def noted(made: list[Job]) -> list[Job]:
        shared = share_headers(made)
        used.extend(j.prelude is not None for j in shared)
        return shared

    monkeypatch.setattr("auditor.collect.share_headers", noted)
    report = run_audit(request)
    assert sum(used) > 3
    monkeypatch.setattr("auditor.collect.share_headers", lambda made: made)
    assert run_audit(request) == report
