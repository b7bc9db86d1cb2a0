"""A settlement's timeline, told from the steps that the log made it take.

Pure: each step is a settlement before and after, and its events are the difference. So the timeline is the same on
every node, and replaying the log tells it again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from interlock.core.instruction import SettlementId
from interlock.core.settlement import ENDED, Settlement
from interlock.encoding.values import hex_of

Event = dict[str, object]
"""JSON: `height`, `time` (log time, unix seconds), `what`, and what belongs to it."""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One line of a settlement's timeline; whoever keeps it numbers it."""

    settlement: SettlementId
    event: Event


def history_of(height: int, time: int, changes: Iterable[tuple[Settlement | None, Settlement]]) -> list[HistoryEvent]:
    """Give the events of one block's steps, in order."""
    return [
        HistoryEvent(after.id, {"height": height, "time": time, **event})
        for before, after in changes
        for event in events_of(before, after)
    ]


def events_of(before: Settlement | None, after: Settlement) -> list[Event]:
    """Give what one step did, as events: consent, votes, legs, decision, signatures, state."""
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
    if after.matched_at and (before is None or not before.matched_at):
        events.append({"what": "matched"})
    return events


def _leg_events(before: Settlement | None, after: Settlement) -> list[Event]:
    events: list[Event] = []
    for index, leg in enumerate(after.legs):
        earlier = None if before is None else before.legs[index]
        for tally in leg.tallies:
            counted = 0 if earlier is None else earlier.tally(tally.fact).members
            events += [
                {"what": "attested", "leg": index, "fact": tally.fact.name, "member": member}
                for member in range(tally.members.bit_length())
                if (tally.members & ~counted) >> member & 1
            ]
            if tally.stands and not (earlier is not None and earlier.stands(tally.fact)):
                events.append({"what": "stands", "leg": index, "fact": tally.fact.name})
        if earlier is not None and earlier.state is not leg.state:
            events.append({"what": "leg", "leg": index, "state": leg.state.name})
    return events


def _decision_events(before: Settlement | None, after: Settlement) -> list[Event]:
    events: list[Event] = []
    if after.decision is not None and (before is None or before.decision is None):
        decided: Event = {"what": "decided", "outcome": after.decision.outcome.name, "cause": after.cause.name}
        events.append(decided if after.reason is None else {**decided, "reason": after.reason.name})
    had = set() if before is None else {each.member for each in before.decision_signatures}
    events += [
        {"what": "decision-signed", "member": each.member}
        for each in after.decision_signatures
        if each.member not in had
    ]
    if after.certificate is not None and (before is None or before.certificate is None):
        signers = [each.member for each in after.certificate.signatures]
        events.append({"what": "certified", "members": signers})
    if after.state in ENDED:
        events.append({"what": "ended", "state": after.state.name})
    return events
