# SPDX-License-Identifier: GPL-2.0-only
"""The commands `layout` and `proposals`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

# libclang and pyelftools are imported where they are used: they take longer to load than `--help` may take.
if TYPE_CHECKING:
    from auditor.model import Effects, Layout, Proposal

_struct = click.option("--struct", "-s", default="pt_regs", show_default=True, help="Struct, union or typedef to show.")
_arch = click.option("--arch", default="x86_64", show_default=True, help="Architecture; gives C its --target.")
_base = click.option("--btf-base", metavar="FILE", help="The kernel's BTF, for the BTF of a module.")


@click.command("layout", short_help="Show the layout of a struct, or what differs between two.")
@click.argument("words", nargs=-1, required=True, metavar="SOURCE | diff BEFORE AFTER [-- CLANG_ARGS...]")
@_struct
@_arch
@_base
def layout_command(words: tuple[str, ...], struct: str, arch: str, btf_base: str | None) -> None:
    """Print a struct as pahole does, or with `diff` two of them side by side.

    SOURCE is a C header or source file, an object, module or image with BTF or DWARF, or raw BTF such as
    /sys/kernel/btf/vmlinux. Arguments for clang follow after `--`. A file that is called diff is ./diff.
    """
    if words[0] == "diff":
        if len(words) < 3:
            raise click.UsageError("layout diff needs two files: layout diff BEFORE AFTER")
        before, after = (_read(w, struct, arch, words[3:], btf_base) for w in words[1:3])
        from auditor.layouts.text_diff import render_diff

        click.echo(render_diff(before, after))
        return
    from auditor.layouts.text import render

    click.echo(render(_read(words[0], struct, arch, words[1:], btf_base)))


@click.command("proposals", short_help="List the proposals, or show one and its effects.")
@click.argument("words", nargs=-1, metavar="[ID | FILE] [-- CLANG_ARGS...]")
@click.option("--layout", "source", metavar="SOURCE", help="Show the effects on the struct in this file.")
@_struct
@_arch
@_base
def proposals_command(
    words: tuple[str, ...],
    source: str | None,
    struct: str,
    arch: str,
    btf_base: str | None,
) -> None:
    """List the shipped proposals, or show one: a shipped one by ID, your own by FILE.

    With --layout SOURCE (any file that `layout` takes) also what it does to the struct in it.
    """
    from auditor.layouts import proposal_text, proposals

    # click does not say where `--` stood: neither an id nor, written as ./-x, a file starts with a hyphen.
    name, arguments = (words[0], words[1:]) if words and not words[0].startswith("-") else (None, words)
    chosen = [proposals.resolve(name, arch)] if name else list(proposals.load_all(arch).values())
    found: list[tuple[Proposal, Effects | None]] = [(p, None) for p in chosen]
    if source:
        from auditor.layouts.effects import effects

        layout = _read(source, struct, arch, arguments, btf_base)
        found = [(p, effects(layout, p)) for p in chosen]
    click.echo(proposal_text.show(*found[0]) if name else proposal_text.listing(found))


def _read(source: str, struct: str, arch: str, arguments: tuple[str, ...], base: str | None) -> Layout:
    from auditor.layouts.read import read_layout

    return read_layout(source, struct, arch, arguments, base)
