"""The embedded chain: py-evm behind the JSON-RPC that every Ethereum client speaks, as a process of its own.

It gives real headers, roots, receipts and proofs, a finality that lags behind the head, and reorganisations on
demand, and needs nothing but Python. What it accepted is on disk before anybody hears of it.

```
server -> rpc -> eth_*, devnet_* -> chain -> pool, admission
                                      |
                                      +-> evm -> store
```

Everything outside this folder reads the chain over HTTP; nothing may import the chain object. The handles
`process.EmbeddedChain` and `anvil.AnvilChain` start a chain and control it.
"""
