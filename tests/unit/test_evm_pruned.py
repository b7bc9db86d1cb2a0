"""An endpoint that keeps no old logs hides nobody's facts but those that are old."""

from typing import Any

from interlock.core.attestation import Fact
from interlock.core.decision import Outcome
from interlock.core.instruction import LegIndex
from interlock.encoding.values import Uint32
from interlock.evidence.chain_event import Delivered
from interlock.ledgers.evm.rpc import Rpc
from interlock.ledgers.protocol import Watch
from support import world
from support.evm import FakeChain, Refusal, decided, serving, watch
from support.evm_eyes import NAME, eyes

RANGE = 100


class Pruned(FakeChain):
    """A chain that answers for its newest blocks alone."""

    keeps = 10**9

    def _eth_getLogs(self, wanted: dict[str, Any]) -> Any:  # noqa: N802, ANN401 - the method's own name; JSON out
        if int(wanted["fromBlock"], 16) < len(self.blocks) - self.keeps:
            raise Refusal(4444, "pruned history unavailable")
        return super()._eth_getLogs(wanted)


async def test_a_search_that_an_endpoint_refuses_hides_no_other_legs_facts() -> None:
    """A stranger names a lane that was used long ago, and cancels: an honest leg is held and voted all the same."""
    chain = Pruned()
    async with serving(chain) as url:
        rpc = Rpc(url, NAME)
        lane = world.onchain_leg(payer=world.CAROL.address, nonce=world.nonce(7))
        long_ago = watch(world.instruction(1, 1, salt=5, onchain_legs=(lane,)))
        chain.hold(long_ago)
        chain.end(long_ago, Delivered)
        for _ in range(3 * RANGE):
            chain.finalize()
        chain.keeps = 2 * RANGE
        theirs = world.account_leg(signer=world.STRANGER.address)
        terms = world.instruction(0, 0, salt=6, onchain_legs=(lane,), account_legs=(theirs,))
        id_ = world.id_of(terms)
        strange = decided(Watch(id_, terms, LegIndex(Uint32(0)), (world.STRANGER.consent(id_),)), Outcome.ABORT)
        honest = watch()
        observer = eyes(rpc, range_blocks=RANGE)
        await observer.look([strange, honest])
        chain.hold(honest)
        for _ in range(8):
            chain.finalize()
            seen = await observer.look([strange, honest])
        assert [each.fact for each in seen.observations] == [Fact.HELD]
        assert any("pruned" in str(each) for each in seen.troubles)
        assert observer._events.range_blocks == RANGE
        await rpc.close()
