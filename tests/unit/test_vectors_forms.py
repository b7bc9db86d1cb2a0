"""Canonical bytes, digests, hashes and trees are those of the files; eth-account is the oracle of what wallets sign."""

from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from golden_files import golden, raw

from interlock.core.committee import Genesis
from interlock.core.decision import Certificate, Decision, DecisionBatch, batch_root_digest, decision_hash
from interlock.core.entry import Entry
from interlock.core.instruction import Instruction, RedactedInstruction, cancel_digest, settlement_id
from interlock.core.registry import Registry
from interlock.core.rejection import Reason, Rejection
from interlock.encoding.block import block_hash
from interlock.encoding.canonical import Malformed, decode_canonical, encode, from_json
from interlock.encoding.keccak import keccak256
from interlock.encoding.merkle import EMPTY_FRONTIER, proof_of, root_of, verify_proof
from interlock.encoding.secp256k1 import address_of, recover, sign_digest
from interlock.entries.check import decode_entry

KINDS: dict[str, Any] = {
    "Genesis": Genesis,
    "Registry": Registry,
    "Instruction": Instruction,
    "Certificate": Certificate,
    "genesis": Genesis,
    "registry": Registry,
    "instruction": Instruction,
    "certificate": Certificate,
    "entry": Entry,
}
TYPED = golden("typed-data.json")
KEYS = {each["name"]: each for each in golden("keys.json")["keys"]}


def test_keys_are_hashes_of_their_names() -> None:
    """Whoever reads the folder can make every key."""
    for name, each in KEYS.items():
        assert raw(each["secret"]) == keccak256(f"interlock/vectors/{name}".encode())
        assert address_of(raw(each["secret"])) == raw(each["address"])


