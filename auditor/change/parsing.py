# SPDX-License-Identifier: GPL-2.0-only
"""Both versions of a change as the compiler reads them: the units of changed files, with their recorded commands.

The tree is not written: what a version has in another form is handed to libclang in memory. Nor is the work tree
believed: what a unit read is compared with the version's objects, and parsed again where it was something else.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from auditor.arch import Arch
from auditor.change.changed import at
from auditor.change.parsed import Both, Building, Files, Parsed
from auditor.change.surroundings import Side
from auditor.evidence.c.job import Job, Result
from auditor.evidence.pool import analyse_all
from auditor.jobs import make_jobs
from auditor.kernel.closure import Closure, Leading
from auditor.kernel.discover import discover, discover_some
from auditor.kernel.headers import Headers, all_searched
from auditor.kernel.includes import closure
from auditor.kernel.mentions import Words
from auditor.kernel.tree import Tree, open_build, open_tree
from auditor.kernel.units import source_path
from auditor.kinds.dispatch import table
from auditor.leading import names_leading_to, words_of
from auditor.merge import from_build, inactive_lines, merge
from auditor.model import Failure, Unit

BASE, HEAD = "base", "head"
PER_HEADER = 4
"""Units that are parsed for a changed header that no changed source includes."""
_MOST = 60
"""Units at most."""
_ROUNDS = 3
# Code for another ABI than the kernel's: its struct is another one.
_OTHER_ABI = frozenset({"-m32", "-m16"})


def parse_both(building: Building, base: Files, head: Files, relevant: Sequence[str], struct: str, arch: Arch) -> Both:
    """`relevant`: paths of the newer version whose units are parsed. Raises InputError for a build that cannot be
    used; units that fail are among the failures."""
    tree = open_tree(building.root)
    in_place = building.build is None and not (tree.root / ".config").is_file()
    build = None if in_place and building.compdb else open_build(tree, building.build, arch)
    # Only for a header all units are asked.
    some = all(p.endswith((".c", ".S", ".s")) for p in relevant)
    found = discover_some(tree, build, building.compdb, relevant) if some else None
    units = discover(tree, build, building.compdb).units if found is None else found
    chosen, notes = _chosen(units, relevant, tree, building, arch, struct)
    if not chosen:
        return Both(Parsed(), Parsed(), 0, 0, notes)
    leading = building.led or _leading(chosen, struct, arch)
    by_version = {}
    plain = make_jobs(chosen, struct, tree, arch)
    for version, files in ((BASE, base), (HEAD, head)):
        by_version[version] = [_job(j, version) for j in plain if _relative(j.source, tree) not in files.absent]
    results = _results(by_version, {BASE: base, HEAD: head}, tree, leading, building)
    failed = {o for rs in results.values() for o, r in rs.items() if r.error}
    known = {u.object: u for u in chosen}
    parsed = {
        v: _parsed(rs, {o: known[o] for o in rs if o not in failed}, tree, str(build.directory) if build else "")
        for v, rs in results.items()
    }
    return Both(parsed[BASE], parsed[HEAD], len(chosen), len(chosen) - len(failed), notes)


def _job(job: Job, version: str) -> Job:
    return replace(job, object=f"{version} {job.object}", version=version)


def _relative(path: str, tree: Tree) -> str:
    return path.removeprefix(f"{tree.root}/")


def _chosen(
    units: Sequence[Unit], relevant: Sequence[str], tree: Tree, building: Building, arch: Arch, struct: str
) -> tuple[tuple[Unit, ...], tuple[str, ...]]:
    """(the units to parse, what is to be said about the others)"""
    usable = [u for u in units if not _OTHER_ABI.intersection(u.arguments)]
    wanted = set(relevant)
    chosen = {u.object: u for u in usable if u.source in wanted}
    headers = [p for p in relevant if not p.endswith((".c", ".S", ".s"))]
    notes = []
    if headers:
        if building.readers is None and building.patient:
            roots = (tree.root, *((building.build,) if building.build else ()))
            texts = Headers(Words(words_of(struct, arch)), roots, arch.directory, all_searched(usable))
            paths = [str(tree.root / h) for h in headers]
            building = replace(building, readers=readers_by_text(usable, paths, texts))
        found, unknown = _including(usable, headers, tree, building)
        chosen.update((u.object, u) for u in found)
        if unknown:
            notes.append(
                f"{unknown[0]}{f' and {len(unknown) - 1} more headers' if len(unknown) > 1 else ''}: which units "
                "include it is not known before an audit of the tree; read by its text"
            )
        else:
            notes.append(f"of the units that include a changed header at most {PER_HEADER} each are parsed")
    kept = tuple(chosen[o] for o in sorted(chosen))
    if len(kept) > _MOST:
        notes.append(f"{len(kept) - _MOST} of {len(kept)} units are not parsed: their sources are read by their text")
    return kept[:_MOST], tuple(notes)


def _including(
    units: Sequence[Unit], headers: Sequence[str], tree: Tree, building: Building
) -> tuple[list[Unit], list[str]]:
    """(a few units for each header, headers of which nobody knows who includes them)"""
    if building.readers is None:
        return [], list(headers)
    by_path = {str(source_path(u)): u for u in units}
    found: dict[str, Unit] = {}
    for header in headers:
        path = str(tree.root / header)
        sources = sorted(p for files in building.readers if path in files for p in files if p in by_path)
        for source in sources[:PER_HEADER]:
            found[by_path[source].object] = by_path[source]
    return list(found.values()), []


def readers_by_text(units: Sequence[Unit], headers: Sequence[str], texts: Headers) -> tuple[frozenset[str], ...]:
    """Without an audit: for each source that may include one of the headers, what it may include, until each has
    enough of them. Paths are absolute."""
    left = Counter(dict.fromkeys(headers, PER_HEADER))
    found = []
    for source in sorted({str(source_path(u)) for u in units}):
        files = frozenset(closure([source], texts.included))
        met = [h for h, n in left.items() if n > 0 and h in files]
        if met:
            left.subtract(met)
            found.append(files | {source})
            if not any(n > 0 for n in left.values()):
                break
    return tuple(found)


def _leading(units: Sequence[Unit], struct: str, arch: Arch) -> Leading:
    """As `check` finds it, of these units alone."""
    headers = Headers(Words(words_of(struct, arch)), (), arch.directory, all_searched(units))
    return Closure(headers, units, {n.encode() for n in names_leading_to(struct, arch)}).leading


def _results(
    jobs: Mapping[str, Sequence[Job]], files: Mapping[str, Files], tree: Tree, leading: Leading, building: Building
) -> dict[str, dict[str, Result]]:
    """{version: {object: result}}"""
    overlays = {v: _overlay(f.contents, tree) for v, f in files.items()}
    done: dict[str, Result] = {}
    waiting = {j.object: j for v in (HEAD, BASE) for j in jobs[v]}
    for _ in range(_ROUNDS):
        given = tuple(waiting.values())
        fresh = list(analyse_all(given, building.jobs, table(), building.libclang, lambda *_: None, leading, overlays))
        done.update((r.object, r) for r in fresh)
        stale: dict[str, Job] = {}
        for version, of in files.items():
            own = [r for r in fresh if waiting[r.object].version == version]
            other = _otherwise(own, overlays[version], of.side, tree)
            if other:
                overlays[version] = {**overlays[version], **other}
                stale.update((r.object, waiting[r.object]) for r in own if r.error or other.keys() & _absolute(r, tree))
        waiting = stale
        if not waiting:
            break
    found: dict[str, dict[str, Result]] = {v: {} for v in files}
    for key, result in done.items():
        version, _, object_ = key.partition(" ")
        found[version][object_] = replace(result, object=object_)
    return found


def _overlay(contents: Mapping[str, bytes], tree: Tree) -> dict[str, bytes]:
    """What is not there as the version has it."""
    found = {}
    for path, data in contents.items():
        absolute = os.path.join(tree.root, path)
        if _on_disk(absolute) != data:
            found[absolute] = data
    return found


def _on_disk(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _absolute(result: Result, tree: Tree) -> set[str]:
    return {os.path.join(tree.root, f) for f in result.files}


def _otherwise(results: Iterable[Result], overlay: Mapping[str, bytes], side: Side, tree: Tree) -> dict[str, bytes]:
    """{absolute path: content} of what was read and is something else in this version: the work tree holds another one.
    What the version does not have is generated, or nobody's business."""
    inputs = sorted({f for r in results for f in r.files if not os.path.isabs(f)})
    inputs = [f for f in inputs if os.path.join(tree.root, f) not in overlay and at(side.name, side.prefix + f)]
    names = side.names(inputs)
    other = []
    for path, name in names.items():
        data = _on_disk(os.path.join(tree.root, path))
        if data is not None and _name(data, name) != name:
            other.append(path)
    return {os.path.join(tree.root, p): d for p, d in side.read(other).items()}


