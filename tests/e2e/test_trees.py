# SPDX-License-Identifier: GPL-2.0-only
"""Trees, builds and images that cannot be audited, or not as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.helpers import audit, spawn
from tests.outcome import Outcome


def image(tree: Path, text: str, *flags: str) -> Path:
    """An object in place of the image."""
    path = tree / "vmlinux"
    subprocess.run(["gcc", "-c", "-x", "c", "-", "-o", path, *flags], input=text, text=True, check=True)
    return path


def test_not_a_kernel_tree(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = audit(tmp_path / "empty")
    assert found.code == 2
    found.complains(f"{tmp_path}/empty: not a kernel tree: no Makefile", "expected Makefile, Kconfig, arch/")


def test_no_configuration(tree: Path) -> None:
    (tree / ".config").unlink()
    found = audit(tree)
    assert found.code == 2
    found.complains(f"{tree}: no configuration (.config)", "ptregs-audit prepare TREE --build DIR")


def test_a_build_of_another_tree(tree: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    (build / ".config").write_text("CONFIG_X86_64=y\n")
    (build / "source").symlink_to("/usr")
    found = audit(tree, "--build", build)
    assert found.code == 2
    found.complains(f"{build}: a build of another tree, /usr", f"expected a build of {tree}")


def test_a_build_for_another_architecture(tree: Path) -> None:
    (tree / ".config").write_text("CONFIG_ARM64=y\n")
    found = audit(tree)
    assert found.code == 2
    found.complains(f"{tree}/.config: CONFIG_X86_64 is not set: not a build for x86_64")


def test_a_configuration_that_may_not_be_read(tree: Path) -> None:
    (tree / ".config").chmod(0)
    process = spawn("audit", tree)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    Outcome(2, out, err, {}).complains(f"{tree}/.config: Permission denied")


def test_an_image_that_differs(tree: Path) -> None:
    path = image(tree, "struct pt_regs { long ip; } x;", "-g")
    found = audit(tree)
    assert found.code == 2
    found.complains(f"{path}: struct pt_regs differs from what libclang sees: member ip", "rebuild it")


def test_an_image_that_agrees(tree: Path) -> None:
    members = "r15,r14,r13,r12,bp,bx,r11,r10,r9,r8,ax,cx,dx,si,di,orig_ax,ip,cs,flags,sp,ss"
    image(tree, f"struct pt_regs {{ unsigned long {members}; }} x;", "-g")
    assert audit(tree).code == 1


def test_a_truncated_image_hides_no_site(tree: Path, sound: Outcome) -> None:
    path = image(tree, "struct pt_regs { long ip; } x;", "-g")
    path.write_bytes(path.read_bytes()[:200])
    found = audit(tree)
    assert (found.code, found.err) == (3, "")
    assert found.failed["vmlinux"].startswith("layout not compared with the image: ELF file is damaged")
    assert found.sites() == sound.sites()


def test_an_image_without_debug_information_has_nothing_to_say(tree: Path) -> None:
    image(tree, "int x;")
    found = audit(tree)
    assert (found.code, found.err, found.failed) == (1, "", {})


def test_the_struct_does_not_parse(tree: Path) -> None:
    (tree / "arch/x86/include/asm/ptrace.h").write_text("struct pt_regs {\n")
    found = audit(tree)
    assert found.code == 2
    found.complains(str(tree), "struct pt_regs", "arch/x86/include/asm/")


def test_symbolic_links_in_circles(tree: Path, sound: Outcome) -> None:
    (tree / "kernel/all").symlink_to("..")
    (tree / "kernel/self.c").symlink_to("self.c")
    found = audit(tree)
    assert (found.code, found.err) == (1, "")
    assert found.sites() == sound.sites()
    assert found.coverage == sound.coverage
