# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.cli.audit import audit_command
from auditor.cli.outputs import parse_outputs, replacing, write_outputs
from auditor.cli.program import run
from auditor.model import Report
from auditor.reports.read import read
from auditor.reports.view import View
from tests.cli.fake import CLEAN, COMPLETE, FINDINGS, Request
from tests.reports.factory import OFFSET, make_report

Audit = Callable[[Any], None]
Spawn = Callable[..., "subprocess.Popen[str]"]


def test_text_is_the_default(audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(FINDINGS)
    run(["audit"])
    out, err = capsys.readouterr()
    assert out.startswith("ptregs-audit 0")
    assert err == ""


def test_several_outputs_and_a_quiet_stdout(audit: Audit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(FINDINGS)
    assert run(["audit", "-o", f"json={tmp_path}/r.json", "-o", f"markdown={tmp_path}/r=1.md", "--path", "lib"]) == 1
    assert capsys.readouterr().out == ""
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["r.json", "r=1.md"]
    report = read(tmp_path / "r.json")
    assert len(report.sites) == 2
    assert report.runs[0].target.filters == {"path": ("lib",)}


def test_dash_is_stdout(audit: Audit, capsys: pytest.CaptureFixture[str]) -> None:
    audit(CLEAN)
    run(["audit", "-o", "json=-"])
    assert json.loads(capsys.readouterr().out)["schema_version"] == 1


def test_the_request_says_what_was_asked(audit: Audit, tmp_path: Path) -> None:
    seen: list[Request] = []

    def note(request: Request, progress: Any) -> Report:
        seen.append(request)
        return CLEAN

    audit(note)
    (tmp_path / "c.json").touch()
    run(["audit", str(tmp_path), "--build", str(tmp_path), "--compdb", f"{tmp_path}/c.json", "--struct", "frame",
         "--arch", "arm64", "--proposal", "a", "--proposal", "b.toml", "--proposal", "a",
         "--after-tree", "/", "-j", "2",
         "--kind", "order", "--kind", "size"])  # fmt: skip
    assert seen == [
        Request(tmp_path, tmp_path, tmp_path / "c.json", "arm64", "frame", ("a", "b.toml"), ("tree", "/"), 2, None,
                False, {"kind": ("order", "size")})
    ]  # fmt: skip


def test_without_a_tree_the_minikernel_is_audited(audit: Audit) -> None:
    seen: list[Request] = []

    def note(request: Request, progress: Any) -> Report:
        seen.append(request)
        return CLEAN

    audit(note)
    run(["audit"])
    assert seen[0].tree.name in ("minikernel", "_minikernel")
    assert seen[0].jobs >= 1


def test_a_full_disk_is_one_line_and_three_and_spares_the_others(
    audit: Audit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(CLEAN)
    assert run(["audit", "-o", "json=/dev/full", "-o", f"text={tmp_path}/r.txt"]) == 3
    err = capsys.readouterr().err
    assert err == "ptregs-audit: /dev/full: not written: No space left on device\n"
    assert (tmp_path / "r.txt").read_text().startswith("ptregs-audit 0")
    assert Path("/dev/full").is_char_device()


def test_a_full_disk_behind_stdout(spawn: Spawn) -> None:
    with open("/dev/full", "w") as full:
        process = spawn("FINDINGS", "audit", stdout=full)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3
    assert err == "ptregs-audit: stdout: not written: No space left on device\n"


def test_a_reader_that_goes_away_changes_nothing(spawn: Spawn) -> None:
    for outcome, code in (("FINDINGS", 1), ("CLEAN", 0)):
        end, start = os.pipe()
        os.close(end)
        process = spawn(outcome, "audit", "--format", "json", stdout=start)
        os.close(start)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (code, "")


def test_help_into_a_closed_pipe_is_quiet(spawn: Spawn) -> None:
    end, start = os.pipe()
    os.close(end)
    process = spawn("CLEAN", "--help", stdout=start)
    os.close(start)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")


def test_control_c(tmp_path: Path) -> None:
    """The signal itself, during an audit, in a process of its own; no half-written output is left."""
    code = (
        "import signal, sys, time\n"
        # Ignored, and so inherited, where the tests run as a background job.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tests.cli.fake import install\n"
        "def wait(request, progress):\n"
        "    print('waiting', file=sys.stderr, flush=True)\n"
        "    time.sleep(60)\n"
        "install(wait, sys.modules)\n"
        "from auditor.cli import main\n"
        "main()\n"
    )
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "audit", "-o", f"json={tmp_path}/r.json"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "ptregs-audit: interrupted"
    assert not (tmp_path / "r.json").exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "r.txt"
    path.write_text("old")
    path.chmod(0o640)
    with pytest.raises(OSError, match="broken"), replacing(path) as stream:
        stream.write("half")
        raise OSError("broken")
    assert path.read_text() == "old"
    with replacing(path) as stream:
        stream.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["r.txt"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with replacing(tmp_path / "link") as stream:
        stream.write("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_directory_that_vanished_is_reported(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    outputs = parse_outputs([f"json={tmp_path}/d/r.json"], None)
    (tmp_path / "d").rmdir()
    (message,) = write_outputs(CLEAN, outputs, View())
    assert "r.json: not written: No such file" in message


def test_the_last_report_is_kept(audit: Audit, private_cache: Path) -> None:
    audit(FINDINGS)
    run(["audit", "--no-cache"])
    assert not private_cache.exists()
    run(["audit"])
    assert len(read(private_cache / "last-report.json").sites) == 2


def test_a_cache_that_cannot_be_written_is_a_warning(
    audit: Audit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit(CLEAN)
    (tmp_path / "file").touch()
    assert run(["audit", "--cache", f"{tmp_path}/file/below"]) == 0
    assert capsys.readouterr().err.startswith("ptregs-audit: warning: ")


def test_colour_on_demand(audit: Audit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    audit(FINDINGS)
    run(["audit", "--color", "always"])
    assert "\x1b[" in capsys.readouterr().out
    run(["audit"])
    assert "\x1b[" not in capsys.readouterr().out
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(["audit"])
    assert "\x1b[" in capsys.readouterr().out


def test_files_have_no_colour(audit: Audit, tmp_path: Path) -> None:
    audit(FINDINGS)
    run(["audit", "--color", "always", "-o", f"text={tmp_path}/r.txt"])
    assert "\x1b" not in (tmp_path / "r.txt").read_text()


def test_a_stdout_of_another_encoding(audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(make_report(replace(OFFSET, site=replace(OFFSET.site, expression="regs->ä")), coverage=COMPLETE))
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert run(["audit", "--all"]) == 1
    assert b"regs->\\xe4" in raw.getvalue()


def test_every_option_has_a_help_text() -> None:
    for parameter in audit_command.params:
        if parameter.param_type_name == "option":
            assert getattr(parameter, "help", ""), parameter.name


def test_where_the_full_report_is(
    audit: Audit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    audit(FINDINGS)
    monkeypatch.setenv("PTREGS_REPORT_URL", "https://ci.example/jobs/7?a=b")
    assert run(["audit", "--format", "pr"]) == 1
    assert "[Full report](<https://ci.example/jobs/7?a=b>)." in capsys.readouterr().out
    for wrong in ("javascript:alert(1)", "https://x/>) [y](<z", "https://x/ y"):
        monkeypatch.setenv("PTREGS_REPORT_URL", wrong)
        assert run(["audit", "--format", "pr"]) == 2
        assert "PTREGS_REPORT_URL: expected https://..." in capsys.readouterr().err
