# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

from pathlib import Path

import pytest
from clang import cindex
from hypothesis import given
from hypothesis import strategies as st

from auditor.arch import by_id
from auditor.data import read_toml, rules_dir
from auditor.kernel.dryrun import parse_dry_run
from auditor.kernel.flags import Flags, clang_arguments
from auditor.kernel.recorded import Recorded
from auditor.kernel.tree import Build, Tree
from auditor.kernel.units import collect, source_path
from auditor.model import Unit

ARCH = by_id("x86_64")
OWN = 4
"""Arguments at the end that are the tool's own."""


def unit_of(tree: Tree, build: Build, *flags: str) -> Unit:
    path = str(tree.root / "arch/x86/kernel/ptrace.c")
    return Unit("arch/x86/kernel/ptrace.c", "p.o", str(build.directory), (*flags, "-c", "-o", "p.o", path))


def kept(flags: Flags) -> tuple[str, ...]:
    """What came from the command."""
    return flags.arguments[: -OWN - 1]


def errors(unit: Unit, arguments: tuple[str, ...]) -> list[str]:
    parsed = cindex.Index.create().parse(str(source_path(unit)), args=list(arguments))
    return [d.spelling for d in parsed.diagnostics if d.severity >= cindex.Diagnostic.Error]


def test_real_command() -> None:
    lines = Path(__file__).with_name("dry_run.txt").read_text().splitlines()
    found = {c.object: c for c in parse_dry_run(lines, "/build") if isinstance(c, Recorded)}
    command = found["arch/x86/kernel/ptrace.o"]
    unit = Unit("arch/x86/kernel/ptrace.c", command.object, command.directory, command.arguments)
    flags = clang_arguments(unit, ARCH, ("-DEXTRA",))
    assert flags.arguments == (
        "-nostdinc",
        "-I/src/linux/arch/x86/include",
        "-I./arch/x86/include/generated",
        "-I/src/linux/include",
        "-I./include",
        "-I/src/linux/arch/x86/include/uapi",
        "-I./arch/x86/include/generated/uapi",
        "-I/src/linux/include/uapi",
        "-I./include/generated/uapi",
        "-D__KERNEL__",
        "-fno-strict-aliasing",
        "-fno-common",
        "-fshort-wchar",
        "-fno-PIE",
        "-std=gnu11",
        "-mno-sse",
        "-mno-mmx",
        "-mno-sse2",
        "-mno-3dnow",
        "-mno-avx",
        "-fcf-protection=none",
        "-m64",
        "-mno-80387",
        "-mcmodel=kernel",
        "-O2",
        "-fstack-protector-strong",
        "-DCC_USING_FENTRY",
        "-I/src/linux/arch/x86/kernel",
        "-I./arch/x86/kernel",
        '-DKBUILD_MODFILE="arch/x86/kernel/ptrace"',
        '-DKBUILD_BASENAME="ptrace"',
        '-DKBUILD_MODNAME="ptrace"',
        "-D__KBUILD_MODNAME=kmod_ptrace",
        "-D__typeof_unqual__=__typeof__",
        "-DEXTRA",
        "--target=x86_64-linux-gnu",
        "-w",
        "-ferror-limit=0",
        "-working-directory=/build",
    )
    # The three headers of -include do not exist below /src/linux.
    assert flags.dropped["-include"] == 3
    assert flags.dropped["-Wp"] == 1
    assert flags.dropped["-mindirect-branch"] == 1
    assert flags.dropped["-Werror"] == 8
    assert not {"-c", "-o"} & set(flags.dropped)


def test_include_of_a_file_passes_below_tree_and_build_only(tree: Tree, build: Build, tmp_path: Path) -> None:
    (build.directory / "auto.h").write_text("#define AUTO 1\n")
    (tmp_path / "outside.h").write_text("#define OUTSIDE 1\n")
    (build.directory / "link.h").symlink_to(tmp_path / "outside.h")
    header = tree.root / "include/linux/regs.h"
    cases = {
        str(header): True,
        "auto.h": True,
        "source/include/linux/regs.h": True,
        str(tmp_path / "outside.h"): False,
        "../outside.h": False,
        "link.h": False,
        "none.h": False,
        "/etc/passwd": False,
        ".": False,
        "": False,
    }
    for path, passes in cases.items():
        for option in ("-include", "-imacros"):
            flags = clang_arguments(unit_of(tree, build, option, path), ARCH)
            assert kept(flags) == ((option + path,) if passes else ()), path
            assert flags.dropped[option] == (0 if passes else 1)
    flags = clang_arguments(unit_of(tree, build, "-include", "../outside.h"), ARCH, roots=[tmp_path])
    assert kept(flags) == ("-include../outside.h",)


