"""The chain of a journal: each entry names the digest of the one before, so that no change goes unseen. Pure.

Whoever can write the file can write another chain; that shows to whoever has an entry of the first one.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from doorbus.wire.channels import JOURNAL
from doorbus.wire.messages import JournalEntry


def text_of(entry: JournalEntry) -> bytes:
    """What is written down of an entry, and goes over the wire; its digest is of this."""
    return JOURNAL.codec.encode(entry).payload


def digest_of(text: bytes) -> str:
    """What the next entry names as `previous`."""
    return sha256(text).hexdigest()


class Verifier:
    """Takes entries one after another, the oldest first, and says what is wrong with each."""

    def __init__(self) -> None:
        self._before: tuple[JournalEntry, bytes] | None = None

    def look(self, entry: JournalEntry, text: bytes) -> str | None:
        """What is wrong with `entry`, of which `text` is written; None when it follows the one before.

        The first may follow what retention has taken away.
        """
        before, self._before = self._before, (entry, text)
        if before is None:
            return None if entry.number > 1 or entry.previous is None else "it names one before the first"
        last, written = before
        if entry.chain != last.chain:
            return f"it is of another journal ({entry.chain} instead of {last.chain})"
        if entry.number != last.number + 1:
            return f"it comes after {last.number}"
        if entry.previous != digest_of(written):
            return f"{last.number} is not what it was when this was written"
        return None


def verified(texts: Iterable[tuple[JournalEntry, bytes]]) -> Iterator[tuple[JournalEntry, str | None]]:
    """Each entry with what is wrong with it."""
    verifier = Verifier()
    for entry, text in texts:
        yield entry, verifier.look(entry, text)
