# SPDX-License-Identifier: GPL-2.0-only
"""A small report made by hand: two proposals, sites of every verdict, a failed unit, gaps."""

from __future__ import annotations

from dataclasses import replace

from auditor.gate.fingerprint import assign_ids
from auditor.model import (
    Coverage,
    Effects,
    Failure,
    Field,
    FunctionEntry,
    JudgedSite,
    Judgement,
    Layout,
    Operation,
    Proposal,
    Related,
    Report,
    Run,
    Site,
    Target,
    Uncovered,
    Verdict,
)  # fmt: skip

LAYOUT = Layout(
    "pt_regs",
    "x86_64",
    32,
    8,
    tuple(Field(name, "unsigned long", n * 8, 8) for n, name in enumerate(["bx", "ip", "sp", "ss"])),
)
_NEW = Field("pks", "unsigned long", 0, 8)
_SHIFTED = replace(LAYOUT, size=40, fields=(_NEW, *(replace(f, offset=f.offset + 8) for f in LAYOUT.fields)))

EXTENDED = (
    Proposal("extended", "an extension below the struct", "", (Operation("extension", (_NEW,), scope="entry"),)),
    Effects(LAYOUT, LAYOUT, frame_below=8, extension=8, extension_scope="entry", extension_members=("pks",)),
)
HEAD = (
    Proposal("insert-head", "a new first member", "", (Operation("insert", (_NEW,), at="head"),)),
    Effects(LAYOUT, _SHIFTED, {f.name: 8 for f in LAYOUT.fields}, resize=8, new_head=True, added=("pks",)),
)

SAFE = Judgement(Verdict.SAFE, "nothing it depends on changes")
REBUILD = Judgement(Verdict.REBUILD, "`ip` 8 -> 16 (+8)")


def judged(verdicts: dict[str, Judgement], site: Site, run: int = 0) -> JudgedSite:
    return JudgedSite(assign_ids([site])[0], run, site, verdicts)


def site(rule: str, file: str, line: int, expression: str, function: str = "f", **more: object) -> Site:
    base = Site(rule, file, line, line, 5, function, expression)
    return replace(base, **more)  # type: ignore[arg-type]


def both(extended: Judgement, head: Judgement) -> dict[str, Judgement]:
    return {"extended": extended, "insert-head": head}


def verdict(name: str, why: str = "because", fix: str = "") -> Judgement:
    return Judgement(Verdict(name), why, fix)


OFFSET = judged(
    both(SAFE, verdict("break", "offset 8 is `ip` today and `bx` then", "use offsetof")),
    site("raw-offset/constant", "lib/raw.c", 12, "*(u64 *)((char *)regs + 8)", bytes=(8, 16), fields=("ip",)),
)
MACRO = judged(
    both(verdict("break", "reads the extension"), verdict("rebuild", "moves with the struct")),
    site(
        "stack-position/below", "include/frame.h", 3, "(void *)regs - 8", "", uses=12, bytes=(-8, 0),
        related=(Related("include/frame.h", 3, "macro FRAME"),),
    ),
)  # fmt: skip
BPF = judged(both(verdict("review", "does a reader run here?"), verdict("abi", "programs read other registers")),
             site("bpf-ctx/program-context", "trace/bpf.c", 40, "bpf_prog_run(prog, regs)"))  # fmt: skip
GUARD = judged(
    both(SAFE, verdict("build-fails", "`offsetof(bx) != 0` becomes true")),
    site("assert/build", "arch/ptrace.c", 7, "BUILD_BUG_ON(offsetof(struct pt_regs, bx) != 0)", "get"),
)
GUARDED = judged(both(SAFE, verdict("build-fails", "the guard stops the build first")),
                 site("order/index", "arch/ptrace.c", 9, "&regs->bx + n", "get"))  # fmt: skip
READ = judged(both(SAFE, REBUILD), site("field/read", "arch/signal.c", 21, "regs->ip", bytes=(8, 16), fields=("ip",)))
EXPORT = judged(both(SAFE, REBUILD), site("uapi-export/by-name", "arch/signal.c", 22, "put_user(regs->ip, &sc->ip)"))

COVERAGE = Coverage(
    units=5,
    units_analysed=4,
    units_failed=(Failure("drivers/odd.c", "'gen.h' file not found", "drivers/odd.o"),),
    mentions=90,
    mentions_covered=87,
    uncovered=(
        Uncovered("arch/arm/ptrace.c", 4, "other architecture"),
        Uncovered("arch/arm/ptrace.c", 2, "other architecture"),
        Uncovered("drivers/odd.c", 9, "unit failed: 'gen.h' file not found"),
    ),
)


def make_report(*sites: JudgedSite, coverage: Coverage = COVERAGE, **filters: tuple[str, ...]) -> Report:
    """The sites given, or the whole set."""
    target = Target("pt_regs", "x86_64", "/tree", "6.1.0", "x86_64_defconfig", filters)
    chosen = sites or (GUARDED, OFFSET, MACRO, BPF, GUARD, READ, EXPORT)
    functions = (
        FunctionEntry(0, "lib/raw.c", "lib/raw.o", "g", (chosen[0].id,)),
        FunctionEntry(0, "lib/raw.c", "lib/raw.o", "f", tuple(s.id for s in chosen)),
    )
    return Report((Run(0, target, LAYOUT, coverage),), (EXTENDED, HEAD), chosen, functions)
