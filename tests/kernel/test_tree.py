# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.arch import by_id
from auditor.errors import InputError
from auditor.kernel.tree import Build, Tree, open_build, open_tree, source_of

from .conftest import make_build, make_tree


def test_tree(tree: Tree) -> None:
    assert tree.version == "6.1.7-rc2"
    assert tree.archs == ("arm64", "x86")
    assert tree.root.is_absolute()


def test_version_without_sublevel(tree: Tree) -> None:
    (tree.root / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 18\nEXTRAVERSION =\n\nVERSION = 9\n")
    assert open_tree(tree.root).version == "6.18"


@pytest.mark.parametrize("missing", ["Makefile", "Kconfig", "arch", "include/linux"])
def test_not_a_tree_says_what_is_missing(tree: Tree, missing: str) -> None:
    (tree.root / missing).rename(tree.root / "elsewhere")
    with pytest.raises(InputError, match=f"no {missing}.*expected Makefile, Kconfig, arch/ and include/linux"):
        open_tree(tree.root)


def test_makefile_of_another_project(tree: Tree) -> None:
    (tree.root / "Makefile").write_bytes(b"all:\n\t\xff\n")
    with pytest.raises(InputError, match="no VERSION"):
        open_tree(tree.root)


def test_file_or_fifo_instead_of_a_tree(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a directory"):
        open_tree(tree.root / "Makefile")
    (tree.root / "Makefile").unlink()
    os.mkfifo(tree.root / "Makefile")
    with pytest.raises(InputError, match="no Makefile"):
        open_tree(tree.root)


def test_build(build: Build, tree: Tree) -> None:
    assert build.arch.id == "x86_64"
    assert build.compiler == "gcc 12"
    assert len(build.fingerprint) == 12
    (build.directory / ".config").write_text("CONFIG_X86_64=y\nCONFIG_A=y\n")
    assert open_build(tree, build.directory).fingerprint != build.fingerprint


def test_in_tree_build(tree: Tree) -> None:
    with pytest.raises(InputError, match=r"no configuration.*ptregs-audit prepare"):
        open_build(tree)
    (tree.root / ".config").write_text("CONFIG_X86_64=y\n")
    assert open_build(tree).directory == tree.root


def test_missing_build_directory(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such build directory.*ptregs-audit prepare"):
        open_build(tree, tmp_path / "none")


def test_build_of_another_tree_by_link_makefile_and_place(tree: Tree, tmp_path: Path) -> None:
    other = make_tree(tmp_path / "other")
    linked = make_build(tmp_path / "linked", other)
    included = make_build(tmp_path / "included", other)
    (included / "source").unlink()
    (included / "Makefile").write_text(f"# Automatically generated\nexport A = b\ninclude {other}/Makefile\n")
    (other / ".config").write_text("CONFIG_X86_64=y\n")
    for directory in (linked, included, other):
        assert source_of(directory) == other
        with pytest.raises(InputError, match="a build of another tree"):
            open_build(tree, directory)


def test_build_that_does_not_say_its_tree_is_accepted(tree: Tree, tmp_path: Path) -> None:
    silent = make_build(tmp_path / "silent", tree.root)
    (silent / "source").unlink()
    assert source_of(silent) is None
    assert open_build(tree, silent).directory == silent


def test_other_and_unknown_architecture(tree: Tree, build: Build) -> None:
    config = build.directory / ".config"
    config.write_text("# CONFIG_X86_64 is not set\nCONFIG_VAX=y\n")
    with pytest.raises(InputError, match=r"no known architecture.*CONFIG_X86_64"):
        open_build(tree, build.directory)
    with pytest.raises(InputError, match="not a build for x86_64"):
        open_build(tree, build.directory, by_id("x86_64"))


def test_huge_configuration_is_refused(tree: Tree, build: Build) -> None:
    with (build.directory / ".config").open("wb") as f:
        f.truncate(1 << 30)
    with pytest.raises(InputError, match="larger than 16 MiB"):
        open_build(tree, build.directory)
