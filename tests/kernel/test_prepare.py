# SPDX-License-Identifier: GPL-2.0-only
from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from auditor.cli.prepare import prepare_command
from auditor.errors import InputError, UsageError
from auditor.kernel.discover import SAVED, discover
from auditor.kernel.prepare import prepare
from auditor.kernel.tree import Tree

# The targets that prepare uses, as a kernel's Makefile has them: a dry run prints, and ends with an error.
RULES = """
ifeq ($(VERSION),6)
x86_64_defconfig olddefconfig:
	@test -f $(O)/.config || echo CONFIG_X86_64=y > $(O)/.config
	@echo '# $@ $(ARCH)' >> $(O)/.config
	@ln -sfn $(CURDIR) $(O)/source
prepare:
	@touch $(O)/prepared
vmlinux: vmlinux.a
kernel/fork.o:
	set -e; echo '  CC  $@'; gcc -D__KERNEL__ -DN='"a b"' -c -o $@ $(CURDIR)/kernel/fork.c ; fixdep 'gcc -c -o $@ x.c'
modules: kernel/fork.o
endif
"""


@pytest.fixture
def made(tree: Tree) -> Tree:
    with (tree.root / "Makefile").open("a") as f:
        f.write(RULES)
    return tree


def test_prepare_records_what_discover_finds(made: Tree, tmp_path: Path) -> None:
    said: list[str] = []
    build = tmp_path / "new/build"
    found = prepare(made, build, "x86_64_defconfig", jobs=2, say=said.append)
    make = f"make -C {made.root} O={build} ARCH=x86_64"
    assert said == [
        f"{make} -j2 x86_64_defconfig",
        f"{make} -j2 prepare",
        f"{make} -n -k vmlinux modules",
        f"1 compile commands saved in {build}/{SAVED}",
    ]
    assert (build / "prepared").exists()
    commands = discover(made, found)
    assert [u.source for u in commands.units] == ["kernel/fork.c"]
    assert '-DN="a b"' in commands.units[0].arguments


def test_objects_that_are_up_to_date_come_from_cmd_files(made: Tree, tmp_path: Path) -> None:
    build = tmp_path / "build"
    (build / "mm").mkdir(parents=True)
    for obj, flag in (("mm/slab.o", "-DOLD"), ("kernel/fork.o", "-DOLD")):
        text = f"cmd_{obj} := gcc -D__KERNEL__ {flag} -c -o {obj} {made.root}/kernel/fork.c\n"
        (build / obj).parent.mkdir(exist_ok=True)
        (build / obj).with_name(f".{Path(obj).name}.cmd").write_text(text)
    commands = discover(made, prepare(made, build, "x86_64_defconfig", say=lambda _: None))
    assert {u.object: "-DOLD" in u.arguments for u in commands.units} == {"mm/slab.o": True, "kernel/fork.o": False}


def test_configuration_file_is_copied_and_completed(made: Tree, tmp_path: Path) -> None:
    mine = tmp_path / "my config"
    mine.write_text("CONFIG_X86_64=y\nCONFIG_MINE=y\n")
    said: list[str] = []
    found = prepare(made, tmp_path / "build", str(mine), say=said.append)
    assert said[0] == f"cp '{mine}' {tmp_path}/build/.config"
    assert found.config_path.read_text() == "CONFIG_X86_64=y\nCONFIG_MINE=y\n# olddefconfig x86_64\n"


@pytest.mark.parametrize(
    "config", ["nothing", "-fconfig", "x; touch y config", "$(shell touch pwned)config", "a=b_defconfig", "all"]
)
def test_configuration_that_is_none(made: Tree, tmp_path: Path, config: str) -> None:
    with pytest.raises(UsageError, match="no such file, and not the name of a configuration"):
        prepare(made, tmp_path / "build", config, say=lambda _: None)


def test_source_tree_is_not_written_unless_asked(made: Tree) -> None:
    with pytest.raises(UsageError, match="is the source tree"):
        prepare(made, made.root, "x86_64_defconfig", say=lambda _: None)
    assert not (made.root / ".config").exists()


