"""What the console keeps of its own: accounts, tokens, sessions, and who did what."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from doorbus_console.rights import Level, Scope


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in. `doors` narrows a resident to these; None is every door."""

    name: str
    level: Level
    password: str = field(repr=False)
    """Its argon2id hash; empty where it has none, and a provider alone lets it in."""
    doors: tuple[str, ...] | None = None
    subject: str | None = None
    """The issuer and what it calls this person, with a space between, of whom a provider has let in."""


@dataclass(frozen=True)
class Token:
    """What a program shows instead of signing in; only its SHA-256 is kept."""

    name: str
    digest: str = field(repr=False)
    scopes: tuple[Scope, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Passkey:
    """What an account signs in with instead of its password, or confirms with."""

    id: str
    account: str
    name: str
    key: bytes = field(repr=False)
    """Its public half."""
    used: int
    """How often, as the authenticator counts; a copy of it would count anew. 0 where it does not count."""
    made_at: datetime


@dataclass(frozen=True)
class Session:
    """A browser that is signed in. Its cookie is exchanged now and then: `generation` counts how often."""

    id: str = field(repr=False)
    account: str
    begun_at: datetime
    renewed_at: datetime
    generation: int = 0


@dataclass(frozen=True)
class Deed:
    """One action, for the audit."""

    at: datetime
    by: str
    action: str
    what: str
    outcome: str


class StoreFailed(Exception):  # noqa: N818  # an event of the disk
    """The store cannot be read or written; the text names it."""


class Store(Protocol):
    """Where it is kept. Every method raises `StoreFailed`; what can be read goes on being read on a full disk."""

    def problem(self) -> str | None:
        """Why nothing can be written at present, in words for people; raises nothing."""
        ...

    def accounts(self) -> tuple[Account, ...]:
        """All accounts by name."""
        ...

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        ...

    def account_of(self, subject: str) -> Account | None:
        """The account of this subject."""
        ...

    def put_account(self, account: Account) -> None:
        """Add it, or replace the one of its name."""
        ...

    def remove_account(self, name: str) -> None:
        """Remove it, its passkeys and its sessions."""
        ...

    def passkeys(self, account: str) -> tuple[Passkey, ...]:
        """Those of an account, the oldest first."""
        ...

    def passkey(self, passkey_id: str) -> Passkey | None:
        """The passkey of that id."""
        ...

    def put_passkey(self, passkey: Passkey) -> None:
        """Add it, or replace the one of its id."""
        ...

    def remove_passkey(self, account: str, passkey_id: str) -> bool:
        """Remove one of an account; whether it was there."""
        ...

    def tokens(self) -> tuple[Token, ...]:
        """All tokens by name."""
        ...

    def token(self, digest: str) -> Token | None:
        """The token of that digest."""
        ...

    def put_token(self, token: Token) -> None:
        """Add it, or replace the one of its name."""
        ...

    def remove_token(self, name: str) -> bool:
        """Remove it; whether it was there."""
        ...

    def session(self, session_id: str) -> Session | None:
        """The session of that id."""
        ...

    def put_session(self, session: Session) -> None:
        """Add it, or replace the one of its id."""
        ...

    def remove_session(self, session_id: str) -> None:
        """Sign one browser out."""
        ...

    def remove_sessions(self, account: str) -> None:
        """Sign all browsers of an account out."""
        ...

    def note(self, deed: Deed) -> None:
        """Add to the audit, of which the last 10,000 are kept."""
        ...

    def deeds(self, limit: int) -> tuple[Deed, ...]:
        """The last ones, newest first."""
        ...
