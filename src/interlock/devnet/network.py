"""A whole development network on one machine, every part a process of its own.

    chain       an EVM chain with registry, token and vault (embedded, or anvil)
    sequencer   the embedded ordered log
    bank        a bank's ledger with holds
    node 0..3   the committee, each with its own keys, record, database, replica and connections

The network is made in one folder and speaks over loopback. Nothing here is a part of the product: it plays the roles
of the institutions that would run these processes.
"""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from interlock.bankd.config import Home as BankHome
from interlock.bankd.config import create_home as create_bank_home
from interlock.client.node import NodeClient
from interlock.core.committee import FIRST_EPOCH, Genesis, MemberIndex
from interlock.core.entry import Configure
from interlock.core.instruction import PartySignature, vault_name
from interlock.core.registry import (
    Configuration,
    LedgerClass,
    LedgerEntry,
    Registry,
    SignedConfiguration,
    configuration_digest,
)
from interlock.devnet.assets import Account, TreasuryMarket, deploy_market, token_balance
from interlock.devnet.bank import BankOperator
from interlock.devnet.chain.anvil import AnvilChain
from interlock.devnet.chain.process import ChainProcess, EmbeddedChain
from interlock.devnet.process import ManagedProcess
from interlock.encoding.canonical import encode
from interlock.encoding.values import ZERO_BYTES32, Address, Bytes32, Uint32, Uint64, hex_of
from interlock.keys.sign_once import SignOnceRecord
from interlock.keys.signer import FileSigner
from interlock.node.config import (
    CONFIG_FILE,
    DECISION_KEY_FILE,
    GAS_KEY_FILE,
    RECORD_FILE,
    BankConnection,
    NodeConfig,
    VaultConnection,
)
from interlock.ordering.embedded.client import EmbeddedLog
from interlock.service.process import UNTIL_STDIN_ENDS

CHAIN_ID = 31337
NODES = 4
BANK_NAME = "bank:first-national"
MONEY = "USD/2"
ETHER = 10**18
HOST = "127.0.0.1"
FINALITY_LAG_BLOCKS = 2
BLOCK_INTERVAL_S = 0.25
PREPARE_HORIZON_S = 86_400
OPEN_PER_SIGNER_MAX = 1_000
STAGGER_MS = 1_000
"""Several block intervals of the demo's chain."""
LOOK_INTERVAL_MS = 250
CONFIGURED_WITHIN_S = 30.0
"""How long the nodes may take to apply the registry on a busy machine."""
ASK_S = 0.02


MakeChain = Callable[[Path, dict[str, int]], ChainProcess]
"""Makes the chain in a folder, with these balances of wei by 0x address."""


def embedded_chain(home: Path, balances: dict[str, int]) -> ChainProcess:
    """Make the embedded chain."""
    return EmbeddedChain(
        home,
        balances=balances,
        chain_id=CHAIN_ID,
        block_interval_s=BLOCK_INTERVAL_S,
        finality_lag_blocks=FINALITY_LAG_BLOCKS,
    )


def anvil_chain(anvil: Path) -> MakeChain:
    """Give what makes a chain of an anvil's."""
    return lambda home, balances: AnvilChain(
        anvil,
        home,
        balances=balances,
        chain_id=CHAIN_ID,
        block_interval_s=BLOCK_INTERVAL_S,
        finality_lag_blocks=FINALITY_LAG_BLOCKS,
    )


@dataclass(frozen=True, slots=True)
class Roles:
    """The people of the demo: each has one key, which speaks for it on every ledger."""

    issuer: FileSigner
    """Issues the token and decides who may hold it."""
    seller: FileSigner
    buyer: FileSigner


@dataclass(frozen=True, slots=True)
class Plan:
    """What a scenario wants of its network."""

    buyer_is_permitted: bool = True
    """The issuer lets the buyer hold the token."""
    seller_tokens: int = 5_000 * 10**18
    """Units of the token that the seller has; it has 18 decimals."""
    buyer_cents: int = 20_000_000
    """Cents in the buyer's account."""
    node_module: Callable[[int], str] = lambda _: "interlock.node"
    """Which program each member runs: the demo of a lying node replaces one."""