@pytest.mark.parametrize("case", golden("canonical.json")["canonical"], ids=lambda case: case["name"])
def test_a_value_has_one_canonical_form(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """FORM-JSON: the text decodes, encodes to itself, and has the hash."""
    value = decode_canonical(KINDS[case["name"]], case["text"].encode())
    assert encode(value).decode() == case["text"]
    assert keccak256(case["text"].encode()) == raw(case["keccak256"])


@pytest.mark.parametrize("case", golden("canonical.json")["refused"], ids=lambda case: case["why"])
def test_another_text_is_refused(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """FORM-JSON: what is not canonical, not strict, or out of its type is no value."""
    with pytest.raises(Malformed) as refused:
        decode_canonical(KINDS[case["as"]], case["text"].encode())
    assert str(refused.value) == case["error"]


def test_what_is_no_entry_is_malformed() -> None:
    """The log takes nothing of another kind."""
    for text in golden("canonical.json")["notAnEntry"]:
        answer = decode_entry(text.encode())
        assert isinstance(answer, Rejection)
        assert answer.reason is Reason.MALFORMED


def test_blocks_stand_upon_each_other() -> None:
    """FORM-BLOCK: each hash is made of height, time, the hash before and the entries."""
    for block in golden("blocks.json")["blocks"]:
        entries = [raw(each) for each in block["entries"]]
        assert block_hash(block["height"], block["time"], raw(block["previous"]), entries) == raw(block["hash"])


def test_signatures_are_deterministic_and_have_one_form() -> None:
    """FORM-SIGNATURE: the same key and digest give the same 65 bytes, and no other form recovers to anybody else."""
    document = golden("signatures.json")
    for each in document["signed"]:
        assert sign_digest(raw(KEYS[each["key"]]["secret"]), raw(each["digest"])) == raw(each["signature"])
    for each in document["recovered"]:
        found = recover(raw(each["digest"]), raw(each["signature"]))
        assert found == (None if each["signer"] is None else raw(each["signer"]))


def in_full(case: Any) -> dict[str, Any]:  # noqa: ANN401 - as the file has it
    """Give a case as the document that a wallet is given: types, domain and message."""
    encoded = TYPED["structs"][case["primaryType"]]["encodeType"]
    types = {"EIP712Domain": "string name,string version,bytes32 salt"}
    types |= {text.partition("(")[0]: text.partition("(")[2] for text in encoded.split(")") if text}
    members = {
        name: [dict(zip(("type", "name"), member.split(" "), strict=True)) for member in text.split(",")]
        for name, text in types.items()
    }
    message = with_numbers(case["message"], members, case["primaryType"])
    return {"types": members, "primaryType": case["primaryType"], "domain": TYPED["domain"], "message": message}


def with_numbers(value: Any, members: Any, kind: str) -> Any:  # noqa: ANN401 - JSON
    """Give a message with its decimal strings as numbers, which the oracle wants."""
    if kind.endswith("[]"):
        return [with_numbers(each, members, kind[:-2]) for each in value]
    if kind in members:
        return {each["name"]: with_numbers(value[each["name"]], members, each["type"]) for each in members[kind]}
    return int(value) if kind.startswith("uint") else value


@pytest.mark.parametrize("case", TYPED["cases"], ids=lambda case: case["primaryType"])
def test_eth_account_signs_the_same_digests(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """FORM-TYPED: domain, struct and digest are EIP-712, as another implementation computes them."""
    signable = encode_typed_data(full_message=in_full(case))
    assert signable.header == raw(TYPED["domainSeparator"])
    assert signable.body == raw(case["hashStruct"])
    assert keccak256(b"\x19" + signable.version + signable.header + signable.body) == raw(case["digest"])


def test_types_hash_to_what_is_told() -> None:
    """The hash of a type is that of its text."""
    for struct in TYPED["structs"].values():
        assert keccak256(struct["encodeType"].encode()) == raw(struct["typeHash"])
    assert {case["primaryType"] for case in TYPED["cases"]} == set(TYPED["structs"])


@pytest.mark.parametrize("case", golden("settlement-ids.json")["cases"], ids=lambda case: case["name"])
def test_every_form_of_the_terms_has_the_same_id(case: Any) -> None:  # noqa: ANN401 - as the file has it
    """TERMS-ID and TERMS-REDACTED: in clear, without any account's terms, or with those of one bank alone."""
    network = raw(golden("settlement-ids.json")["network"])
    assert settlement_id(network, from_json(Instruction, case["instruction"])) == raw(case["settlement"])
    for each in case["redacted"]:
        assert settlement_id(network, from_json(RedactedInstruction, each["form"])) == raw(case["settlement"])
    assert cancel_digest(network, raw(case["settlement"])) == raw(case["cancelDigest"])


def test_trees_and_their_proofs() -> None:
    """FORM-TREE: roots and proofs of every size; what is not in the tree is not proven."""
    document = golden("merkle.json")
    for tree in document["trees"]:
        leaves = [keccak256(f"interlock/vectors/leaf {number}".encode()) for number in range(tree["size"])]
        assert root_of(leaves) == raw(tree["root"]) == EMPTY_FRONTIER.extend(leaves).root
        for number, proof in tree["proofs"].items():
            siblings = [raw(each) for each in proof]
            assert tuple(siblings) == proof_of(leaves, int(number))
            assert verify_proof(leaves[int(number)], siblings, raw(tree["root"]))
    for each in document["invalid"]:
        assert not verify_proof(raw(each["leaf"]), [raw(sibling) for sibling in each["proof"]], raw(each["root"]))


def test_the_log_that_grows() -> None:
    """FORM-TREE: peaks and root after each leaf, and a proof from the nodes that were completed."""
    document = golden("merkle.json")
    log, nodes = EMPTY_FRONTIER, {}
    assert log.root == raw(document["log"]["emptyRoot"])
    leaves = [raw(each) for each in document["leaves"]]
    for step, leaf in zip(document["log"]["steps"], leaves, strict=True):
        nodes |= {(each["level"], each["number"]): raw(each["node"]) for each in step["completed"]}
        log = log.append(leaf)
        assert (log.size, log.root) == (step["size"], raw(step["root"]))
        assert list(log.peaks) == [raw(each) for each in step["peaks"]]
        for at, groups in enumerate(step["proofs"]):
            proof = [folded([nodes[level, number] for level, number in group]) for group in groups]
            assert verify_proof(leaves[at], proof, log.root)


def folded(peaks: list[bytes]) -> bytes:
    """Hash peaks from the right, as the page on forms says it."""
    *greater, node = peaks
    for peak in reversed(greater):
        node = keccak256(min(peak, node) + max(peak, node))
    return node


def test_batches_have_their_roots_digests_and_proofs() -> None:
    """BATCH-1 and BATCH-2: a leaf is the hash of a decision, and its proof leads to the root that is signed."""
    document = golden("batches.json")
    for case in document["cases"]:
        batch = from_json(DecisionBatch, case["batch"])
        assert batch_root_digest(raw(document["network"]), batch) == raw(case["digest"])
        for each in case["proven"]:
            leaf = decision_hash(from_json(Decision, each["decision"]))
            assert leaf == raw(each["leaf"])
            assert verify_proof(leaf, [raw(sibling) for sibling in each["proof"]], batch.root)
