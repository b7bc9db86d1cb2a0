"""A party's client of one node: bring instructions and signatures, cancel, look, fetch certificate and receipt."""

from collections.abc import Sequence
from typing import Any

from interlock.client.http import HttpClient
from interlock.core.instruction import (
    Instruction,
    PartySignature,
    RedactedInstruction,
    SettlementId,
    cancel_digest,
    settlement_id,
)
from interlock.encoding.canonical import dumps, to_json
from interlock.encoding.values import Bytes32, hex_of
from interlock.keys.signer import Signer


def consent(network_id: Bytes32, instruction: Instruction, signer: Signer) -> PartySignature:
    """Sign an instruction as one of its parties: the one signature that is valid on every ledger."""
    return PartySignature(signer.address, signer.sign(settlement_id(network_id, instruction)))


def withdrawal(network_id: Bytes32, settlement: SettlementId, signer: Signer) -> PartySignature:
    """Sign the cancel of a settlement as one of its parties."""
    return PartySignature(signer.address, signer.sign(cancel_digest(network_id, settlement)))


class NodeClient(HttpClient):
    """Talk to one node. Every call raises Unreachable or ProblemAnswer."""

    async def instruct(self, instruction: Instruction, signatures: Sequence[PartySignature]) -> dict[str, Any]:
        """Bring an instruction with at least one required signature; gives the settlement's view."""
        body = {"instruction": to_json(instruction), "redacted": None, "signatures": [to_json(s) for s in signatures]}
        view: dict[str, Any] = await self.json("POST", "/v1/instructions", dumps(body))
        return view

    async def sign(self, settlement: SettlementId, signatures: Sequence[PartySignature]) -> dict[str, Any]:
        """Add signatures; gives the settlement's view."""
        body = {"signatures": [to_json(s) for s in signatures]}
        view: dict[str, Any] = await self.json("POST", f"{_path(settlement)}/signatures", dumps(body))
        return view

    async def cancel(
        self,
        settlement: SettlementId,
        signatures: Sequence[PartySignature],
        *,
        redacted: RedactedInstruction | None = None,
    ) -> dict[str, Any]:
        """Withdraw consent, with the redacted terms where the log may not know the settlement; gives the view."""
        terms = None if redacted is None else to_json(redacted)
        body = {"redacted": terms, "signatures": [to_json(s) for s in signatures]}
        view: dict[str, Any] = await self.json("POST", f"{_path(settlement)}/cancel", dumps(body))
        return view

    async def settlement(self, settlement: SettlementId) -> dict[str, Any]:
        """Give the settlement's view."""
        view: dict[str, Any] = await self.json("GET", _path(settlement))
        return view

    async def history(self, settlement: SettlementId, *, after: int | None = None) -> list[dict[str, Any]]:
        """Give the settlement's timeline, or what came after a number of it."""
        query = "" if after is None else f"?after={after}"
        events: list[dict[str, Any]] = await self.json("GET", f"{_path(settlement)}/history{query}")
        return events

    async def certificate(self, settlement: SettlementId) -> bytes:
        """Give the certificate's bytes."""
        return await self.exchange("GET", f"{_path(settlement)}/certificate")

    async def receipt(self, settlement: SettlementId) -> bytes:
        """Give the receipt's bytes."""
        return await self.exchange("GET", f"{_path(settlement)}/receipt")

    async def status(self) -> dict[str, Any]:
        """Give the node's state."""
        state: dict[str, Any] = await self.json("GET", "/v1/status")
        return state


def _path(settlement: SettlementId) -> str:
    return f"/v1/settlements/{hex_of(settlement)}"
