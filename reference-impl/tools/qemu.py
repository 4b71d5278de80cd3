# SPDX-License-Identifier: GPL-2.0-only
"""Run one kernel image in QEMU and say what its TAP and its exit status mean together."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

QEMU = os.environ.get("QEMU", "qemu-system-x86_64")
TIMEOUT = 20.0

# isa-debug-exit: status = value * 2 + 1, see kernel/tap.c.
EXIT_PASS = 33
EXIT_FAIL = 35
EXIT_SKIP = 37
EXIT_BAIL = 255


class Status(enum.Enum):
    """One word for a run; only PASS and SKIP are not failures."""

    PASS = "pass"
    SKIP = "skip"
    FAIL = "fail"
    BAIL = "bail"
    TRIPLE_FAULT = "triple-fault"
    TIMEOUT = "timeout"
    BROKEN = "broken"


@dataclasses.dataclass(frozen=True)
class Run:
    """What came out of one QEMU run."""

    status: Status
    why: str
    output: str

    @property
    def checks(self) -> int:
        return len(re.findall(r"^ok \d+", self.output, re.M))


def command(image: Path, cmdline: str, cpu: str, extra: list[str]) -> list[str]:
    """The whole QEMU command line; no firmware device, so that boot takes 0.1 s."""
    # fmt: off
    argv = [
        QEMU, "-machine", "microvm,acpi=off", "-accel", "tcg,thread=single", "-cpu", cpu,
        "-m", "32", "-display", "none", "-vga", "none", "-nodefaults", "-net", "none",
        "-monitor", "none", "-no-reboot", "-chardev", "stdio,id=s", "-serial", "chardev:s",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-kernel", str(image),
    ]
    # fmt: on
    if cmdline:
        argv += ["-append", cmdline]
    return argv + extra


def judge(code: int, output: str) -> tuple[Status, str]:
    """Exit status and plan must tell the same story."""
    passed = len(re.findall(r"^ok \d+", output, re.M))
    failed = re.findall(r"^not ok \d+.*", output, re.M)
    plan = re.findall(r"^1\.\.(\d+)", output, re.M)
    bail = re.search(r"^Bail out!.*", output, re.M)
    if code == 0:
        return Status.TRIPLE_FAULT, "exit status 0: the machine reset itself"
    if code == EXIT_SKIP and plan == ["0"]:
        skip = re.search(r"# SKIP (.*)", output)
        return Status.SKIP, skip.group(1).strip() if skip else "no reason given"
    if code == EXIT_BAIL and bail:
        return Status.BAIL, bail.group(0)
    if failed:
        return Status.FAIL, "; ".join(line.strip() for line in failed[:3])
    if code != EXIT_PASS:
        return Status.BROKEN, f"exit status {code}: {output[-200:]!r}"
    if plan != [str(passed)] or not passed:
        return Status.BROKEN, f"plan {plan} but {passed} ok"
    return Status.PASS, f"{passed} checks"


def run(
    image: Path,
    cmdline: str = "",
    cpu: str = "max",
    extra: list[str] | None = None,
    timeout: float = TIMEOUT,
) -> Run:
    """Boot @image and wait for its verdict."""
    if not shutil.which(QEMU):
        return Run(Status.SKIP, f"{QEMU} is not installed", "")
    argv = command(image, cmdline, cpu, extra or [])
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        text = (late.output or b"").decode("ascii", "replace")
        return Run(Status.TIMEOUT, f"no verdict after {timeout:.0f} s", text)
    output = done.stdout.decode("ascii", "replace").replace("\r", "")
    status, why = judge(done.returncode, output)
    return Run(status, why, output)


def run_mutant(image: Path, cmdline: str, timeout: float) -> Run:
    """A hang counts as caught, a busy machine must not: whoever is late gets a second chance."""
    result = run(image, cmdline, timeout=timeout)
    if result.status is Status.TIMEOUT:
        result = run(image, cmdline, timeout=2 * timeout)
    return result


def main() -> int:
    """Print the kernel's own TAP; 0 for pass or skip."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("cmdline", nargs="?", default="", help='e.g. "only pks,nmi"')
    parser.add_argument("--cpu", default="max")
    args = parser.parse_args()
    result = run(args.image, args.cmdline, args.cpu)
    sys.stdout.write(result.output)
    print(f"# {result.status.value}: {result.why}")
    return 0 if result.status in (Status.PASS, Status.SKIP) else 1


if __name__ == "__main__":
    sys.exit(main())
