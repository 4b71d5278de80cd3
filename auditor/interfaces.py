# SPDX-License-Identifier: GPL-2.0-only
"""Public interfaces by what they mean to an audit: rules/interfaces.toml, read and checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from auditor.data import read_toml, rules_dir
from auditor.errors import InputError


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Each field is one list of names of rules/interfaces.toml; the comments there say what the list means."""

    copy: frozenset[str]
    clear: frozenset[str]
    compare: frozenset[str]
    to_user: frozenset[str]
    user_word: frozenset[str]
    register_image: frozenset[str]
    regset_types: frozenset[str]
    bpf_run: frozenset[str]
    bpf_helper_prefix: frozenset[str]
    bpf_proto_type: frozenset[str]
    bpf_verifier_types: frozenset[str]
    tracepoint_prefix: frozenset[str]
    guard_call_prefix: frozenset[str]
    guard_macro: frozenset[str]
    run_time_check: frozenset[str]
    publish: frozenset[str]
    per_cpu_prefix: frozenset[str]
    error_pointer: frozenset[str]
    unwind_types: frozenset[str]
    encode: frozenset[str]
    entry_macros: frozenset[str]


def load(path: Path) -> Interfaces:
    data = read_toml(path)
    data.pop("format")
    known = {f.name for f in fields(Interfaces)}
    if wrong := sorted(known ^ set(data)):
        raise InputError(str(path), f"key {wrong[0]!r} is {'missing' if wrong[0] in known else 'unknown'}")
    lists = {k: frozenset([v] if isinstance(v, str) else v) for k, v in data.items()}
    return Interfaces(**lists)


@cache
def shipped() -> Interfaces:
    return load(rules_dir() / "interfaces.toml")
