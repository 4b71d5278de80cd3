# SPDX-License-Identifier: GPL-2.0-only
"""What a reader of text must know by name: rules/text.toml and the `text` part of rules/arch, read and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from auditor.data import read_toml, rules_dir
from auditor.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bpf:
    accessors: tuple[str, ...]
    core: str
    relocating: frozenset[str]
    entry: frozenset[str]
    exit: frozenset[str]
    loads: frozenset[str]
    flavour: str


@dataclass(frozen=True, slots=True)
class Unwinding:
    hint_types: frozenset[str]
    hint_prefix: tuple[str, ...]
    frame_types: frozenset[str]
    frame_members: frozenset[str]


@dataclass(frozen=True, slots=True)
class Words:
    """rules/text.toml; the comments there say what each list means."""

    aliases: frozenset[str]
    kin: frozenset[str]
    images: frozenset[str]
    yields: frozenset[str]
    silent: frozenset[str]
    user_space: frozenset[str]
    module_headers: frozenset[str]
    relocated_headers: frozenset[str]
    beside_kernel: tuple[str, ...]
    beside_words: tuple[str, ...]
    holders: Mapping[str, str]
    conditions: Mapping[str, str]
    against: Mapping[str, str]
    ids: tuple[str, ...]
    image_calls: frozenset[str]
    guards: Mapping[str, str]
    bpf: Bpf
    unwind: Unwinding


@dataclass(frozen=True, slots=True)
class ArchWords:
    """The `text` part of an architecture's file; the comments there say what each list means."""

    sibling: str = ""
    sibling_files: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    generated_size: frozenset[str] = frozenset()
    literal_size: frozenset[str] = frozenset()
    own_size: frozenset[str] = frozenset()
    stack_pointers: frozenset[str] = frozenset()
    frame_macros: frozenset[str] = frozenset()
    selectors: frozenset[str] = frozenset()
    hint_object: frozenset[str] = frozenset()
    hint_frame: frozenset[str] = frozenset()
    pushed: tuple[tuple[str, ...], ...] = ()
    bpf: Mapping[str, str] = field(default_factory=dict)
    bpf_parameters: tuple[str, ...] = ()
    bpf_result: str = ""
    twin_names: Mapping[str, str] = field(default_factory=dict)
    assembly_names: Mapping[str, str] = field(default_factory=dict)


def load(path: Path) -> Words:
    """InputError names the file and the key that is missing, unknown or of the wrong type."""
    data = read_toml(path)
    data.pop("format")
    try:
        bpf, unwind = data.pop("bpf"), data.pop("unwind")
        data["ids"] = data["ids"]["prefixes"]
        return _made(Words, {**data, "bpf": _made(Bpf, bpf), "unwind": _made(Unwinding, unwind)})
    except KeyError as e:
        raise InputError(str(path), f"key {e.args[0]!r} is missing") from e
    except (TypeError, AttributeError) as e:
        raise InputError(str(path), f"a value has the wrong type: {e}") from e


def load_arch(path: Path) -> ArchWords:
    """Empty where the file has no such part."""
    part = read_toml(path).get("text", {})
    try:
        return _made(ArchWords, part, part)
    except (KeyError, TypeError, AttributeError) as e:
        raise InputError(str(path), f"[text]: {e}") from e


def _made(kind: type[T], data: Mapping[str, Any], only: Iterable[str] | None = None) -> T:
    names = {f.name: str(f.type) for f in fields(kind)}  # type: ignore[arg-type]
    if wrong := sorted(set(data) - set(names)):
        raise KeyError(wrong[0])
    return kind(**{name: _value(names[name], data[name]) for name in (names if only is None else only)})


def _value(kind: str, value: Any) -> Any:
    if kind.startswith("frozenset"):
        return frozenset(value)
    if kind.startswith("tuple[tuple"):
        return tuple(tuple(v) for v in value)
    if kind.startswith("tuple"):
        return tuple(value)
    return value


@cache
def shipped() -> Words:
    return load(rules_dir() / "text.toml")


@cache
def of_arch(arch_id: str) -> ArchWords:
    path = rules_dir() / "arch" / f"{arch_id}.toml"
    return load_arch(path) if path.is_file() else ArchWords()


@cache
def silent_pattern() -> re.Pattern[bytes]:
    names = b"|".join(re.escape(w.encode()) for w in sorted(shipped().silent, key=lambda w: (-len(w), w)))
    return re.compile(rb"\b(?:" + names + rb")\b(?![ \t]*\()")