def test_configured_source_tree_is_reported_with_makes_advice(made: Tree, tmp_path: Path) -> None:
    (made.root / ".config").write_text("CONFIG_X86_64=y\n")
    with pytest.raises(InputError, match=r"configured in place.*mrproper"):
        prepare(made, tmp_path / "build", "x86_64_defconfig", say=lambda _: None)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("/bin/sh: 1: flex: not found", "install flex"),
        ("/bin/sh: 1: bison: not found", "install bison"),
        ("/bin/sh: line 1: bc: command not found", "install bc"),
        ("fatal error: gelf.h: No such file or directory", "install libelf-dev"),
        ("fatal error: openssl/bio.h: No such file or directory", "install libssl-dev"),
        ("*** The source tree is not clean, please run make mrproper", "make mrproper in the source tree"),
        ("*** some other error", ""),
    ],
)
def test_makes_error_is_shown_with_what_to_install(made: Tree, tmp_path: Path, message: str, hint: str) -> None:
    with (made.root / "Makefile").open("a") as f:
        f.write(f"fail_defconfig:\n\t@echo '{message}' >&2; exit 3\n")
    said: list[str] = []
    with pytest.raises(InputError, match=r"make .* fail_defconfig: ended with 2") as caught:
        prepare(made, tmp_path / "build", "fail_defconfig", say=said.append)
    assert f"    {message}" in said
    assert "\n" not in str(caught.value)
    assert caught.value.hint.startswith(hint)
    assert bool(caught.value.hint) == bool(hint)


def test_makes_error_cannot_drive_the_terminal(made: Tree, tmp_path: Path) -> None:
    with (made.root / "Makefile").open("a") as f:
        f.write("fail_defconfig:\n\t@printf '\\033[2Jx\\n' >&2; exit 3\n")
    said: list[str] = []
    with pytest.raises(InputError, match="ended with 2"):
        prepare(made, tmp_path / "build", "fail_defconfig", say=said.append)
    assert "    \\x1b[2Jx" in said


def test_dry_run_without_commands_is_an_error_and_leaves_no_file(made: Tree, tmp_path: Path) -> None:
    text = (made.root / "Makefile").read_text().replace("modules: kernel/fork.o", "modules:")
    (made.root / "Makefile").write_text(text)
    with pytest.raises(InputError, match="printed no compile command"):
        prepare(made, tmp_path / "build", "x86_64_defconfig", say=lambda _: None)
    assert not (tmp_path / "build" / SAVED).exists()


def test_missing_make(made: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"cannot be started.*install make"):
        prepare(made, tmp_path / "build", "x86_64_defconfig", say=lambda _: None)


