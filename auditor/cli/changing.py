# SPDX-License-Identifier: GPL-2.0-only
"""What `diff` and `hook` share: where the change is, whether it concerns the struct at all, and its report.

Most changes do not: that is found out from the bytes of their files, before anything that takes time is imported.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.means import Means, with_means
from auditor.cli.options import DIRECTORY, Command, Showing
from auditor.terminal import printable

if TYPE_CHECKING:
    from auditor.change.changed import Touched
    from auditor.change.git import Repository
    from auditor.change.parsed import Building
    from auditor.change.versions import Versions
    from auditor.config.load import Config
    from auditor.facts.database import Database
    from auditor.facts.led import Led
    from auditor.model import Asked, Facts

_TREE = click.option("--tree", type=DIRECTORY, help="The kernel tree, in its repository; else the current repository.")


@dataclass(frozen=True, slots=True)
class Changing:
    """`tree`: the root of what paths count from. Of the cache, facts of earlier audits are read."""

    repository: Repository
    tree: Path
    means: Means

    @property
    def prefix(self) -> str:
        """Of the tree in the repository: empty, or with a `/` at its end."""
        path = os.path.relpath(self.tree, self.repository.top)
        return "" if path == "." else f"{path}/"


def changing(command: Command) -> Command:
    """The command gets `changing`; it has `config`."""

    @functools.wraps(command)
    def collected(*, config: Config, means: Means, **others: Any) -> int:
        from auditor.change.git import open_repository

        repository = open_repository(means.tree or Path.cwd())
        root = means.tree.resolve() if means.tree else repository.top
        return command(config=config, changing=Changing(repository, root, means), **others)

    return _TREE(with_means(collected))


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
    target = archs.by_id(changing.means.arch)
    files = [f for f in touched(changing.repository, versions) if only is None or only(f)]
    files = [f for f in files if is_source(f.before) or is_source(f.after)]
    names = [n for f in files for n in (f.old, f.new)]
    if silent and not names:
        return 0
    held = contents(changing.repository, names)
    build = _build(changing)
    led = _led(changing, build) if build is not None else None
    every = files
    names_of = Names(changing.means.struct, target, *((led.names, led.switches) if led else ()))
    files = relevant(files, held, names_of, changing.prefix)
    if silent and not files:
        return 0
    _say(versions.note)
    from auditor.change.run import Change, run_change
    from auditor.change.surroundings import Side

    change = Change(
        base=Side(changing.repository, versions.base, changing.prefix),
        head=Side(changing.repository, versions.head, changing.prefix),
        files=files,
        every=every,
        contents=held,
        label=versions.label,
        base_label=versions.base_label,
        tree=str(changing.tree),
        struct=changing.means.struct,
        arch=archs.for_struct(changing.means.arch, changing.means.struct),
    )
    showing.check(changing.means.struct, changing.means.arch, *asked.proposals)
    building = _building(changing, build, led, files, patient=not silent) if files and build is not None else None
    outcome = run_change(
        change, asked, showing.thresholds, showing.baseline, showing.filters, _facts(changing, files), building
    )
    for note in outcome.notes:
        _say(note)
    return showing.finish(outcome.report, time.monotonic() - started)


def _build(changing: Changing) -> Path | None:
    """The build directory, which may be the tree; None: all is read by its text."""
    if changing.means.build is not None:
        return changing.means.build.resolve()
    return changing.tree if changing.means.compdb or (changing.tree / ".config").is_file() else None


@contextlib.contextmanager
def _database(changing: Changing) -> Iterator[Database | None]:
    """The facts of earlier audits, if there are any. They are read only."""
    from auditor.facts.database import NAME, Database

    path = changing.means.kept_in / NAME if changing.means.kept_in is not None else None
    if path is None or not path.is_file():
        yield None
        return
    database = Database(path, write=False)
    try:
        yield database
    finally:
        database.close()


def _led(changing: Changing, build: Path) -> Led | None:
    """What leads to the struct besides what always does, as the last audit of this tree found it."""
    from auditor.facts.led import last_led

    with _database(changing) as database:
        return last_led(database, str(changing.tree), str(build)) if database is not None else None


def _building(changing: Changing, build: Path, led: Led | None, files: Sequence[Touched], patient: bool) -> Building:
    from auditor.change.parsed import Building
    from auditor.kernel.closure import Leading

    headers = [os.path.join(changing.repository.top, f.after) for f in files if f.after.endswith(".h")]
    readers = None
    if led is not None and headers:
        from auditor.facts.led import including

        with _database(changing) as database:
            readers = tuple(including(database, headers)) if database is not None else None
    return Building(
        root=changing.tree,
        build=build if build != changing.tree or not changing.means.compdb else None,
        compdb=changing.means.compdb,
        jobs=changing.means.jobs,
        libclang=changing.means.libclang,
        led=Leading(led.names, led.headers, led.objects) if led is not None else None,
        readers=readers,
        patient=patient,
    )


def _facts(changing: Changing, files: Sequence[Touched]) -> Facts | None:
    """Of the last audit of this tree, where the change may concern every consumer."""
    if not any(f.path.endswith(".h") for f in files):
        return None
    from auditor.facts.runs import Runs
    from auditor.facts.version import code_version

    with _database(changing) as database:
        build = str(changing.means.build.resolve()) if changing.means.build is not None else None
        found = Runs(database, code_version()).last(str(changing.tree), build) if database is not None else None
    if found is None or found[0].target.struct != changing.means.struct or found[0].target.arch != changing.means.arch:
        return None
    return found[1]


def _say(note: str) -> None:
    if note:
        click.echo(f"ptregs-audit: {printable(note)}", err=True)
