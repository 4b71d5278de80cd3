# SPDX-License-Identifier: GPL-2.0-only
"""The same kernel many times: every run must say the same, to the byte."""

from __future__ import annotations

import argparse
import collections
import sys
from concurrent.futures import ThreadPoolExecutor

import qemu
from build import BuildError, Config, build, build_stale


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    try:
        build_stale("gcc")
        image = build(Config("extended"))
    except BuildError as error:
        print(f"not ok - soak: {error}")
        return 1
    with ThreadPoolExecutor(args.jobs) as pool:
        runs = list(pool.map(lambda _: qemu.run(image, "tail,consumers"), range(args.runs)))
    if runs[0].status is qemu.Status.SKIP:
        print(f"ok - soak # SKIP {runs[0].why}")
        return 0
    kinds = collections.Counter((run.status, run.output) for run in runs)
    for (status, output), times in kinds.most_common():
        print(f"# {times} runs: {status.value}, {len(output)} bytes of output")
    good = len(kinds) == 1 and runs[0].status is qemu.Status.PASS
    print(f"{'ok' if good else 'not ok'} - soak: {args.runs} runs, {len(kinds)} kinds of output")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
