# SPDX-License-Identifier: GPL-2.0-only
"""What no unit covers, read as text: which files, which of their lines, and what remains uncovered after that."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from auditor.arch import Arch
from auditor.evidence.text.declared import Declared
from auditor.evidence.text.parsing import refuse
from auditor.evidence.text.pool import Asked, read_all, read_source
from auditor.evidence.text.read import Reader, Text, is_source, known_of
from auditor.evidence.text.types import Known
from auditor.evidence.text.words import of_arch, shipped
from auditor.kernel.coverage import Looked, Range
from auditor.kernel.mentions import Mention, Words, index
from auditor.kernel.texts import Reading, Texts, files_below
from auditor.model import Coverage, Site, Uncovered

# Of no file: each one's answer is kept.
_NOTHING = Text(problem="-")


@dataclass(frozen=True, slots=True)
class Tree:
    """`root` of the tree; what is asked; `texts` may remember what files gave."""

    root: str
    struct: str
    arch: Arch
    texts: Texts
    workers: int


def read_uncovered(
    tree: Tree, mentions: Sequence[Mention], covered: Coverage, looked: Looked
) -> tuple[list[Site], Coverage]:
    """Sites of the lines that no analysed unit read, and the coverage with them."""
    read = (
        frozenset(u.source for u in looked.units if u.object in looked.analysed)
        | looked.included
        | looked.assembly_read
    )
    wanted = {u.file for u in covered.uncovered if u.line and is_source(u.file)}
    wanted |= _beside(tree, read)
    known = _known(tree, {m.file for m in mentions} | wanted)
    texts = _texts(tree, sorted(wanted), known)
    sites: list[Site] = []
    for path, text in texts.items():
        inactive = looked.inactive.get(path, ())
        # To a compiler of C, the numbers that a header defines for assembly are nothing.
        sites += [s for s in text.sites if path not in read or s.kind == "asm-literal" or _inside(s.line, inactive)]
    return sites, _covered(covered, texts)


def _inside(line: int, ranges: Iterable[Range]) -> bool:
    return any(first <= line <= last for first, last in ranges)


def _covered(covered: Coverage, texts: Mapping[str, Text]) -> Coverage:
    """A mention is covered if its file was read to its end; else the problem is part of its reason."""
    left = []
    for one in covered.uncovered:
        text = texts.get(one.file) if one.line else None
        if text is None:
            left.append(one)
        elif text.problem:
            left.append(Uncovered(one.file, one.line, f"{one.why}; not read as text: {text.problem}"))
    as_text = len(covered.uncovered) - len(left)
    return replace(
        covered,
        mentions_covered=covered.mentions_covered + as_text,
        mentions_as_text=as_text,
        uncovered=tuple(left),
    )


def _beside(tree: Tree, read: frozenset[str]) -> set[str]:
    """Files that can hold a consumer without naming the struct: of the architecture, all that nobody read; of programs
    beside the kernel, those that name an accessor or an image."""
    if tree.struct != tree.arch.struct:
        return set()
    own = f"arch/{tree.arch.directory}"
    found = set(_sources_below(tree.root, own)) - read
    found |= _naming(tree, own, of_arch(tree.arch.id).literal_size)
    for top in shipped().beside_kernel:
        found |= _naming(tree, top, shipped().beside_words) - read
    return found


def _naming(tree: Tree, top: str, words: Iterable[str]) -> set[str]:
    directory = Path(tree.root, top)
    if not directory.is_dir():
        return set()
    found = index(directory, Words(tuple(words)), texts=tree.texts)
    return {f"{top}/{m.file}" for m in found.mentions if is_source(m.file)}


def _sources_below(root: str, top: str) -> Iterable[str]:
    directory = os.path.join(root, top)
    return (
        (f"{top}/{name}" for path, name in files_below(directory, (), []) if is_source(name))
        if os.path.isdir(directory)
        else ()
    )


def _known(tree: Tree, files: Iterable[str]) -> Known:
    """What these files declare to others."""
    reader = Reader(tree.struct, tree.arch.id)

    def declares(path: str) -> Declared:
        data = read_source(path)
        return Declared() if refuse(data) else reader.declares(data)

    names = " ".join(sorted(reader.names.target))
    reading = Reading(f"what it declares of {names} for {tree.arch.id}", declares, Declared(), Declared)
    found = {}
    for file in sorted(files):
        if is_source(file):
            with contextlib.suppress(OSError):
                found[file] = tree.texts.of(os.path.join(tree.root, file), reading)
    return known_of(found)


def _texts(tree: Tree, files: Sequence[str], known: Known) -> dict[str, Text]:
    """What each file gave: from an earlier audit where neither it nor what the tree declares changed."""
    members = sorted((*k, v) for k, v in known.members.items())
    digest = blake2b(
        json.dumps([members, sorted(known.yields), sorted(known.relocated)]).encode(), digest_size=16
    ).hexdigest()
    name = f"sites of {tree.struct} for {tree.arch.id} with {digest}"
    none = Reading(name, lambda _: Text(), _NOTHING, Text)
    paths = {os.path.join(tree.root, f): f for f in files}
    missing = [f for path, f in paths.items() if not tree.texts.remembers(path, none)]
    asked = Asked(tree.root, tree.struct, tree.arch.id, known)
    made = dict(read_all(missing, asked, tree.workers))
    reading = replace(none, read=lambda path: made[paths[path]])
    return {file: tree.texts.of(path, reading) for path, file in paths.items()}
