# SPDX-License-Identifier: GPL-2.0-only
"""Two objects compared: what counts as a change of a function, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.prove.objects import compare, fingerprints
from auditor.prove.places import base_name
from tests.prove.compiling import compiled

REGS = "struct regs {{ {first} long bx; long ip; long sp; }};\n"
OLD, NEW = REGS.format(first=""), REGS.format(first="long pks;")

BODY = """
int other(void);
static struct regs saved;
struct regs shown;
int table[] = { __builtin_offsetof(struct regs, ip), 7 };
int numbers[] = { 1, 2, 3 };
long field(struct regs *r) { return r->ip; }
long number(char *r) { return *(long *)(r + 8); }
long folded(void) { return __builtin_offsetof(struct regs, sp) > 4 ? 1 : 2; }
const char *text(void) { return "one string"; }
void keep(long v) { saved.ip = v; }
void imm(void) { saved.sp = 5; }
long kept(void) { return saved.bx; }
__attribute__((noinline)) static int local(int x) { return other() + x; }
int calls(int x) { return local(x) + local(x + 1); }
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    where = tmp_path_factory.mktemp("pair")
    return compiled(where / "old.c", OLD + BODY), compiled(where / "new.c", NEW + BODY)


def test_functions_that_use_the_struct_change(pair: tuple[Path, Path]) -> None:
    assert compare(*pair).functions.changed == {"field", "keep", "imm", "kept"}


def test_data_that_holds_the_struct_or_its_offsets_changes(pair: tuple[Path, Path]) -> None:
    found = compare(*pair).data
    assert found.changed == {"saved", "shown", "table"}
    assert "numbers" in found.same


def test_an_object_equals_itself(pair: tuple[Path, Path]) -> None:
    found = compare(pair[0], pair[0])
    assert not found.functions.differing and not found.data.differing
    assert {"field", "number", "calls"} <= found.functions.same


def test_a_function_that_only_moved_is_the_same(tmp_path: Path) -> None:
    """Its calls, the strings and the local data that it uses lie elsewhere, too."""
    before = 'static int skew; int *early(void) { return &skew; } const char *first(void) { return "x"; }\n'
    old = compiled(tmp_path / "old.c", OLD + BODY)
    new = compiled(tmp_path / "new.c", before + OLD + BODY)
    found = compare(old, new)
    assert found.functions.added == {"early", "first"} and found.data.added == {"skew"}
    assert not found.functions.changed | found.functions.removed | found.data.changed


def test_another_callee_is_a_change(tmp_path: Path) -> None:
    old = compiled(tmp_path / "old.c", "int a(void); int b(void); int f(void) { return a() + 1; }")
    new = compiled(tmp_path / "new.c", "int a(void); int b(void); int f(void) { return b() + 1; }")
    assert compare(old, new).functions.changed == {"f"}


def test_pieces_belong_to_their_function(tmp_path: Path) -> None:
    text = """
    __attribute__((cold)) void die(long); struct regs {{ {first} long ip; }};
    void f(struct regs *r, int x) {{ if (x) {{ die(r->ip); die(7); die(9); }} }}
    """
    old = compiled(tmp_path / "old.c", text.format(first=""))
    new = compiled(tmp_path / "new.c", text.format(first="long pks;"))
    assert compare(old, new).functions.changed == {"f"}


def test_a_call_that_the_assembler_resolved_counts_by_name(tmp_path: Path) -> None:
    text = """
    extern int x; __attribute__((noinline)) static void callee(void) {{ x++; }}
    __attribute__((noinline)) static void another(void) {{ x--; }}
    void between(void) {{ x += {long}; }} void f(void) {{ callee(); x = 2; }} void g(void) {{ {g}(); x = 2; }}
    void both(void) {{ callee(); another(); x = 1; }}
    """
    old = compiled(tmp_path / "old.c", text.format(long=1, g="callee"))
    new = compiled(tmp_path / "new.c", text.format(long=100000, g="another"))
    found = compare(old, new).functions
    assert found.changed == {"between", "g"} and "f" in found.same


PER_CPU = """
struct regs {{ {first} long ip; }};
static struct regs saved __attribute__((section(".data..percpu"))) = {{ 1 }};
static int level __attribute__((section(".data..percpu"))) = 2;
static short narrow __attribute__((section(".data..percpu"))) = 3;
void plain(int v) {{ level = v; }}
void immediate(void) {{ level = 70000; }}
void short_one(void) {{ narrow = 7; }}
void byte(void) {{ level += 5; }}
int tested(void) {{ return level & 0x10000 ? 1 : 2; }}
struct regs *address(void) {{ return &saved; }}
"""


