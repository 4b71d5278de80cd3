# SPDX-License-Identifier: GPL-2.0-only
"""Which two versions a change lies between: BASE..HEAD, BASE...HEAD, one commit, or what is staged."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.change.git import Repository
from auditor.errors import InputError, UsageError

STAGED = ""
"""The index, in place of a tree."""
_RANGE = re.compile(r"(?s)(.*?)(\.\.\.?)(.*)")
_DEEPEN = "`git fetch --unshallow` all history"
_PARENT = re.compile(rb"^parent ([0-9a-f]+)$", re.M)


@dataclass(frozen=True, slots=True)
class Versions:
    """`base` and `head`: names of commits or trees, all digits; `head` may be STAGED. `label`: as a user says it;
    `base_label`: its first half. `note`: what was decided for the user, or empty."""

    base: str
    head: str
    label: str
    base_label: str
    note: str = ""


def staged(repository: Repository) -> Versions:
    """The index against HEAD; against nothing before the first commit."""
    head = _commit(repository, "HEAD")
    if head is None:
        return Versions(repository.empty_tree, STAGED, "the first commit", "nothing")
    return Versions(head, STAGED, "what is staged", "HEAD")


def named(repository: Repository, text: str) -> Versions:
    """UsageError: not a range. InputError: a version that is not there; of a shallow clone, how to fetch it."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return _single(repository, text)
    left, dots, right = found[1] or "HEAD", found[2], found[3] or "HEAD"
    if ".." in right:
        raise UsageError(f"{text!r}: expected BASE..HEAD, BASE...HEAD or one commit")
    base, head = _known(repository, left), _known(repository, right)
    if dots == "...":
        base, left = _common(repository, base, head, text), f"the merge base of {left} and {right}"
    return Versions(base, head, text, left)


def _single(repository: Repository, text: str) -> Versions:
    """A commit against its first parent: of a merge, what it brings to the branch it was merged into."""
    commit = _known(repository, text)
    # As it is stored: a shallow clone hides the parents that it does not have, and all of the tree would look new.
    stored = repository.tell("cat-file", "commit", commit).partition(b"\n\n")[0]
    parents = [p.decode() for p in _PARENT.findall(stored)]
    if not parents:
        return Versions(repository.empty_tree, commit, text, "nothing")
    if _commit(repository, parents[0]) is None:
        raise _missing(repository, parents[0], f"the parent of {text}")
    note = f"{text} is a merge: it is compared with its first parent" if len(parents) > 1 else ""
    return Versions(parents[0], commit, text, f"the parent of {text}", note)


def _common(repository: Repository, base: str, head: str, text: str) -> str:
    found = repository.ask("merge-base", base, head)
    if found.code:
        hint = f"{_DEEPEN}, or name both versions as BASE..HEAD" if _shallow(repository) else ""
        raise InputError(text, "these versions have no common ancestor here", hint)
    return found.out.split()[0].decode()


def _known(repository: Repository, name: str) -> str:
    if "\0" in name or "\n" in name:
        raise UsageError(f"{name!r} names no version")
    found = _commit(repository, name)
    if found is None:
        raise _missing(repository, name, name)
    return found


def _commit(repository: Repository, name: str) -> str | None:
    # --end-of-options: a name that begins with a dash is no option.
    answer = repository.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return answer.out.decode().strip() if answer.code == 0 else None


def _missing(repository: Repository, name: str, said: str) -> InputError:
    if not _shallow(repository):
        return InputError(said, "no such commit in this repository", "`git fetch` it, or check the name")
    problem = "is not in this clone, which is shallow"
    if re.fullmatch(r"[0-9a-f]{40,64}", name):
        return InputError(said, problem, f"`git fetch --depth=1 origin {name}` fetches it, {_DEEPEN}")
    return InputError(said, problem, f"`git fetch --depth=1 origin NAME:NAME` fetches one, {_DEEPEN}")


def _shallow(repository: Repository) -> bool:
    return repository.ask("rev-parse", "--is-shallow-repository").out.strip() == b"true"
