# SPDX-License-Identifier: GPL-2.0-only
"""A proof for people: contradictions first, then every site, then what the whole amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from auditor.model import JudgedSite
from auditor.prove.judge import Outcome, Proof
from auditor.prove.run import Proved
from auditor.terminal import printable, styled

_ORDER = {Outcome.GUARD: 0, Outcome.STAYS: 1, Outcome.FOLLOWS: 2, Outcome.UNCHANGED: 3, Outcome.UNDECIDED: 4}


def lines(proved: Proved, colour: bool = False, limit: int | None = None) -> Iterator[str]:
    sites = {s.id: s for s in proved.report.sites}
    wrong = [p for p in proved.judged.proofs if p.contradiction]
    if proved.judged.contradictions:
        yield styled("Contradictions: the auditor is wrong here; please report them", "bold", "red", colour=colour)
        for proof in wrong:
            yield from _site(proof, sites[proof.site], proved.proposal, colour)
        for u in proved.judged.unexplained:
            what = f"stops: {u.message}" if u.message else "changed"
            yield f"  {printable(f'{u.name} in {u.object}: {what}, and no site says that it would')}"
        yield ""
    rest = [p for p in proved.judged.proofs if not p.contradiction]
    rest.sort(key=lambda p: _ORDER[p.outcome])
    for proof in rest[:limit]:
        yield from _site(proof, sites[proof.site], proved.proposal, colour)
    if limit is not None and len(rest) > limit:
        yield f"  and {len(rest) - limit} more (--list)"
    if proved.lost:
        yield ""
        yield styled("Not compiled or not compared", "bold", colour=colour)
        yield from (f"  {printable(f'{p.unit.source}: {p.undecided}')}" for p in proved.lost)
    yield ""
    yield summary(proved)


def _site(proof: Proof, judged: JudgedSite, proposal: str, colour: bool) -> Iterator[str]:
    site = judged.site
    verdict = judged.verdicts[proposal].verdict.value
    yield printable(f"{site.file}:{site.line}:{site.column}  {site.rule}  {judged.id}")
    word = "CONTRADICTS" if proof.contradiction else "proves" if proof.decides else "verdict"
    outcome = styled(proof.outcome.value, "red" if proof.contradiction else "bold", colour=colour)
    yield f"  {outcome}, {word} {verdict}: {printable(proof.why)}"


def summary(proved: Proved) -> str:
    count = Counter(p.outcome for p in proved.judged.proofs)
    decided = sum(p.decides for p in proved.judged.proofs)
    left = f"; {proved.left_out} more units hold such sites" if proved.left_out else ""
    unexplained = len(proved.judged.unexplained)
    return (
        f"{proved.proposal}: {len(proved.judged.proofs)} sites in {proved.units} units: "
        f"{count[Outcome.FOLLOWS]} follow, {count[Outcome.STAYS]} do not follow, {count[Outcome.GUARD]} stopped by a "
        f"guard, {count[Outcome.UNCHANGED]} unchanged, {count[Outcome.UNDECIDED]} undecided; "
        f"{decided} verdicts decided, {proved.judged.contradictions - unexplained} contradicted; "
        f"{unexplained} changes without a site{left}"
    )
