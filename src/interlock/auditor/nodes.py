"""What nodes show of themselves besides decisions: the hash of their state, and evidence against each other.

Source: specification 10 (I8), 4 and 5 (evidence).
"""

from interlock.auditor.event import EvidencePublished, StateHash
from interlock.auditor.run import Run
from interlock.auditor.violation import Facts, Tag

HEIGHTS_MAX = 65_536
"""Heights of which a hash is kept: a node that is further behind is compared again when it has caught up."""


def on_state_hash(run: Run, event: StateHash) -> None:
    """Compare an honest node's state with the first one told of the same height."""
    if event.node in run.byzantine or run.is_forked:
        return
    first = run.hashes.setdefault(event.height, event)
    if first.digest != event.digest:
        facts: Facts = (("height", event.height), (first.node, first.digest), (event.node, event.digest))
        run.docket.accuse(Tag.I8, b"", "Two nodes had different states after the same block", facts, first, event)
    if len(run.hashes) > HEIGHTS_MAX:
        del run.hashes[next(iter(run.hashes))]


def on_evidence_published(run: Run, event: EvidencePublished) -> None:
    """Note whom evidence names, and accuse where it names somebody who was not declared a liar."""
    if event.culprit not in run.byzantine:
        facts: Facts = (("kind", event.kind), ("culprit", event.culprit))
        run.docket.accuse(Tag.FRAMED, event.settlement, "Evidence named somebody who does not lie", facts, event)
    elif run.expects_detection:
        named = run.evidence.get(event.settlement, frozenset())
        run.evidence[event.settlement] = named | {event.culprit}
