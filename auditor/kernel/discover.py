# SPDX-License-Identifier: GPL-2.0-only
"""Where the compile commands of a tree come from, and what to do when there are none."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from auditor.errors import InputError
from auditor.kernel.cmdfiles import read_cmd_files
from auditor.kernel.compdb import read_compdb
from auditor.kernel.tree import PREPARE_HINT, Build, Tree
from auditor.kernel.units import Commands, collect
from auditor.model import Unit

COMPDB = "compile_commands.json"
SAVED = "ptregs-commands.json"
"""The commands of a dry run, saved in the build directory by `prepare`, in the form of compile_commands.json."""


def discover(tree: Tree, build: Build | None = None, compdb: Path | None = None) -> Commands:
    """The first of: `compdb`, the build's compile_commands.json, its saved dry run, its `.cmd` files.

    compile_commands.json as the kernel makes it has no assembly; the `.cmd` files beside it then give the `.S` units.
    InputError: none of them has a single command, the one that was named is damaged, or it is for another tree.
    """
    if compdb is not None:
        return _checked(collect(read_compdb(compdb), tree, str(compdb)), tree, str(compdb))
    if build is None:
        raise InputError(str(tree.root), "no compile commands: neither a build directory nor --compdb", PREPARE_HINT)
    where = build.directory
    if (where / COMPDB).exists():
        commands = _checked(collect(read_compdb(where / COMPDB), tree, COMPDB), tree, str(where / COMPDB))
        return commands if commands.assembly_units else _with_assembly(commands, tree, where)
    if (where / SAVED).exists():
        return _checked(collect(read_compdb(where / SAVED), tree, f"{SAVED} (dry run)"), tree, str(where / SAVED))
    unfinished = "" if (where / "vmlinux").exists() else " of an unfinished build (no vmlinux)"
    commands = collect(read_cmd_files(where), tree, f".cmd files{unfinished}")
    # A directory that is only prepared has .cmd files too, of host programs and three or four kernel files.
    if not any(u.object.endswith(".o") and not u.object.startswith("scripts/") for u in commands.units):
        raise InputError(str(where), "nothing is compiled and no compile commands are saved", PREPARE_HINT)
    return _checked(commands, tree, str(where))


def discover_some(tree: Tree, build: Build | None, compdb: Path | None, sources: Collection[str]) -> tuple[Unit, ...]:
    """The kernel's units of these sources (from the tree), as `discover` finds them. Where all commands stand in one
    file the others are not looked at, which takes a tenth of the time. InputError: as `discover`."""
    where = compdb or next((p for n in (COMPDB, SAVED) if build and (p := build.directory / n).exists()), None)
    if where is None:
        found = discover(tree, build, compdb).units
    else:
        names = frozenset(s.rpartition("/")[2] for s in sources)
        found = collect(read_compdb(where, names), tree, str(where)).units
        # Of a few commands nobody can tell by the others whether they are a kernel's.
        kernel = tuple(u for u in found if "-D__KERNEL__" in u.arguments)
        found = kernel or discover(tree, build, compdb).units if found else found
    return tuple(u for u in found if u.source in sources)


def _with_assembly(commands: Commands, tree: Tree, where: Path) -> Commands:
    built = collect(read_cmd_files(where), tree, ".cmd files")
    if not built.assembly_units:
        return commands
    return Commands(commands.units, built.assembly_units, f"{commands.origin}, .cmd files", commands.failures)


def _checked(commands: Commands, tree: Tree, where: str) -> Commands:
    """Commands that neither compile nor include anything of this tree are another tree's."""
    units = commands.units + commands.assembly_units
    if not units:
        first = next((f"{f.file}: {f.why}" for f in commands.failures), PREPARE_HINT)
        raise InputError(where, "holds no compile command that can be used", first)
    if not any(_of_tree(u, tree) for u in units):
        raise InputError(where, "its commands use no file of this tree", f"expected files below {tree.root}")
    return commands


def _of_tree(unit: Unit, tree: Tree) -> bool:
    """A module built outside of the tree belongs to it by its include paths."""
    inside = not os.path.isabs(unit.source) and (tree.root / unit.source).is_file()
    return inside or any(f"{tree.root}{os.sep}" in argument for argument in unit.arguments)
