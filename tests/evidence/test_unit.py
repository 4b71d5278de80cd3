# SPDX-License-Identifier: GPL-2.0-only
"""One unit, and what it must not learn from another: its sites depend on its own text and flags alone."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.audit import run_audit
from auditor.collect import AuditRequest
from auditor.data import minikernel_dir
from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.unit import Analyser
from auditor.evidence.pool import analyse_all
from auditor.kinds.dispatch import table
from auditor.merge import merge
from auditor.model import Report, Site, Unit
from tests.evidence.snippets import FLAGS, PRELUDE, analyse, job, own_sites, sites_of, write

READ = "unsigned long f(struct pt_regs *regs) { return regs->ip; }\n"


def told(sites: list[Site]) -> list[tuple[str, str, int, tuple[str, ...]]]:
    return [(s.rule, s.file, s.line, s.fields) for s in sites]


# Text


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
def test_places_in_text_that_is_not_ascii(tmp_path: Path, encoding: str) -> None:
    code = PRELUDE + "int g(const char *, unsigned long);\n/* é ü */\n"
    code += 'int f(struct pt_regs *regs)\n{\n\treturn g("é", /* ö */ regs->ip);\n}\n'
    result = analyse(tmp_path, {"a.c": code.encode(encoding)})
    assert result.error == ""
    (site,) = own_sites(result)
    # Columns count bytes, as the compiler's do.
    column = len('\treturn g("é", /* ö */ '.encode(encoding.removesuffix("-sig"))) + 1
    assert (site.rule, site.line, site.column, site.expression) == ("field/read", 6, column, "regs->ip")


def test_bytes_that_are_no_utf8_are_shown_escaped(tmp_path: Path) -> None:
    code = (PRELUDE + 'int g(const char *, void *, int);\nint f(struct pt_regs *r) { return g("').encode()
    code += b'\xe9", memset(r, 0, sizeof(*r)), regs_query_register_offset("\xe9"));\n}\n'
    texts = [s.expression for s in own_sites(analyse(tmp_path, {"a.c": code}))]
    assert 'regs_query_register_offset("\\xe9")' in texts


def test_windows_line_ends(tmp_path: Path) -> None:
    code = (PRELUDE + "\n" + READ).replace("\n", "\r\n")
    assert told(own_sites(analyse(tmp_path, {"a.c": code}))) == [("field/read", "a.c", 3, ("ip",))]


# Errors


def test_an_error_is_named_and_the_other_functions_are_read(tmp_path: Path) -> None:
    code = PRELUDE + "int broken(void) { return missing->member; }\n" + READ
    result = analyse(tmp_path, {"a.c": code})
    assert result.error.startswith("a.c:2: ") and "missing" in result.error
    assert told(own_sites(result)) == [("field/read", "a.c", 3, ("ip",))]


def test_the_first_error_is_the_one_that_is_named(tmp_path: Path) -> None:
    code = PRELUDE + '#include "not-generated.h"\nunknown_t x;\n' + READ
    result = analyse(tmp_path, {"a.c": code})
    assert ":2: 'not-generated.h' file not found" in result.error
    assert told(own_sites(result)) == [("field/read", "a.c", 4, ("ip",))]


def test_warnings_are_no_errors(tmp_path: Path) -> None:
    code = PRELUDE + "int f(struct pt_regs *regs) { return 1 == 1.0f; int n; }\n#warning old\n"
    write(tmp_path, {"a.c": code})
    noisy = dataclasses.replace(job(tmp_path, "a.c"), arguments=tuple(a for a in FLAGS if a != "-w"))
    assert Analyser(table()).analyse(noisy).error == ""


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    result = Analyser(table()).analyse(job(tmp_path, "missing.c"))
    assert (result.error, result.found, result.layout) == ("libclang cannot parse it at all", (), None)


@pytest.mark.parametrize("code", ["", "\n", "int x;\n", "struct pt_regs;\nvoid f(struct pt_regs *regs);\n"])
def test_without_a_definition_there_is_no_layout(tmp_path: Path, code: str) -> None:
    result = analyse(tmp_path, {"a.c": code})
    assert (result.error, result.found, result.layout) == ("", (), None)


# Headers

HEADER = """#ifndef B_H
#define B_H
struct holder { int n; struct pt_regs regs; };
#define IP(r) ((r)->ip)
static inline unsigned long low(struct pt_regs *regs)
{
	return *(u64 *)((char *)regs + 8) + IP(regs);
}
void take(void (*handler)(struct pt_regs *));
#endif
"""


def user(name: str) -> str:
    return PRELUDE + f'#include "b.h"\nunsigned long {name}(struct pt_regs *regs) {{ return low(regs) + IP(regs); }}\n'


def merged(results: Mapping[str, Result]) -> list[Site]:
    units = {name: Unit(name, name, "", ()) for name in results}
    return merge(results, units)[0]


def test_a_header_gives_the_same_sites_in_one_unit_and_in_many(tmp_path: Path) -> None:
    names = ["a.c", "c.c", "d.c"]
    write(tmp_path, {"b.h": HEADER, **{n: user(n[0]) for n in names}})
    analyser = Analyser(table())
    results = {n: analyser.analyse(job(tmp_path, n)) for n in names}
    alone = {n: Analyser(table()).analyse(job(tmp_path, n)) for n in names}
    wanted = [s for s in own_sites(alone["a.c"]) if s.file == "b.h"]
    assert {s.rule for s in wanted} == {"embed/member", "field/read", "raw-offset/constant", "callback/type"}
    for name in names:
        assert results[name].found == alone[name].found, name
    together = sorted((s for s in merged(results) if s.file == "b.h"), key=lambda s: (s.line, s.column, s.rule))
    assert told(together) == told(wanted)
    uses = {s.rule: s.uses for s in together}
    assert uses["field/read"] == 4, "three units use the macro, and the header's own function"


def test_a_header_that_is_included_by_two_names_is_one(tmp_path: Path) -> None:
    header = HEADER.replace("#ifndef B_H\n#define B_H\n", "").replace("#endif\n", "")
    (tmp_path / "sub").mkdir()
    code = PRELUDE + '#include "sub/../b.h"\n' + READ
    found = {s.file for s in own_sites(analyse(tmp_path, {"a.c": code, "b.h": header}))}
    assert found == {"a.c", "b.h"}


# Independence of units

FLAVOURED = """static inline unsigned long low(struct pt_regs *regs)
{
#ifdef WIDE
	return *(u64 *)((char *)regs + 16);
#else
	return *(u64 *)((char *)regs + 8);
#endif
}
"""


def test_a_unit_does_not_see_the_flags_of_another(tmp_path: Path) -> None:
    code = PRELUDE + '#include "b.h"\n'
    write(tmp_path, {"a.c": code, "c.c": code, "b.h": FLAVOURED})
    work = [job(tmp_path, "a.c"), job(tmp_path, "c.c", "-DWIDE")]
    for order in itertools.permutations(work):
        analyser = Analyser(table())
        lines = {j.object: [s.line for s in own_sites(analyser.analyse(j))] for j in order}
        assert lines == {"a.c.o": [6], "c.c.o": [4]}


def test_a_unit_does_not_see_what_another_defines_before_its_includes(tmp_path: Path) -> None:
    code = PRELUDE + '#include "b.h"\n'
    write(tmp_path, {"a.c": code, "c.c": "#define WIDE\n" + code, "b.h": FLAVOURED})
    for order in itertools.permutations([job(tmp_path, "a.c"), job(tmp_path, "c.c")]):
        analyser = Analyser(table())
        lines = {j.object: [s.line for s in own_sites(analyser.analyse(j))] for j in order}
        assert lines == {"a.c.o": [6], "c.c.o": [4]}


def test_a_unit_with_another_layout_has_its_own_offsets(tmp_path: Path) -> None:
    struct = "struct pt_regs {\n#ifdef WIDE\n\tlong more;\n#endif\n\tlong ip;\n};\n"
    read = "static inline long ip(struct pt_regs *regs) { return regs->ip; }\n"
    write(tmp_path, {"a.c": '#include "b.h"\n', "b.h": struct + read})
    analyser = Analyser(table())
    first = analyser.analyse(job(tmp_path, "a.c", "-DWIDE"))
    second = analyser.analyse(job(tmp_path, "a.c"))
    assert [s.bytes for s in own_sites(first)] == [(8, 16)]
    assert [s.bytes for s in own_sites(second)] == [(0, 8)]
    assert first.layout is not None and second.layout is not None
    assert (first.layout.size, second.layout.size) == (16, 8)


def test_the_same_unit_twice_gives_the_same(tmp_path: Path) -> None:
    write(tmp_path, {"a.c": user("a"), "b.h": HEADER})
    analyser = Analyser(table())
    assert analyser.analyse(job(tmp_path, "a.c")) == analyser.analyse(job(tmp_path, "a.c"))


def test_another_struct_of_the_same_file(tmp_path: Path) -> None:
    code = PRELUDE + READ + "unsigned long g(struct other_regs *regs) { return regs->ip; }\n"
    write(tmp_path, {"a.c": code})
    analyser = Analyser(table())
    lines = {}
    for struct in ("pt_regs", "other_regs", "pt_regs"):
        asked = dataclasses.replace(job(tmp_path, "a.c"), struct=struct)
        lines[struct] = [s.line for s in own_sites(analyser.analyse(asked))]
    assert lines == {"pt_regs": [2], "other_regs": [3]}


# The whole minikernel


@pytest.fixture(scope="module")
def by_one_worker() -> Report:
    return run_audit(AuditRequest(tree=minikernel_dir(), jobs=1))


def test_results_do_not_depend_on_the_number_of_workers(by_one_worker: Report) -> None:
    assert len(by_one_worker.sites) > 200
    assert run_audit(AuditRequest(tree=minikernel_dir(), jobs=2)) == by_one_worker


@pytest.mark.parametrize("seed", range(3))
def test_results_do_not_depend_on_the_order_of_jobs(
    by_one_worker: Report, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    def shuffled(jobs: list[Job], *rest: object) -> list[Result]:
        mixed = list(jobs)
        random.Random(seed).shuffle(mixed)
        assert mixed != list(jobs)
        return list(analyse_all(mixed, 1, table(), None, lambda *_: None))

    monkeypatch.setattr("auditor.collect.analyse_all", shuffled)
    report = run_audit(AuditRequest(tree=minikernel_dir()))
    assert report.sites == by_one_worker.sites
    assert report.functions == by_one_worker.functions
    assert report.runs == by_one_worker.runs


def test_results_do_not_depend_on_what_a_process_has_seen(
    by_one_worker: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(jobs: list[Job], *rest: object) -> list[Result]:
        return [Analyser(table()).analyse(j) for j in jobs]

    monkeypatch.setattr("auditor.collect.analyse_all", forgetful)
    report = run_audit(AuditRequest(tree=minikernel_dir()))
    assert report.sites == by_one_worker.sites
    assert report.functions == by_one_worker.functions


def test_a_unit_alone_finds_what_it_finds_among_others(tmp_path: Path) -> None:
    sites = sites_of(tmp_path, READ)
    shared = Analyser(table())
    for name in ("x.c", "y.c"):
        analyse(tmp_path, {name: PRELUDE + "#define ip sp\n" + READ}, analyser=shared)
    assert own_sites(analyse(tmp_path, {"a.c": PRELUDE + READ}, analyser=shared)) == sites


def test_what_lies_behind_the_object_in_one_unit_is_no_fact_of_a_header(tmp_path: Path) -> None:
    """Two units have structs of the same name; only the first one's holds the object."""
    header = "static inline unsigned long get(struct pt_regs *regs) { return regs->ip; }\n"
    first = PRELUDE + 'struct ctx { struct pt_regs regs; int z; };\n#include "h.h"\n'
    second = PRELUDE + '#include "h.h"\nstruct ctx { struct pt_regs *regs; int z; };\n'
    second += "long f(struct ctx *c) { return c->z + c->regs->ip; }\n"
    write(tmp_path, {"a.c": first, "b.c": second, "h.h": header})
    analyser = Analyser(table())
    assert analyser.analyse(job(tmp_path, "a.c")).error == ""
    found = own_sites(analyser.analyse(job(tmp_path, "b.c")))
    assert [s.rule for s in found if s.file == "b.c"] == ["callback/holder", "field/read"]
