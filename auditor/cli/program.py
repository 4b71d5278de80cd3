# SPDX-License-Identifier: GPL-2.0-only
"""The program: a group whose commands are loaded when they are called, and the outermost error handlers."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

import click

from auditor import __version__
from auditor.cli import exits
from auditor.errors import AuditorError
from auditor.terminal import discard_stdout, printable

NAME = "ptregs-audit"

COMMANDS = {
    "audit": ("auditor.cli.audit:audit_command", "Audit a kernel tree, or the shipped minikernel."),
    "what-if": ("auditor.cli.what_if:what_if_command", "Judge other changes from the facts of the last audit."),
    "diff": ("auditor.cli.diff:diff_command", "Audit a change: report what it adds or makes worse."),
    "hook": ("auditor.cli.hook:hook_command", "Check the files of a commit that is being made, for pre-commit."),
    "check": ("auditor.cli.check:check_command", "Check one unit, for `make C=2`."),
    "baseline": ("auditor.cli.baseline:baseline_group", "Accept known findings, each with a reason."),
    "init": ("auditor.cli.init:init_command", "Write a configuration, a hook and CI files."),
    "config": ("auditor.cli.config:config_group", "Show the configuration, and where each value comes from."),
    "layout": ("auditor.cli.layout:layout_command", "Show a struct's layout, and what a proposal makes of it."),
    "explain": ("auditor.cli.explain:explain_command", "Explain a rule, or a finding of the last report."),
    "prove": ("auditor.cli.prove:prove_command", "Compile before and after a change, and compare."),
    "rules": ("auditor.cli.rules:rules_command", "List the rules, all or of one kind."),
    "proposals": ("auditor.cli.layout:proposals_command", "List the shipped proposals."),
    "prepare": ("auditor.cli.prepare:prepare_command", "Configure and prepare a kernel tree for an audit."),
    "doctor": ("auditor.cli.doctor:doctor_command", "Say what is installed and what it enables."),
}
"""{command: (where it is, its one line)}. The lines stand here so that --help imports no command."""


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(NAME, cls=LazyGroup, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=NAME)
def program() -> None:
    """Who depends on the layout of struct pt_regs, and what happens to them when it changes.

    Exit codes: 0 nothing at or above the threshold, 1 findings, 2 usage or bad input, 3 incomplete or internal error,
    130 interrupted.
    """


def run(arguments: Sequence[str]) -> int:
    """The whole program; returns its exit code."""
    _prepare_streams()
    try:
        code = _command(list(arguments))
        sys.stdout.flush()
        return code
    except click.UsageError as e:
        usage = f"{e.ctx.get_usage()}\nTry '{e.ctx.command_path} --help'.\n" if e.ctx else ""
        _complain(f"{usage}{NAME}: {printable(e.format_message())}")
        return exits.USAGE
    except click.ClickException as e:
        _complain(f"{NAME}: {printable(e.format_message())}")
        return exits.USAGE
    except AuditorError as e:
        _complain(f"{NAME}: {printable(str(e))}")
        return exits.of_error(e)
    except (KeyboardInterrupt, click.Abort):
        _complain(f"\n{NAME}: interrupted")
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. Nothing more may be flushed to it, not even at exit.
        discard_stdout()
        return exits.OK
    except Exception as e:  # noqa: BLE001 - the outermost handler: a crash must not look like findings
        if os.environ.get("PTREGS_DEBUG") == "1":
            traceback.print_exc()
        what = printable(f"{type(e).__name__}: {e}")
        _complain(f"{NAME}: internal error: {what}; please report it (PTREGS_DEBUG=1 prints the details)")
        if isinstance(e, OSError):
            discard_stdout()
        return exits.INCOMPLETE


def _command(arguments: list[str]) -> int:
    if "_PTREGS_AUDIT_COMPLETE" in os.environ:
        program.main(arguments, prog_name=NAME)
    try:
        with program.make_context(NAME, arguments) as ctx:
            if not arguments:
                click.echo(ctx.get_help(), err=True)
                return exits.USAGE
            result = program.invoke(ctx)
    except click.exceptions.Exit as e:
        return e.exit_code
    return result if isinstance(result, int) else exits.OK


def _prepare_streams() -> None:
    """Streams that exist and can print any text: with LANG=C an unknown character becomes an escape, not a crash."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(message, err=True)
