# SPDX-License-Identifier: GPL-2.0-only
"""What `diff` and `hook` share: where the change is, whether it concerns the struct at all, and its report.

Most changes do not: that is found out from the bytes of their files, before anything that takes time is imported.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.auditing import OPTIONS
from auditor.cli.cache import cache_dir
from auditor.cli.options import DIRECTORY, Command, Showing, uncollected, with_options
from auditor.errors import InputError, UsageError
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.arch import Arch
    from auditor.change.changed import Touched
    from auditor.change.git import Repository
    from auditor.change.versions import Versions
    from auditor.config.load import Config
    from auditor.model import Asked

_OPTIONS = (
    click.option("--tree", type=DIRECTORY, help="The kernel tree, in its repository; else the current repository."),
    *OPTIONS,
)


@dataclass(frozen=True, slots=True)
class Changing:
    """`tree`: the root of what paths count from; `kept_in` None reads no facts of earlier audits."""

    repository: Repository
    tree: Path
    build: Path | None
    compdb: Path | None
    arch: str
    struct: str
    jobs: int
    kept_in: Path | None
    libclang: str | None

    @property
    def prefix(self) -> str:
        """Of the tree in the repository: empty, or with a `/` at its end."""
        path = os.path.relpath(self.tree, self.repository.top)
        return "" if path == "." else f"{path}/"


def changing(command: Command) -> Command:
    """The command gets `changing`; it has `config`."""

    @functools.wraps(command)
    def collected(
        *, config: Config, tree: Path | None, build: Path | None, compdb: Path | None, arch: str, struct: str,
        jobs: int | None, cache: Path | None, no_cache: bool, libclang: Path | None, **others: Any
    ) -> int:  # fmt: skip
        from auditor.change.git import open_repository

        if cache is not None and no_cache:
            raise UsageError("--cache and --no-cache exclude each other")
        for key, path in (("tree", config.tree), ("build", config.build)):
            if path is not None and not path.is_dir():
                raise InputError(config.place(key), f"{key}: no such directory: {path}")
        root = tree or config.tree
        repository = open_repository(root or Path.cwd())
        chosen = Changing(
            repository=repository,
            tree=root.resolve() if root else repository.top,
            build=build or (None if tree else config.build),
            compdb=compdb,
            arch=arch,
            struct=struct,
            jobs=jobs or len(os.sched_getaffinity(0)),
            kept_in=None if no_cache else cache_dir(cache),
            libclang=str(libclang) if libclang else None,
        )
        return command(config=config, changing=chosen, **others)

    return with_options(_OPTIONS, collected)


def report_change(
    changing: Changing,
    versions: Versions,
    asked: Asked,
    showing: Showing,
    only: Callable[[Touched], bool] | None = None,
    silent: bool = False,
) -> int:
    """Writes the report of what a change adds; the exit code. `only`: the files to take. `silent`: a change that does
    not concern the struct needs no report."""
    from auditor import arch as archs
    from auditor.change.changed import contents, touched
    from auditor.change.relevant import Names, is_source, relevant

    started = time.monotonic()
    target = archs.by_id(changing.arch)
    files = [f for f in touched(changing.repository, versions) if only is None or only(f)]
    files = [f for f in files if is_source(f.before) or is_source(f.after)]
    names = [n for f in files for n in (f.old, f.new)]
    if silent and not names:
        return 0
    held = contents(changing.repository, names)
    files = relevant(files, held, Names(changing.struct, target, _led(changing, target)), changing.prefix)
    if silent and not files:
        return 0
    _say(versions.note)
    with uncollected():
        from auditor.change.run import Change, run_change
        from auditor.change.surroundings import Side

        change = Change(
            base=Side(changing.repository, versions.base, changing.prefix),
            head=Side(changing.repository, versions.head, changing.prefix),
            files=files,
            contents=held,
            label=versions.label,
            base_label=versions.base_label,
            tree=str(changing.tree),
            struct=changing.struct,
            arch=archs.for_struct(changing.arch, changing.struct),
        )
        showing.check(changing.struct, changing.arch, *asked.proposals)
        outcome = run_change(change, asked, showing.thresholds, showing.baseline, showing.filters)
        for note in outcome.notes:
            _say(note)
        return showing.finish(outcome.report, time.monotonic() - started)


def _led(changing: Changing, arch: Arch) -> Sequence[str]:
    """Names that lead to the struct besides those that are always known, as the last audit of this tree found them."""
    return ()


def _say(note: str) -> None:
    if note:
        click.echo(f"ptregs-audit: {printable(note)}", err=True)
