"""Accounts, opening deposits and mandates: what the operator keeps, each request one transaction.

Ids are the client's own, so every request can be made again; the same id with another body is told so.
"""

from interlock.bankd.book import Entry, Place, Side
from interlock.bankd.problem import Code, Problem
from interlock.bankd.store import Store
from interlock.bankd.view import AccountState, Balance, DepositRequest
from interlock.core.limits import ACCOUNT_AMOUNT_MAX
from interlock.encoding.canonical import encode
from interlock.encoding.values import ZERO_ADDRESS, Address, MinorUnits, Uint256


class Accounts:
    """The accounts of one bank; not for two threads at once."""

    def __init__(self, store: Store, *, ledger: str, assets: tuple[str, ...]) -> None:
        self._store = store
        self._ledger = ledger
        self._assets = assets

    def open_account(self, name: str, assets: tuple[str, ...]) -> AccountState:
        """Open an account for some assets; the same again is success.

        Problem OUT_OF_BOUNDS, UNKNOWN_ASSET, EXISTS_WITH_DIFFERENT_TERMS.
        """
        if not assets or len(set(assets)) != len(assets):
            raise Problem(Code.OUT_OF_BOUNDS, f"Account {name} needs at least one asset, each once.")
        for asset in assets:
            self._check_asset(asset)
        with self._store.transaction():
            found = self._store.account(name)
            if found is None:
                self._store.open_account(name, assets)
            elif found.available.keys() != set(assets):
                raise Problem(
                    Code.EXISTS_WITH_DIFFERENT_TERMS,
                    f"Account {name} is open for {sorted(found.available)}, not for {sorted(assets)}; it stays so.",
                )
        return self.look(name)

    def deposit(self, deposit_id: str, deposit: DepositRequest) -> DepositRequest:
        """Credit an account from outside; the same id and body again is success.

        Problem EXISTS_WITH_DIFFERENT_TERMS, UNKNOWN_ASSET, UNKNOWN_ACCOUNT, OUT_OF_BOUNDS, TOTAL_TOO_LARGE.
        """
        with self._store.transaction():
            body = self._store.deposit(deposit_id)
            if body is None:
                self._credit(deposit_id, deposit)
            elif body != encode(deposit):
                raise Problem(
                    Code.EXISTS_WITH_DIFFERENT_TERMS,
                    f"Deposit {deposit_id} was booked as {body.decode()}, not as {encode(deposit).decode()}; "
                    "it stays as it is. Use a new id for another deposit.",
                )
        return deposit

    def grant(self, account: str, signer: Address) -> AccountState:
        """Put a key's mandate over an account on file; Problem OUT_OF_BOUNDS, UNKNOWN_ACCOUNT."""
        if signer == ZERO_ADDRESS:
            raise Problem(Code.OUT_OF_BOUNDS, f"The zero address is nobody's key; account {account} keeps its signers.")
        with self._store.transaction():
            self._check_account(account)
            self._store.grant(account, signer)
        return self.look(account)

    def revoke(self, account: str, signer: Address) -> AccountState:
        """Take a key's mandate off file; holds made under it stand. Problem UNKNOWN_ACCOUNT."""
        with self._store.transaction():
            self._check_account(account)
            self._store.revoke(account, signer)
        return self.look(account)

    def look(self, name: str) -> AccountState:
        """Give an account's balances and signers; Problem UNKNOWN_ACCOUNT."""
        self._check_account(name)
        found = self._store.account(name)
        balances = tuple(
            Balance(asset, MinorUnits(Uint256(available)), MinorUnits(Uint256(held)))
            for asset, available, held in self._store.balances(name)
        )
        return AccountState(name, balances, tuple(sorted(found.signers)) if found else ())

    def _credit(self, deposit_id: str, deposit: DepositRequest) -> None:
        self._check_asset(deposit.asset)
        self._check_account(deposit.account)
        if deposit.asset not in {asset for asset, _, _ in self._store.balances(deposit.account)}:
            raise Problem(Code.UNKNOWN_ASSET, f"Account {deposit.account} is not open for {deposit.asset}.")
        if deposit.amount == 0:
            raise Problem(Code.OUT_OF_BOUNDS, f"Deposit {deposit_id} is of 0 {deposit.asset}; nothing to book.")
        total = self._store.total(deposit.asset) + deposit.amount
        if total > ACCOUNT_AMOUNT_MAX:
            raise Problem(
                Code.TOTAL_TOO_LARGE,
                f"With deposit {deposit_id} this bank would keep {total} {deposit.asset}; {ACCOUNT_AMOUNT_MAX} minor "
                "units are the most that it can count.",
            )
        self._store.add_deposit(deposit_id, encode(deposit))
        outside, inside = Place("", Side.OUTSIDE), Place(deposit.account, Side.AVAILABLE)
        self._store.book(f"deposit:{deposit_id}", Entry(deposit.asset, deposit.amount, outside, inside))

    def _check_asset(self, asset: str) -> None:
        if asset not in self._assets:
            raise Problem(Code.UNKNOWN_ASSET, f"{asset[:40]!r} is none of this bank's assets: {list(self._assets)}.")

    def _check_account(self, name: str) -> None:
        if self._store.account(name) is None:
            raise Problem(Code.UNKNOWN_ACCOUNT, f"There is no account {name} at {self._ledger}; open it first.")
