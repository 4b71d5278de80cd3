# SPDX-License-Identifier: GPL-2.0-only
"""The one unit that Kbuild hands to a checker: `$(CHECK) $(CHECKFLAGS) $(c_flags) file`, in the object tree.

Linux: scripts/Makefile.build, cmd_checksrc; the top Makefile exports where the sources are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import arch as archs
from auditor.arch import Arch
from auditor.errors import InputError, UsageError
from auditor.kernel.recorded import recognise
from auditor.kernel.tree import Tree, open_build, open_tree
from auditor.kernel.units import collect
from auditor.model import Unit

_BY_KBUILD = '`make C=2 CHECK="ptregs-audit check"` names it'
_DEPENDENCIES = re.compile(r"-Wp,-MM?D,(?P<directory>(?:[^,]*/)?)\.(?P<stem>[^,/]+)\.d")
# Code for another ABI than the kernel's: its struct is another one.
_OTHER_ABI = ("-m32", "-m16")


@dataclass(frozen=True, slots=True)
class Checked:
    """`before`: what stands before the paths of the tree where Kbuild names the file. `other_abi`: the unit is not
    compiled as the kernel is, so that the struct is another one there (`arch/x86/boot`, the 32-bit vDSO)."""

    tree: Tree
    unit: Unit
    before: str
    other_abi: bool


def architecture(env: Mapping[str, str]) -> Arch:
    """That of the build, which Kbuild exports; `--arch=x86` among the flags is for sparse. UsageError: not known."""
    directory = env.get("SRCARCH", "x86")
    found = next((a for a in archs.known().values() if a.directory == directory), None)
    if found is None:
        known = ", ".join(a.directory for a in archs.known().values())
        raise UsageError(f"SRCARCH={directory}: no such architecture is known, only {known}: build without CHECK=")
    return found


def checked(words: Sequence[str], directory: Path, env: Mapping[str, str], arch: Arch) -> Checked:
    """The unit of a command line, without the checker and its own options.

    UsageError, InputError: it names no source, the tree is not to be found, or the whole build is for another ABI.
    """
    sources = [w for w in words if w.endswith(".c") and not w.startswith("-")]
    if not sources:
        raise UsageError(f"no source to check: a file of C was expected, and the compiler's flags; {_BY_KBUILD}")
    source = sources[-1]
    if not (directory / source).is_file():
        raise InputError(source, "no such file" if not (directory / source).exists() else "not a regular file")
    tree = _tree(directory, source, env)
    other_abi = any(w in _OTHER_ABI for w in words)
    if other_abi and (build := directory / env.get("objtree", ".")).joinpath(".config").is_file():
        # A whole kernel of that ABI would be passed over in silence.
        open_build(tree, build, arch)
    last = len(words) - 1 - words[::-1].index(source)
    flags = [*words[:last], *words[last + 1 :]]
    try:
        found = recognise(("cc", *flags, "-c", "-o", _object(flags, source), source), str(directory), compiles=True)
    except ValueError as e:
        raise UsageError(f"{source}: {e}") from e
    units = collect([found] if found else [], tree, "make").units
    if not units:
        raise InputError(source, "cannot be compiled with these flags", "expected those that Kbuild gives a checker")
    unit = units[0]
    before = source.removesuffix(unit.source) if source.endswith(unit.source) else ""
    return Checked(tree, unit, before, other_abi)


def _tree(directory: Path, source: str, env: Mapping[str, str]) -> Tree:
    """What Kbuild exports; else, by hand, the tree around the source."""
    named = env.get("abs_srctree") or env.get("srctree")
    if named:
        return open_tree(directory / named)
    path = Path(os.path.abspath(directory / source))
    for parent in path.parents:
        if (parent / "Kconfig").is_file() and (parent / "include/linux").is_dir():
            return open_tree(parent)
    raise InputError(source, "lies in no kernel tree", f"{_BY_KBUILD}; by hand, set srctree to the tree")


def _object(flags: Sequence[str], source: str) -> str:
    """Kbuild does not name the object, but the file of its dependencies: `kernel/.signal.o.d`."""
    for flag in flags:
        found = _DEPENDENCIES.fullmatch(flag)
        if found:
            return f"{found['directory']}{found['stem'].removesuffix('.o')}.o"
    return os.path.splitext(source)[0] + ".o"
