"""A bank's ledger with holds: a small service that keeps promises B1 to B15 of the specification, section 6.

It verifies every mandate and certificate itself, from the genesis document in its own configuration; it never asks a
node who the committee is. `book` holds the rules, pure; `bank` applies them to `store`; `app` is the door.
"""
