"""The doors to external ledgers: one protocol, one adapter for each kind of ledger.

Adapters do not know each other, nor the node; they import `core`, `encoding` and `evidence` only.
"""
