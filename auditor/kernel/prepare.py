# SPDX-License-Identifier: GPL-2.0-only
"""Make a build directory that an audit can use: configure, generate the headers, record the compile commands.

Nothing is compiled but Kbuild's own host programs, and the few units that include what only their own compilation
generates. This runs the tree's makefiles, which is why the user has to ask.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from auditor.arch import Arch, by_id
from auditor.errors import InputError, UsageError
from auditor.kernel.cmdfiles import read_cmd_files
from auditor.kernel.compdb import read_compdb, write_compdb
from auditor.kernel.discover import SAVED
from auditor.kernel.dryrun import parse_dry_run
from auditor.kernel.generated import lacking
from auditor.kernel.recorded import Recorded
from auditor.kernel.tree import Build, Tree, open_build
from auditor.kernel.units import collect
from auditor.model import Failure

Say = Callable[[str], None]

_TARGET = re.compile(r"[\w.+-]*config")
_OBJECT = re.compile(r"\w[\w/.+,-]*\.o", re.ASCII)
"""What make takes for a target: neither an option nor an assignment."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_KEPT_LINES = 12
_FROM_OTHER_MAKE = frozenset({"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"})
_MISSING = (
    (re.compile(r"flex: (?:command )?not found|flex: No such file"), "flex"),
    (re.compile(r"bison: (?:command )?not found|bison: No such file"), "bison"),
    (re.compile(r"\bbc: (?:command )?not found"), "bc"),
    (re.compile(r"gelf\.h|libelf\.h|libelf"), "libelf-dev"),
    (re.compile(r"openssl/\S+\.h|libcrypto"), "libssl-dev"),
    (re.compile(r"(\S+-linux-gnu\S*-)?gcc: (?:command )?not found"), "gcc (for this architecture: CROSS_COMPILE)"),
)
_NOT_CLEAN = re.compile(r"source tree is not clean")


def prepare(
    tree: Tree,
    build: Path,
    config: str,
    arch: Arch | None = None,
    jobs: int = 1,
    say: Say = print,
    in_tree: bool = False,
) -> Build:
    """Configure `build` (a defconfig target's name or a file), run `make prepare`, save the commands of a dry run, make
    the objects of units that lack a generated file.

    Each command is told to `say` before it runs; none goes through a shell. UsageError: `config` is neither a file
    nor a target's name, or `build` is the source tree and `in_tree` was not asked for. InputError: make failed; its
    last lines went to `say`, the hint is what to install. An object that cannot be made is no error.
    """
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least 1")
    target = arch or by_id("x86_64")
    directory = build.absolute()
    _check_place(tree, directory, in_tree)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise InputError(str(build), f"cannot be made: {e.strerror}") from e
    # Not the name of the directory: tinyconfig with ARCH=x86 is a 32-bit kernel (Linux: arch/x86/Kconfig, 64BIT).
    make = ["make", "-C", str(tree.root), f"ARCH={target.id}", f"-j{jobs}"]
    if directory.resolve() != tree.root:
        make.insert(3, f"O={directory}")
    _run([*make, _configure(config, directory, say)], say)
    _run([*make, "prepare"], say)
    found = open_build(tree, directory, target)
    dry = [*(w for w in make if not w.startswith("-j")), "-n", "-k", "vmlinux", "modules"]
    count = _record(dry, found.directory, say)
    say(f"{count} compile commands saved in {found.directory / SAVED}")
    _generate([*make, "-k"], tree, found, say)
    return found


def _generate(make: Sequence[str], tree: Tree, build: Build, say: Say) -> None:
    """Kbuild generates some headers only for the object that includes them (Linux: security/selinux/Makefile)."""
    units = collect(read_compdb(build.directory / SAVED), tree, SAVED).units
    roots = [os.fspath(p) for p in (tree.root, build.directory)]
    objects = {one.object for one in lacking(units, roots) if _OBJECT.fullmatch(one.object)}
    if not objects:
        return
    _, tail = _ended([*make, *sorted(objects)], say)
    # The objects themselves are of no interest: one may fail that is asked for outside of its directory's own rules.
    still = lacking((u for u in units if u.object in objects), roots)
    _show(tail if still else (), say)
    for one in still:
        say(f"{one.object}: {_escaped(one.file)} includes {_escaped(one.name)}, which make did not generate")


