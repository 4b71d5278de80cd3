# SPDX-License-Identifier: GPL-2.0-only
"""One audit from a tree to a report: units -> sites -> judgements."""

from __future__ import annotations

import os
from dataclasses import replace

from auditor import arch as archs
from auditor import libclang
from auditor.answer import answer
from auditor.collect import AuditRequest, Progress, collect
from auditor.facts.store import Question, Store
from auditor.kernel.tree import open_build, open_tree
from auditor.model import Asked, Report, Target


def run_audit(request: AuditRequest, progress: Progress | None = None, store: Store | None = None) -> Report:
    """Raises AuditorError for bad input; units that cannot be read are in the report's coverage."""
    arch = archs.by_id(request.arch)
    libclang.use(request.libclang)
    tree = open_tree(request.tree)
    in_place = request.build is None and not (tree.root / ".config").is_file()
    build = None if in_place and request.compdb else open_build(tree, request.build, arch)
    target = Target(
        struct=request.struct,
        arch=arch.id,
        tree=str(request.tree),
        version=tree.version,
        config=build.fingerprint if build else "",
    )
    question = Question(
        tree=str(tree.root),
        build=str(build.directory) if build else "",
        compdb=os.path.abspath(request.compdb) if request.compdb else "",
        arch=arch.id,
        struct=request.struct,
        exhaustive=request.exhaustive,
    )
    facts = store.recall(question, target) if store is not None else None
    if facts is None:
        facts = collect(request, tree, build, arch, progress or (lambda *_: None), store=store)
        if store is not None:
            store.keep(question, target, facts)
    asked = Asked(request.proposals, request.after)
    return answer(facts, replace(target, filters=dict(request.filters)), asked)
