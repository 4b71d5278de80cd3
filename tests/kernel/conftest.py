# SPDX-License-Identifier: GPL-2.0-only
"""Small trees and builds that have the shape of the kernel's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auditor.kernel.tree import Build, Tree, open_build, open_tree

MAKEFILE = (
    "# SPDX-License-Identifier: GPL-2.0\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION = -rc2\nNAME = X\n"
)


def make_tree(root: Path) -> Path:
    for directory in ("arch/x86/kernel", "arch/arm64/kernel", "include/linux", "kernel"):
        (root / directory).mkdir(parents=True)
    (root / "Makefile").write_text(MAKEFILE)
    (root / "Kconfig").write_text('mainmenu "test"\n')
    (root / "include/linux/regs.h").write_text("struct pt_regs { unsigned long r15, ip; };\n")
    (root / "arch/x86/kernel/ptrace.c").write_text("#include <linux/regs.h>\nint a(struct pt_regs *r);\n")
    (root / "arch/x86/kernel/entry.S").write_text("/* pt_regs */\n")
    (root / "kernel/fork.c").write_text("int fork(void);\n")
    return root


def make_build(directory: Path, root: Path) -> Path:
    directory.mkdir()
    (directory / ".config").write_text('CONFIG_CC_VERSION_TEXT="gcc 12"\nCONFIG_X86_64=y\n# CONFIG_ARM64 is not set\n')
    (directory / "source").symlink_to(root)
    return directory


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return open_tree(make_tree(tmp_path / "linux"))


@pytest.fixture
def build(tree: Tree, tmp_path: Path) -> Build:
    return open_build(tree, make_build(tmp_path / "build", tree.root))


@pytest.fixture
def entry(tree: Tree, build: Build) -> Callable[..., dict[str, Any]]:
    """One entry of compile_commands.json for a source of the tree; keywords replace its members."""

    def make(source: str = "kernel/fork.c", *flags: str, **members: Any) -> dict[str, Any]:
        obj = str(Path(source).with_suffix(".o"))
        path = str(tree.root / source)
        arguments = ["gcc", "-nostdinc", "-D__KERNEL__", *flags, "-c", "-o", obj, path]
        return {"directory": str(build.directory), "file": path, "arguments": arguments} | members

    return make


@pytest.fixture
def write_json(build: Build) -> Callable[..., Path]:
    def write(value: Any, name: str = "compile_commands.json") -> Path:
        path = build.directory / name
        path.write_text(json.dumps(value))
        return path

    return write
