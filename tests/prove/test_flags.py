# SPDX-License-Identifier: GPL-2.0-only
"""Which words of a recorded command reach the compiler."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.errors import IncompleteError
from auditor.prove.flags import compiler_path, compiling, include_directories

KERNEL = (
    "-Wp,-MMD,fs/.coredump.o.d -nostdinc -I../arch/x86/include -I ./include -include ../include/linux/kconfig.h "
    "-D__KERNEL__ -D KBUILD_MODNAME=x -fmacro-prefix-map=../= -Wall -Werror=return-type -std=gnu11 -mcmodel=kernel "
    "-mindirect-branch=thunk-extern -O2 -fpatchable-function-entry=16,16 --param=allow-store-data-races=0 -pg -mfentry "
    "-g -gdwarf-5 -fsanitize=kernel-address --param asan-stack=1 -Wa,-mx86-used-note=no -c -o fs/coredump.o "
    "../fs/coredump.c"
)


def test_a_kernel_command_but_for_its_outputs() -> None:
    kept = compiling(KERNEL.split(), "x")
    gone = {"-Wp,-MMD,fs/.coredump.o.d", "-g", "-gdwarf-5", "-c", "-o", "fs/coredump.o"}
    assert list(kept) == [w for w in KERNEL.split() if w not in gone]


@pytest.mark.parametrize(
    "words",
    [
        "-MF x.d -MT x.o -MD", "-MFx.d", "-save-temps=obj", "-fdump-tree-all=/etc/x", "-aux-info p.h", "-ofoo.o",
        "-fstack-usage", "-dumpdir /etc/", "-fcallgraph-info=su",
    ],
)  # fmt: skip
def test_what_names_an_output_is_dropped(words: str) -> None:
    assert compiling([*words.split(), "a.c"], "x") == ("a.c",)


@pytest.mark.parametrize(
    "word",
    [
        "@options", "-wrapper", "-B/tmp/evil", "-fplugin=evil.so", "-fplugin-arg-evil-x=1", "-specs=evil", "--specs=e",
        "-Xclang", "-load", "-fpass-plugin=evil.so", "-Wa,-o,/etc/passwd", "-Wa,@file", "-Wa,-a=/etc/x", "-Wl,-x",
        "-Wp,-o,x", "-Wp,-dM", "-fopt-info=/etc/x", "-Xassembler", "-Xpreprocessor", "--sysroot=/x", "other.o", "-E",
        "-ftime-trace=/etc/x", "-fprofile-use=/x", "-flto", "-mllvm", "-imultilib",
        "-xada", "-fdiagnostics-format=sarif-file", "-fprofile-note=/etc/x", "-Wa,-mx86-used-note=no,-o,/etc/x",
        "-fsave-optimization-record=x", "-foptimization-record-file=/etc/x", "-fcrash-diagnostics-dir=/etc",
        "-fmodules", "-fdiagnostics-add-output=sarif:file=/etc/x", "--output=/etc/x", "--coverage", "-",
    ],
)  # fmt: skip
def test_what_loads_runs_or_writes_stops_the_unit(word: str) -> None:
    with pytest.raises(IncompleteError) as e:
        compiling(["-O2", word, "a.c"], "fs/a.c")
    assert str(e.value).startswith("fs/a.c: ") and word in str(e.value)


def test_languages_other_than_c(tmp_path: Path) -> None:
    assert compiling(["-x", "c", "a.c"], "x") == ("-x", "c", "a.c")
    with pytest.raises(IncompleteError, match="-x ada"):
        compiling(["-x", "ada", "a.c"], "x")


def test_include_directories_in_both_spellings(tmp_path: Path) -> None:
    words = ["-Ione", "-I", "two", "-isystem", "/three", "-iquotefour", "-include", "x.h"]
    found = list(include_directories(words, str(tmp_path)))
    assert found == [str(tmp_path / "one"), str(tmp_path / "two"), "/three", str(tmp_path / "four")]


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_compiler_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gcc = program(tmp_path / "gcc")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler_path("gcc", [], "a.c") == str(gcc)
    assert compiler_path(str(gcc), [], "a.c") == str(gcc)


@pytest.mark.parametrize("name", ["gcc-99", "./gcc", "scripts/gcc", "/nonexistent/gcc", ""])
def test_a_compiler_that_is_not_there_is_one_error(name: str) -> None:
    with pytest.raises(IncompleteError, match=r"^a\.c: its compiler"):
        compiler_path(name, [], "a.c")


def test_relative_directories_of_the_path_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "gcc-evil")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "/nonexistent"]))
    with pytest.raises(IncompleteError):
        compiler_path("gcc-evil", [], "a.c")


def test_a_compiler_inside_the_tree_is_not_run(tmp_path: Path) -> None:
    gcc = program(tmp_path / "gcc")
    link = tmp_path.parent / f"{tmp_path.name}-gcc"
    link.symlink_to(gcc)
    for name in (gcc, link):
        with pytest.raises(IncompleteError, match="audited tree"):
            compiler_path(str(name), [tmp_path.resolve()], "a.c")
