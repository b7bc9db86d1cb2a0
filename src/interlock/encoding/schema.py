"""The project's typed-data structs, each written once as wallets, contracts and other languages must spell it.

Source: specification 3 (what parties sign) and 4, 5 (what nodes sign). `Batch` and `Configuration` carry a hash of
canonical bytes, because what they bind is read by nodes and auditors only, never by a contract or a wallet.
"""

import dataclasses

from interlock.encoding.typed_data import struct_type

ONCHAIN_LEG = struct_type(
    "OnchainLeg(uint256 chainId,address vault,address token,uint256 amount,address payer,address payee,uint256 nonce)"
)
ACCOUNT_TERMS = struct_type(
    "AccountTerms(string ledger,string asset,uint256 amount,string payer,string payee,bytes32 blind)"
)
ACCOUNT_LEG = struct_type("AccountLeg(address signer,AccountTerms terms)", ACCOUNT_TERMS)
INSTRUCTION = struct_type(
    "Instruction(string memo,OnchainLeg[] onchainLegs,AccountLeg[] accountLegs,string pivot,bytes32 conditions,"
    "uint64 settleFrom,uint64 prepareBy,uint64 pivotWindow,bytes32 nonce)",
    ONCHAIN_LEG,
    ACCOUNT_LEG,
)
INSTRUCTION_REDACTED = dataclasses.replace(INSTRUCTION, members=("word", *INSTRUCTION.members[1:]))
"""The same struct whose `memo` is given as its hash."""
CANCEL = struct_type("Cancel(bytes32 settlement)")
ATTESTATION = struct_type(
    "Attestation(bytes32 settlement,uint32 leg,uint8 fact,bytes32 position,bytes32 evidence,uint64 epoch)"
)
DECISION = struct_type("Decision(bytes32 settlement,uint8 outcome,uint64 epoch)")
DECISION_BATCH = struct_type("DecisionBatch(bytes32 root,uint64 epoch,uint64 height)")
ORDER = struct_type("Order(bytes32 settlement,string ledger,uint64 lastValid,uint64 epoch)")
SUCCESSION = struct_type("Succession(uint64 from,bytes32 committee)")
ROTATION = struct_type("Rotation(uint64 from,bytes32 committee,uint64 height,bytes32 decisionsRoot)")
CONFIGURATION = struct_type("Configuration(uint64 epoch,uint64 sequence,bytes32 registry)")
BATCH = struct_type("Batch(uint64 epoch,uint64 height,bytes32 block,bytes32 content)")
