# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.kernel.dryrun import parse_dry_run
from auditor.kernel.recorded import Recorded
from auditor.model import Failure

REAL = Path(__file__).with_name("dry_run.txt")
GOOD = "set -e; echo '  CC      a.o'; trap 'rm -f a.o' HUP; gcc -D__KERNEL__ -c -o a.o /src/a.c ; objtool a.o"


def parse(*lines: str) -> list[Recorded | Failure]:
    return list(parse_dry_run(lines, "/build"))


def recorded(*lines: str) -> list[Recorded]:
    return [item for item in parse(*lines) if isinstance(item, Recorded)]


def real() -> dict[str, Recorded]:
    found = parse(*REAL.read_text().splitlines(keepends=True))
    assert not [item for item in found if isinstance(item, Failure)]
    return {item.object: item for item in found if isinstance(item, Recorded)}


def test_real_output_has_each_command_once() -> None:
    assert list(real()) == [
        "scripts/mod/sumversion.o",
        "arch/x86/kernel/asm-offsets.s",
        "arch/x86/entry/vdso/vdso32/vclock_gettime.o",
        "arch/x86/entry/entry_64.o",
        "arch/x86/kernel/ptrace.o",
        "arch/x86/kvm/vmx/vmx.o",
    ]
    assert [o for o, c in real().items() if c.is_assembly] == ["arch/x86/entry/entry_64.o"]


def test_real_command_word_by_word() -> None:
    command = real()["arch/x86/kernel/ptrace.o"]
    assert command.compiler == "gcc"
    assert command.directory == "/build"
    assert command.arguments[0] == "-Wp,-MMD,arch/x86/kernel/.ptrace.o.d"
    assert command.arguments[-8:] == (
        '-DKBUILD_MODFILE="arch/x86/kernel/ptrace"',
        '-DKBUILD_BASENAME="ptrace"',
        '-DKBUILD_MODNAME="ptrace"',
        "-D__KBUILD_MODNAME=kmod_ptrace",
        "-c",
        "-o",
        "arch/x86/kernel/ptrace.o",
        "/src/linux/arch/x86/kernel/ptrace.c",
    )


@pytest.mark.parametrize(
    "compiler",
    ["gcc", "gcc-12", "clang", "clang-18", "aarch64-linux-gnu-gcc", "/opt/bin/x86_64-linux-gnu-gcc-12.2", "cc",
     "ccache gcc", "CCACHE_DIR=/c ccache riscv64-linux-gnu-gcc"],
)  # fmt: skip
def test_compilers(compiler: str) -> None:
    (command,) = recorded(f"set -e; {compiler} -c -o x.o /src/x.c ; true")
    assert command.compiler == compiler.split()[-1]
    assert command.arguments == ("-c", "-o", "x.o", "/src/x.c")


@pytest.mark.parametrize(
    "line",
    [
        "gcc -o relocs relocs.o -c -o relocs x.c",  # a program, not an object
        "gcc -E -c -o x.o x.c",
        "ld -c -o x.o x.c",
        "rustc -c -o x.o x.rs",
        "gcc -c -o x.o x.cpp",
        "gcc -c -o x.o -include x.c",  # an option's value is not the source
        "clang -c -o x.o -mllvm x.c",
        "echo gcc -c -o x.o x.c",
    ],
)
def test_not_a_unit(line: str) -> None:
    assert parse(line) == []


def test_continued_lines_are_one_command() -> None:
    (command,) = recorded("gcc -DA \\\n", " -c -o a.o \\\n", " a.c\n")
    assert command.arguments == ("-DA", "-c", "-o", "a.o", "a.c")


def test_damaged_line_names_itself_and_spares_the_others() -> None:
    first, failure, last = parse(GOOD, "gcc -DX='a -c -o b.o b.c", GOOD.replace("a.", "c."))
    assert isinstance(first, Recorded)
    assert isinstance(last, Recorded)
    assert isinstance(failure, Failure)
    assert failure.file == "dry run:2"
    assert "open quote" in failure.why


def test_endless_line_is_refused() -> None:
    (failure,) = parse("gcc -c -o a.o " + "x" * (5 << 20) + " a.c")
    assert isinstance(failure, Failure)
    assert "longer than" in failure.why


@given(st.lists(st.text(st.characters(exclude_characters="\\"), max_size=60) | st.sampled_from(["gcc -c -o z.o '"])))
def test_garbage_around_a_command_does_not_change_it(garbage: list[str]) -> None:
    lines = [line for g in garbage for line in g.splitlines()]
    expected = recorded(GOOD)[0]
    assert expected in parse(*lines, GOOD, *lines)


@given(st.text().map(lambda t: f"gcc {t} -c -o x.o y.c"))
def test_any_text_gives_commands_or_failures(text: str) -> None:
    for item in parse(text):
        assert isinstance(item, Failure) or item.source
