# SPDX-License-Identifier: GPL-2.0-only
"""The data that travels: units, layouts, sites, proposals, verdicts, the report.

Frozen dataclasses and nothing else. All byte offsets are signed integers counted from the first byte of the target
struct; all ranges are half-open; lines and columns count from 1 (0 = unknown). This module imports nothing of ours but
the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.vocabulary import KINDS as KINDS
from auditor.vocabulary import Verdict as Verdict


@dataclass(frozen=True, slots=True)
class Field:
    """One member. Members of anonymous structs and unions are listed flat, each under its own name.

    `bit_offset` and `bit_size` are set for bit-fields only: bits from the first bit of byte `offset`.
    """

    name: str
    type: str
    offset: int
    size: int
    bit_offset: int | None = None
    bit_size: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """A struct on one architecture and configuration. `fields` are in declaration order."""

    struct: str
    arch: str
    size: int
    align: int
    fields: tuple[Field, ...]
    source: str = ""

    def get(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)

    def covering(self, lo: int, hi: int) -> tuple[str, ...]:
        """Names of the members that share a byte with [lo, hi)."""
        return tuple(f.name for f in self.fields if f.offset < hi and lo < f.offset + f.size)


@dataclass(frozen=True, slots=True)
class Unit:
    """One compilation. `object` is the key: a source may be compiled twice.

    `source` is relative to the tree (or as given, outside of it), `directory` is absolute, `arguments` is the command
    without the compiler's own name, exactly as recorded; `compiler` is that name.
    """

    source: str
    object: str
    directory: str
    arguments: tuple[str, ...]
    compiler: str = ""


@dataclass(frozen=True, slots=True)
class Related:
    file: str
    line: int
    note: str


Expression = tuple[object, ...]
"""("const", n), ("offsetof", member), ("sizeof",), (operator, operand) or (operator, left, right); C's operators."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A compile-time condition on the layout that can be evaluated again under another one.

    The build stops when `expression` is true (BUILD_BUG_ON) or, with `positive`, when it is false (static_assert).
    `lines`: of one that was read as text, from the conditional before it to the next one: what stands there is built
    with it, or not at all.
    """

    expression: Expression
    positive: bool = False
    lines: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """One place where code depends on the struct. It knows nothing of proposals.

    `traits` are the facts a verdict may ask for (the vocabulary stands in rules/README.md); they are not part of the
    JSON report. `uses` counts the places where a macro is expanded, and `related` lists them.
    """

    rule: str
    file: str
    line: int
    end_line: int
    column: int
    function: str
    expression: str
    evidence: str = "semantic"
    provenance: str = "unknown"
    bytes: tuple[int, int] | None = None
    fields: tuple[str, ...] = ()
    uses: int = 1
    related: tuple[Related, ...] = ()
    traits: frozenset[str] = frozenset()
    guard: Guard | None = None

    @property
    def kind(self) -> str:
        return self.rule.split("/", 1)[0]

    @property
    def struct_of(self) -> str:
        """The other architecture whose struct it is about, which no proposal for this one changes; else empty."""
        return next((t.partition("=")[2] for t in self.traits if t.startswith("struct-of=")), "")


@dataclass(frozen=True, slots=True)
class Operation:
    """One edit of a proposal. `op`: insert, remove, resize, reorder, extension, frame-below, frame-above.

    insert: `members` go before `before`, after `after`, first (`at` = "head") or last (`at` = "tail").
    extension: `members` lie below the struct; `scope` is "entry" (pushed with the registers) or "call" (exists only
    around a call into C). frame-*: `bytes` more on the entry stack below or above the struct.
    """

    op: str
    members: tuple[Field, ...] = ()
    at: str = ""
    before: str = ""
    after: str = ""
    member: str = ""
    size: int = 0
    order: tuple[str, ...] = ()
    scope: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Proposal:
    id: str
    title: str
    description: str
    operations: tuple[Operation, ...]
    edits: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which changes to judge: `proposals` (ids or files) and `after` ("header"|"btf"|"tree", path), or all shipped."""

    proposals: tuple[str, ...] = ()
    after: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """What a proposal does to one layout. `shift` names only members that move; removed members are in `removed`."""

    before: Layout
    after: Layout
    shift: Mapping[str, int] = field(default_factory=dict)
    resize: int = 0
    new_head: bool = False
    new_tail: bool = False
    frame_below: int = 0
    frame_above: int = 0
    extension: int = 0
    extension_scope: str = ""
    extension_members: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    verdict: Verdict
    why: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A unit that could not be analysed, and why (the first error)."""

    file: str
    why: str
    object: str = ""


@dataclass(frozen=True, slots=True)
class Uncovered:
    file: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """`mentions_as_text`: those of the covered ones that no unit read, but their text was."""

    units: int
    units_analysed: int
    units_failed: tuple[Failure, ...] = ()
    mentions: int = 0
    mentions_covered: int = 0
    uncovered: tuple[Uncovered, ...] = ()
    mentions_as_text: int = 0


@dataclass(frozen=True, slots=True)
class Ignore:
    """An inline `ptregs-audit: ignore[rule, ...] reason` as it stands in its file, right or wrong.

    `line`: where the comment begins. `lines`: first and last line whose sites it speaks of; `below`: the line under a
    comment that stands alone, else 0. `malformed`: what is wrong with its form, or "". `unseen`: why the place was not
    looked at, or "": what was not read cannot be called unused.
    """

    file: str
    line: int
    lines: tuple[int, int]
    below: int
    rules: tuple[str, ...]
    reason: str
    malformed: str = ""
    unseen: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """The first unit that names the struct: another header's struct is read as this source reads its own.

    `arguments` are clang's; `root` is the tree.
    """

    source: str
    arguments: tuple[str, ...]
    root: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found in a tree, before any proposal is considered.

    `functions`: (source, object, function, indices of its sites).
    """

    layout: Layout
    sites: tuple[Site, ...]
    functions: tuple[tuple[str, str, str, tuple[int, ...]], ...]
    coverage: Coverage
    example: Example | None = None
    ignores: tuple[Ignore, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    struct: str
    arch: str
    tree: str
    version: str
    config: str
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    target: Target
    layout: Layout
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Suppression:
    """`by`: "ignore" (a comment in the source, which is at `line`) or "baseline"."""

    by: str
    reason: str
    author: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class JudgedSite:
    """A site with its stable id and, per proposal id, its judgement.

    What the gate adds: `suppressed`, if no finding of the site counts any more; `baseline`, where there is one: for the
    proposals under which the site is a finding, whether it is "new" or "unchanged".
    """

    id: str
    run: int
    site: Site
    verdicts: Mapping[str, Judgement]
    suppressed: Suppression | None = None
    baseline: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BaselineEntry:
    """A finding that a baseline accepts: the site by its id, under one proposal, with the verdict it had then.

    `rule`, `file`, `function` and `expression` are there for people, and for filters.
    """

    id: str
    proposal: str
    verdict: Verdict
    rule: str
    file: str
    function: str
    expression: str
    reason: str
    author: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What of a baseline is not, or no more, a finding of the report; `file` is the baseline's. The sites say the rest.

    `fixed`: the site is there and has a better verdict, which is given. `stale`: the site is no more. `other`: number
    of entries of proposals that were not judged. `unlisted`: judged proposals that the baseline was not made with.
    """

    file: str
    fixed: tuple[tuple[BaselineEntry, Verdict], ...] = ()
    stale: tuple[BaselineEntry, ...] = ()
    other: int = 0
    unlisted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrongIgnore:
    """A finding of its own: an inline ignore that suppresses nothing. `problem`: "malformed", "unknown-rule",
    "without-reason" or "unused"; `rule`: which of its rules, where it is about one."""

    file: str
    line: int
    problem: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class FunctionEntry:
    run: int
    unit: str
    object: str
    function: str
    sites: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What every format writes. `proposals` are in the order in which they are judged and shown.

    What the gate adds: `wrong_ignores`, and `comparison` where there is a baseline. `change`: the versions that were
    compared, if the report is of what a change adds and not of a tree.
    """

    runs: tuple[Run, ...]
    proposals: tuple[tuple[Proposal, Effects], ...]
    sites: tuple[JudgedSite, ...]
    functions: tuple[FunctionEntry, ...] = ()
    ignores: tuple[Ignore, ...] = ()
    wrong_ignores: tuple[WrongIgnore, ...] = ()
    comparison: Comparison | None = None
    change: str = ""

    def summary(self) -> dict[str, dict[str, int]]:
        """{proposal id: {verdict: number of sites}}, every verdict present."""
        table: dict[str, dict[str, int]] = {p.id: {v.value: 0 for v in Verdict} for p, _ in self.proposals}
        for judged in self.sites:
            for pid, judgement in judged.verdicts.items():
                table[pid][judgement.verdict.value] += 1
        return table
