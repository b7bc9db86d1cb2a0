"""Vaults on EVM chains: read final blocks only, send what is still needed, and believe nothing that is not checked.

```
ledger -> observer -> finality -> rpc
       -> submission -> sender -> rpc
```

`rpc` speaks JSON-RPC, `wire` reads its values, `abi` spells the vault's calls. Everything is read through `eth_*` over
HTTP.
"""
