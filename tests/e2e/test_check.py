# SPDX-License-Identifier: GPL-2.0-only
"""`check`: one unit of the minikernel says what an audit says of it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from auditor.cli.program import run
from auditor.data import minikernel_dir
from tests.e2e.helpers import FLAGS, audit

PTRACE = "arch/x86/kernel/ptrace.c"
COMMAND = [*FLAGS.split()[1:]]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "linux"
    shutil.copytree(minikernel_dir(), root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("srctree", ".")
    monkeypatch.delenv("SRCARCH", raising=False)
    return root


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str]]:
    capsys.readouterr()
    code = run(["check", *words])
    out, err = capsys.readouterr()
    assert out == ""
    return code, err.splitlines()


def ids(lines: list[str]) -> set[str]:
    return {m[1] for line in lines if (m := re.search(r"\[(\w{12})\]$", line))}


def sources() -> list[str]:
    found = json.loads((minikernel_dir() / "compile_commands.json").read_text())
    return sorted({e["file"] for e in found if e["file"].endswith(".c")})


def test_every_unit_says_what_the_audit_says(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # The lines that this configuration leaves out are not what is compiled.
    found = [s for s in audit(tree).sites() if s["evidence"] == "semantic"]
    for source in sources():
        wanted = {
            s["id"] for s in found
            if s["file"] == source and any(v["verdict"] == "break" for v in s["verdicts"].values())
        }  # fmt: skip
        code, lines = check(capsys, *COMMAND, source)
        assert (code, ids([x for x in lines if x.startswith(f"{source}:")])) == (0, wanted), source


def test_the_build_stops_only_when_asked(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*COMMAND, "--proposal", "insert-middle", PTRACE]
    code, lines = check(capsys, *words)
    assert code == 0
    assert any(line.startswith(f"{PTRACE}:") and ": ERROR:ORDER_" in line for line in lines)
    assert check(capsys, "--werror", *words) == (1, lines)
    assert check(capsys, "--werror", "--proposal", "fred-frame", "--fail-on", "break", *COMMAND, PTRACE) == (0, [])


def test_the_environment(tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = check(capsys, *COMMAND, "--proposal", "insert-middle", PTRACE)
    monkeypatch.setenv("PTREGS_CHECK_PROPOSAL", "insert-middle")
    assert check(capsys, *COMMAND, PTRACE) == plain
    monkeypatch.setenv("PTREGS_CHECK_WERROR", "1")
    assert check(capsys, *COMMAND, PTRACE) == (1, plain[1])


def test_the_configuration_and_the_baseline_of_the_tree(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / ".ptregs-audit.toml").write_text('baseline = "known.json"\nproposals = ["insert-middle"]\n')
    known = ["--baseline", "known.json", "--reason", "known", "--author", "A", "--no-cache"]
    assert run(["baseline", "create", str(tree), *known]) == 0
    assert check(capsys, "--werror", *COMMAND, PTRACE) == (0, [])
    assert check(capsys, "--werror", "--no-config", *COMMAND, PTRACE)[0] == 1
    (tree / ".ptregs-audit.toml").write_text('paths = ["drivers"]\n')
    assert check(capsys, "--werror", *COMMAND, PTRACE) == (0, [])


def test_an_inline_ignore(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--proposal", "insert-middle", *COMMAND, PTRACE]
    before = check(capsys, *words)[1]
    first = next(line for line in before if line.startswith(PTRACE))
    number = int(first.split(":")[1])
    rule = next(s["rule"] for s in audit(tree).sites() if s["id"] == re.findall(r"\[(\w+)\]$", first)[0])
    text = (tree / PTRACE).read_text().splitlines(keepends=True)
    text.insert(number - 1, f"/* ptregs-audit: ignore[{rule}] known */\n/* ptregs-audit: ignore */\n")
    (tree / PTRACE).write_text("".join(text))
    after = check(capsys, *words)[1]
    assert not any(re.findall(r"\[(\w+)\]$", first)[0] in line for line in after)
    assert [x for x in after if "IGNORE_MALFORMED" in x]


def test_paths_are_those_that_the_compiler_prints(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "o").mkdir()
    monkeypatch.chdir(tree / "o")
    monkeypatch.setenv("srctree", "..")
    flags = [w.replace("-I", "-I../") for w in COMMAND]
    _, lines = check(capsys, *flags, f"../{PTRACE}")
    assert lines and all(line.startswith("../") for line in lines)


def test_a_unit_that_does_not_parse(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tree / PTRACE).open("a") as f:
        f.write('\n#include "absent.h"\n')
    code, lines = check(capsys, *COMMAND, PTRACE)
    assert (code, len(lines)) == (0, 1)
    assert lines[0].startswith(f"ptregs-audit: {PTRACE}: not analysed: {PTRACE}:")
    assert check(capsys, "--werror", *COMMAND, PTRACE) == (3, lines)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--proposal", "nothing", *COMMAND, PTRACE], "nothing"),
        (["--baseline", "absent.json", *COMMAND, PTRACE], "there is no such baseline"),
        (["--config", "absent.toml", *COMMAND, PTRACE], "absent.toml"),
        (["--config", "a", "--no-config", *COMMAND, PTRACE], "exclude each other"),
        (["--fail-on", "never-heard", *COMMAND, PTRACE], "never-heard"),
        (COMMAND, "no source to check"),
    ],
)
def test_misuse_stops_the_build(words: list[str], problem: str, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = check(capsys, *words)
    assert code == 2
    assert problem in "\n".join(lines)
