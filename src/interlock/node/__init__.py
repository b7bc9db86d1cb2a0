"""The node: the shell around the core that watches ledgers, votes, signs, relays and recovers.

`node` puts the parts together, `follower` applies the log, `watcher` looks at ledgers, `voter` signs and brings votes
to the log, `performer` does what the core asks of ledgers, `store` keeps what was applied.
"""