def test_an_address_with_a_value_behind_it_still_names_its_object(tmp_path: Path) -> None:
    """The data lie elsewhere once the object before them has grown."""
    old = compiled(tmp_path / "old.c", PER_CPU.format(first=""))
    new = compiled(tmp_path / "new.c", PER_CPU.format(first="long pks[3];"))
    found = compare(old, new)
    assert found.data.changed == {"saved"}
    assert not found.functions.differing and found.through == {"address": {"saved"}}


def test_a_table_inside_of_a_function_is_known_by_its_user(tmp_path: Path) -> None:
    text = "int f(int n) {{ static const int at[] = {{ {0}, 2, 3 }}; return at[n]; }}"
    old = compiled(tmp_path / "old.c", text.format(1))
    new = compiled(tmp_path / "new.c", text.format(9))
    assert compare(old, new).through == {"f": {"at"}}


def test_a_clone_and_an_alias_are_known(tmp_path: Path) -> None:
    text = """
    struct regs { long bx, ip; }; void out(long, long);
    __attribute__((noinline)) static void cloned(struct regs *r, int n) { out(r->ip, n); }
    void caller(struct regs *r) { cloned(r, 5); out(1, 2); }
    void twice(struct regs *r) { cloned(r, 5); out(2, 3); }
    void named(void) { out(3, 4); }
    void again(void) __attribute__((alias("named")));
    """
    made = compiled(tmp_path / "a.c", text)
    moved = compare(made, made).moved
    assert {("cloned", "caller"), ("cloned", "twice"), ("named", "again"), ("again", "named")} <= moved


def test_a_clone_of_one_side_is_known(tmp_path: Path) -> None:
    text = """
    struct regs {{ long bx, ip; }}; void out(long, long);
    __attribute__((noinline{0})) static void cloned(struct regs *r, int n) {{ out(r->ip, n); }}
    void caller(struct regs *r) {{ cloned(r, 5); out(1, 2); }}
    """
    plain, cloned = compiled(tmp_path / "a.c", text.format(", noclone")), compiled(tmp_path / "b.c", text.format(""))
    assert not compare(plain, plain).moved
    for one, other in ((plain, cloned), (cloned, plain)):
        assert ("cloned", "caller") in compare(one, other).moved


@pytest.mark.parametrize(
    ("symbol", "base"),
    [
        ("f", "f"), ("f.cold", "f"), ("f.isra.0", "f"), ("f.constprop.0.isra.0.cold", "f"), ("__func__.12", "__func__"),
        ("f.llvm.8273648", "f"), (".cold", ".cold"), ("f.partial", "f.partial"),
    ],
)  # fmt: skip
def test_base_names(symbol: str, base: str) -> None:
    assert base_name(symbol) == base


def test_32_bit_objects_keep_addends_in_place(tmp_path: Path) -> None:
    text = "static int a, b; int f(void) { return a; } int g(void) { return b; } void h(int x) { a = b = x; }"
    old = compiled(tmp_path / "old.c", text, "-m32", "-fno-pic")
    new = compiled(tmp_path / "new.c", "static int z; void w(int x) { z += x; } int y(void) { return z; }" + text,
                   "-m32", "-fno-pic")  # fmt: skip
    found = compare(old, new).functions
    assert found.same == {"f", "g", "h"} and found.added == {"w", "y"}


def test_data_without_a_name_counts_by_the_kind_of_its_use(tmp_path: Path) -> None:
    old = compiled(tmp_path / "old.c", 'const char *f(void) { return "one"; }')
    new = compiled(tmp_path / "new.c", 'const char *f(void) { return "another"; }')
    assert compare(old, new).functions.same == {"f"}


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"int main;", b"\x7fELF" + bytes(60)])
def test_what_is_no_object_is_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.o"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.o"):
        fingerprints(path)


def test_a_program_is_no_object(tmp_path: Path) -> None:
    path = compiled(tmp_path / "main.c", "int main(void) { return 0; }")
    data = bytearray(path.read_bytes())
    data[16] = 3
    path.write_bytes(data)
    with pytest.raises(InputError, match="not a relocatable object"):
        fingerprints(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_is_one_error_or_none(pair: tuple[Path, Path], tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(pair[0].read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.o"
    path.write_bytes(whole[: data.draw(st.sampled_from([len(whole), len(whole) // 2, 100]))])
    try:
        fingerprints(path)
    except InputError as e:
        assert "damaged.o" in str(e)
