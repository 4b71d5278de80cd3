# SPDX-License-Identifier: GPL-2.0-only
"""What a closure found, in a form that can be kept, and asked again for sources that changed.

A closure reads every source and every header that one may include. While only sources are edited, all that the headers
lend stays true: `refreshed` then reads the edited sources alone. It gives what a new closure would give, or nothing.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from auditor.kernel.closure import Closure, Leading
from auditor.kernel.definitions import defined_in
from auditor.kernel.headers import Headers, Text, read_text
from auditor.kernel.mentions import Words
from auditor.kernel.snapshot import Changes
from auditor.model import Unit


@dataclass(frozen=True, slots=True)
class Source:
    """`includes`: a digest of what it includes, as written. `lenders`: headers it sees that lend names nearby.

    `by_parts`: what it includes makes it lead to the struct. `shared`: some file includes it.
    """

    objects: frozenset[str]
    includes: str
    lenders: frozenset[str]
    by_parts: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class Lent:
    """`asked`: a digest of all that was asked but the files. `everywhere`, `nearby`: see `Closure`.

    `spoken`: {word that names the struct, and that only sources write: those that do}. `sources` by path; `read`: all
    other files that were looked at; `names`: what all of them include, as written; `elsewhere`: directories outside of
    tree and build where that was looked for.
    """

    asked: str
    everywhere: frozenset[str]
    nearby: Mapping[str, frozenset[str]]
    spoken: Mapping[str, frozenset[str]]
    switches: frozenset[str]
    headers: frozenset[str]
    objects: frozenset[str]
    sources: Mapping[str, Source]
    read: frozenset[str]
    names: frozenset[str]
    elsewhere: tuple[str, ...]

    @property
    def leading(self) -> Leading:
        return Leading(self.everywhere | self.nearby.keys(), self.headers, self.objects)


def asked_by(units: Iterable[Unit], known: Iterable[str], words: Words) -> str:
    """Of what a closure depends on besides files and their places."""
    whole = blake2b(repr((sorted(known), str(words))).encode(), digest_size=16)
    for unit in units:
        parts = (unit.source, unit.object, unit.directory, *unit.arguments)
        whole.update(b"%d " % len(parts) + os.fsencode("\0".join(parts)) + b"\n")
    return whole.hexdigest()


def lend(units: Sequence[Unit], known: Iterable[str], texts: Headers, asked: str) -> Lent:
    """`known`: names that lead to the struct by themselves, besides those that hold its name."""
    by_themselves = {n.encode() for n in known}
    found = Closure(texts, units, by_themselves)
    objects: dict[str, set[str]] = {}
    for object_, path in found.sources.items():
        objects.setdefault(path, set()).add(object_)
    included = {f for p in (*found.headers, *objects) for f in texts.included(p)}
    written = by_themselves.union(*(texts.get(h).named for h in found.headers))
    return Lent(
        asked=asked,
        everywhere=_names(found.everywhere),
        nearby={n.decode(): frozenset(headers) for n, headers in found.nearby.items()},
        spoken=_retold({}, {p: _names(texts.get(p).named - written) for p in objects}),
        switches=_names(found.switches),
        headers=found.leading.headers,
        objects=found.leading.objects,
        sources={
            path: Source(
                objects=frozenset(own),
                includes=_digest(texts.get(path)),
                lenders=found.lenders_of(path),
                by_parts=found.led_by_parts(path),
                shared=path in included,
            )
            for path, own in objects.items()
        },
        read=frozenset(texts.read) - objects.keys(),
        names=frozenset(name for path in texts.read for _, name in texts.get(path).includes),
        elsewhere=tuple(texts.elsewhere),
    )


def refreshed(lent: Lent, since: Changes, words: Words) -> Lent | None:
    """The same after some files changed; None where only a new closure knows.

    `since.changed` holds those that came or went, too, if they could be one of this closure's files.
    """
    included = {posixpath.basename(name) for name in lent.names}
    found_otherwise = any(os.path.basename(path) in included for path in since.moved)
    if since.anything or found_otherwise or not lent.read.isdisjoint(since.changed):
        return None
    texts = {path: read_text(path, words) for path in since.changed & lent.sources.keys()}
    for path, text in texts.items():
        # What others include, and what it includes, decides which headers there are, and who sees them.
        if lent.sources[path].shared or lent.sources[path].includes != _digest(text):
            return None
    # A word that no header writes leads nobody but the sources that write it.
    settled = lent.everywhere - lent.spoken.keys()
    spoken = _retold(lent.spoken, {p: _names(t.named) - settled for p, t in texts.items()})
    spoken = {word: by for word, by in spoken.items() if by}
    fresh = replace(lent, everywhere=settled | spoken.keys(), spoken=spoken)
    objects = set(lent.objects)
    for path, text in texts.items():
        own = lent.sources[path].objects
        objects = objects | own if _selects(fresh, lent.sources[path], text) else objects - own
    return replace(fresh, objects=frozenset(objects))


def _selects(lent: Lent, source: Source, text: Text) -> bool:
    """As `Closure.selects`."""
    words = _names(text.words)
    nearby = any(not source.lenders.isdisjoint(lent.nearby[name]) for name in lent.nearby.keys() & words)
    switched = not lent.switches.isdisjoint(_names(defined_in(text.data)))
    return not text.data or source.by_parts or not lent.everywhere.isdisjoint(words) or nearby or switched


def _retold(before: Mapping[str, frozenset[str]], said: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """{name: who says it} after some say what they say now, and nothing of what they said before."""
    now = {name: set(by - said.keys()) for name, by in before.items()}
    for who, names in said.items():
        for name in names:
            now.setdefault(name, set()).add(who)
    return {name: frozenset(by) for name, by in now.items()}


def _names(words: Collection[bytes]) -> frozenset[str]:
    return frozenset(w.decode() for w in words)


def _digest(text: Text) -> str:
    return blake2b(repr(sorted(set(text.includes))).encode(), digest_size=16).hexdigest()