def test_jobs(made: Tree, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        prepare(made, tmp_path / "build", "x86_64_defconfig", jobs=0)


# As Kbuild has it: a header is made for the object that includes it. The shell ends before it would compile.
GENERATED = """
OBJECTS = security/avc.o lib/crc32.o lib/plain.o
modules: $(OBJECTS)
security/avc.o: $(O)/security/flask.h
lib/crc32.o: $(O)/lib/crc32table.h
$(O)/security/flask.h $(O)/lib/crc32table.h:
	@mkdir -p $(@D); touch $@
$(OBJECTS):
	echo $@ >> $(O)/asked; exit 0; gcc -D__KERNEL__ $(DIRS) -c -o $@ $(CURDIR)/$(@:.o=.c)
DIRS = -I$(CURDIR)/security/include -I$(CURDIR)/include -I$(O)/security -I$(O)/lib
"""
SOURCES = {
    "security/avc.c": '#include <linux/sched.h>\n#include "avc.h"\n',
    "security/include/avc.h": '#ifndef AVC_H\n#define AVC_H\n#include "flask.h"\n#endif\n',
    "lib/crc32.c": "#include <crc32table.h>\n",
    "lib/plain.c": '#include "plain.h"\n#ifdef CONFIG_NO\n#include "never.h"\n#endif\n',
    "lib/plain.h": '#include "avc/../plain.h"\n#if CONFIG_NO\n#include <never.h>\n#endif\n',
    "lib/avc/any.h": "\n",
    "include/linux/sched.h": "#include <linux/not-looked-at.h>\n",
}


@pytest.fixture
def generating(made: Tree) -> Tree:
    """Some of its objects need headers that are made for them."""
    for name, text in SOURCES.items():
        (made.root / name).parent.mkdir(parents=True, exist_ok=True)
        (made.root / name).write_text(text)
    with (made.root / "Makefile").open("a") as f:
        f.write(GENERATED)
    return made


def test_what_units_lack_is_asked_for(generating: Tree, tmp_path: Path) -> None:
    said: list[str] = []
    build = tmp_path / "build"
    prepare(generating, build, "x86_64_defconfig", jobs=2, say=said.append)
    make = f"make -C {generating.root} O={build} ARCH=x86_64"
    assert said[2:] == [
        f"{make} -n -k vmlinux modules",
        f"4 compile commands saved in {build}/{SAVED}",
        f"{make} -j2 -k lib/crc32.o security/avc.o",
    ]
    assert sorted((build / "asked").read_text().split()) == ["lib/crc32.o", "security/avc.o"]
    assert (build / "security/flask.h").exists() and (build / "lib/crc32table.h").exists()


def test_what_is_there_is_not_asked_for(generating: Tree, tmp_path: Path) -> None:
    said: list[str] = []
    build = tmp_path / "build"
    for name in ("security/flask.h", "lib/crc32table.h"):
        (build / name).parent.mkdir(parents=True)
        (build / name).write_text("\n")
    prepare(generating, build, "x86_64_defconfig", say=said.append)
    assert said[-1] == f"4 compile commands saved in {build}/{SAVED}"
    assert not (build / "asked").exists()


def test_an_object_that_fails_after_its_header_is_made(generating: Tree, tmp_path: Path) -> None:
    text = (generating.root / "Makefile").read_text().replace("exit 0;", "exit 1;")
    (generating.root / "Makefile").write_text(text)
    said: list[str] = []
    prepare(generating, tmp_path / "build", "x86_64_defconfig", say=said.append)
    assert (tmp_path / "build/security/flask.h").exists()
    assert said[-1].endswith(" -k lib/crc32.o security/avc.o")


def test_what_nobody_generates_is_told(generating: Tree, tmp_path: Path) -> None:
    (generating.root / "lib/plain.h").write_text('#include "gone\x1b.h"\n')
    said: list[str] = []
    build = tmp_path / "build"
    with (generating.root / "Makefile").open("a") as f:
        f.write("lib/plain.o: refused\nrefused:\n\t@echo 'no\x1b header' >&2; exit 3\n")
    found = prepare(generating, build, "x86_64_defconfig", say=said.append)
    assert found.directory == build
    assert said[4].endswith(" -k lib/crc32.o lib/plain.o security/avc.o")
    assert "    no\\x1b header" in said
    assert said[-1] == f"lib/plain.o: {generating.root}/lib/plain.h includes gone\\x1b.h, which make did not generate"
    # One that fails costs no other.
    assert (build / "security/flask.h").exists() and (build / "lib/crc32table.h").exists()


@pytest.mark.parametrize("name", ["-j.o", "A=b.o", "../out.o", "/tmp/out.o"])
def test_what_is_no_name_of_an_object_is_not_handed_to_make(generating: Tree, tmp_path: Path, name: str) -> None:
    with (generating.root / "Makefile").open("a") as f:
        f.write(f"modules: odd\nodd:\n\texit 0; gcc -D__KERNEL__ -c -o {name} $(CURDIR)/lib/crc32.c\n")
    said: list[str] = []
    found = prepare(generating, tmp_path / "build", "x86_64_defconfig", say=said.append)
    assert len(discover(generating, found).units) == 5
    assert said[-1].endswith(" -k lib/crc32.o security/avc.o")


def test_files_of_others_are_not_opened_for_a_tree(generating: Tree, tmp_path: Path) -> None:
    (tmp_path / "outside.h").write_text("#include <gone.h>\n")
    (generating.root / "lib/plain.h").write_text(f'#include "{tmp_path}/outside.h"\n')
    said: list[str] = []
    prepare(generating, tmp_path / "build", "x86_64_defconfig", say=said.append)
    assert said[-1].endswith(" -k lib/crc32.o security/avc.o")


def test_interrupt_kills_the_child(made: Tree, tmp_path: Path) -> None:
    with (made.root / "Makefile").open("a") as f:
        f.write("slow_defconfig:\n\techo $$$$ > $(O)/pid; exec sleep 600\n")
    build = tmp_path / "build"
    program = (
        "import sys; from pathlib import Path\n"
        "from auditor.kernel.prepare import prepare\n"
        "from auditor.kernel.tree import open_tree\n"
        "prepare(open_tree(Path(sys.argv[1])), Path(sys.argv[2]), 'slow_defconfig')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(made.root), str(build)], stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 20
        while not ((build / "pid").exists() and (build / "pid").read_text().strip()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        sleeper = int((build / "pid").read_text())
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=20)
    assert b"KeyboardInterrupt" in stderr
    assert not os.path.exists(f"/proc/{sleeper}") or "(zombie)" in Path(f"/proc/{sleeper}/status").read_text()


def test_command(made: Tree, tmp_path: Path) -> None:
    arguments = [str(made.root), "--build", str(tmp_path / "b"), "--config", "x86_64_defconfig"]
    result = CliRunner().invoke(prepare_command, arguments)
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}/b\n"
    assert "make -C" in result.stderr
    result = CliRunner().invoke(prepare_command, [*arguments, "--arch", "vax"])
    assert isinstance(result.exception, UsageError)
