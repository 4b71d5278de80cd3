# SPDX-License-Identifier: GPL-2.0-only
"""The build axes, and make as a function."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BuildError(Exception):
    """make failed; the message is its output. Callers count it as a failed test."""


@dataclasses.dataclass(frozen=True)
class Config:
    """One kernel."""

    layout: str
    ext: int = 8
    compiler: str = "gcc"
    debug: bool = True

    @property
    def column(self) -> str:
        """Its name in expected.toml."""
        return self.layout if self.layout == "baseline" else f"{self.layout}-{self.ext}"

    @property
    def directory(self) -> Path:
        release = "" if self.debug else "-release"
        return ROOT / "build" / f"{self.compiler}-{self.layout}-{self.ext}{release}"

    @property
    def image(self) -> Path:
        return self.directory / "kernel.elf"

    @property
    def args(self) -> list[str]:
        return [
            f"LAYOUT={self.layout}",
            f"EXT={self.ext}",
            f"COMPILER={self.compiler}",
            f"DEBUG={int(self.debug)}",
        ]

    def __str__(self) -> str:
        return f"{self.compiler} {self.column}{'' if self.debug else ' release'}"


COLUMNS = [
    Config("baseline"),
    Config("extended"),
    Config("extended", 24),
    Config("auxiliary"),
    Config("auxiliary", 24),
    Config("insert-head"),
    Config("insert-middle"),
    Config("append-tail"),
    Config("fred-frame"),
]


def make(*args: str) -> None:
    """Run make in the directory of the reference implementation, whatever make started us."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    env.pop("MFLAGS", None)
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", str(ROOT), *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=env,
    )
    if done.returncode:
        raise BuildError(done.stdout.strip())


def build(config: Config, *args: str) -> Path:
    """Build the kernel of @config and return its image."""
    make("image", *config.args, *args)
    return config.image


def build_stale(compiler: str, debug: bool = True) -> None:
    """The stale objects belong to all layouts, so they are made before layouts run in parallel."""
    make("stale", f"COMPILER={compiler}", f"DEBUG={int(debug)}")
