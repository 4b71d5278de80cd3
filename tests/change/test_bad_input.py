# SPDX-License-Identifier: GPL-2.0-only
"""What a repository can hold and be: never a traceback, never a false success."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from auditor.change import git
from auditor.change.changed import LARGEST
from tests.change.repository import SAFE, UNSAFE, Repo, ask

FOUND = ("kernel/b.c", "raw-offset/constant")


def test_a_shallow_clone_without_the_base(repo: Repo, tmp_path: Path) -> None:
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    old = repo.git("rev-parse", "HEAD~1").strip()
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", str(tmp_path / "clone"))
    clone = tmp_path / "clone"
    for asked in (f"{old}..HEAD", f"{old}...HEAD", "HEAD"):
        # The last: its parent is hidden, and all of the tree would look new.
        found = ask("diff", asked, "--tree", clone)
        assert found.code == 2, asked
        found.complains("shallow", f"git fetch --depth=1 origin {old}", "--unshallow")
    ask("diff", "v1..HEAD", "--tree", clone).complains("v1", "shallow", "git fetch")


def test_versions_that_do_not_exist(repo: Repo) -> None:
    for asked in ("nosuch..HEAD", "HEAD..nosuch", "nosuch", "HEAD~9", "--output=/tmp/x..HEAD"):
        found = ask("diff", "--tree", repo.path, "--", asked, report=False)
        assert found.code == 2, asked
        found.complains("no such commit")
    assert repo.diff("a..b..c").code == 2
    assert repo.diff("HEAD\n..HEAD").code == 2
    assert repo.diff().code == 2
    assert repo.diff("HEAD", "--staged").code == 2


def test_not_a_repository(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    found = ask("diff", "--staged", "--tree", tmp_path / "plain")
    assert found.code == 2
    found.complains("not a git repository")


def test_without_git(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = repo.diff("--staged")
    assert found.code == 2
    found.complains("git is not installed")


def test_the_first_commit(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "fresh", empty=True)
    repo.write("kernel/b.c", UNSAFE)
    repo.git("add", "-A")
    assert repo.hook("kernel/b.c").code == 1
    found = repo.diff("--staged")
    assert (found.code, found.new) == (1, {FOUND})
    # There is no header: it is said whose layout that is.
    assert "shipped minikernel" in found.err
    repo.commit()
    assert repo.diff("HEAD").new == {FOUND}


def test_a_merge_is_compared_with_its_first_parent(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("kernel/c.c", SAFE)
    repo.commit()
    repo.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    found = repo.diff("HEAD")
    assert found.new == {FOUND}
    assert "is a merge" in found.err
    # main..side would call the loss of c.c a part of the change; main...side does not look at it.
    assert repo.diff("HEAD^1...side").new == {FOUND}


def test_nothing_changed(repo: Repo) -> None:
    for asked in ("HEAD..HEAD", "--staged", "HEAD...HEAD"):
        found = repo.diff(asked)
        assert (found.code, found.report["sites"]) == (0, [])
    assert (repo.hook("kernel/a.c").code, repo.hook().code) == (0, 0)


def test_the_staged_content_counts(repo: Repo) -> None:
    repo.write("kernel/b.c", UNSAFE)
    repo.git("add", "-A")
    repo.write("kernel/b.c", SAFE)
    assert repo.hook("kernel/b.c").code == 1
    repo.git("add", "-A")
    repo.write("kernel/b.c", UNSAFE)
    assert repo.hook("kernel/b.c").code == 0


def test_only_the_files_that_are_named(repo: Repo) -> None:
    repo.write("kernel/b.c", UNSAFE)
    repo.git("add", "-A")
    assert repo.hook("kernel/a.c").code == 0
    # As a shell in a directory below names it.
    assert ask("hook", "b.c", cwd=repo.path / "kernel", report=False).code == 1


def test_a_conflict_in_the_index(repo: Repo) -> None:
    repo.git("checkout", "-q", "-b", "side")
    repo.write("kernel/a.c", UNSAFE)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.write("kernel/a.c", SAFE.replace("ip", "sp"))
    repo.commit()
    repo.git("merge", "-q", "side", check=False)
    found = repo.hook("kernel/a.c")
    assert found.code == 2
    found.complains("kernel/a.c", "not merged")


def test_what_holds_no_source(repo: Repo) -> None:
    """Deleted, of another mode, a link, a submodule, binary, not C: nothing to report, nothing to fail at."""
    repo.write("kernel/gone.c", UNSAFE)
    repo.write("kernel/mode.c", UNSAFE)
    repo.commit()
    (repo.path / "kernel/gone.c").unlink()
    (repo.path / "kernel/mode.c").chmod(0o755)
    (repo.path / "kernel/link.c").symlink_to("mode.c")
    repo.write("kernel/binary.h", b"struct pt_regs\0" * 9)
    repo.write("notes.txt", UNSAFE)
    sub = Repo(repo.path / "sub")
    repo.git("-c", "protocol.file.allow=always", "submodule", "add", "-q", str(sub.path), "sub", check=False)
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, found.new) == (0, set())
    assert [u["why"] for u in found.report["runs"][0]["coverage"]["uncovered"]] == ["binary"]


def test_a_link_that_becomes_a_file(repo: Repo) -> None:
    (repo.path / "kernel/b.c").symlink_to("a.c")
    repo.commit()
    (repo.path / "kernel/b.c").unlink()
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    assert repo.diff("HEAD~1..HEAD").new == {FOUND}


@pytest.mark.parametrize(
    "name",
    ["new\nline.c", 'quo"te.c', "it's.c", "-leading.c", "tab\t.c", "ünï.c", b"latin-\xe9.c", "a b.c", ":(top)x.c"],
)
def test_odd_names(repo: Repo, name: str | bytes) -> None:
    path = os.fsdecode(name)
    (repo.path / path).write_text(UNSAFE)
    repo.git("add", "-A")
    assert repo.hook(path).code == 1
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert (found.code, len(found.report["sites"])) == (1, 1)
    assert "\t.c" not in found.out and "new\nline" not in found.out


def test_a_huge_file_is_never_passed_over(repo: Repo) -> None:
    repo.write("kernel/huge.h", b"\n" * (LARGEST + 1))
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert found.code == 3
    assert "larger than 64 MiB" in found.report["runs"][0]["coverage"]["units_failed"][0]["why"]


def test_a_large_file_without_a_word_of_it_is_no_matter(repo: Repo) -> None:
    repo.write("drivers/registers.h", b"#define X 1\n" * 300_000)
    repo.write("drivers/named.h", b"#define X 1\n" * 300_000 + b"struct pt_regs;\n")
    repo.commit()
    found = repo.diff("HEAD~1..HEAD")
    assert found.code == 3
    assert [f["file"] for f in found.report["runs"][0]["coverage"]["units_failed"]] == ["drivers/named.h"]


def test_nothing_of_the_repository_is_run_or_written(repo: Repo, tmp_path: Path) -> None:
    """Hooks, filters, text conversion, external diff, a file system monitor: each would leave a file behind."""
    mark = tmp_path / "ran"
    script = repo.write("evil.sh", f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    repo.write(".gitattributes", "*.c filter=evil diff=evil\n")
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    for key in ("filter.evil.clean", "filter.evil.smudge", "diff.evil.textconv", "diff.evil.command", "diff.external",
                "core.fsmonitor", "core.pager", "core.sshCommand"):  # fmt: skip
        repo.git("config", key, str(script))
    hook = repo.path / ".git/hooks/post-index-change"
    hook.write_text(script.read_text())
    hook.chmod(0o755)
    repo.write("kernel/c.c", UNSAFE)
    (repo.path / ".git/index").touch()
    before = {p: p.stat().st_mtime_ns for p in (repo.path / ".git").rglob("*")}
    assert repo.diff("HEAD~1..HEAD").code == 1
    assert repo.diff("--staged").code == 0
    assert not mark.exists()
    assert {p: p.stat().st_mtime_ns for p in (repo.path / ".git").rglob("*")} == before


def test_the_environment_of_a_hook(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """`git commit -a` has an index of its own, which is the one that counts; all else of GIT_* is not taken over."""
    other = repo.path / ".git/other-index"
    repo.write("kernel/b.c", UNSAFE)
    repo.git("add", "-A", env={"GIT_INDEX_FILE": str(other)})
    assert repo.hook("kernel/b.c").code == 0
    monkeypatch.setenv("GIT_INDEX_FILE", str(other))
    assert repo.hook("kernel/b.c").code == 1
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "/nonexistent")
    assert repo.hook("kernel/b.c").code == 1
    kept = git.environment({"GIT_DIR": "x", "GIT_INDEX_FILE": "i", "PATH": "p", "GIT_CONFIG_COUNT": "1"}, "/")
    assert kept["GIT_INDEX_FILE"] == os.path.abspath("i")
    assert not {"GIT_DIR", "GIT_CONFIG_COUNT"} & set(kept)


def test_a_tree_that_is_a_part_of_its_repository(tmp_path: Path) -> None:
    whole = Repo(tmp_path / "whole", empty=True)
    Repo(tmp_path / "part")
    os.rename(tmp_path / "part", whole.path / "linux")
    whole.git("rm", "-rq", "--cached", "--ignore-unmatch", "linux")
    shutil.rmtree(whole.path / "linux/.git")
    whole.commit()
    whole.write("linux/kernel/b.c", UNSAFE)
    whole.write("elsewhere.c", UNSAFE)
    whole.commit()
    found = ask("diff", "HEAD~1..HEAD", "--tree", whole.path / "linux")
    # Paths count from the tree, and what lies outside of it is not of it.
    assert found.new == {FOUND}


def test_from_and_to_of_pre_commit(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI nothing is staged: what is compared are the versions that pre-commit names."""
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    assert repo.hook("kernel/b.c").code == 0
    monkeypatch.setenv("PRE_COMMIT_FROM_REF", "HEAD~1")
    assert repo.hook("kernel/b.c").code == 2
    monkeypatch.setenv("PRE_COMMIT_TO_REF", "HEAD")
    assert repo.hook("kernel/b.c").code == 1


def test_a_missing_object(repo: Repo) -> None:
    repo.write("kernel/b.c", UNSAFE)
    repo.commit()
    name = repo.git("rev-parse", "HEAD:kernel/b.c").strip()
    (repo.path / f".git/objects/{name[:2]}/{name[2:]}").unlink()
    found = repo.diff("HEAD~1..HEAD")
    assert found.code == 2
    found.complains("missing")
