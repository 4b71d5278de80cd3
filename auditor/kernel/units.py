# SPDX-License-Identifier: GPL-2.0-only
"""Recorded commands as units: paths made relative, host programs left out, one unit per object."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from auditor.kernel.recorded import Recorded, source_argument
from auditor.kernel.tree import Tree
from auditor.model import Failure, Unit


@dataclass(frozen=True, slots=True)
class Commands:
    """C units and assembly units, each sorted by object; `origin` says in words where they came from.

    A unit whose source does not exist is not among them but among the failures.
    """

    units: tuple[Unit, ...]
    assembly_units: tuple[Unit, ...]
    origin: str
    failures: tuple[Failure, ...] = ()


def collect(found: Iterable[Recorded | Failure], tree: Tree, origin: str) -> Commands:
    """What one origin recorded. Of two commands for one object the later counts, as in a build.

    Programs for the build machine are left out: Kbuild gives every kernel object -D__KERNEL__ (Linux:
    KBUILD_CPPFLAGS), a host program never. Where no command has it, the tree is not built by Kbuild and all count.
    """
    commands: dict[str, Recorded] = {}
    failures: list[Failure] = []
    for item in found:
        if isinstance(item, Failure):
            failures.append(item)
        else:
            commands[_object(item)] = item
    kernel = any(_for_kernel(c) for c in commands.values())
    units: list[Unit] = []
    assembly: list[Unit] = []
    root = f"{tree.root}{os.sep}"
    for object_, command in sorted(commands.items()):
        if kernel and (not _for_kernel(command) or object_.startswith("tools/")):
            continue
        path = os.path.join(command.directory, command.source)
        source = _relative(path, command.source, root)
        if not os.path.isfile(path):
            failures.append(Failure(source, _why_not(path, command.source), object_))
            continue
        unit = Unit(source, object_, command.directory, command.arguments, command.compiler)
        (assembly if command.is_assembly else units).append(unit)
    return Commands(tuple(units), tuple(assembly), origin, tuple(failures))


def source_path(unit: Unit) -> Path:
    """The file that the unit compiles, absolute. `unit.source` alone does not say whether it lies in the build."""
    return Path(unit.directory, source_argument(unit.arguments) or unit.source)


def _why_not(path: str, written: str) -> str:
    """Why there is no file to compile."""
    if os.path.exists(path):
        return "not a regular file"
    if os.path.islink(path):
        return "a symbolic link that leads nowhere"
    return "no such file" + ("" if os.path.isabs(written) else "; the build may have to generate it")


def _for_kernel(command: Recorded) -> bool:
    return "-D__KERNEL__" in command.arguments


def _object(command: Recorded) -> str:
    path = os.path.normpath(command.object)
    return os.path.relpath(path, command.directory) if os.path.isabs(path) else path


def _relative(path: str, written: str, root: str) -> str:
    """Lexically first, through symbolic links only where that fails: a build may reach the tree through `source`."""
    for candidate in (os.path.normpath(path), os.path.realpath(path)):
        if candidate.startswith(root):
            return candidate[len(root) :]
    return written
