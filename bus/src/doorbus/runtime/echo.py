"""How long something that arrives now may have been on its way at most. Pure.

A broker tells nobody when a message was sent, and a plain `UNLOCK` or JPEG does not say it either. After a network that
stood still for half a minute, or a process that was suspended, they would look like new. But a connection keeps its
order: what arrives after one's own message came back was passed on after that one was sent.
"""

from collections import OrderedDict
from datetime import datetime


class Echo:
    """Follows one's own messages, known by their time `at`, to the broker and back; times are monotonic seconds.

    Until a first one has come back on a connection nothing is known: a broker that does not send them back must not
    keep a door from being opened.
    """

    def __init__(self, remember: int = 16) -> None:
        self._remember = remember
        self._sent: OrderedDict[datetime, float] = OrderedDict()
        self._proved: float | None = None

    def connected(self) -> None:
        """A new connection: nothing that was sent on the one before says anything of this one."""
        self._sent.clear()
        self._proved = None

    def sent(self, at: datetime, now: float) -> None:
        """A message of one's own is handed over for sending."""
        self._sent[at] = now
        while len(self._sent) > self._remember:
            self._sent.popitem(last=False)

    def heard(self, at: datetime) -> None:
        """A message of one's own has come back."""
        self._proved = self._sent.pop(at, self._proved)

    def longest_way(self, now: float) -> float | None:
        """Seconds that a message arriving now may have been under way at most; None while that is not known."""
        return None if self._proved is None else now - self._proved