@pytest.mark.parametrize("suffix", [".pch", ".gch"])
def test_a_header_with_a_precompiled_one_beside_it_does_not_pass(tree: Tree, build: Build, suffix: str) -> None:
    """clang would read the other one: a syntax tree that says what it likes, and no text that could be checked."""
    (build.directory / "auto.h").write_text("#define AUTO 1\n")
    (build.directory / f"auto.h{suffix}").write_bytes(b"CPCH")
    assert kept(clang_arguments(unit_of(tree, build, "-include", "auto.h"), ARCH)) == ()


def test_generated_source_may_include_headers_of_the_tree(tree: Tree, build: Build) -> None:
    (build.directory / "gen.c").write_text("int gen;\n")
    header = str(tree.root / "include/linux/regs.h")
    unit = Unit("gen.c", "gen.o", str(build.directory), ("-include", header, "-c", "-o", "gen.o", "gen.c"))
    assert kept(clang_arguments(unit, ARCH)) == (f"-include{header}",)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-I", "-load"], ["-I-load"]),  # the value of an option stays a value
        (["-I-"], []),
        (["-D", "@x"], ["-D@x"]),
        (["-isystem", "/usr/include"], ["-isystem/usr/include"]),
        (["-x", "c"], ["-xc"]),
        (["-x", "c++"], []),
        (["-xassembler-with-cpp"], ["-xassembler-with-cpp"]),
        (["-march=native"], []),
        (["-march=k8"], ["-march=k8"]),
        (["-march=k8,x"], []),
        (["-std=gnu11 -load"], []),
        (["--target=arm-linux-gnu"], []),
        (["-target", "arm-linux-gnu"], []),
        (["-fsanitize=kernel-address"], ["-fsanitize=kernel-address"]),
        (["-fsanitize=cfi"], []),
        (["-O2", "-O3x"], ["-O2"]),
        (["-I"], []),
    ],
)
def test_one_flag(tree: Tree, build: Build, words: list[str], expected: list[str]) -> None:
    unit = Unit("arch/x86/kernel/ptrace.c", "p.o", str(build.directory), tuple(words))
    assert list(kept(clang_arguments(unit, ARCH))) == expected


def test_kept_and_dropped_are_everything(tree: Tree, build: Build) -> None:
    flags = clang_arguments(unit_of(tree, build, "-Wall", "-O2", "-fplugin=x.so", "-Wall", "-fplugin=y.so"), ARCH)
    assert kept(flags) == ("-O2",)
    assert dict(flags.dropped) == {"-Wall": 2, "-fplugin": 2}


WORDS = st.sampled_from(["-I", "-D", "-include", "-Xclang", "-load", "-o", "@f", "x.c", "-fplugin=x.so", "-B", "-x"])


@given(st.lists(WORDS | st.text(max_size=10), max_size=8))
def test_only_the_allowlist_passes(words: list[str]) -> None:
    unit = Unit("a.c", "a.o", "/nonexistent", tuple(words))
    allowed = ("-I", "-D", "-U", "-isystem", "-iquote", "-idirafter", "-xc", "-xassembler-with-cpp")
    for word in kept(clang_arguments(unit, ARCH)):
        assert word.startswith(allowed), word


def test_what_passes_as_it_is_libclang_accepts(tree: Tree, build: Build) -> None:
    data = read_toml(rules_dir() / "clang-flags.toml")
    other_target = {"-mbig-endian"}
    words = [w for w in data["exact"]["words"] if w not in other_target]
    samples = [
        "-std=gnu89",
        "-std=gnu11",
        "-std=gnu2x",
        "-std=gnu23",
        "-march=k8",
        "-mcmodel=kernel",
        "-fpack-struct=4",
    ]
    for word in [*words, *samples]:
        unit = unit_of(tree, build, "-Isource/include", word)
        flags = clang_arguments(unit, ARCH)
        assert word in flags.arguments
        assert errors(unit, flags.arguments) == [], word


