# SPDX-License-Identifier: GPL-2.0-only
"""Names that lead to the struct: which functions are walked. A name too many costs time, one too few a site."""

from __future__ import annotations

from pathlib import Path

from auditor import arch as archs
from auditor.evidence.c.leads import Leads
from auditor.evidence.c.macros import Definitions
from auditor.evidence.c.source import Sources
from tests.evidence.snippets import write

FILES = {
    "a.h": "#define GET(r) ((struct pt_regs *)(r))\n#define CALL(x) own_function(x)\n#define AGAIN(r) GET(r)\n"
    "#define SLOT(x) ((x)->slot)\n#define OTHER_SLOT(x) slot(x)\n",
    "a.c": '#define pr_fmt(fmt) "pt_regs: " fmt\n#define MINE(r) GET(r) /* pt_regs */\n#define TOP(x) CALL(x)\n',
    "b.c": "#define OTHER 1 // pt_regs\n",
}


def leads(directory: Path) -> Leads:
    write(directory, FILES)
    return Leads(Definitions(Sources()), archs.for_struct("x86_64", "pt_regs"), "pt_regs")


def begin(kept: Leads, directory: Path, source: str) -> None:
    kept.begin(str(directory / source), [str(directory / f) for f in (source, "a.h")])


def test_macros_that_write_the_struct_lead_through_each_other(tmp_path: Path) -> None:
    begin(kept := leads(tmp_path), tmp_path, "a.c")
    assert all(map(kept.lead, ("x = GET(y);", "AGAIN(z)", "MINE(r)", "struct pt_regs *r;")))
    assert not kept.lead("x = CALL(y);")


def test_a_message_or_a_comment_leads_nowhere(tmp_path: Path) -> None:
    begin(kept := leads(tmp_path), tmp_path, "a.c")
    assert not kept.lead('pr_err("x"); pr_fmt(y)')
    begin(kept, tmp_path, "b.c")
    assert not kept.lead("OTHER")


def test_what_a_source_adds_is_forgotten_with_it(tmp_path: Path) -> None:
    kept = leads(tmp_path)
    for _ in range(2):
        begin(kept, tmp_path, "a.c")
        kept.add("own_function", own=True)
        kept.add_member("own_member", own=True)
        assert all(map(kept.lead, ("MINE(r)", "own_function(1)", "CALL(1)", "TOP(1)", "x->own_member", "GET(y)")))
        begin(kept, tmp_path, "b.c")
        assert kept.lead("GET(y)")
        assert not any(map(kept.lead, ("MINE(r)", "own_function(1)", "CALL(1)", "TOP(1)", "x->own_member")))


def test_what_a_header_adds_holds_for_all(tmp_path: Path) -> None:
    begin(kept := leads(tmp_path), tmp_path, "a.c")
    kept.add("own_function", own=False)
    assert not kept.lead("SLOT(1)")
    kept.add_member("slot", own=False)
    assert kept.lead("TOP(1)")
    begin(kept, tmp_path, "b.c")
    assert all(map(kept.lead, ("own_function(1)", "CALL(1)", "x.slot", "SLOT(1)")))
    assert not any(map(kept.lead, ("TOP(1)", "OTHER_SLOT(1)")))
    assert not kept.lead("slot")
