# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit doctor`: what is installed, in which version, and what it enables."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from tabulate import tabulate

from auditor import __version__
from auditor.cli import exits
from auditor.data import minikernel_dir, rules_dir
from auditor.errors import AuditorError
from auditor.terminal import printable

TIMEOUT = 5.0
LIBCLANG = "18."
"""The version that the analysis is tested with; another one is reported, not refused."""

PACKAGES = {
    "click": "the command line",
    "libclang": "reading C",
    "networkx": "following pointers across functions",
    "pyelftools": "reading ELF, DWARF and BTF",
    "tabulate": "tables of the text report",
}

TOOLS = {
    ("git",): "diff, hook",
    ("make",): "prepare; make audit, make test",
    ("gcc",): "prepare, prove",
    ("flex",): "prepare (Kconfig)",
    ("bison",): "prepare (Kconfig)",
    ("bc",): "prepare",
    ("pahole",): "preparing configurations with BTF",
    ("clang-19", "clang"): "building the reference implementation",
    ("ld.lld-19", "ld.lld"): "linking the reference implementation",
    ("qemu-system-x86_64",): "booting the reference implementation",
}
"""{names, the first found is used: what it enables}"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis. A `required` thing that is not `present` makes audits impossible."""

    name: str
    present: bool
    version: str
    enables: str
    required: bool = False


@click.command("doctor", short_help="Say what is installed and what it enables.")
@click.option("--libclang", type=click.Path(path_type=Path), envvar="PTREGS_LIBCLANG", help="Another libclang to try.")
def doctor_command(libclang: Path | None) -> int:
    """Say what is installed and what it enables. Exit code 3 if an audit cannot work."""
    findings = [*_required(libclang), *(_tool(names, enables) for names, enables in TOOLS.items())]
    rows = [[f.name, _state(f), printable(f.version), f.enables] for f in findings]
    click.echo(tabulate(rows, headers=["", "state", "version", "enables"], disable_numparse=True))
    return exits.INCOMPLETE if any(f.required and not f.present for f in findings) else exits.OK


def _state(finding: Finding) -> str:
    if finding.present:
        return "ok"
    return "MISSING" if finding.required else "absent"


def _required(libclang: Path | None) -> Iterator[Finding]:
    yield Finding("ptregs-audit", True, __version__, "everything", required=True)
    yield Finding("python", sys.version_info >= (3, 11), platform.python_version(), "everything", required=True)
    for package, enables in PACKAGES.items():
        try:
            version, present = importlib.metadata.version(package), True
        except importlib.metadata.PackageNotFoundError:
            version, present = "", False
        yield Finding(package, present, version, enables, required=True)
    yield _library(libclang)
    yield _rules()
    minikernel = minikernel_dir()
    yield Finding("minikernel", minikernel.is_dir(), str(minikernel), "audit without a tree")


def _library(chosen: Path | None) -> Finding:
    enables = "reading C"
    try:
        from auditor import libclang

        libclang.use(str(chosen) if chosen else None)
    except (ImportError, AuditorError) as e:
        return Finding("libclang.so", False, str(e), enables, required=True)
    text = libclang.version()
    tested = "" if f"version {LIBCLANG}" in text else f" (tested with {LIBCLANG}x)"
    return Finding("libclang.so", True, f"{text}{tested}, {_loaded_from()}", enables, required=True)


def _loaded_from() -> str:
    """The path of the libclang in this process, as the kernel knows it."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            return next((line.split(maxsplit=5)[5].strip() for line in maps if "libclang" in line), "path unknown")
    except OSError:
        return "path unknown"


def _rules() -> Finding:
    from auditor.judge.rules import load_all

    try:
        count = sum(len(k.rules) for k in load_all().values())
    except AuditorError as e:
        return Finding("rules", False, str(e), "verdicts", required=True)
    return Finding("rules", count > 0, f"{count} rules, {rules_dir()}", "verdicts", required=True)


def _tool(names: tuple[str, ...], enables: str) -> Finding:
    found = next(((name, path) for name in names if (path := shutil.which(name))), None)
    if found is None:
        return Finding(names[0], False, "", enables)
    name, path = found
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return Finding(name, False, f"does not run: {e}", enables)
    first = next((line for line in (done.stdout or done.stderr).splitlines() if line.strip()), "")
    return Finding(name, True, first.strip()[:60], enables)