def test_typeof_unqual_of_newer_compilers_parses(tree: Tree, build: Build) -> None:
    unit = unit_of(tree, build)
    source_path(unit).write_text("const int a = 1;\nint *p(void) { static __typeof_unqual__(a) b; return &b; }\n")
    arguments = clang_arguments(unit, ARCH).arguments
    assert errors(unit, arguments) == []
    assert errors(unit, tuple(a for a in arguments if "typeof" not in a)) != []


def test_relative_paths_are_relative_to_the_units_directory(tree: Tree, build: Build) -> None:
    unit = unit_of(tree, build, "-Isource/include")
    assert errors(unit, clang_arguments(unit, ARCH).arguments) == []
    assert errors(unit, clang_arguments(unit_of(tree, build), ARCH).arguments) != []


HOSTILE = [
    ["-Xclang", "-load", "-Xclang", "{dir}/x.so"],
    ["-load", "{dir}/x.so"],
    ["-fplugin={dir}/x.so"],
    ["-fplugin-arg-x-y"],
    ["-fpass-plugin={dir}/x.so"],
    ["-fplugin={dir}/x.so", "-plugin", "x"],
    ["@{dir}/response"],
    ["-o{dir}/pwned"],
    ["-o", "{dir}/pwned"],
    ["-MMD", "-MF", "{dir}/pwned"],
    ["-MF{dir}/pwned"],
    ["-Wp,-MMD,{dir}/pwned"],
    ["-Wp,-MD,{dir}/pwned"],
    ["--serialize-diagnostics", "{dir}/pwned"],
    ["-serialize-diagnostics", "{dir}/pwned"],
    ["-fcrash-diagnostics-dir={dir}"],
    ["-ftime-trace={dir}/pwned"],
    ["-save-temps={dir}"],
    ["-dependency-dot", "{dir}/pwned"],
    ["-fmodules", "-fmodules-cache-path={dir}/pwned"],
    ["-specs={dir}/specs"],
    ["-wrapper", "touch,{dir}/pwned"],
    ["-B{dir}"],
    ["-fuse-ld={dir}/run"],
    ["`touch {dir}/pwned`"],
    ["$(touch {dir}/pwned)"],
    ["-DX=$(touch {dir}/pwned)"],
    ["-DX=`touch {dir}/pwned`"],
    ["-I$(touch {dir}/pwned)"],
    ["; touch {dir}/pwned"],
    ["|touch {dir}/pwned"],
    ["-x", "ir"],
    ["-include-pch", "{dir}/x.pch"],
    ["-emit-ast"],
    ["-ivfsoverlay", "{dir}/overlay"],
    ["-resource-dir={dir}"],
]


@pytest.mark.parametrize("words", HOSTILE, ids=lambda w: " ".join(w))
@pytest.mark.parametrize("before", [True, False])
def test_hostile_flags_execute_and_write_nothing(
    tree: Tree, build: Build, tmp_path: Path, words: list[str], before: bool
) -> None:
    trap = tmp_path / "trap"
    trap.mkdir()
    (trap / "run").write_text(f"#!/bin/sh\ntouch {trap}/pwned\n")
    (trap / "run").chmod(0o755)
    (trap / "response").write_text(f"-o {trap}/pwned -Dfrom_response=1")
    (trap / "x.so").write_text("not a library")
    files = sorted(trap.iterdir())
    there = {p: sorted(p.rglob("*")) for p in (tree.root, build.directory)}
    hostile = [w.format(dir=trap) for w in words]
    source = str(tree.root / "arch/x86/kernel/ptrace.c")
    base = ["-D__KERNEL__", "-Isource/include"]
    arguments = [*hostile, *base, "-c", source] if before else [*base, "-c", source, *hostile]
    recorded = Recorded(str(build.directory), "gcc", tuple(arguments), source, "p.o")
    (unit,) = collect([recorded], tree, "test").units
    flags = clang_arguments(unit, ARCH)
    assert errors(unit, flags.arguments) == []
    assert sorted(trap.iterdir()) == files
    assert there == {p: sorted(p.rglob("*")) for p in there}
    assert not any(
        w.startswith(("-Xclang", "-load", "-fplugin", "@", "-o", "-Wp", "-M", "-B")) for w in flags.arguments
    )
