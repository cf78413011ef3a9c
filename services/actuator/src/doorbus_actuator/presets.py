"""The words of locks and switches that are common, as their makers document them. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Preset(StrEnum):
    """What hears the orders of RELAY=mqtt."""

    NONE = "none"
    TASMOTA = "tasmota"
    SHELLY = "shelly"
    """Second generation and later, with "MQTT control" and "generic status update" switched on."""
    ZIGBEE2MQTT = "zigbee2mqtt"
    NUKI_HUB = "nuki_hub"
    ESPHOME = "esphome"


_WORDS: Mapping[Preset, Mapping[str, str]] = MappingProxyType(
    {
        Preset.NONE: {},
        Preset.TASMOTA: {
            "topic": "cmnd/{device}/POWER",
            "unlock": "ON",
            "lock": "OFF",
            "state_topic": "stat/{device}/POWER",
            "unlocked": "ON",
            "locked": "OFF",
        },
        Preset.SHELLY: {
            "topic": "{device}/command/switch:0",
            "unlock": "on",
            "lock": "off",
            "state_topic": "{device}/status/switch:0",
            "unlocked": "true",
            "locked": "false",
            "field": "output",
        },
        Preset.ZIGBEE2MQTT: {
            "topic": "zigbee2mqtt/{device}/set",
            "unlock": '{"state": "UNLOCK"}',
            "lock": '{"state": "LOCK"}',
            "state_topic": "zigbee2mqtt/{device}",
            "unlocked": "UNLOCK",
            "locked": "LOCK",
            "field": "state",
        },
        Preset.NUKI_HUB: {
            "topic": "{device}/action",
            "unlock": "unlock",
            "lock": "lock",
            "state_topic": "{device}/state",
            "unlocked": "unlocked,unlatched,unlockedLnga",
            "locked": "locked",
        },
        Preset.ESPHOME: {
            "topic": "{device}/command",
            "unlock": "UNLOCK",
            "lock": "LOCK",
            "state_topic": "{device}/state",
            "unlocked": "UNLOCKED",
            "locked": "LOCKED",
        },
    }
)


def words_of(preset: Preset, device: str) -> dict[str, str]:
    """What is said and heard where, as settings of the lock have it, without the prefix `lock_`."""
    return {
        name: value.replace("{device}", device) if name.endswith("topic") else value
        for name, value in _WORDS[preset].items()
    }
