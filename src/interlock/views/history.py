"""A settlement's timeline, told from the steps that the log made it take.

Pure: each step is a settlement before and after, and its events are the difference. So the timeline is the same on
every node, and replaying the log tells it again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from interlock.core.applied import Change, Endorsement, Step, Vote
from interlock.core.attestation import Fact, stands
from interlock.core.decision import SignedDecision
from interlock.core.instruction import SettlementId
from interlock.core.limits import EVERY_LEG
from interlock.core.order import SignedOrder
from interlock.core.settlement import ENDED, Settlement
from interlock.encoding.values import hex_of

Event = dict[str, object]
"""JSON: `height`, `time` (log time, unix seconds), `what`, and what belongs to it."""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One line of a settlement's timeline; whoever keeps it numbers it."""

    settlement: SettlementId
    event: Event


def history_of(height: int, time: int, steps: Iterable[Step]) -> list[HistoryEvent]:
    """Give the events of one block's steps, in order."""
    return [
        HistoryEvent(id_, {"height": height, "time": time, **event}) for step in steps for id_, event in _told(step)
    ]


def _told(step: Step) -> list[tuple[SettlementId, Event]]:
    """Give the events of one step, each with its settlement."""
    match step:
        case Vote(member, signed):
            said = signed.attestation
            about: Event = {} if said.leg == EVERY_LEG else {"leg": said.leg}
            return [(said.settlement, {"what": "attested", **about, "fact": said.fact.name, "member": member})]
        case Endorsement(member, SignedDecision() as decided):
            return [(decided.decision.settlement, {"what": "decision-signed", "member": member})]
        case Endorsement(member, SignedOrder() as ordered):
            return [(ordered.order.settlement, {"what": "order-signed", "member": member})]
        case Endorsement():
            return []  # a batch is many settlements'; each of them tells when it is certified, and by whom
        case Change(before, after):
            return [(after.id, event) for event in events_of(before, after)]


def events_of(before: Settlement | None, after: Settlement) -> list[Event]:
    """Give what one change of a settlement did, as events: consent, facts that stand, legs, order, decision, state."""
    return [*_consent_events(before, after), *_leg_events(before, after), *_decision_events(before, after)]


def _consent_events(before: Settlement | None, after: Settlement) -> list[Event]:
    signed = set() if before is None else {each.signer for each in before.signatures}
    cancelled = set() if before is None else {each.signer for each in before.cancels}
    events: list[Event] = [] if before is not None else [{"what": "alleged"}]
    events += [
        {"what": "signed", "signer": hex_of(each.signer)} for each in after.signatures if each.signer not in signed
    ]
    events += [
        {"what": "cancelled", "signer": hex_of(each.signer)} for each in after.cancels if each.signer not in cancelled
    ]
    consented = () if before is None else before.consents
    events += [{"what": "consented", "signer": hex_of(each)} for each in after.consents if each not in consented]
    if after.matched_at and (before is None or not before.matched_at):
        events.append({"what": "matched"})
    return events


def _leg_events(before: Settlement | None, after: Settlement) -> list[Event]:
    events: list[Event] = []
    had = 0 if before is None else before.stood
    events += [{"what": "stands", "fact": fact.name} for fact in Fact if stands(after.stood & ~had, fact)]
    for index, leg in enumerate(after.legs):
        earlier = None if before is None else before.legs[index]
        new = leg.stood & ~(0 if earlier is None else earlier.stood)
        events += [{"what": "stands", "leg": index, "fact": fact.name} for fact in Fact if stands(new, fact)]
        if earlier is not None and earlier.state is not leg.state:
            events.append({"what": "leg", "leg": index, "state": leg.state.name})
    return events


def _decision_events(before: Settlement | None, after: Settlement) -> list[Event]:
    events: list[Event] = []
    if after.order is not None and (before is None or before.order is None):
        events.append({"what": "ordered", "ledger": after.order.ledger, "lastValid": after.order.last_valid})
    if after.order_certificate is not None and (before is None or before.order_certificate is None):
        events.append({"what": "order-certified"})
    if after.decision is not None and (before is None or before.decision is None):
        decided: Event = {"what": "decided", "outcome": after.decision.outcome.name, "cause": after.cause.name}
        events.append(decided if after.reason is None else {**decided, "reason": after.reason.name})
    if after.certificate is not None and (before is None or before.certificate is None):
        signers = [each.member for each in after.certificate.signatures]
        events.append({"what": "certified", "members": signers})
    if after.state in ENDED:
        events.append({"what": "ended", "state": after.state.name})
    return events
