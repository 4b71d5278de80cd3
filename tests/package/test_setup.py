# SPDX-License-Identifier: GPL-2.0-only
"""The set-up scripts, on programs of our own in PATH: nothing is installed, no kernel is extracted."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def program(directory: Path, name: str, body: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{body}\n")
    (directory / name).chmod(0o755)


def run(script: Path, *arguments: str, bin_: Path, **env: str) -> subprocess.CompletedProcess[str]:
    full = os.environ | {"PATH": f"{bin_}:{os.environ['PATH']}"} | env
    return subprocess.run([script, *arguments], env=full, capture_output=True, text=True, check=False)


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    """A Debian that has `here` installed and logs what apt-get is asked."""
    bin_ = tmp_path / "bin"
    program(bin_, "dpkg-query", '[ "$4" = here ] && echo "install ok installed"')
    program(bin_, "apt-get", f'echo "$@" >>{tmp_path}/apt.log')
    return bin_


SYSTEM = ROOT / "tests/setup-system.sh"


def test_nothing_is_done_when_all_is_there(debian: Path, tmp_path: Path) -> None:
    done = run(SYSTEM, "here", bin_=debian)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "apt.log").exists()


def test_root_installs_what_is_missing(debian: Path, tmp_path: Path) -> None:
    program(debian, "id", "echo 0")
    assert run(SYSTEM, "here", "bison", "flex", bin_=debian).returncode == 0
    update, install = (tmp_path / "apt.log").read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install -y")
    assert install.endswith(" bison flex")


def test_others_are_told_the_one_command(debian: Path, tmp_path: Path) -> None:
    program(debian, "id", "echo 1000")
    done = run(SYSTEM, "here", "bison", "flex", bin_=debian)
    assert done.returncode == 1
    assert "sudo apt-get install -y --no-install-recommends bison flex\n" in done.stderr
    assert not (tmp_path / "apt.log").exists()


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    """A copy of the script beside a configuration, a small tarball, and an auditor that logs what it is asked."""
    tests = tmp_path / "tests"
    tests.mkdir()
    shutil.copy(ROOT / "tests/setup-kernel.sh", tests)
    (tests / "kernel.config").write_text("CONFIG_X86_64=y\n")
    (tmp_path / "linux-source").mkdir()
    (tmp_path / "linux-source/Makefile").touch()
    with tarfile.open(tmp_path / "linux.tar.xz", "w:xz") as tar:
        tar.add(tmp_path / "linux-source", "linux-source-6.1")
    program(tmp_path / "bin", "audit", f'echo "$@" >>{tmp_path}/audit.log; mkdir -p "$4"; [ ! -e {tmp_path}/fail ]')
    return tests / "setup-kernel.sh"


def prepared(kernel: Path, tmp_path: Path) -> int:
    done = run(
        kernel, "cache", "audit", bin_=tmp_path / "bin", PTREGS_KERNEL_TARBALL=str(tmp_path / "linux.tar.xz")
    )  # fmt: skip
    return done.returncode


def test_the_kernel_is_extracted_and_prepared_once(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [prepared(kernel, tmp_path), prepared(kernel, tmp_path)] == [0, 0]
    assert (tmp_path / "cache/linux/Makefile").exists()
    (asked,) = (tmp_path / "audit.log").read_text().splitlines()
    assert asked.startswith(f"prepare {tmp_path}/cache/linux --build {tmp_path}/cache/build --config {kernel.parent}")


def test_another_configuration_is_prepared_again(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepared(kernel, tmp_path) == 0
    (kernel.parent / "kernel.config").write_text("CONFIG_X86_64=y\nCONFIG_SMP=y\n")
    assert prepared(kernel, tmp_path) == 0
    assert len((tmp_path / "audit.log").read_text().splitlines()) == 2


def test_a_failure_is_not_taken_for_done(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fail").touch()
    assert prepared(kernel, tmp_path) != 0
    (tmp_path / "fail").unlink()
    assert prepared(kernel, tmp_path) == 0
    assert len((tmp_path / "audit.log").read_text().splitlines()) == 2


def test_an_absent_configuration_is_named(kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (kernel.parent / "kernel.config").unlink()
    done = run(kernel, "cache", "audit", bin_=tmp_path / "bin", PTREGS_KERNEL_TARBALL=str(tmp_path / "linux.tar.xz"))
    assert done.returncode == 1
    assert "kernel.config is missing" in done.stderr
