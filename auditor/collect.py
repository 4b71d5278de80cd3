# SPDX-License-Identifier: GPL-2.0-only
"""The expensive half of an audit: from a tree to its sites. It knows of no proposal."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from auditor.arch import Arch
from auditor.errors import InputError, UsageError
from auditor.evidence.c.job import Job, Result
from auditor.evidence.c.twin import twins
from auditor.evidence.pool import analyse_all
from auditor.evidence.prelude import share_headers
from auditor.evidence.text.uncovered import Tree as TextTree
from auditor.evidence.text.uncovered import read_uncovered
from auditor.facts.codec import whole_site
from auditor.facts.store import Store
from auditor.jobs import make_jobs, text_of
from auditor.kernel.closure import Leading
from auditor.kernel.coverage import Looked, coverage, with_unseen
from auditor.kernel.discover import SAVED, discover
from auditor.kernel.flags import clang_arguments
from auditor.kernel.headers import Headers, all_searched
from auditor.kernel.lent import Lent, asked_by, lend, refreshed
from auditor.kernel.mentions import Words, candidates, index
from auditor.kernel.texts import Texts
from auditor.kernel.tree import Build, Tree
from auditor.kinds.dispatch import table
from auditor.layouts.elf import has_section
from auditor.layouts.near import near
from auditor.layouts.read import read_layout
from auditor.leading import names_leading_to, words_of
from auditor.memory import return_unused, uncollected
from auditor.merge import from_build, inactive_lines, merge
from auditor.model import (
    Coverage,
    Example,
    Facts,
    Failure,
    Layout,
    Site,
    Uncovered,
    Unit,
)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """What is asked. `proposals`: ids or files, empty for all shipped; `after`: ("header"|"btf"|"tree", path)."""

    tree: Path
    build: Path | None = None
    compdb: Path | None = None
    arch: str = "x86_64"
    struct: str = "pt_regs"
    proposals: tuple[str, ...] = ()
    after: tuple[str, str] | None = None
    jobs: int = 1
    libclang: str | None = None
    exhaustive: bool = False
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def collect(
    request: AuditRequest,
    tree: Tree,
    build: Build | None,
    arch: Arch,
    progress: Progress,
    only: Callable[[Unit], bool] | None = None,
    store: Store | None = None,
) -> Facts:
    """The expensive half: every unit that may hold a consumer is parsed and walked, unless its facts are in the store.

    `only`: the units to take.
    """
    words = Words(words_of(request.struct, arch))
    commands = discover(tree, build, request.compdb)
    texts = store.texts if store is not None else Texts()
    if store is not None:
        store.follow(commands)
    leads = _leading(commands.units, words, request, tree, build, arch, store)
    selected = tuple(u for u in commands.units if request.exhaustive or u.object in leads.objects)
    if not leads.objects:
        raise _unknown_struct(request, tree, arch)
    selected = tuple(filter(only, selected)) if only else selected
    # Workers are done in any order; nothing below may depend on it.
    done = sorted(
        _results(make_jobs(selected, request.struct, tree, arch), leads, request, progress, store),
        key=lambda r: r.object,
    )
    results = {r.object: r for r in done}
    units = {u.object: u for u in selected}
    layout = _layout(done, request, tree, arch)
    failures = _check_against_image(layout, build, request, arch)
    alien = {o for o, r in results.items() if r.layout is not None and r.layout.fields != layout.fields}
    kept = {o: r if o in leads.objects else _held(units[o], r) for o, r in results.items() if o not in alien}
    sites, functions = merge(kept, units)
    if build is not None:
        sites = [from_build(s, f"{build.directory}/") for s in sites]
    sites += twins(tree.root, build.directory if build else None, arch, request.struct)
    # As all paths of a report, that of the error counts from the tree.
    own_path = f"{tree.root}/"
    failures += [Failure(units[o].source, r.error.removeprefix(own_path), o) for o, r in results.items() if r.error]
    # One that only comes by the struct, a 32-bit vDSO say, is no part of the question.
    asked = candidates([units[o] for o in sorted(alien) if not results[o].error], words, texts)
    failures += [_alien(u, results[u.object], layout) for u in asked]
    # What a dry run names and nobody has generated yet cannot be asked for the struct; a real build has it all.
    failures += [] if commands.origin.startswith(SAVED) else commands.failures
    skip = [build.directory] if build and build.directory != tree.root else []
    found = index(tree.root, words, skip, texts)
    good = [r for o, r in kept.items() if not r.error]
    # What the others said of their headers does not count either (`_held`): then these were not read by them.
    leading = [r for r in good if r.object in leads.objects]
    looked = Looked(
        arch_directory=arch.directory,
        units=commands.units,
        analysed=frozenset(r.object for r in good),
        included=frozenset(f for r in leading for f in r.files),
        inactive=inactive_lines(leading),
        failures=tuple(failures),
        assembly_units=commands.assembly_units,
    )
    covered = _with_unread(coverage(found.mentions, looked), found.unread)
    if only is None:
        asked_text = TextTree(str(tree.root), request.struct, arch, texts, request.jobs)
        as_text, covered = read_uncovered(asked_text, found.mentions, covered, looked)
        # Of a unit that failed, what parsed of it is known better.
        told = {(s.file, s.line) for s in sites}
        # What the store gives back has lists for tuples.
        sites += [whole_site(s) for s in as_text if (s.file, s.line) not in told]
        functions += _of_assembly(sites, commands.assembly_units)
    order = sorted(range(len(sites)), key=lambda i: _place(sites[i]))
    place = {old: new for new, old in enumerate(order)}
    return Facts(
        layout=layout,
        sites=tuple(sites[i] for i in order),
        functions=tuple(
            (u.source, u.object, f, tuple(sorted(place[i] for i in indices))) for u, f, indices in functions
        ),
        coverage=covered,
        example=_example(commands.units, request, tree, arch),
        ignores=with_unseen(found.ignores, looked),
    )


def _of_assembly(sites: Sequence[Site], units: Sequence[Unit]) -> list[tuple[Unit, str, tuple[int, ...]]]:
    """As `merge` has them, the functions of assembly that hold a site."""
    of_source: dict[str, list[int]] = {}
    for i, site in enumerate(sites):
        if "symbol" in site.traits:
            of_source.setdefault(site.file, []).append(i)
    found: dict[tuple[str, str], list[int]] = {}
    by_object = {u.object: u for u in units}
    for unit in units:
        for i in of_source.get(unit.source, ()):
            found.setdefault((unit.object, sites[i].function), []).append(i)
    return [(by_object[o], f, tuple(i)) for (o, f), i in sorted(found.items())]


def _leading(
    units: Sequence[Unit],
    words: Words,
    request: AuditRequest,
    tree: Tree,
    build: Build | None,
    arch: Arch,
    store: Store | None,
) -> Leading:
    known = names_leading_to(request.struct, arch)
    asked = asked_by(units, known, words)
    lent = _lent_before(asked, words, store) if store is not None else None
    if lent is None:
        roots = (tree.root, *((build.directory,) if build else ()))
        with uncollected():
            lent = lend(units, known, Headers(words, roots, arch.directory, all_searched(units)), asked)
        return_unused()
    if store is not None:
        store.lend(lent)
    return lent.leading


def _held(unit: Unit, result: Result) -> Result:
    """Of a unit that nothing leads to the struct: what is code of it. A header's inline function that it never calls,
    or a type that it never uses, is none."""
    found = tuple(f for f in result.found if f.functions or f.site.file == unit.source)
    return dataclasses.replace(result, found=found)


def _lent_before(asked: str, words: Words, store: Store) -> Lent | None:
    found = store.lent()
    if found is None or found[0].asked != asked:
        return None
    return refreshed(*found, words)


def _example(units: Sequence[Unit], request: AuditRequest, tree: Tree, arch: Arch) -> Example | None:
    words = Words((request.struct,))
    for unit in units:
        if candidates((unit,), words):
            return Example(unit.source, clang_arguments(unit, arch, roots=(tree.root,)).arguments, str(tree.root))
    return None


def _results(
    jobs: Sequence[Job], leads: Leading, request: AuditRequest, progress: Progress, store: Store | None
) -> Iterator[Result]:
    known = store.known(jobs) if store is not None else {}
    yield from known.values()
    missing = {j.object: j for j in jobs if j.object not in known}
    shared = share_headers(tuple(missing.values()))
    for result in analyse_all(shared, request.jobs, table(), request.libclang, progress, leads):
        if store is not None:
            store.add(missing[result.object], result)
        yield result


def _place(site: Site) -> tuple[str, int, int, str, tuple[str, ...]]:
    return site.file, site.line, site.column, site.rule, site.fields


def _with_unread(covered: Coverage, unread: Sequence[Failure]) -> Coverage:
    """A file that the text index could not read may name the struct: that is said, too."""
    more = tuple(Uncovered(f.file, 0, f"not read: {f.why}") for f in unread)
    return dataclasses.replace(covered, uncovered=(*covered.uncovered, *more))


def _layout(results: Sequence[Result], request: AuditRequest, tree: Tree, arch: Arch) -> Layout:
    """The layout that most units see; those that see another one are compiled for another ABI (-m32, -m16).

    After an error clang goes on with what it has, so units that parse are asked first.
    """
    seen = Counter(r.layout for r in results if r.layout is not None and not r.error)
    seen = seen or Counter(r.layout for r in results if r.layout is not None)
    first = next((r.error for r in results if r.error), "no unit includes its definition")
    if not seen:
        raise InputError(str(tree.root), f"struct {request.struct} is defined in no unit", first)
    layout = seen.most_common(1)[0][0]
    if request.struct == arch.struct and layout.get(arch.instruction_pointer) is None:
        problem = f"struct {request.struct} has no member {arch.instruction_pointer}: its definition does not parse"
        raise InputError(str(tree.root), problem, first)
    return layout


def _check_against_image(layout: Layout, build: Build | None, request: AuditRequest, arch: Arch) -> list[Failure]:
    """What libclang saw must be what the compiler made, where there is an image with debug information to ask.

    An image that cannot be read is a failure and hides nothing that was found. Another struct than the
    architecture's may be a module's, unknown to the image.
    """
    image = build.directory / "vmlinux" if build else None
    if image is None or not image.is_file():
        return []
    try:
        if not any(has_section(str(image), name) for name in (".BTF", ".debug_info")):
            return []
        made = read_layout(str(image), request.struct, request.arch)
    except InputError as e:
        why = f"layout not compared with the image: {e.problem}"
        return [Failure(image.name, why)] if request.struct == arch.struct else []
    wrong = [
        f.name for f in made.fields if (g := layout.get(f.name)) is None or (g.offset, g.size) != (f.offset, f.size)
    ]
    if wrong or made.size != layout.size:
        place = f"member {wrong[0]}" if wrong else f"size {layout.size}, in the image {made.size}"
        raise InputError(str(image), f"struct {layout.struct} differs from what libclang sees: {place}", "rebuild it")
    return []


def _alien(unit: Unit, result: Result, layout: Layout) -> Failure:
    size = result.layout.size if result.layout else 0
    why = f"compiled for another ABI: struct {layout.struct} has {size} bytes there, {layout.size} elsewhere"
    return Failure(unit.source, why, unit.object)


def _unknown_struct(request: AuditRequest, tree: Tree, arch: Arch) -> UsageError:
    defined: set[str] = set()
    for directory in (tree.root / "include/linux", tree.root / f"arch/{arch.directory}/include"):
        for header in directory.rglob("*.h"):
            defined |= {m.decode("ascii") for m in re.findall(rb"^struct (\w+) \{", text_of(header), re.M)}
    like = near(request.struct, defined, 8) or sorted(defined)[:20]
    return UsageError(f"no unit names struct {request.struct!r}; structs of this tree like it: {', '.join(like)}")
