"""One-time passwords that enrolling from a camera may need."""

import re
from datetime import datetime

from doorbus.wire.messages import ErrorCode, Fault
from doorbus.wire.one_time import MEMORY_SECONDS, WRONG_CODES, WRONG_SECONDS, Totp

NOTHING_TO_CHECK_WITH = Fault(
    code=ErrorCode.CODE_MISSING,
    message="unlocking this door needs a code, so that enrolling at it does, too; set DOORBUS_ENROLLER__TOTP_SECRET, "
    "to the secret of the door or to another",
)
"""What is wrong with enrolling at a door that asks for codes, where the enroller has no secret."""
_AT_THE_END = re.compile(r"\s*\b(\d{6})$")


class Codes:
    """Asks for the codes of one secret; each counts once. Times are wall clock and monotonic seconds."""

    def __init__(self, secret: str) -> None:
        """Take a base32 secret; raises `ValueError` when it is none, or shorter than the 112 bits that pyotp asks."""
        self._totp = Totp(secret)
        self._used: dict[str, float] = {}
        self._wrong: list[float] = []

    def fault(self, code: str | None, wall: datetime, now: float) -> Fault | None:
        """Why a code does not hold; None when it does, and then it is used up."""
        if not code:
            return Fault(
                code=ErrorCode.CODE_MISSING,
                message="it needs a code: send it, or type it behind the name, such as Zoe 123456; alone for a guest",
            )
        self._used = {one: at for one, at in self._used.items() if now - at < MEMORY_SECONDS}
        self._wrong = [at for at in self._wrong if now - at < WRONG_SECONDS]
        if len(self._wrong) < WRONG_CODES and self._totp.valid(code, wall):
            if code in self._used:
                return Fault(code=ErrorCode.CODE_WRONG, message="this code was used before; wait for the next one")
            self._used[code] = now
            return None
        self._wrong = [*self._wrong, now][:WRONG_CODES]
        return Fault(code=ErrorCode.CODE_WRONG, message="wrong code; are the clocks right?")


def apart(name: str | None) -> tuple[str | None, str | None]:
    """The name and the code of six digits that was typed behind it, where there are any."""
    found = _AT_THE_END.search(name or "")
    if name is None or found is None:
        return name, None
    return name[: found.start()].strip() or None, found[1]