def _check_place(tree: Tree, directory: Path, in_tree: bool) -> None:
    resolved = directory.resolve()
    if resolved == tree.root and not in_tree:
        raise UsageError(f"{directory} is the source tree; name another directory with --build")
    if resolved != tree.root and (tree.root / ".config").exists():
        problem = "the source tree is configured in place, and make then refuses another build directory"
        raise InputError(str(tree.root), problem, f"make -C {shlex.quote(str(tree.root))} mrproper removes that build")


def _configure(config: str, directory: Path, say: Say) -> str:
    """The make target that makes `.config`; a file is copied first and completed by olddefconfig."""
    file = Path(config)
    if file.is_file():
        say(f"cp {shlex.quote(config)} {shlex.quote(str(directory / '.config'))}")
        try:
            (directory / ".config").write_bytes(file.read_bytes())
        except OSError as e:
            raise InputError(config, f"cannot be copied to {directory}: {e.strerror}") from e
        return "olddefconfig"
    if not _TARGET.fullmatch(config) or config.startswith("-"):
        raise UsageError(f"--config {config}: no such file, and not the name of a configuration such as defconfig")
    return config


def _record(command: Sequence[str], directory: Path, say: Say) -> int:
    """Save the compile commands that a dry run prints, and those of objects that are up to date already.

    The dry run's exit code alone does not count: without objects to link it ends with "No rule to make target
    'vmlinux.a'" (Linux: Makefile, vmlinux_o). It failed if it printed no command as well.
    """
    say(shlex.join(command))
    printed = _Printed()
    with _errors() as errors, _started(command, errors) as process:
        assert process.stdout is not None
        count = write_compdb(directory / SAVED, printed.commands(process.stdout, directory))
        code = process.wait()
        tail = _tail(errors)
    for failure in printed.failures[:_KEPT_LINES]:
        say(f"{failure.file}: {failure.why}")
    if code and not printed.objects:
        (directory / SAVED).unlink(missing_ok=True)
        raise _failed(str(directory), "the dry run printed no compile command", tail, say)
    return count


class _Printed:
    """What a dry run prints: it names only objects that make would build now, `.cmd` files know the others."""

    def __init__(self) -> None:
        self.objects: set[str] = set()
        self.failures: list[Failure] = []

    def commands(self, lines: Iterable[str], directory: Path) -> Iterator[Recorded]:
        for command in self._good(parse_dry_run(lines, os.fspath(directory))):
            self.objects.add(command.object)
            yield command
        for command in self._good(read_cmd_files(directory)):
            if command.object not in self.objects:
                yield command

    def _good(self, found: Iterable[Recorded | Failure]) -> Iterator[Recorded]:
        for item in found:
            if isinstance(item, Failure):
                self.failures.append(item)
            else:
                yield item


def _run(command: Sequence[str], say: Say) -> None:
    code, tail = _ended(command, say)
    if code:
        raise _failed(shlex.join(command), f"ended with {code}", tail, say)


def _ended(command: Sequence[str], say: Say) -> tuple[int, list[str]]:
    """(exit code, last lines of its errors)"""
    say(shlex.join(command))
    with _errors() as errors, _started(command, errors, subprocess.DEVNULL) as process:
        return process.wait(), _tail(errors)


@contextmanager
def _started(command: Sequence[str], errors: IO[str], output: int = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    """The child in a process group of its own, which is killed whole when the block is left early."""
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")} | {
        "LC_ALL": "C"
    }
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env=environment,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,
        )
    except OSError as e:
        raise InputError(command[0], f"cannot be started: {e.strerror}", f"install {command[0]}") from e
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 15)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


@contextmanager
def _errors() -> Iterator[IO[str]]:
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as f:
        yield f


def _tail(errors: IO[str]) -> list[str]:
    errors.seek(0)
    return [line.rstrip() for line in deque((x for x in errors if x.strip()), _KEPT_LINES)]


def _failed(what: str, problem: str, tail: Sequence[str], say: Say) -> InputError:
    _show(tail, say)
    return InputError(what, problem, _advice(tail))


def _show(tail: Sequence[str], say: Say) -> None:
    for line in tail:
        say(f"    {_escaped(line)}")


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text)


def _advice(lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    if _NOT_CLEAN.search(text):
        return "make mrproper in the source tree removes the build that is in the way"
    missing = [package for pattern, package in _MISSING if pattern.search(text)]
    return f"install {', '.join(missing)}" if missing else ""