def _name(data: bytes, like: str) -> str:
    """git's name of a content."""
    whole = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
    whole.update(b"blob %d\0" % len(data))
    whole.update(data)
    return whole.hexdigest()


def _parsed(results: Mapping[str, Result], units: Mapping[str, Unit], tree: Tree, build: str) -> Parsed:
    """`units`: those that gave something in both versions."""
    failures = tuple(
        Failure(_relative(r.source, tree), f"not analysed: {r.error.removeprefix(f'{tree.root}/')}", o)
        for o, r in sorted(results.items())
        if r.error
    )
    good = {o: results[o] for o in sorted(units)}
    seen = Counter(r.layout for r in good.values() if r.layout is not None)
    layout = seen.most_common(1)[0][0] if seen else None
    # Those that see another struct are compiled for another ABI.
    good = {o: r for o, r in good.items() if layout is None or r.layout is None or r.layout.fields == layout.fields}
    merged, functions = merge(good, units)
    sites = [from_build(s, f"{build}/") for s in merged] if build else merged
    return Parsed(
        sites=tuple(sites),
        functions=tuple((u.source, u.object, name, indices) for u, name, indices in functions),
        layout=layout,
        read=frozenset(f for r in good.values() for f in r.files),
        inactive=inactive_lines(good.values()),
        failures=failures,
    )
