# SPDX-License-Identifier: GPL-2.0-only
"""git, run by name with fixed arguments: nothing of the audited repository is executed, and nothing in it is written.

A repository's configuration can name programs: hooks, a file system monitor, diff drivers, filters, transports. None
of them is reached: objects are read as they are stored, never through the work tree, and no transport is allowed, so
that a partial clone is not completed behind the user's back.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import InputError, UsageError

_FIXED = (
    "--no-pager", "--literal-pathspecs", "--no-optional-locks",
    "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false",
    "-c", "protocol.allow=never", "-c", "core.quotePath=false",
)  # fmt: skip
# What git tells a hook of the commit that is being made, and where to look for repositories. All else of GIT_* is
# another call's business, or could name a program.
_KEPT = frozenset(
    {
        "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH",
        "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_GLOBAL",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """What git said. `error` is its last line that begins with `fatal:` or `error:`, without that."""

    code: int
    out: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Repository:
    """`top`: the root of the work tree, or of a bare repository; absolute and resolved. `algorithm`: of object names,
    "sha1" or "sha256"."""

    top: Path
    algorithm: str

    @property
    def empty_tree(self) -> str:
        """git knows it without storing it."""
        if self.algorithm == "sha256":
            return "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
        return "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

    def ask(self, *arguments: str, given: bytes = b"") -> Answer:
        return _run(self.top, arguments, given)

    def tell(self, *arguments: str, given: bytes = b"") -> bytes:
        """What git prints. InputError: it fails, with its own words."""
        answer = self.ask(*arguments, given=given)
        if answer.code:
            raise InputError(str(self.top), f"git {arguments[0]} failed: {answer.error or f'exit code {answer.code}'}")
        return answer.out


def open_repository(directory: Path) -> Repository:
    """The repository that a directory is in. InputError: none, or git refuses it (another owner, damage)."""
    if not directory.is_dir():
        raise InputError(str(directory), "not a directory", "a git repository was expected")
    answer = _run(directory, ("rev-parse", "--show-object-format", "--is-bare-repository"), b"")
    if answer.code:
        if "not a git repository" in answer.error:
            raise InputError(str(directory), "not a git repository", "a change is read from git's objects")
        raise InputError(str(directory), f"git refuses it: {answer.error}")
    algorithm, bare = answer.out.decode().split()
    where = "--absolute-git-dir" if bare == "true" else "--show-toplevel"
    answer = _run(directory, ("rev-parse", where), b"")
    if answer.code:
        raise InputError(str(directory), f"is in no work tree: {answer.error}", "name the repository with --tree")
    top = Path(os.fsdecode(answer.out.removesuffix(b"\n"))).resolve()
    return Repository(top, algorithm)


def environment(env: Mapping[str, str], directory: str) -> dict[str, str]:
    """For git in `directory`: no variable that changes what it reads or runs, and messages in English."""
    kept = {k: v for k, v in env.items() if not k.startswith("GIT_") or k in _KEPT}
    index = kept.get("GIT_INDEX_FILE")
    if index and not os.path.isabs(index):
        # git means it from the root of the work tree, where it starts hooks.
        kept["GIT_INDEX_FILE"] = os.path.abspath(index)
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}


def _run(directory: Path, arguments: Sequence[str], given: bytes) -> Answer:
    command = ("git", *_FIXED, *arguments)
    try:
        done = subprocess.run(
            command,
            input=given,
            capture_output=True,
            cwd=directory,
            env=environment(os.environ, str(directory)),
            check=False,
        )
    except FileNotFoundError as e:
        raise UsageError("git is not installed, or not in PATH: `diff` and `hook` read a change from it") from e
    except OSError as e:
        raise UsageError(f"git cannot be run: {e.strerror or e}") from e
    return Answer(done.returncode, done.stdout, _reason(done.stderr))


def _reason(said: bytes) -> str:
    lines = [line.strip() for line in said.decode("utf-8", "backslashreplace").splitlines() if line.strip()]
    for prefix in ("fatal: ", "error: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix)
    return lines[-1] if lines else ""
