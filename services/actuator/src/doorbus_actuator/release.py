"""`python -m doorbus_actuator.release`: de-energises the relay, and ends.

For whoever supervises the actuator: a process that is killed leaves the pin as it was, so this runs when it has ended,
however it ended. It reads the actuator's settings and touches no network. Not while the actuator runs: that would lock
a door which the actuator believes open.
"""

import sys

from doorbus.runtime.errors import SetupError, ended
from doorbus.runtime.settings import load
from doorbus_actuator.factory import chosen_relay, lock_secret
from doorbus_actuator.guardian import relay_of
from doorbus_actuator.relay import RelayError
from doorbus_actuator.settings import ActuatorSettings


def release() -> int:
    """De-energise; the exit status. Raises `SetupError` when the relay cannot be driven."""
    settings = load(ActuatorSettings)
    try:
        relay = relay_of(chosen_relay(settings), _say, lock_secret(settings))
        relay.setup()
        relay.close()
    except RelayError as error:
        raise SetupError(f"the relay is as it was: {error}") from None
    _say(f"door {settings.actuator.door}: the relay is de-energised")
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201  # a command


if __name__ == "__main__":
    sys.exit(ended(release))
