# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import json
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import InputError
from auditor.kernel.compdb import read_compdb, write_compdb
from auditor.kernel.recorded import Recorded
from auditor.model import Failure

ENTRY = {"directory": "/b", "file": "a.c", "arguments": ["gcc", "-DA=1", "-c", "-o", "a.o", "a.c"]}


def test_arguments_and_command_mean_the_same(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    text = "gcc -DA='\"x y\"' -c -o a.o a.c ; rm b"
    path.write_text(json.dumps([ENTRY, {"directory": "/b", "file": "a.c", "command": text}]))
    first, second = read_compdb(path)
    assert first == Recorded("/b", "gcc", ("-DA=1", "-c", "-o", "a.o", "a.c"), "a.c", "a.o")
    assert isinstance(second, Recorded)
    assert second.arguments[0] == '-DA="x y"'
    assert second.arguments[-1] == "a.c"


def test_relative_directory_is_relative_to_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([ENTRY | {"directory": "out"}]))
    (command,) = read_compdb(path)
    assert isinstance(command, Recorded)
    assert command.directory == str(tmp_path / "out")


@pytest.mark.parametrize("words", [["-c", "dir/a.c"], ["dir/a.c"], ["-o", "program", "dir/a.c"]])
def test_entry_made_by_hand_is_a_unit_under_its_own_name(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([ENTRY | {"arguments": ["gcc", *words]}]))
    (command,) = read_compdb(path)
    assert isinstance(command, Recorded)
    assert command.object == "dir/a.o"


@pytest.mark.parametrize("words", [["rustc", "a.c"], ["gcc", "-E", "a.c"], ["gcc", "-c", "-include", "a.c"], ["gcc"]])
def test_entry_for_c_that_compiles_nothing_is_a_failure(tmp_path: Path, words: list[str]) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([ENTRY | {"arguments": words}, ENTRY | {"file": "a.rs", "arguments": words}]))
    why = "c.json: entry 1: its command does not run a C compiler on a C file"
    assert list(read_compdb(path)) == [Failure("a.c", why)]


def test_written_commands_read_back(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    commands = [
        Recorded("/b", "gcc", ("-DA='\"", "-c", "-o", f"{n}.o", f"{n}.c"), f"{n}.c", f"{n}.o") for n in range(3)
    ]
    assert write_compdb(path, commands) == 3
    assert list(read_compdb(path)) == commands
    assert os.listdir(tmp_path) == ["c.json"]


def test_interrupted_writing_leaves_no_file(tmp_path: Path) -> None:
    def commands() -> Any:
        yield Recorded("/b", "gcc", ("-c", "a.c"), "a.c", "a.o")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_compdb(tmp_path / "c.json", commands())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"   ", "not a JSON list"),
        (b"{}", "not a JSON list"),
        (b"[", "ends at character"),
        (b'[{"file": "a.c"', "not JSON"),
        (b"[1 2]", "expected ',' or ']'"),
        (b"[1,]", "not JSON: Expecting value at character 4"),
        (b"\xff\xfe[", "not UTF-8"),
        (b"\0" * 100, "not a JSON list"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_broken_file_is_one_error(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"c\.json") as caught:
        list(read_compdb(path))
    assert problem in caught.value.problem


def test_missing_directory_and_fifo_are_errors_and_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, problem in (("none", "no such file"), (".", "not a regular"), ("fifo", "not a regular")):
        with pytest.raises(InputError, match=problem):
            list(read_compdb(tmp_path / name))


@pytest.mark.parametrize(
    "bad",
    [
        1, None, [], {}, {"file": 3}, {"file": "x.c"}, {"file": "x.c", "arguments": "gcc -c x.c"},
        {"file": "x.c", "arguments": ["gcc", 1]}, {"file": "x.c", "command": ["gcc"]},
        {"file": "x.c", "command": "gcc 'x"}, {"file": "x.c", "directory": 7, "command": "gcc -c x.c"},
        {"file": "x.c", "arguments": ["gcc", "-c", "a\0b.c"]}, {"file": "x.c", "arguments": ["gcc", "-c", "\udc80.c"]},
        {"file": "\udc80.c", "arguments": []},
    ],
)  # fmt: skip
def test_damaged_entry_is_a_failure_that_names_it(tmp_path: Path, bad: object) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([ENTRY, bad, ENTRY]))
    first, failure, last = read_compdb(path)
    assert isinstance(first, Recorded)
    assert first == last
    assert isinstance(failure, Failure)
    assert "c.json: entry 2" in f"{failure.file} {failure.why}"
    str(failure).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["file", "directory", "command", "arguments", "output"]), inner, max_size=5
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.lists(JSON, max_size=6))
def test_any_entries_leave_their_neighbours(entries: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "c.json")
        path.write_text(json.dumps([ENTRY, *entries, ENTRY]))
        found = list(read_compdb(path))
    assert found[0] == found[-1]
    assert isinstance(found[0], Recorded)


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:\\ 1a\n', max_size=80).map(str.encode))
@settings(max_examples=200)
def test_any_bytes_are_commands_or_one_input_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "c.json")
        path.write_bytes(content)
        try:
            found = list(read_compdb(path))
        except InputError as e:
            assert e.path == str(path)
        else:
            assert all(isinstance(item, Recorded | Failure) for item in found)


def _peak_growth(act: Callable[[], object]) -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    act()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10


def test_200_mb_are_read_as_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    entry = json.dumps(ENTRY | {"file": "a.c" + "x" * 40_000})
    with path.open("w") as f:
        f.write("[" + entry)
        for _ in range(50):
            f.write(("," + entry) * 100)
        f.write("]")
    assert path.stat().st_size > 200_000_000
    assert _peak_growth(lambda: sum(1 for _ in read_compdb(path))) < 64
    assert sum(isinstance(item, Recorded) for item in read_compdb(path)) == 5001


def test_200_mb_of_one_entry_are_refused_without_reading_them_all(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with path.open("wb") as f:
        f.write(b'[{"file": "')
        f.truncate(200 << 20)

    def refused() -> None:
        with pytest.raises(InputError, match="not JSON"):
            list(read_compdb(path))

    assert _peak_growth(refused) < 100
    with path.open("wb") as f:
        f.truncate(3 << 30)
    with pytest.raises(InputError, match="larger than 2 GiB"):
        list(read_compdb(path))
