# SPDX-License-Identifier: GPL-2.0-only
"""A kernel source tree and a build directory that belongs to it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor import arch as architectures
from auditor.errors import InputError

PREPARE_HINT = "ptregs-audit prepare TREE --build DIR --config NAME makes one"
_VERSION_LINE = re.compile(r"^(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION)[ \t]*=[ \t]*(\S*)[ \t]*$", re.MULTILINE)
_INCLUDE = re.compile(r"^(?:-|s)?include[ \t]+(\S+)/Makefile[ \t]*$", re.MULTILINE)
_HEAD = 1 << 16
_CONFIG_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Tree:
    """`root` is absolute and resolved; `archs` are the directories under arch/, sorted."""

    root: Path
    version: str
    archs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Build:
    """A configured build directory (the tree itself for an in-tree build).

    `fingerprint` is the start of the configuration's SHA-256; `compiler` is CONFIG_CC_VERSION_TEXT, or "".
    """

    directory: Path
    config_path: Path
    arch: architectures.Arch
    fingerprint: str
    compiler: str


def open_tree(path: Path) -> Tree:
    """Recognise a kernel tree by Makefile, Kconfig, arch/ and include/linux (Linux: Makefile, its first lines).

    InputError: not a directory, or which of these is missing.
    """
    if not path.is_dir():
        raise InputError(str(path), "not a directory", "a kernel source tree was expected")
    root = path.resolve()
    for name, present in (("Makefile", Path.is_file), ("Kconfig", Path.is_file), ("arch", Path.is_dir)):
        if not present(root / name):
            raise _not_a_tree(path, f"no {name}")
    if not (root / "include/linux").is_dir():
        raise _not_a_tree(path, "no include/linux")
    found = dict(reversed(_VERSION_LINE.findall(_text(root / "Makefile", _HEAD))))
    if "VERSION" not in found or "PATCHLEVEL" not in found:
        raise _not_a_tree(path, "Makefile has no VERSION and PATCHLEVEL lines")
    archs = tuple(sorted(e.name for e in os.scandir(root / "arch") if e.is_dir()))
    return Tree(root, _version(found), archs)


def open_build(tree: Tree, directory: Path | None = None, arch: architectures.Arch | None = None) -> Build:
    """The build in `directory`, by default the tree itself, checked against the tree and the asked architecture.

    InputError: no configuration, a build of another tree, of another architecture, or of one not known here.
    """
    where = directory if directory is not None else tree.root
    if not where.is_dir():
        raise InputError(str(where), "no such build directory", PREPARE_HINT)
    resolved = where.resolve()
    config = resolved / ".config"
    if not config.is_file():
        raise InputError(str(where), "no configuration (.config)", PREPARE_HINT)
    data = _read(config, _CONFIG_LIMIT)
    settings = _settings(data.decode("utf-8", "replace"))
    other = source_of(resolved)
    if resolved != tree.root and other is not None and other != tree.root:
        raise InputError(str(where), f"a build of another tree, {other}", f"expected a build of {tree.root}")
    return Build(
        directory=resolved,
        config_path=config,
        arch=_arch_of(settings, str(config), arch),
        fingerprint=hashlib.sha256(data).hexdigest()[:12],
        compiler=settings.get("CONFIG_CC_VERSION_TEXT", "").strip('"'),
    )


def source_of(directory: Path) -> Path | None:
    """The tree that a build directory was made from, or None if it does not say.

    Kbuild leaves a `source` link and, since 5.4, a Makefile that only includes the
    tree's (Linux: Makefile, outputmakefile). A directory that is itself a tree was built in place.
    """
    if (directory / "Kconfig").is_file():
        return directory
    link = directory / "source"
    if link.is_symlink():
        return link.resolve()
    makefile = directory / "Makefile"
    included = _INCLUDE.search(_text(makefile, _HEAD)) if makefile.is_file() else None
    return (directory / included[1]).resolve() if included and "$" not in included[1] else None


def _arch_of(settings: Mapping[str, str], config: str, asked: architectures.Arch | None) -> architectures.Arch:
    found = [a for a in architectures.known().values() if settings.get(a.config) == "y"]
    if asked is not None and asked not in found:
        is_for = f"it is for {found[0].id}" if found else "its architecture is not known to this tool"
        raise InputError(config, f"{asked.config} is not set: not a build for {asked.id}", is_for)
    if not found:
        expected = ", ".join(a.config for a in architectures.known().values())
        raise InputError(config, "a configuration for no known architecture", f"expected one of {expected}")
    return asked or found[0]


def _settings(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.startswith("CONFIG_"))
    return {name: value for name, _, value in pairs}


def _version(found: Mapping[str, str]) -> str:
    numbers = [found[k] for k in ("VERSION", "PATCHLEVEL", "SUBLEVEL") if found.get(k)]
    return ".".join(numbers) + found.get("EXTRAVERSION", "")


def _not_a_tree(path: Path, problem: str) -> InputError:
    return InputError(str(path), f"not a kernel tree: {problem}", "expected Makefile, Kconfig, arch/ and include/linux")


def _text(path: Path, limit: int) -> str:
    return _head(path, limit).decode("utf-8", "replace")


def _read(path: Path, limit: int) -> bytes:
    data = _head(path, limit + 1)
    if len(data) > limit:
        raise InputError(str(path), f"larger than {limit >> 20} MiB", "a kernel configuration was expected")
    return data


def _head(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as f:
            return f.read(limit)
    except OSError as e:
        raise InputError(str(path), e.strerror or "cannot be read") from e