class DevNetwork:
    """One network in one folder; an asynchronous context manager that starts it and reaps every process."""

    def __init__(self, home: Path, plan: Plan, make_chain: MakeChain) -> None:
        self.home = home
        self.plan = plan
        self.roles = Roles(
            *(FileSigner.generate(_folder(home / "parties") / f"{name}.key") for name in ("issuer", "seller", "buyer"))
        )
        self._decision_keys = [_node_key(home, index, DECISION_KEY_FILE) for index in range(NODES)]
        self._gas_keys = [_node_key(home, index, GAS_KEY_FILE) for index in range(NODES)]
        self.genesis = Genesis(
            name="interlock demo",
            members=tuple(each.address for each in self._decision_keys),
            log="embedded",
            salt=Bytes32(secrets.token_bytes(32)),
        )
        self.genesis_path = home / "genesis.json"
        self.genesis_path.write_bytes(encode(self.genesis))
        funded = [self.roles.issuer, self.roles.seller, *self._gas_keys]
        balances = {hex_of(each.address): 1_000 * ETHER for each in funded}
        self.chain = make_chain(home / "chain", balances)
        self.bank_home: BankHome = create_bank_home(
            home / "bank", ledger=BANK_NAME, genesis=self.genesis, assets=(MONEY,), host=HOST, port=_free_port()
        )
        self.bank = self._process("bank", "interlock.bankd", "--home", str(home / "bank"))
        self.sequencer = self._process(
            "sequencer",
            "interlock.node.sequencer",
            *("--home", str(home / "log"), "--genesis", str(self.genesis_path)),
            *("--host", HOST, "--port", str(_free_port())),
        )
        self.nodes = [
            self._process(f"node {index}", plan.node_module(index), "--home", str(_node_home(home, index)))
            for index in range(NODES)
        ]
        self.clients: list[NodeClient] = []
        self._market: TreasuryMarket | None = None
        self._operator: BankOperator | None = None

    @property
    def market(self) -> TreasuryMarket:
        """The contracts; RuntimeError before the start."""
        if self._market is None:
            raise RuntimeError("the network has not started")
        return self._market

    @property
    def operator(self) -> BankOperator:
        """The bank's operator; RuntimeError before the start."""
        if self._operator is None:
            raise RuntimeError("the network has not started")
        return self._operator

    @property
    def vault_ledger(self) -> str:
        """The vault's registered name."""
        return vault_name(CHAIN_ID, self.market.vault)

    @property
    def processes(self) -> list[ManagedProcess]:
        """Every process, the chain first."""
        return [self.chain.process, self.sequencer, self.bank, *self.nodes]

    async def start(self) -> None:
        """Start every process, set up both ledgers, and put the registry in force."""
        await asyncio.gather(self.chain.start(), self.sequencer.start(), self.bank.start())
        self._operator = BankOperator(str(self.bank.ready["url"]), self.bank_home)
        self._market, _ = await asyncio.gather(self._set_up_chain(), self._set_up_bank())
        for index in range(NODES):
            self._write_node_config(index)
        await asyncio.gather(*(each.start() for each in self.nodes))
        self.clients = [NodeClient(str(each.ready["url"])) for each in self.nodes]
        await self._configure()

    async def crash(self) -> None:
        """Kill nodes, log and bank with SIGKILL, as a power cut would; the chain, the outside world, runs on."""
        await asyncio.gather(*(each.kill() for each in (self.sequencer, self.bank, *self.nodes)))

    async def revive(self) -> None:
        """Start again what `crash` killed, on the same homes."""
        await asyncio.gather(*(each.start() for each in (self.sequencer, self.bank, *self.nodes)))
        await asyncio.gather(*(each.close() for each in self.clients))
        self.clients = [NodeClient(str(each.ready["url"])) for each in self.nodes]

    async def revive_one(self, process: ManagedProcess) -> None:
        """Start again one process that was killed, on its own home."""
        await process.start()
        if process in self.nodes:
            index = self.nodes.index(process)
            await self.clients[index].close()
            self.clients[index] = NodeClient(str(process.ready["url"]))

    async def tokens_of(self, holder: Address) -> int:
        """Give a holder's balance of the token, in its smallest unit."""
        return await token_balance(self.chain.rpc, self.market.token, holder)

    async def close(self) -> None:
        """End and reap everything."""
        for client in self.clients:
            await client.close()
        if self._operator is not None:
            await self._operator.close()
        ends = [each.terminate() for each in (*self.nodes, self.bank, self.sequencer)]
        await asyncio.gather(*ends, self.chain.terminate())

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _set_up_chain(self) -> TreasuryMarket:
        """Create the contracts, permit their users, give the seller tokens, let the vault take them."""
        rpc, roles = self.chain.rpc, self.roles
        issuer = Account(rpc, CHAIN_ID, roles.issuer)
        seller = Account(rpc, CHAIN_ID, roles.seller)
        market = await deploy_market(issuer, self.genesis)
        permitted = [market.vault, roles.seller.address]
        if self.plan.buyer_is_permitted:
            permitted.append(roles.buyer.address)
        sent = [await issuer.call("KycRegistry", market.registry, "allow", hex_of(each)) for each in permitted]
        mint = (hex_of(roles.seller.address), self.plan.seller_tokens)
        sent.append(await issuer.call("TreasuryToken", market.token, "mint", *mint))
        sent.append(await seller.call("TreasuryToken", market.token, "approve", hex_of(market.vault), 2**256 - 1))
        await issuer.mined(sent)
        return market

    async def _set_up_bank(self) -> None:
        await self.operator.open_account("buyer", MONEY, self.roles.buyer.address, self.plan.buyer_cents)
        await self.operator.open_account("seller", MONEY, self.roles.seller.address, 0)

    def _write_node_config(self, index: int) -> None:
        log_host, log_port = str(self.sequencer.ready["host"]), int(self.sequencer.ready["port"])
        config = NodeConfig(
            genesis="../../genesis.json",
            member=MemberIndex(Uint32(index)),
            host=HOST,
            port=Uint32(0),
            log_host=log_host,
            log_port=Uint32(log_port),
            look_interval_ms=Uint32(LOOK_INTERVAL_MS),
            ledgers=(
                BankConnection(
                    name=BANK_NAME,
                    url=str(self.bank.ready["url"]),
                    receipt_key=self._receipt_key,
                    read_token_file="read.token",  # noqa: S106 - the name of a file
                ),
                VaultConnection(
                    name=self.vault_ledger,
                    url=self.chain.url,
                    start_block=Uint64(self.market.vault_block),
                    confirmations=Uint32(0),
                    stagger_ms=Uint32(STAGGER_MS),
                ),
            ),
        )
        home = _node_home(self.home, index)
        _write_secret(home / "read.token", self.bank_home.tokens.read)
        SignOnceRecord.create(home / RECORD_FILE).close()
        (home / CONFIG_FILE).write_bytes(encode(config))

    async def _configure(self) -> None:
        """Sign the registry with every node's key, as their operators would, and bring it to the log."""
        registry = Registry(
            ledgers=tuple(
                sorted(
                    (
                        LedgerEntry(
                            name=BANK_NAME,
                            ledger_class=LedgerClass.HELD,
                            assets=(MONEY,),
                            receipt_key=self._receipt_key,
                            confirmations=Uint32(0),
                            is_suspended=False,
                            is_pivot=False,
                        ),
                        LedgerEntry(
                            name=self.vault_ledger,
                            ledger_class=LedgerClass.VAULT,
                            assets=(hex_of(self.market.token),),
                            receipt_key=ZERO_BYTES32,
                            confirmations=Uint32(0),
                            is_suspended=False,
                            is_pivot=False,
                        ),
                    ),
                    key=lambda each: each.name,
                )
            ),
            prepare_horizon_s=Uint64(PREPARE_HORIZON_S),
            open_per_signer_max=Uint32(OPEN_PER_SIGNER_MAX),
            pivot_window_max_s=Uint64(0),
            has_conditions=False,
            batch_min=Uint32(0),
        )
        configuration = Configuration(FIRST_EPOCH, Uint64(1), registry)
        digest = configuration_digest(self.genesis.network_id, configuration)
        signatures = tuple(PartySignature(each.address, each.sign(digest)) for each in self._decision_keys)
        ready = self.sequencer.ready
        async with EmbeddedLog(str(ready["host"]), int(ready["port"])) as log:
            await log.submit(encode(Configure(SignedConfiguration(configuration, signatures))))
        async with asyncio.timeout(CONFIGURED_WITHIN_S):
            for client in self.clients:
                await _configured(client)

    @property
    def _receipt_key(self) -> Bytes32:
        return self.bank_home.key.public_key

    def _process(self, name: str, module: str, *arguments: str) -> ManagedProcess:
        argv: Sequence[str] = (sys.executable, "-m", module, *arguments, UNTIL_STDIN_ENDS)
        return ManagedProcess(argv, log_path=self.home / f"{name.replace(' ', '-')}.log", name=name)


async def _configured(client: NodeClient) -> None:
    """Wait until a node has applied a configuration."""
    while True:
        state = await client.status()
        if state["configuration"]:
            return
        await asyncio.sleep(ASK_S)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _node_home(home: Path, index: int) -> Path:
    return home / "nodes" / str(index)


def _node_key(home: Path, index: int, file: str) -> FileSigner:
    path = _node_home(home, index) / file
    _folder(path.parent)
    return FileSigner.generate(path)


def _write_secret(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _free_port() -> int:
    """Give a port that is free now: a part that is killed must come back where the others look for it."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
