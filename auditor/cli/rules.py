# SPDX-License-Identifier: GPL-2.0-only
"""`ptregs-audit rules`: what the auditor looks for."""

from __future__ import annotations

import textwrap

import click

from auditor.data import rules_dir
from auditor.errors import InputError, UsageError
from auditor.judge.rules import load_all

WIDTH = 100


@click.command("rules", short_help="List the rules, all or of one kind.")
@click.argument("kind", required=False)
def rules_command(kind: str | None) -> None:
    """List every rule, or describe one KIND with its rules. `explain RULE` tells all about one."""
    kinds = load_all()
    if not kinds:
        raise InputError(str(rules_dir()), "holds no rules", "is the installation complete?")
    if kind is not None:
        click.echo("\n".join(kind_lines(kind)))
        return
    width = max(len(r.id) for k in kinds.values() for r in k.rules)
    for k in kinds.values():
        for rule in k.rules:
            click.echo(f"{rule.id:<{width}}  {rule.title}")


def kind_lines(kind: str) -> list[str]:
    """A kind's description and its rules. UsageError lists the known kinds."""
    kinds = load_all()
    if kind not in kinds:
        raise UsageError(f"unknown kind {kind!r}; known: {', '.join(kinds)}")
    k = kinds[kind]
    width = max((len(r.id) for r in k.rules), default=0)
    return [
        f"{k.id}: {k.title}",
        *textwrap.wrap(" ".join(k.description.split()), WIDTH, initial_indent="  ", subsequent_indent="  "),
        "",
        *(f"{r.id:<{width}}  {r.title}" for r in k.rules),
    ]
