# SPDX-License-Identifier: GPL-2.0-only
"""What many units saw as one: sites, functions, and lines that nobody read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from auditor.evidence.c.job import Result
from auditor.evidence.c.sites import joined, site_identity
from auditor.kernel.coverage import common_ranges
from auditor.model import Related, Site, Unit

_MAX_RELATED = 50


def merge(
    results: Mapping[str, Result], units: Mapping[str, Unit]
) -> tuple[list[Site], list[tuple[Unit, str, tuple[int, ...]]]]:
    """One site for what many units saw in one header; its uses are the places of all of them."""
    merged: dict[tuple[object, ...], tuple[Site, dict[tuple[str, int], None]]] = {}
    order: dict[tuple[object, ...], int] = {}
    functions: dict[tuple[str, str], list[int]] = {}
    for name, result in results.items():
        for found in result.found:
            key = site_identity(found.site)
            site, places = merged.setdefault(key, (found.site, {}))
            merged[key] = (joined(site, found.site), places)
            position = order.setdefault(key, len(order))
            places.update(dict.fromkeys(found.places))
            for function in found.functions:
                functions.setdefault((name, function), []).append(position)
    sites = []
    handed_on = {f"holder={h}" for r in results.values() for h in r.handed_on}
    for site, places in merged.values():
        if site.traits & handed_on:
            site = dataclasses.replace(site, traits=site.traits | {"passed-as-object"})
        related = tuple(Related(f, line, "expanded here") for f, line in sorted(places)[:_MAX_RELATED])
        sites.append(dataclasses.replace(site, uses=max(1, len(places)), related=site.related + related))
    listed = [(units[o], f, tuple(sorted(set(i)))) for (o, f), i in sorted(functions.items())]
    return sites, listed


def from_build(site: Site, prefix: str) -> Site:
    """A site in or through a generated header: its path counts from the build, which has the tree's structure."""
    related = tuple(dataclasses.replace(r, file=r.file.removeprefix(prefix)) for r in site.related)
    return dataclasses.replace(site, file=site.file.removeprefix(prefix), related=related)


def inactive_lines(results: Iterable[Result]) -> dict[str, tuple[tuple[int, int], ...]]:
    """Lines that every unit reading a file left out."""
    inactive: dict[str, tuple[tuple[int, int], ...]] = {}
    for result in results:
        for file in result.files:
            ranges = tuple(result.skipped.get(file, ()))
            before = inactive.setdefault(file, ranges)
            # Most headers are left out in nothing, or by all of their units alike.
            if before and before != ranges:
                inactive[file] = common_ranges(before, ranges)
    return {f: r for f, r in inactive.items() if r}
