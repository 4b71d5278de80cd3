# SPDX-License-Identifier: GPL-2.0-only
"""Small repositories made with the real git, and what the program says of their changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from tests.outcome import Outcome, outcome

MEMBERS = [
    "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_ax", "ip",
    "cs", "flags", "sp", "ss",
]  # fmt: skip
HEADER = "arch/x86/include/asm/ptrace.h"
IDENTITY = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
}  # fmt: skip
SAFE = "#include <asm/ptrace.h>\nunsigned long f(struct pt_regs *regs)\n{\n\treturn regs->ip;\n}\n"
UNSAFE = SAFE.replace("regs->ip", "*(unsigned long *)((char *)regs + 128)")


def header(members: list[str] = MEMBERS, more: str = "") -> str:
    fields = "".join(f"\tunsigned long {m};\n" for m in members)
    return f"#ifndef _P\n#define _P\n#include <linux/types.h>\nstruct pt_regs {{\n{fields}{more}}};\n#endif\n"


class Repo:
    def __init__(self, path: Path, empty: bool = False) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")
        if not empty:
            self.write(HEADER, header())
            self.write("kernel/a.c", SAFE)
            self.commit("first")

    def git(self, *arguments: str | bytes, **options: Any) -> str:
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | IDENTITY
        done = subprocess.run(
            ["git", *arguments], cwd=self.path, env=env | options.pop("env", {}), capture_output=True, text=True,
            check=options.pop("check", True), **options
        )  # fmt: skip
        return str(done.stdout)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD").strip()

    def diff(self, *arguments: object) -> Outcome:
        return ask("diff", *arguments, "--tree", self.path)

    def hook(self, *files: str, options: tuple[str, ...] = ()) -> Outcome:
        return ask("hook", "--tree", self.path, *options, "--", *files, cwd=self.path, report=False)


def ask(*arguments: object, cwd: Path | None = None, report: bool = True) -> Outcome:
    """The program in this process, with the report in JSON."""
    target = Path(os.environ["XDG_CACHE_HOME"], "report.json")
    return outcome([*arguments, *(("-o", f"json={target}", "-o", "text=-") if report else ())], target, cwd)
