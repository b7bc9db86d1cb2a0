"""The door of a log: what every node would refuse by its form or its signatures is not ordered at all.

A door knows the committee in office, and learns of the next one from what passes through it: a succession, then the
signatures of a quorum under its rotation. Whether those entries are ordered in the end is not the door's to know, so it
goes on taking what the outgoing committee signs as well. It decides nothing: every node checks again.
"""

from collections.abc import Callable

from interlock.core.committee import Committee
from interlock.core.entry import Entry, Rotate, SignRotation
from interlock.core.rejection import Rejection
from interlock.core.rotation import committee_hash, next_epoch
from interlock.encoding.values import Address, Bytes32
from interlock.entries.check import decode_entry, entry_fault

SUCCESSORS_MAX = 16
"""Successions of one epoch that a door remembers; a quorum signs each, and normally there is one."""


class Door:
    """Check entries for one network; give None for one that may be ordered, else the sentence that says why not."""

    def __init__(
        self, network_id: Bytes32, committee: Committee, took_office: Callable[[Committee], None] | None = None
    ) -> None:
        """Begin with the committee in office; `took_office` is told of each later one, so that it can be kept."""
        self._network_id = network_id
        self._offices = [committee]
        """The committee in office, and the one before it."""
        self._took_office = took_office
        self._successors: dict[Bytes32, tuple[Address, ...]] = {}
        self._signed: dict[Bytes32, set[int]] = {}

    @property
    def committee(self) -> Committee:
        """Give the newest committee that the door knows."""
        return self._offices[0]

    def __call__(self, data: bytes) -> str | None:
        """Check one entry."""
        entry = decode_entry(data)
        if isinstance(entry, Rejection):
            return str(entry)
        faults = [entry_fault(entry, self._network_id, each) for each in self._offices]
        if None not in faults:
            return str(faults[0])
        if faults[0] is None:
            self._learn(entry)
        return None

    def _learn(self, entry: Entry) -> None:
        """Note successors and who has signed their rotation; with a quorum they are in office."""
        office = self.committee
        if isinstance(entry, Rotate) and entry.signed.succession.from_epoch == office.epoch:
            members = entry.signed.succession.members
            if len(self._successors) < SUCCESSORS_MAX:
                self._successors[committee_hash(next_epoch(office.epoch), members)] = members
        if not isinstance(entry, SignRotation) or entry.rotation.from_epoch != office.epoch:
            return
        successors = self._successors.get(entry.rotation.committee)
        if successors is None:
            return
        signers = self._signed.setdefault(entry.rotation.committee, set())
        signers.add(entry.member)
        if len(signers) < office.quorum:
            return
        self._offices = [Committee(next_epoch(office.epoch), successors), office]
        self._successors.clear()
        self._signed.clear()
        if self._took_office is not None:
            self._took_office(self.committee)
