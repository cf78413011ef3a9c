"""The link by which the first account is made."""

import secrets
import sys
from hmac import compare_digest
from pathlib import Path

from doorbus.files import private_folder, put
from doorbus.runtime.errors import SetupError


class FirstAccount:
    """A link in a file that only its owner may read, until it is used."""

    def __init__(self, folder: Path, address: str) -> None:
        self._path = folder / "first-account"
        self._address = address

    def offer(self, *, more: bool = False) -> None:
        """Make the link, unless there is one, and print it once on standard output; `more` where there are accounts.

        Raises `SetupError`.
        """
        try:
            if self._path.exists():
                return
            private_folder(self._path.parent)
            link = f"{self._address}/first?key={secrets.token_urlsafe(24)}"
            put(self._path, link + "\n")
        except OSError as error:
            raise SetupError(f"{self._path}: {error.strerror}; may this user write it?") from None
        which = "one more admin account" if more else "the first account"
        sys.stdout.write(f"Make {which} of the console here: {link}\n")
        sys.stdout.flush()

    def is_key(self, key: str) -> bool:
        """Whether this is the key of a link that was not used."""
        try:
            link = self._path.read_text().strip()
        except OSError:
            return False
        kept = link.partition("?key=")[2]
        return bool(kept) and compare_digest(kept.encode(), key.encode())

    def used(self) -> None:
        """The link is good for nothing from now on."""
        self._path.unlink(missing_ok=True)
