"""The wiring says what a home lacks, in one sentence, instead of breaking."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from interlock.core.committee import MemberIndex
from interlock.core.instruction import vault_name
from interlock.encoding.values import Address, Uint32, Uint64, hex_of
from interlock.keys.signer import FileSigner
from interlock.node.config import FINAL_FILE, GAS_KEY_FILE, ConfigInvalid, NodeConfig, VaultConnection
from interlock.node.wiring import connect_ledger
from support.world import CHAIN_ID, GENESIS, VAULT_NAME
from support.world import VAULT as VAULT_ADDRESS

VAULT = VaultConnection(VAULT_NAME, "http://127.0.0.1:1/", Uint64(0), Uint32(0), Uint32(1))
CONFIG = NodeConfig(
    "genesis.json", MemberIndex(Uint32(0)), "127.0.0.1", Uint32(0), "127.0.0.1", Uint32(1), Uint32(1), (VAULT,)
)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\x00", b'{"kind":"interlock/final-mark/1","number":1}'])
async def test_a_damaged_final_mark_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    """The home cannot be used as it is: the sentence names the file and the two ways out; the file stays."""
    (tmp_path / GAS_KEY_FILE).parent.mkdir()
    FileSigner.generate(tmp_path / GAS_KEY_FILE)
    path = tmp_path / FINAL_FILE.format(chain_id=CHAIN_ID, vault=hex_of(VAULT_ADDRESS))
    path.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=re.escape(str(path)) + ".*put a copy back.*remove it"):
        connect_ledger(tmp_path, CONFIG, GENESIS, VAULT)
    assert path.read_bytes() == content
    path.unlink()
    await connect_ledger(tmp_path, CONFIG, GENESIS, VAULT).close()


async def test_two_vaults_on_one_chain_remember_apart(tmp_path: Path) -> None:
    """A mark that one vault's connection keeps is not read by the other's."""
    (tmp_path / GAS_KEY_FILE).parent.mkdir()
    FileSigner.generate(tmp_path / GAS_KEY_FILE)
    other = replace(VAULT, name=vault_name(CHAIN_ID, Address(bytes(19) + b"\7")))
    (tmp_path / FINAL_FILE.format(chain_id=CHAIN_ID, vault=hex_of(VAULT_ADDRESS))).write_bytes(b"damaged")
    with pytest.raises(ConfigInvalid):
        connect_ledger(tmp_path, CONFIG, GENESIS, VAULT)
    await connect_ledger(tmp_path, CONFIG, GENESIS, other).close()
