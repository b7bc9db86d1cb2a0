"""A ledger in memory, of any kind: for tests and for simulation.

`rules` and what it stands on (`page`, `answer`, `proof`, `facts`) are pure: values in, values out, nothing else.
`book` keeps accounts and pages by these rules, with a clock that it is told, and tells every event; `ledger` is one
node's door to a book.
"""
