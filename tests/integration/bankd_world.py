"""What the bank's tests share: parties, a committee, signed instructions, certificates, a bank in this process.

Keys are small numbers and the clock is the test's own, so that everything is deterministic.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from interlock.bankd.__main__ import open_store
from interlock.bankd.accounts import Accounts
from interlock.bankd.app import create_app
from interlock.bankd.bank import Bank
from interlock.bankd.config import Home, Tokens, create_home, read_home
from interlock.bankd.order import HoldRequest
from interlock.bankd.view import DepositRequest, HoldState, HoldView
from interlock.core.committee import FIRST_EPOCH, Epoch, Genesis, MemberIndex
from interlock.core.decision import Certificate, Decision, MemberSignature, Outcome, decision_digest
from interlock.core.instruction import (
    AccountLeg,
    AccountTerms,
    Instruction,
    LegIndex,
    OnchainLeg,
    PartySignature,
    SettlementId,
    Terms,
    redact,
    required_signers,
    settlement_id,
)
from interlock.encoding.canonical import encode
from interlock.encoding.secp256k1 import address_of, sign_digest
from interlock.encoding.values import (
    ZERO_BYTES32,
    Address,
    Bytes32,
    MinorUnits,
    Uint32,
    Uint64,
    Uint256,
    UnixSeconds,
    hex_of,
)
from interlock.evidence.bank_receipt import BankReceipt, verify_chain
from interlock.service.http import serving

BANK = "bank:first-national"
OTHER_BANK = "bank:second-national"
USD = "USD/2"
EUR = "EUR/2"
NOW = 1_800_000_000
PREPARE_BY = NOW + 3_600
PRICE = 98_750_00
"""Dollars of the standard deal, in cents."""

SELLER, BUYER, STRANGER, FRIEND = (number.to_bytes(32) for number in range(1, 5))
"""The seller gives a token on a chain, the buyer pays dollars at the bank."""
NODES = tuple(number.to_bytes(32) for number in range(101, 105))
"""Four nodes, f = 1, quorum 3."""
KEYS = {address_of(key): key for key in (SELLER, BUYER, STRANGER, FRIEND, *NODES)}
CASH = LegIndex(Uint32(1))
"""The dollars' leg of the standard deal."""


def genesis_of(name: str = "testnet", members: Sequence[bytes] = NODES) -> Genesis:
    """Give a genesis document."""
    return Genesis(name, tuple(address_of(key) for key in members), "embedded", Bytes32(b"\x07" * 32))


GENESIS = genesis_of()
NETWORK = GENESIS.network_id


def cash_leg(signer: bytes = BUYER, **changes: Any) -> AccountLeg:  # noqa: ANN401 - a field may have any type
    """Give an account leg of dollars at the bank."""
    terms = AccountTerms(BANK, USD, MinorUnits(Uint256(PRICE)), "buyer", "seller", Bytes32(b"\x0b" * 32))
    return AccountLeg(address_of(signer), replace(terms, **changes))


def deal(*legs: AccountLeg, nonce: int = 1, **changes: Any) -> Instruction:  # noqa: ANN401 - a field may have any type
    """Give an instruction: the seller's token, on chain, against account legs."""
    token = OnchainLeg(
        chain_id=Uint256(1),
        vault=Address(b"\xaa" * 20),
        token=Address(b"\xbb" * 20),
        amount=MinorUnits(Uint256(1_000)),
        payer=address_of(SELLER),
        payee=address_of(BUYER),
        nonce=Uint256(1),
    )
    instruction = Instruction(
        memo="one treasury note",
        onchain_legs=(token,),
        account_legs=legs or (cash_leg(),),
        pivot="",
        conditions=ZERO_BYTES32,
        settle_from=UnixSeconds(Uint64(0)),
        prepare_by=UnixSeconds(Uint64(PREPARE_BY)),
        pivot_window=Uint64(0),
        nonce=Bytes32(nonce.to_bytes(32)),
    )
    return replace(instruction, **changes)


def id_of(terms: Terms) -> SettlementId:
    """Give the settlement's id on the tests' network."""
    return settlement_id(NETWORK, terms)


def signatures_of(terms: Terms, network: Bytes32 = NETWORK) -> tuple[PartySignature, ...]:
    """Give the signatures of all required signers."""
    digest = settlement_id(network, terms)
    return tuple(PartySignature(signer, sign_digest(KEYS[signer], digest)) for signer in required_signers(terms))


def request_of(terms: Terms, ledger: str = BANK) -> HoldRequest:
    """Give the request for a hold, as a node would make it."""
    return HoldRequest(redact(terms, ledger=ledger), signatures_of(terms))


def certificate_of(
    settlement: SettlementId,
    outcome: Outcome,
    *,
    genesis: Genesis = GENESIS,
    epoch: Epoch = FIRST_EPOCH,
    signers: Sequence[int] = (0, 1, 2),
) -> Certificate:
    """Give a certificate with the signatures of some nodes, lawful or not."""
    decision = Decision(settlement, outcome, epoch)
    digest = decision_digest(genesis.network_id, decision)
    signatures = [MemberSignature(MemberIndex(Uint32(each)), sign_digest(NODES[each], digest)) for each in signers]
    return Certificate(decision, tuple(signatures))


def fund(accounts: Accounts, amount: int = PRICE) -> None:
    """Open the buyer's and the seller's account, give the buyer dollars and his key its mandate."""
    for name in ("buyer", "seller"):
        accounts.open_account(name, (USD,))
    if amount:
        accounts.deposit("opening", DepositRequest("buyer", USD, MinorUnits(Uint256(amount))))
    accounts.grant("buyer", address_of(BUYER))


