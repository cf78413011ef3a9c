"""The relay that the settings ask for, as its guardian is told, and the journal."""

from typing import Any

from doorbus.runtime.errors import SetupError
from doorbus.wire.channels import Role
from doorbus.wire.messages import Input
from doorbus_actuator import early
from doorbus_actuator.input_settings import Felt
from doorbus_actuator.presets import Preset, words_of
from doorbus_actuator.relay import RelayError
from doorbus_actuator.rpi import RpiSwitch, load_gpio
from doorbus_actuator.settings import Actuator, ActuatorSettings, RelayKind
from doorbus_actuator.simulated import SimulatedSwitch
from doorbus_actuator.sqlite_journal import SqliteJournal
from doorbus_actuator.switch import Switch, SwitchError


def chosen_relay(settings: ActuatorSettings) -> dict[str, Any]:
    """What `doorbus_actuator.guardian.relay_of` makes a relay of, the longest hold, and how long the relay may take.

    Raises `SetupError` when the relay's library does not work here, or when the settings do not say all of a lock.
    """
    own = settings.actuator
    mark = early.mark_of(str(settings.var.absolute()), own.door)
    held = {"relay": own.relay.value, "door": own.door, "max_hold": own.longest_hold, "mark": mark}
    try:
        match own.relay:
            case RelayKind.RPI:
                load_gpio()
                return {**held, "pin": own.pin, "numbering": own.numbering.value, "active": own.active.value}
            case RelayKind.GPIOD:
                from doorbus_actuator.gpiod_lines import load_gpiod  # noqa: PLC0415  # for whose door it is alone

                load_gpiod()
                line: int | str = int(own.line) if own.line.isdecimal() else own.line
                return {**held, "chip": own.chip, "line": line, "active": own.active.value}
            case RelayKind.HTTP:
                return {**held, **_http(own)}
            case RelayKind.MQTT:
                return {**held, **_mqtt(settings)}
    except RelayError as error:
        raise SetupError(str(error)) from None
    return {**held, "path": str(settings.var.absolute() / "relay.jsonl")}


def lock_secret(settings: ActuatorSettings) -> str | None:
    """The password or token of a lock elsewhere; raises `SetupError` when the actuator's own cannot be read."""
    own = settings.actuator
    if own.relay in (RelayKind.MQTT, RelayKind.HTTP) and own.lock_secret is not None:
        return own.lock_secret.get_secret_value()
    if own.relay is RelayKind.MQTT and own.lock_username is None:
        return settings.password(Role.ACTUATOR)
    return None


def _http(own: Actuator) -> dict[str, Any]:
    if own.lock_url is None:
        raise SetupError("DOORBUS_ACTUATOR__LOCK_URL is empty: RELAY=http needs the address whose POST unlocks")
    return {
        "unlock": (own.lock_url, own.lock_unlock or ""),
        "lock": None if own.lock_lock_url is None else (own.lock_lock_url, own.lock_lock or ""),
        "timeout": own.lock_timeout_seconds,
        "retries": own.lock_retries,
        "slow": own.lock_timeout_seconds * (1 + own.lock_retries),
    }


def _mqtt(settings: ActuatorSettings) -> dict[str, Any]:
    own, broker = settings.actuator, settings.broker
    if own.lock_preset is not Preset.NONE and own.lock_device is None:
        raise SetupError(
            f"DOORBUS_ACTUATOR__LOCK_DEVICE is empty: LOCK_PRESET={own.lock_preset} needs the name of the device"
        )
    names = ("topic", "unlock", "lock", "state_topic", "unlocked", "locked", "field")
    said = {name: getattr(own, f"lock_{name}") for name in names}
    words = words_of(own.lock_preset, own.lock_device or "") | {
        name: value for name, value in said.items() if value is not None
    }
    wanted = ("topic", "unlock", "lock") + (("unlocked", "locked") if "state_topic" in words else ())
    for name in wanted:
        if name not in words:
            raise SetupError(f"DOORBUS_ACTUATOR__LOCK_{name.upper()} is empty: RELAY=mqtt needs it, or LOCK_PRESET")
    if both := set(words.get("unlocked", "").split(",")) & set(words.get("locked", "").split(",")) - {""}:
        raise SetupError(
            f"DOORBUS_ACTUATOR__LOCK_LOCKED: {', '.join(sorted(both))} stands in LOCK_UNLOCKED, too; what the lock "
            "says must tell the one from the other"
        )
    files = {name: getattr(broker, f"tls_{name}") for name in ("ca", "cert", "key")}
    return {
        "words": {name: value.split(",") if name in ("unlocked", "locked") else value for name, value in words.items()},
        "broker": {
            "host": broker.host,
            "port": broker.port,
            "tls": broker.tls,
            "username": own.lock_username or broker.username or Role.ACTUATOR.value,
            **{name: None if path is None else str(path.absolute()) for name, path in files.items()},
        },
        "timeout": own.lock_timeout_seconds,
        "slow": 5 * own.lock_timeout_seconds,  # to connect, and twice to be taken and to be confirmed
    }


def chosen_switches(settings: ActuatorSettings) -> dict[Input, Switch]:
    """The inputs that are wired to the machine, or played by files, not yet set up.

    Raises `SetupError` when the library of a pin or line does not work here.
    """
    own = settings.actuator
    played = settings.var / "inputs" / own.door
    try:
        wired = {name: _switch(own, name, felt) for name, felt in own.inputs.each.items() if felt.wired}
    except (RelayError, SwitchError) as error:
        raise SetupError(str(error)) from None
    return {**wired, **{name: SimulatedSwitch(played / name.value) for name in sorted(own.simulated_inputs)}}


def _switch(own: Actuator, name: Input, felt: Felt) -> Switch:
    setting = f"DOORBUS_ACTUATOR__INPUTS__{name.name}__"
    if felt.pin is not None:
        gpio = load_gpio(f"{setting}PIN={felt.pin}", f"{setting}LINE or {setting}TOPIC")
        return RpiSwitch(gpio, felt.pin, own.numbering, felt.wired_to, felt.normally)
    assert felt.line is not None
    from doorbus_actuator.gpiod_lines import GpiodSwitch, load_gpiod_inputs  # noqa: PLC0415  # likewise

    line: int | str = int(felt.line) if felt.line.isdecimal() else felt.line
    return GpiodSwitch(load_gpiod_inputs(f"{setting}LINE={felt.line}"), own.chip, line, felt.wired_to, felt.normally)


def chosen_journal(settings: ActuatorSettings) -> SqliteJournal:
    """The journal of the door, not yet opened."""
    own = settings.actuator
    return SqliteJournal(settings.var / f"journal-{own.door}.db", own.journal_days, own.journal_mebibytes)
