"""Signed cookies of browsers that are signed in. The only importer of itsdangerous."""

import secrets
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime, timedelta
from hmac import compare_digest

from itsdangerous import BadData, URLSafeSerializer

from doorbus_console.store import Session, Store, StoreFailed

LONGEST = timedelta(days=30)
IDLE = timedelta(days=7)
ROTATED_AFTER = timedelta(minutes=15)
TRIP = timedelta(minutes=10)
"""How long people may take to sign in at a provider."""
GRACE = timedelta(seconds=60)
"""How long the cookie before is taken: requests that were under way carry it."""


@dataclass(frozen=True)
class Known:
    """A browser that is signed in, and the cookie that it gets instead of the one it sent, if any."""

    session: Session
    cookie: str | None


@dataclass(frozen=True)
class Trip:
    """A sign-in that is under way at a provider: what has to be there when the browser comes back."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    where: str
    """The page that it is for."""


class Trips:
    """Keeps them in the browser itself, as cookies that `secret` signs: so no stranger's takes up room here."""

    def __init__(self, secret: str) -> None:
        self._cookies = URLSafeSerializer(secret, salt="trip")

    def begin(self, trip: Trip, now: datetime) -> str:
        """The cookie."""
        cookie: str = self._cookies.dumps([*astuple(trip), now.timestamp()])
        return cookie

    def back(self, cookie: str, state: str, now: datetime) -> Trip | None:
        """The trip that comes back with `state`; None where it was not begun by this browser of late."""
        try:
            *told, begun = self._cookies.loads(cookie)
            trip = Trip(*told)
        except (BadData, ValueError, TypeError):
            return None
        late = not 0 <= now.timestamp() - begun < TRIP.total_seconds()
        return None if late or not compare_digest(trip.state.encode(), state.encode()) else trip


class Sessions:
    """Opens, knows and closes sessions; `secret` signs.

    While the store cannot be written, who is known stays known, and who signs out is out until a restart.
    """

    def __init__(self, store: Store, secret: str) -> None:
        self._store = store
        self._cookies = URLSafeSerializer(secret, salt="session")
        self._forms = URLSafeSerializer(secret, salt="form")
        self._over: set[str] = set()
        """Sessions whose end could not be written."""

    def begin(self, account: str, now: datetime) -> str:
        """Sign `account` in; the cookie."""
        session = Session(secrets.token_urlsafe(24), account, now, now)
        self._store.put_session(session)
        return self._cookie(session)

    def known(self, cookie: str, now: datetime) -> Known | None:
        """Who sent this cookie.

        A cookie from before the last exchange, shown long after it, is a copy in other hands: its session ends.
        """
        read = self._read(cookie)
        session = None if read is None else self.found(read[0])
        if read is None or session is None:
            return None
        behind = session.generation - read[1]
        old = now - session.begun_at > LONGEST or now - session.renewed_at > IDLE
        if old or behind not in {0, 1} or (behind == 1 and now - session.renewed_at > GRACE):
            self.end_of(session.id)
            return None
        if behind or now - session.renewed_at < ROTATED_AFTER:
            return Known(session, None)
        renewed = replace(session, generation=session.generation + 1, renewed_at=now)
        try:
            self._store.put_session(renewed)
        except StoreFailed:  # with the cookie that it has
            return Known(session, None)
        return Known(renewed, self._cookie(renewed))

    def found(self, session_id: str) -> Session | None:
        """The session of that id, unless it is over."""
        return None if session_id in self._over else self._store.session(session_id)

    def end(self, cookie: str) -> None:
        """Sign this browser out."""
        read = self._read(cookie)
        if read is not None:
            self.end_of(read[0])

    def end_of(self, session_id: str) -> None:
        """End one session."""
        try:
            self._store.remove_session(session_id)
        except StoreFailed:
            self._over.add(session_id)

    def form_token(self, session: Session) -> str:
        """What forms of this session carry, so that another site's do not pass for ours."""
        token: str = self._forms.dumps(session.id)
        return token

    def is_form_token(self, session: Session, token: str) -> bool:
        """Whether `token` is that of this session."""
        return compare_digest(self.form_token(session).encode(), token.encode())

    def _cookie(self, session: Session) -> str:
        cookie: str = self._cookies.dumps([session.id, session.generation])
        return cookie

    def _read(self, cookie: str) -> tuple[str, int] | None:
        try:
            session_id, generation = self._cookies.loads(cookie)
        except (BadData, ValueError, TypeError):
            return None
        return session_id, generation