@dataclass
class BankWorld:
    """A bank in this process, with a clock that the test turns."""

    home: Home
    bank: Bank
    accounts: Accounts
    clock: list[int] = field(default_factory=lambda: [NOW])
    is_lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a commit failed while it was served."""

    def hold(self, terms: Terms, leg: LegIndex = CASH) -> HoldView:
        """Ask for the hold of a leg."""
        settlement = id_of(terms)
        return self.bank.hold(self.bank.authenticate(settlement, leg, request_of(terms)))

    def bring(self, terms: Terms, outcome: Outcome, leg: LegIndex = CASH) -> HoldState:
        """Bring the certificate of an outcome to a leg."""
        return self.bank.bring(id_of(terms), leg, certificate_of(id_of(terms), outcome))

    def balance(self, name: str, asset: str = USD) -> tuple[int, int]:
        """Give (available, held)."""
        return next((int(b.available), int(b.held)) for b in self.accounts.look(name).balances if b.asset == asset)

    def receipts(self) -> tuple[BankReceipt, ...]:
        """Give every receipt, verified as a chain."""
        return verify_chain(self.bank.receipts(0, 500).receipts, self.home.key.public_key)


@contextmanager
def bank_in(path: Path, *, funds: int | None = PRICE, ledger: str = BANK) -> Iterator[BankWorld]:
    """Give a bank over a home in `path`, made and funded where it is new (None: no accounts)."""
    is_new = not path.exists()
    home = create_home(path, ledger=ledger, genesis=GENESIS, assets=(USD, EUR)) if is_new else read_home(path)
    with closing(open_store(home)) as store:
        clock = [NOW]
        bank = Bank(
            store,
            ledger=home.config.ledger,
            genesis=home.genesis,
            assets=home.config.assets,
            key=home.key,
            clock=lambda: clock[0],
        )
        accounts = Accounts(store, ledger=home.config.ledger, assets=home.config.assets)
        if is_new and funds is not None:
            fund(accounts, funds)
        yield BankWorld(home, bank, accounts, clock)
        assert bank.audit() is None, "value was not conserved"


@dataclass
class Answer:
    """What an HTTP request gave."""

    status: int
    content_type: str
    document: Any

    @property
    def code(self) -> str:
        """Give a problem's code; it must be a problem document."""
        assert self.content_type == "application/problem+json", self
        assert self.document["status"] == self.status
        return str(self.document["code"])


@dataclass
class BankClient:
    """A client of a bank's HTTP door, with its tokens."""

    url: str
    session: aiohttp.ClientSession
    tokens: Tokens

    async def ask(
        self, method: str, path: str, body: object = None, *, token: str | None = None, raw: bytes | None = None
    ) -> Answer:
        """Make a request: a dataclass, JSON values or raw bytes as its body."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        data = raw
        if data is None and body is not None:
            data = json.dumps(body).encode() if isinstance(body, dict | list) else encode(body)
        async with self.session.request(method, self.url + path, data=data, headers=headers) as response:
            text = await response.read()
            return Answer(response.status, response.content_type, json.loads(text) if text else None)

    async def put_hold(self, terms: Terms, leg: int = CASH) -> Answer:
        """Ask for a hold as a node would."""
        return await self.ask("PUT", hold_path(id_of(terms), leg), request_of(terms))

    async def put_certificate(self, certificate: Certificate, leg: int = CASH) -> Answer:
        """Bring a certificate."""
        path = hold_path(certificate.decision.settlement, leg) + "/certificate"
        return await self.ask("PUT", path, CertificateEnvelope(certificate))

    async def look(self, terms: Terms, leg: int = CASH) -> Answer:
        """Look a hold up with the readers' token."""
        return await self.ask("GET", hold_path(id_of(terms), leg), token=self.tokens.read)

    async def operate(self, method: str, path: str, body: object = None) -> Answer:
        """Make a request as the operator."""
        return await self.ask(method, path, body, token=self.tokens.operator)

    async def open_books(self, amount: int = PRICE) -> None:
        """Open the standard accounts over HTTP."""
        for name in ("buyer", "seller"):
            assert (await self.operate("PUT", f"/v1/accounts/{name}", {"assets": [USD]})).status == 200
        deposit = {"account": "buyer", "asset": USD, "amount": str(amount)}
        assert (await self.operate("PUT", "/v1/deposits/opening", deposit)).status == 200
        mandate = f"/v1/accounts/buyer/mandates/{hex_of(address_of(BUYER))}"
        assert (await self.operate("PUT", mandate)).status == 200

    async def balance(self, name: str) -> tuple[int, int]:
        """Give (available, held) in dollars."""
        answer = await self.ask("GET", f"/v1/accounts/{name}", token=self.tokens.read)
        assert answer.status == 200, answer
        found = next(each for each in answer.document["balances"] if each["asset"] == USD)
        return int(found["available"]), int(found["held"])


@dataclass(frozen=True, slots=True)
class CertificateEnvelope:
    """The body that brings a certificate."""

    certificate: Certificate


def hold_path(settlement: SettlementId, leg: int = CASH) -> str:
    """Give the path of a leg."""
    return f"/v1/holds/{hex_of(settlement)}/{leg}"


@asynccontextmanager
async def client_at(url: str, tokens: Tokens) -> AsyncIterator[BankClient]:
    """Give a client of a running bank."""
    async with aiohttp.ClientSession() as session:
        yield BankClient(url, session, tokens)


@asynccontextmanager
async def served(world: BankWorld) -> AsyncIterator[BankClient]:
    """Serve a bank in this process, and give a client."""
    app = create_app(world.bank, world.accounts, world.home.tokens, on_lost=world.is_lost.set)
    async with serving(app, "127.0.0.1", 0) as url, client_at(url, world.home.tokens) as client:
        yield client
