# SPDX-License-Identifier: GPL-2.0-only
"""What files gave to a reading: read again exactly where a file changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from auditor.facts.database import Database
from auditor.facts.texts import KeptTexts
from auditor.kernel.snapshot import Snapshot, take
from auditor.kernel.texts import Reading, Texts
from tests.evidence.snippets import write
from tests.facts.test_wrong_store import execute


class Sizes:
    """The size of each file; how often which file was read."""

    def __init__(self, name: str = "sizes") -> None:
        self.read: list[str] = []
        self.reading = Reading(name, self._size, 0, int)

    def _size(self, path: str) -> int:
        self.read.append(os.path.basename(path))
        return len(Path(path).read_bytes())

    def taken(self) -> list[str]:
        found, self.read = sorted(self.read), []
        return found


class Trees:
    """Looks at one tree again and again, as one audit after the other."""

    def __init__(self, root: Path, path: Path) -> None:
        self.root, self.path = root, path
        self.before: Snapshot | None = None

    def texts(self, version: str = "1") -> KeptTexts:
        time.sleep(0.05)
        now = take([str(self.root)], time.time())
        kept = KeptTexts(Database(self.path), version, now, self.before.directories if self.before else {})
        self.before = now
        return kept

    def below(self, sizes: Sizes, version: str = "1") -> dict[str, int]:
        texts = self.texts(version)
        values, unread = texts.below(str(self.root), frozenset(), sizes.reading)
        texts.finish()
        plain, missing = Texts().below(str(self.root), frozenset(), Sizes().reading)
        assert (sorted(values), unread) == (sorted(plain), missing)
        return dict(values)


@pytest.fixture
def trees(tmp_path: Path, path: Path) -> Trees:
    write(tmp_path / "t", {"a.c": "a", "b.c": "bb", "d/c.c": "ccc", "d/none.c": "", "o\udcffdd.c": "odd"})
    (tmp_path / "t/link.c").symlink_to("a.c")
    return Trees(tmp_path / "t", path)


def test_nothing_is_read_twice(trees: Trees) -> None:
    sizes = Sizes()
    assert trees.below(sizes) == {"a.c": 1, "b.c": 2, "d/c.c": 3, "o\udcffdd.c": 3}
    assert len(sizes.taken()) == 5
    trees.below(sizes)
    # A name that is no text cannot be kept; its directory is read again.
    assert sizes.taken() == ["a.c", "b.c", "o\udcffdd.c"]


def test_only_what_changed_is_read(trees: Trees) -> None:
    (trees.root / "o\udcffdd.c").unlink()
    sizes = Sizes()
    trees.below(sizes)
    sizes.taken()
    (trees.root / "a.c").write_text("aaaa")
    (trees.root / "n.c").write_text("n")
    (trees.root / "b.c").rename(trees.root / "d/e.c")
    assert trees.below(sizes)["a.c"] == 4
    assert sizes.taken() == ["a.c", "e.c", "n.c"]
    trees.below(sizes)
    assert sizes.taken() == []


def test_without_an_earlier_snapshot_a_directory_is_read_whole(trees: Trees) -> None:
    sizes = Sizes()
    trees.below(sizes)
    sizes.taken()
    (trees.root / "d/c.c").write_text("c")
    trees.before = None
    trees.below(sizes)
    assert {"c.c", "none.c"} <= set(sizes.taken())


def test_another_reading_and_other_code(trees: Trees) -> None:
    trees.below(Sizes())
    for sizes, version in ((Sizes("other"), "1"), (Sizes(), "2")):
        trees.below(sizes, version)
        assert "c.c" in sizes.taken()


def test_one_file_at_a_time(trees: Trees) -> None:
    sizes = Sizes()
    for expected in ([], ["a.c", "c.c", "link.c", "none.c"], ["link.c"]):
        assert sizes.taken() == expected
        texts = trees.texts()
        found = [texts.of(str(trees.root / n), sizes.reading) for n in ("a.c", "d/c.c", "d/none.c", "link.c")]
        assert found == [1, 3, 0, 1]
        texts.finish()
    (trees.root / "d/c.c").write_text("cccc")
    sizes.taken()
    texts = trees.texts()
    assert [texts.of(str(trees.root / n), sizes.reading) for n in ("d/c.c", "d/none.c")] == [4, 0]
    assert sizes.taken() == ["c.c"]
    with pytest.raises(OSError):
        texts.of(str(trees.root / "gone.c"), sizes.reading)


def test_what_cannot_be_read_is_tried_again(trees: Trees) -> None:
    def never(path: str) -> int:
        raise PermissionError(13, "Permission denied")

    texts = trees.texts()
    values, unread = texts.below(str(trees.root), frozenset(), Reading("sizes", never, 0, int))
    texts.finish()
    assert values == [] and {f.why for f in unread} == {"Permission denied"}
    assert trees.below(Sizes())["a.c"] == 1


@pytest.mark.parametrize("damage", ["x''", "x'00'", "'text'", "substr(found, 2)", "digest"])
def test_damaged_rows_are_read_again(trees: Trees, damage: str) -> None:
    trees.below(Sizes())
    execute(trees.path, f"UPDATE text SET found = {damage}")
    sizes = Sizes()
    assert trees.below(sizes)["d/c.c"] == 3
    assert "c.c" in sizes.taken()


def test_readings_that_nobody_asks_for_go(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.facts.texts._KEPT", 2)
    for name in ("one", "two", "three"):
        trees.below(Sizes(name))
    database = Database(trees.path)
    assert len(database.rows("SELECT DISTINCT reading FROM text")) == 2
    again = Sizes("three")
    trees.below(again)
    assert "c.c" not in again.taken()
