# SPDX-License-Identifier: GPL-2.0-only
"""What users install: the wheel, built here, in an environment of its own, run from another directory."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from auditor import __version__

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the programs of a fresh environment that holds the wheel and what it depends on."""
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([venv / "bin/pip", "install", "--quiet", str(wheel)], check=True, env=_clean_env())
    return venv / "bin"


def _clean_env() -> dict[str, str]:
    """The environment without what would let Python find the checkout."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


def run(program: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = _clean_env() | {"XDG_CACHE_HOME": str(cwd / "cache")}
    return subprocess.run([program, *arguments], capture_output=True, text=True, cwd=cwd, env=env, check=False)


def _files_below(directory: Path) -> set[str]:
    found = (p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file())
    return {name for name in found if "__pycache__" not in name}


@pytest.mark.parametrize(
    ("source", "packaged"),
    [
        ("rules", "auditor/_rules"),
        ("fixtures/minikernel", "auditor/_minikernel"),
        ("auditor/templates", "auditor/templates"),
    ],
)
def test_the_wheel_holds_all_data(wheel: Path, source: str, packaged: str) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {f"{packaged}/{name}" for name in _files_below(ROOT / source)}
    assert expected
    assert expected <= names


def test_the_wheel_holds_the_schema_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "auditor/reports/report.schema.json" in names
    assert not [n for n in names if n.startswith(("tests/", "fixtures/"))]


def test_version_from_another_directory(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "ptregs-audit", "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


def test_rules_from_another_directory(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "ptregs-audit", "rules", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "field/read" in done.stdout


def test_doctor_finds_everything_that_an_audit_needs(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "ptregs-audit", "doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "_minikernel" in done.stdout


def test_the_module_is_the_program(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "python", "-m", "auditor", "rules", "field", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "field/read" in done.stdout
