"""A store in memory, which keeps the rules of the one on disk and is forgotten at the end; and a front for nobody."""

import asyncio
from dataclasses import dataclass, field, replace

from doorbus_console.store import Account, Deed, Passkey, Session, Store, StoreFailed, Token


@dataclass
class MemoryStore:
    """See `doorbus_console.store.Store`."""

    _accounts: dict[str, Account] = field(default_factory=dict)
    _passkeys: dict[str, Passkey] = field(default_factory=dict)
    _tokens: dict[str, Token] = field(default_factory=dict)
    _sessions: dict[str, Session] = field(default_factory=dict)
    _deeds: list[Deed] = field(default_factory=list)
    disk_is_full: bool = False

    def problem(self) -> str | None:
        """See `Store`."""
        return "the memory: no room; is the disk full?" if self.disk_is_full else None

    def _may_write(self) -> None:
        if self.disk_is_full:
            raise StoreFailed(str(self.problem()))

    def accounts(self) -> tuple[Account, ...]:
        """See `Store`."""
        return tuple(sorted(self._accounts.values(), key=lambda one: one.name))

    def account(self, name: str) -> Account | None:
        """See `Store`."""
        return self._accounts.get(name)

    def account_of(self, subject: str) -> Account | None:
        """See `Store`."""
        return next((one for one in self._accounts.values() if one.subject == subject), None)

    def put_account(self, account: Account) -> None:
        """See `Store`."""
        self._may_write()
        other = None if account.subject is None else self.account_of(account.subject)
        if other is not None:
            self._accounts[other.name] = replace(other, subject=None)
        self._accounts[account.name] = account

    def remove_account(self, name: str) -> None:
        """See `Store`."""
        self._may_write()
        self._accounts.pop(name, None)
        for passkey in self._of(name):
            del self._passkeys[passkey.id]
        self.remove_sessions(name)

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        """See `Store`."""
        return tuple(sorted(self._of(account), key=lambda one: (one.made_at, one.id)))

    def passkey(self, passkey_id: str) -> Passkey | None:
        """See `Store`."""
        return self._passkeys.get(passkey_id)

    def put_passkey(self, passkey: Passkey) -> None:
        """See `Store`."""
        self._may_write()
        self._passkeys[passkey.id] = passkey

    def remove_passkey(self, account: str, passkey_id: str) -> bool:
        """See `Store`."""
        self._may_write()
        return passkey_id in [one.id for one in self._of(account)] and bool(self._passkeys.pop(passkey_id))

    def _of(self, account: str) -> list[Passkey]:
        return [one for one in self._passkeys.values() if one.account == account]

    def tokens(self) -> tuple[Token, ...]:
        """See `Store`."""
        return tuple(sorted(self._tokens.values(), key=lambda one: one.name))

    def token(self, digest: str) -> Token | None:
        """See `Store`."""
        return next((one for one in self._tokens.values() if one.digest == digest), None)

    def put_token(self, token: Token) -> None:
        """See `Store`."""
        self._may_write()
        self._tokens[token.name] = token

    def remove_token(self, name: str) -> bool:
        """See `Store`."""
        self._may_write()
        return self._tokens.pop(name, None) is not None

    def session(self, session_id: str) -> Session | None:
        """See `Store`."""
        return self._sessions.get(session_id)

    def put_session(self, session: Session) -> None:
        """See `Store`."""
        self._may_write()
        self._sessions[session.id] = session

    def remove_session(self, session_id: str) -> None:
        """See `Store`."""
        self._may_write()
        self._sessions.pop(session_id, None)

    def remove_sessions(self, account: str) -> None:
        """See `Store`."""
        self._may_write()
        self._sessions = {key: one for key, one in self._sessions.items() if one.account != account}

    def note(self, deed: Deed) -> None:
        """See `Store`."""
        self._may_write()
        self._deeds.append(deed)

    def deeds(self, limit: int) -> tuple[Deed, ...]:
        """See `Store`."""
        return tuple(self._deeds[::-1][:limit])


@dataclass
class SilentFront:
    """A front that nobody can reach, and that remembers what was asked of it."""

    store: Store
    asked: list[str] = field(default_factory=list)

    async def open(self) -> None:
        """See `Front`."""
        self.asked.append("open")

    async def run(self) -> None:
        """See `Front`."""
        self.asked.append("run")
        await asyncio.Event().wait()

    async def close(self) -> None:
        """See `Front`."""
        self.asked.append("close")

    def problem(self) -> str | None:
        """See `Front`."""
        return self.store.problem()
