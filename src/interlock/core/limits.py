"""Protocol constants: counts and sizes that vault, bank and log enforce alike.

A network's own bounds (horizons, open settlements per key) are not here but in its registry.
"""

LEGS_MAX = 16
"""Legs of one instruction, on-chain and account legs together: one certificate settles them in one transaction."""
MEMO_BYTES_MAX = 256
"""Bytes of a memo in UTF-8: a reference and a sentence."""
NAME_BYTES_MAX = 128
"""Bytes of a ledger's, asset's or account's name in UTF-8; an IBAN has 34, a vault's name 56."""
ACCOUNT_AMOUNT_MAX = 2**63 - 1
"""Minor units of one account leg: what every bank database counts exactly; 92 quadrillion dollars."""
MEMBERS_MAX = 31
"""Nodes of a committee, n = 3f + 1 with f = 10: bounds the gas of a certificate."""
REGISTRY_LEDGERS_MAX = 256
"""Ledgers of one network."""
BATCH_ITEMS_MAX = 256
"""Attestations or decisions in one entry of a node."""
BATCH_LEAVES_MAX = 256
"""Decisions signed as one: a proof has 8 hashes then, and a node records so many before one signature."""
EVIDENCE_BYTES_MAX = 8_192
"""One evidence document; a signed bank receipt has about 900 bytes."""
ENTRY_BYTES_MAX = 262_144
"""One entry of the log, encoded."""
LANE_BITS = 216
"""Bits of `OnchainLeg.nonce` that name the lane; the other 40 are the generation."""
GENERATION_BITS = 40
"""Bits of `OnchainLeg.nonce` that count the uses of a lane: 10^12 settlements."""
ANCHORS_MAX = 4_096
"""Newest blocks whose hashes a replica keeps, to check that a node's batch was made on the same log."""
PIVOT_WINDOW_MAX_S = 7 * 86_400
"""Seconds that a pivot may ever be given, a week: its payer holds a free option so long."""
EVERY_LEG = 2**32 - 1
"""The leg index that stands for the settlement as a whole: its order, or its condition."""
