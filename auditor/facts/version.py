# SPDX-License-Identifier: GPL-2.0-only
"""Which code and rules facts are made by: any edit makes another version. Verdicts and reports make none."""

from __future__ import annotations

import hashlib
from pathlib import Path

from auditor.data import rules_dir

_NO_FACTS = ("cli", "config", "reports", "judge", "gate")
_RULES = ("arch", "interfaces.toml", "text.toml", "clang-flags.toml")


def code_version() -> str:
    return version_of(Path(__file__).parents[1], rules_dir())


def version_of(package: Path, rules: Path) -> str:
    whole = hashlib.blake2b(digest_size=16)
    code = (f for f in package.rglob("*.py") if f.relative_to(package).parts[0] not in _NO_FACTS)
    data = (f for n in _RULES for f in ((rules / n).rglob("*.toml") if (rules / n).is_dir() else [rules / n]))
    for root, files in ((package, code), (rules, data)):
        for path in sorted(f for f in files if f.is_file()):
            whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()
