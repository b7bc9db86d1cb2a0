"""The demo's bank, as its operator and the audience see it: open accounts, put mandates on file, read the books."""

import json
from typing import Any

from interlock.bankd.config import Home
from interlock.client.http import HttpClient
from interlock.encoding.canonical import dumps
from interlock.encoding.values import Address, hex_of
from interlock.evidence.bank_receipt import BankReceipt, read_receipt


class BankOperator(HttpClient):
    """The operator of one bank, with its token."""

    def __init__(self, url: str, home: Home) -> None:
        super().__init__(url, token=home.tokens.operator)

    async def open_account(self, account: str, asset: str, signer: Address, deposit_minor: int) -> None:
        """Open an account for one asset, put a key's mandate on file, and credit an opening deposit."""
        await self.exchange("PUT", f"/v1/accounts/{account}", dumps({"assets": [asset]}))
        await self.exchange("PUT", f"/v1/accounts/{account}/mandates/{hex_of(signer)}")
        if deposit_minor:
            body = dumps({"account": account, "asset": asset, "amount": str(deposit_minor)})
            await self.exchange("PUT", f"/v1/deposits/opening-{account}", body)

    async def balance(self, account: str) -> tuple[int, int]:
        """Give available and held minor units of an account with one asset."""
        state: dict[str, Any] = await self.json("GET", f"/v1/accounts/{account}")
        (balance,) = state["balances"]
        return int(balance["available"]), int(balance["held"])

    async def receipts(self, after: int) -> list[BankReceipt]:
        """Give the bank's receipts after a number."""
        page = json.loads(await self.exchange("GET", f"/v1/receipts?after={after}"))
        return [read_receipt(each) for each in page["receipts"]]
