"""The vault's calls are spelled as its interface says; what it answers and reverts with is read strictly."""

from dataclasses import replace

import pytest
from eth_abi.abi import decode, encode
from eth_account import Account

from interlock.core.decision import Outcome
from interlock.core.instruction import hash_account_terms, hash_onchain_leg, redact
from interlock.encoding.canonical import Malformed
from interlock.encoding.keccak import keccak256
from interlock.encoding.values import Address, hex_of
from interlock.evidence.chain_event import TOPICS
from interlock.evidence.lane_word import commitment_of
from interlock.ledgers.evm import abi
from interlock.ledgers.evm.artifact import load_artifact
from interlock.ledgers.evm.transaction import GasKey, Transaction, rlp
from support import world
from support.evm import PUSH_REFUSED, decided, onchain, watch


def called(data: bytes, name: str) -> tuple[object, ...]:
    """Decode calldata by the artifact's own types."""
    function = load_artifact("Vault").functions[name]
    assert data[:4] == function.selector
    return tuple(decode(function.inputs, data[4:]))


def test_prepare_shows_the_vault_no_terms_of_a_bank() -> None:
    """Of an account leg the vault is given signer and hash, of the memo its hash; all else is the instruction."""
    terms = world.instruction(2, 1)
    signatures = [b"\1" * 65, b"", b"\2" * 65]
    data = abi.encode_prepare(terms, watch(terms).leg, signatures)
    shown, leg, given = called(data, "prepare")
    memo, legs, accounts, pivot, _conditions, _from, prepare_by, _window, nonce = shown  # type: ignore[misc]  # a struct
    assert (leg, list(given)) == (0, signatures)  # type: ignore[call-overload]  # a list
    assert (memo, pivot, prepare_by, nonce) == (keccak256(terms.memo.encode()), "", terms.prepare_by, terms.nonce)
    assert [each[6] for each in legs] == [each.nonce for each in terms.onchain_legs]
    assert accounts == ((hex_of(world.BOB.address), hash_account_terms(terms.account_legs[0].terms)),)
    assert terms.account_legs[0].terms.payer.encode() not in data
    assert abi.encode_prepare(redact(terms), watch(terms).leg, signatures) == data


def test_a_certificate_names_signers_by_bit_and_the_absent_by_address() -> None:
    """Bit i is set where member i signed; the others stand by rising place; signatures are one row."""
    known = decided(watch(), Outcome.COMMIT, (0, 2, 3))
    assert known.certificate is not None
    data = abi.encode_settle(known.certificate, world.COMMITTEE, [(known.leg, onchain(known))])
    settlement, outcome, proof, legs = called(data, "settle")
    row = b"".join(each.signature for each in known.certificate.signatures)
    assert (settlement, outcome) == (known.settlement, 1)
    assert proof == (1, 0b1101, (hex_of(world.NODES[1].address),), row)
    assert legs[0][0] == 0  # type: ignore[index]  # a list of structs


def test_commitment_and_committee_are_hashes_of_encoded_words() -> None:
    """Both are recomputed by us as Solidity's abi.encode has it."""
    known = watch()
    words = encode(["bytes32", "uint32", "bytes32"], [known.settlement, 0, hash_onchain_leg(onchain(known))])
    assert commitment_of(known.settlement, known.leg, onchain(known)) == keccak256(words)[:26]
    assert abi.committee_hash(world.COMMITTEE) == keccak256(
        encode(["uint64", "address[]"], [1, [node.address for node in world.NODES]])
    )


def test_reverts_are_told_in_words() -> None:
    """A vault's error is named with its values, a token's own reason inside it too; strange bytes are shown."""
    reason = keccak256(b"Error(string)")[:4] + encode(["string"], ["not allowed"])
    values = [hex_of(world.TOKEN), hex_of(world.ALICE.address), 5, reason]
    assert (
        abi.describe(PUSH_REFUSED.selector + encode(PUSH_REFUSED.inputs, values)) == "PushRefused: Error(not allowed)"
    )
    assert abi.describe(b"") == "no reason given"
    assert abi.describe(b"\1\2\3\4\5") == "0x0102030405"
    assert abi.decode_revert(PUSH_REFUSED.selector + b"\1").name == ""


@pytest.mark.parametrize("data", [b"", bytes(95), bytes(95) + b"\7", b"\xff" * 96])
def test_an_answer_of_other_types_is_refused(data: bytes) -> None:
    """HoldOf answers three words, the last of them a known status."""
    assert abi.decode_hold(bytes(96)).status is abi.HoldStatus.EMPTY
    with pytest.raises(Malformed):
        abi.decode_hold(data)


def test_the_events_read_offline_are_the_artifacts_own() -> None:
    """The topics that evidence is read by are those of the compiled contract."""
    events = [item for item in load_artifact("Vault").abi if item["type"] == "event"]
    topics = {
        keccak256(f"{item['name']}({','.join(each['type'] for each in item['inputs'])})".encode()): item["name"]
        for item in events
    }
    assert [topics[topic] for topic in TOPICS] == ["Held", "Delivered", "Returned", "Tombstoned"]


@pytest.mark.parametrize("length", [0, 1, 54, 55, 56, 300, 70_000])
def test_a_transaction_is_signed_as_eth_account_signs_it(length: int) -> None:
    """EIP-1559 bytes and hash equal the oracle's, whatever the length of the data."""
    payer = world.key(77)
    to = Address(bytes(19) + b"\1")
    key = GasKey(payer)
    signed = key.sign(Transaction(31337, 0, 10**9, 3 * 10**9, 100_000, to, b"\7" * length))
    fields = {"chainId": 31337, "nonce": 0, "maxPriorityFeePerGas": 10**9, "maxFeePerGas": 3 * 10**9, "gas": 100_000}
    fields |= {"to": "0x" + to.hex(), "value": 0, "data": b"\7" * length, "type": 2}
    oracle = Account.from_key(payer.secret).sign_transaction(fields)
    assert (signed.raw, signed.hash) == (bytes(oracle.raw_transaction), bytes(oracle.hash))


def test_the_gas_key_is_not_shown() -> None:
    """Neither text form of a gas key contains its secret."""
    secret = keccak256(b"gas")
    key = GasKey(world.Key(secret))
    assert secret.hex() not in f"{key!r} {key}"
    assert hex_of(key.address) in repr(key)


def test_what_has_no_rlp_form_is_refused() -> None:
    """Only numbers, bytes and lists have one."""
    assert rlp([0, b"", [1]]) == bytes.fromhex("c48080c101")
    with pytest.raises(TypeError):
        rlp("text")


def test_another_generation_is_another_commitment() -> None:
    """What the vault keeps of a leg differs for every use of the lane."""
    known = watch()
    leg = onchain(known)
    other = replace(leg, nonce=world.nonce(leg.lane, 2))
    assert commitment_of(known.settlement, known.leg, leg) != commitment_of(known.settlement, known.leg, other)
