# SPDX-License-Identifier: GPL-2.0-only
"""CPU time of a cold audit against plain parses of the same units: run.py --tree T --build B [--repeat N].

Both sides are a fresh process each with as many workers as processors, and count user and system time of all of them.
Plain: Index.parse(source, arguments, options=0), with the audit's own cleaned arguments but without its -w, so that
libclang has the same warnings to think about as in a compilation. The units are those whose own text names one of the
architecture's words. Neither side keeps anything between runs; the file cache is warm for both after the first.

--quick and --full take units whether they name it or not, as `--exhaustive` does: 150 that are the same each time
(every so many-th by the name of its object), or all. Asked is at most 0.6 of the plain parses' CPU time. They also
measure the wall time of a default audit of the whole tree, without a cache, against that of spatch with the five rules
of five.cocci, both with as many workers; asked is at most 2.

--again measures what later audits cost that find the facts of the first one: run.py --tree T --build B --again
[--edit FILE]. FILE, a source relative to the tree, is changed for a moment and put back.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from clang import cindex  # noqa: E402 - the path comes first

from auditor import arch as archs  # noqa: E402
from auditor.collect import AuditRequest, collect  # noqa: E402
from auditor.judge import rules  # noqa: E402
from auditor.judge.verdicts import judge  # noqa: E402
from auditor.kernel.discover import discover  # noqa: E402
from auditor.kernel.flags import clang_arguments  # noqa: E402
from auditor.kernel.mentions import Words, candidates  # noqa: E402
from auditor.kernel.tree import Build, Tree, open_build, open_tree  # noqa: E402
from auditor.kernel.units import source_path  # noqa: E402
from auditor.layouts.effects import effects  # noqa: E402
from auditor.layouts.proposals import load_all  # noqa: E402
from auditor.model import Unit  # noqa: E402

ARCH = "x86_64"
QUICK = 150
"""Units of --quick."""
ASKED_CPU, ASKED_WALL = 0.6, 2.0
PATCH = Path(__file__).with_name("five.cocci")
Parse = tuple[str, list[str]]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of user and system time, children included; the largest process in MiB; seconds that passed."""

    cpu: float
    peak: float
    wall: float


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    tree = open_tree(options.tree)
    build = open_build(tree, options.build, archs.by_id(ARCH))
    units = _units(tree, build, options)
    if options.role == "audit":
        _audit(tree, build, units, options)
    elif options.role == "plain":
        _plain(tree, units, options.jobs)
    elif options.again:
        _again(options)
    else:
        _compare(options, len(units))
        if options.quick or options.full:
            _against_spatch(options)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help=f"{QUICK} of all units, evenly chosen; and spatch")
    which.add_argument("--full", action="store_true", help="all units; and spatch")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="alternating repetitions; the median counts")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="worker processes of each side")
    parser.add_argument("--again", action="store_true", help="later audits instead: nothing changed, one file, what-if")
    parser.add_argument("--edit", metavar="FILE", help="with --again: a source that may be changed for a moment")
    parser.add_argument("--role", choices=["audit", "plain"], help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _units(tree: Tree, build: Build, options: argparse.Namespace) -> tuple[Unit, ...]:
    units = discover(tree, build).units
    if options.full:
        return units
    return evenly(units, QUICK) if options.quick else candidates(units, Words(build.arch.words))


def evenly(units: Sequence[Unit], count: int) -> tuple[Unit, ...]:
    """So many of the units, at equal distances by the name of their object: the same ones each time."""
    ordered = sorted(units, key=lambda u: u.object)
    count = min(count, len(ordered))
    return tuple(ordered[i * len(ordered) // count] for i in range(count))


def _audit(tree: Tree, build: Build, units: Sequence[Unit], options: argparse.Namespace) -> None:
    """From the tree to verdicts, as `ptregs-audit audit` but for the choice of units."""
    chosen = {u.object for u in units}
    every = options.quick or options.full
    request = AuditRequest(tree.root, build.directory, arch=ARCH, jobs=options.jobs, exhaustive=every)
    facts = collect(request, tree, build, build.arch, lambda *_: None, only=lambda u: u.object in chosen)
    asked = [(p, effects(facts.layout, p)) for p in load_all(ARCH).values()]
    judge(facts.sites, rules.by_id(), asked)
    print(len(facts.sites), facts.coverage.units_analysed)


def _plain(tree: Tree, units: Sequence[Unit], jobs: int) -> None:
    parses = []
    for unit in units:
        cleaned = clang_arguments(unit, archs.by_id(ARCH), roots=(tree.root,)).arguments
        parses.append((str(source_path(unit)), [a for a in cleaned if a != "-w"]))
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        bad = sum(pool.imap_unordered(_parse, parses, chunksize=1))
    print(len(parses), bad)


def _parse(parse: Parse) -> bool:
    unit = cindex.Index.create().parse(parse[0], args=parse[1], options=0)
    return any(d.severity >= cindex.Diagnostic.Error for d in unit.diagnostics)


def _compare(options: argparse.Namespace, units: int) -> None:
    print(f"{units} units, {options.jobs} workers; plain parses without -w; CPU seconds (user + system)")
    ratios = []
    for _ in range(options.repeat):
        plain, audit = _role("plain", options), _role("audit", options)
        ratios.append(audit.cpu / plain.cpu)
        print(f"plain {plain.cpu:.1f}  audit {audit.cpu:.1f}  ratio {ratios[-1]:.2f}  worker {audit.peak:.0f} MiB")
    asked = f"; asked: at most {ASKED_CPU}" if options.quick or options.full else ""
    print(f"median ratio {statistics.median(ratios):.2f} of {len(ratios)}{asked}")
    helped = _measure([sys.executable, "-m", "auditor", "--help"])
    print(f"--help {helped.cpu:.2f} s")


def _against_spatch(options: argparse.Namespace) -> None:
    """A default audit of the whole tree, and spatch on it; the median of each, alternating."""
    jobs = str(options.jobs)
    audit = [sys.executable, "-m", "auditor", "audit", str(options.tree), "--build", str(options.build)]
    audit += ["--no-cache", "--exit-zero", "--jobs", jobs]
    spatch = ["spatch", "--very-quiet", "--sp-file", str(PATCH), "--dir", str(options.tree), "-j", jobs]
    installed = shutil.which("spatch") is not None
    ours, theirs = [], []
    for _ in range(options.repeat):
        ours.append(_measure(audit).wall)
        theirs += [_measure(spatch).wall] if installed else []
    own = statistics.median(ours)
    if not installed:
        print(f"default audit {own:.1f} s wall; not compared: spatch is not installed (Debian: coccinelle)")
        return
    other = statistics.median(theirs)
    print(f"default audit {own:.1f} s wall  spatch {other:.1f} s  ratio {own / other:.2f}; asked: at most {ASKED_WALL}")


def _again(options: argparse.Namespace) -> None:
    """Each in the order in which a user meets it, on one store; the median of the repetitions, as --repeat has it."""
    with tempfile.TemporaryDirectory() as cache:
        asked = [sys.executable, "-m", "auditor", "audit", str(options.tree), "--build", str(options.build)]
        asked += ["--cache", cache, "--exit-zero", "--jobs", str(options.jobs)]
        told = [sys.executable, "-m", "auditor", "what-if", "--cache", cache, "--exit-zero"]
        first = _measure(asked).cpu
        spent = {"cold": first, "nothing changed": _median(asked, options.repeat)}
        if options.edit:
            spent["one file changed"] = statistics.median(
                _edited(options.tree / options.edit, asked) for _ in range(options.repeat)
            )
        spent["what-if"] = _median(told, options.repeat)
    for name, cpu in spent.items():
        print(f"{name:<18} {cpu:6.2f} s  {cpu / first:6.1%}")


def _median(command: Sequence[str], repeat: int) -> float:
    return statistics.median(_measure(command).cpu for _ in range(repeat))


def _edited(path: Path, command: Sequence[str]) -> float:
    before = path.read_bytes()
    try:
        path.write_bytes(before + b"/* changed */\n")
        # What changed just before an audit is not vouched for.
        time.sleep(0.1)
        return _measure(command).cpu
    finally:
        path.write_bytes(before)


def _role(role: str, options: argparse.Namespace) -> Spent:
    command = [sys.executable, __file__, "--role", role, "--jobs", str(options.jobs)]
    command += ["--tree", str(options.tree), "--build", str(options.build)]
    which = [f"--{w}" for w in ("quick", "full") if getattr(options, w)]
    return _measure([*command, *which])


def _measure(command: Sequence[str]) -> Spent:
    """One command, in a process whose only child it is: the peak of RUSAGE_CHILDREN never goes down again."""
    end, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end)
        began = time.monotonic()
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=ROOT, check=False).returncode
        passed = time.monotonic() - began
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        os.write(start, f"{ended} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss / 1024} {passed}".encode())
        os._exit(0)
    os.close(start)
    with os.fdopen(end) as stream:
        code, cpu, peak, wall = stream.read().split()
    os.waitpid(pid, 0)
    if code != "0":
        raise SystemExit(f"{' '.join(command)}: exit code {code}")
    return Spent(float(cpu), float(peak), float(wall))


if __name__ == "__main__":
    sys.exit(main())
