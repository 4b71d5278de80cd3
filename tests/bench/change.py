# SPDX-License-Identifier: GPL-2.0-only
"""What `hook` and `diff` cost: change.py --tree T --build B [--repeat N]; wall and CPU time (user + system), medians.

A scratch repository of 30 of the kernel's sources is made in a temporary directory; neither T nor B is written. Asked
is, of the wall time on a machine that does nothing else: `hook` on one changed .c at most 1.5 s without a build and
1 s more than the unit's parse with one, 0.3 s on a commit that has nothing to do with the struct, and `diff` of a
change of 30 files at most 30 s. Nothing is kept between runs.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from clang import cindex  # noqa: E402 - the path comes first

from auditor import arch as archs  # noqa: E402
from auditor.kernel.compdb import read_compdb  # noqa: E402
from auditor.kernel.discover import discover  # noqa: E402
from auditor.kernel.flags import clang_arguments  # noqa: E402
from auditor.kernel.mentions import Words, candidates  # noqa: E402
from auditor.kernel.tree import open_build, open_tree  # noqa: E402
from auditor.kernel.units import collect  # noqa: E402
from tests.change.repository import Repo  # noqa: E402
from tests.change.scratch import scratch  # noqa: E402

ONE, NONE = "arch/x86/kernel/ptrace.c", "lib/sort.c"
SERIES = 30


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="repetitions; the median counts")
    options = parser.parse_args(arguments)
    tree = open_tree(options.tree)
    arch = archs.by_id("x86_64")
    units = discover(tree, open_build(tree, options.build, arch)).units
    naming = sorted({u.source for u in candidates(units, Words(arch.words))})
    series = [ONE, *(s for s in naming[:: max(1, len(naming) // SERIES)] if s != ONE)][:SERIES]
    with tempfile.TemporaryDirectory() as directory:
        repo, compdb = scratch(options.tree, options.build, (*series, NONE), Path(directory, "scratch"))
        os.environ["XDG_CACHE_HOME"] = directory
        print(f"unit's parse {_parse(repo.path, compdb):.2f} s CPU ({ONE})")
        for name in (*series, NONE):
            _changed(repo, name)
        repo.commit("series")
        for name in (ONE, NONE):
            _changed(repo, name)
            repo.git("add", name)
        for title, words in {
            "hook, one .c, no build": ["hook", ONE],
            "hook, one .c, with build": ["hook", "--compdb", str(compdb), ONE],
            "hook, nothing relevant": ["hook", NONE],
            f"diff, {SERIES} files, no build": ["diff", "HEAD"],
            f"diff, {SERIES} files, with build": ["diff", "--compdb", str(compdb), "HEAD"],
        }.items():
            spent = [_measure(repo, [*words, "--no-cache"]) for _ in range(options.repeat)]
            wall, cpu = (statistics.median(s[i] for s in spent) for i in (0, 1))
            print(f"{title:<28} {wall:6.2f} s wall {cpu:6.2f} s CPU")
    return 0


def _changed(repo: Repo, name: str) -> None:
    repo.write(name, (repo.path / name).read_bytes() + b"/* changed */\n")


def _parse(root: Path, compdb: Path) -> float:
    tree = open_tree(root)
    (unit,) = [u for u in collect(read_compdb(compdb), tree, "bench").units if u.source == ONE]
    arguments = clang_arguments(unit, archs.by_id("x86_64"), roots=(tree.root,)).arguments
    before = time.process_time()
    cindex.Index.create().parse(str(root / ONE), args=list(arguments), options=1)
    return time.process_time() - before


def _measure(repo: Repo, words: Sequence[str]) -> tuple[float, float]:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "auditor", *words], cwd=repo.path, env=env, capture_output=True, check=False
    )
    passed, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words)}: exit code {done.returncode}: {done.stderr.decode()}")
    return passed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
