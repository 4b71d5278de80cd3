# SPDX-License-Identifier: GPL-2.0-only
"""What a tree looks like from outside: what shows, and what does not."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.kernel import snapshot
from auditor.kernel.snapshot import Snapshot, changes, digest, entries, regular_files, take
from tests.evidence.snippets import write

FILES = {"a.c": "int a;\n", "d/b.h": "int b;\n", "d/e/c.h": "int c;\n", ".git/config": "", "h\udcff.c": "int h;\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "tree", FILES)
    (tmp_path / "tree/empty").mkdir()
    (tmp_path / "tree/l.h").symlink_to("d/b.h")
    (tmp_path / "tree/ld").symlink_to("d")
    time.sleep(0.05)
    return tmp_path / "tree"


def look(*roots: Path, started: float | None = None) -> Snapshot:
    return take(map(str, roots), time.time() if started is None else started)


def in_secret(path: Path) -> None:
    """Another text of the same size, at the same time."""
    before = path.stat()
    path.write_bytes(b"x" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def linked(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


def made_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replaced(path: Path) -> None:
    path.with_suffix(".new").write_text("int n;\n")
    path.with_suffix(".new").replace(path)


SHOWN: dict[str, tuple[Callable[[Path], object], set[str], set[str]]] = {
    "written": (lambda r: (r / "a.c").write_text("int x;\n"), {"a.c"}, set()),
    "in secret": (lambda r: in_secret(r / "d/e/c.h"), {"d/e/c.h"}, set()),
    "replaced": (lambda r: replaced(r / "a.c"), {"a.c"}, set()),
    "other mode": (lambda r: (r / "a.c").chmod(0o600), set(), {"a.c"}),
    "one more": (lambda r: (r / "empty/n.h").write_text(""), set(), {"empty/n.h"}),
    "one more directory": (lambda r: (r / "n").mkdir(), set(), {"n"}),
    "gone": (lambda r: (r / "a.c").unlink(), set(), {"a.c"}),
    "another name": (lambda r: (r / "a.c").rename(r / "z.c"), set(), {"a.c", "z.c"}),
    "what a link leads to": (lambda r: (r / "d/b.h").write_text("int x;\n"), {"d/b.h"}, {"l.h"}),
    "where a link leads": (lambda r: linked(r / "l.h", "a.c"), set(), {"l.h"}),
    "a link in its place": (lambda r: linked(r / "a.c", "d/b.h"), set(), {"a.c"}),
    "a directory in its place": (lambda r: made_a_directory(r / "a.c"), set(), {"a.c"}),
}


@pytest.mark.parametrize("change", SHOWN)
def test_what_shows(root: Path, change: str) -> None:
    before = look(root)
    act, changed, moved = SHOWN[change]
    act(root)
    found = changes(before.directories, look(root).directories)
    assert {os.path.relpath(p, root) for p in found.changed} == changed
    assert {os.path.relpath(p, root) for p in found.moved} == moved
    assert not found.anything


def test_nothing_changed(root: Path) -> None:
    one, other = look(root), look(root)
    assert one.directories == other.directories
    assert one.sound and digest(one.directories) == digest(other.directories)
    (root / "a.c").read_text()
    (root / ".git/config").write_text("x")
    assert look(root).directories == one.directories


@pytest.mark.parametrize("change", ["to another", "to a directory", "from a directory"])
def test_a_link_to_a_directory_may_change_anything(root: Path, change: str) -> None:
    before = look(root)
    if change == "to a directory":
        (root / "d/e").rename(root / "moved")
        (root / "d/e").symlink_to("../moved")
    else:
        (root / "ld").unlink()
        (root / "ld").symlink_to("empty") if change == "to another" else (root / "ld").mkdir()
    assert changes(before.directories, look(root).directories).anything


def test_what_is_fresh_is_like_no_other(root: Path) -> None:
    (root / "a.c").write_text("int x;\n")
    one, other = look(root), look(root)
    assert changes(one.directories, other.directories).changed == {str(root / "a.c")}
    time.sleep(0.05)
    settled = look(root)
    assert changes(other.directories, settled.directories).changed == {str(root / "a.c")}
    assert look(root).directories == settled.directories
    # By a clock that is behind, everything is fresh.
    late = changes(settled.directories, look(root, started=time.time() - 60).directories)
    assert {os.path.basename(p) for p in late.changed | late.moved} >= {"a.c", "b.h", "c.h", "l.h"}


def test_file_systems_that_count_seconds() -> None:
    second = 1_000_000_000
    limit = 10 * second + 5
    assert snapshot.is_fresh(10 * second, limit)
    assert not snapshot.is_fresh(10 * second + 1, limit)
    assert not snapshot.is_fresh(9 * second, limit)


def test_links_that_lead_out(root: Path, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far.h").write_text("int f;\n")
    (root / "f.h").symlink_to(tmp_path / "far.h")
    time.sleep(0.05)
    before = look(root)
    assert before.sound, "what a file outside holds shows in the link"
    (tmp_path / "far.h").write_text("int g;\n")
    assert changes(before.directories, look(root).directories).moved == {str(root / "f.h")}
    (root / "far").symlink_to(tmp_path / "far")
    assert look(root).strays == (str(root / "far"),)
    assert not look(root).sound
    assert look(root, tmp_path / "far").sound


def test_a_root_in_a_root_is_seen_once(root: Path) -> None:
    both = look(root, root / "d")
    assert both.below[str(root / "d")] == [str(root / "d"), str(root / "d/e")]
    assert str(root / "d") not in both.below[str(root)]
    assert look(root / "d", root).directories == both.directories == look(root).directories


def test_a_directory_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def denied(path: str) -> object:
        if path.endswith("/d"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", denied)
    found = look(root)
    assert found.unreadable == {str(root / "d"): "Permission denied"}
    assert not found.sound


def test_entries(root: Path) -> None:
    packed = look(root).directories[str(root)]
    assert sorted(entries(packed)) == sorted([".git", "a.c", "d", "empty", "h\udcff.c", "l.h", "ld"])
    assert sorted(regular_files(packed)) == ["a.c", "h\udcff.c"]
    assert entries(look(root).directories[str(root / "empty")]) == entries(b"") == {}
