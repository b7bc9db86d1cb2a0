"""A bank's ledger with holds, as a node reaches it: over HTTP, believing signed receipts and nothing else."""
