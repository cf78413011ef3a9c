"""The relay that the settings ask for, as its guardian is told, and the journal."""

from doorbus.runtime.errors import SetupError
from doorbus_actuator.relay import RelayError
from doorbus_actuator.rpi import load_gpio
from doorbus_actuator.settings import ActuatorSettings, RelayKind
from doorbus_actuator.sqlite_journal import SqliteJournal


def chosen_relay(settings: ActuatorSettings) -> dict[str, str | float]:
    """What `doorbus_actuator.guardian.relay_of` makes a relay of, and the longest hold.

    Raises `SetupError` when the relay's library does not work here.
    """
    own = settings.actuator
    held = {"relay": own.relay.value, "max_hold": own.max_hold_seconds}
    if own.relay is RelayKind.RPI:
        try:
            load_gpio()
        except RelayError as error:
            raise SetupError(str(error)) from None
        return {**held, "pin": own.pin, "numbering": own.numbering.value, "active": own.active.value}
    return {**held, "path": str(settings.var.absolute() / "relay.jsonl")}


def chosen_journal(settings: ActuatorSettings) -> SqliteJournal:
    """The journal of the door, not yet opened."""
    own = settings.actuator
    return SqliteJournal(settings.var / f"journal-{own.door}.db", own.journal_days, own.journal_mebibytes)
