"""What others rely on of the bus, without a word of prose, and what a change of it asks for.

`python tests/support/contract.py` writes it down for the tests, if it has changed by the rules.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import yaml

from doorbus.site import asyncapi
from doorbus.wire.channels import GALLERY_SHARD
from doorbus.wire.messages import GalleryEntry

WRITTEN = Path(__file__).parents[1] / "contract" / "contract.yaml"
_PROSE = {"description", "title", "summary", "examples"}
_UPPER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "max_bytes"}
_LOWER = {"minimum", "exclusiveMinimum", "minLength", "minItems"}
_NAMES = {"enum", "senders", "receivers", "replies", "required"}
_SCHEMAS = {"anyOf", "oneOf", "prefixItems"}
_NAMED = {"channels", "properties"}
_RULES = {"pattern", "enum", "required"}


class _Dumper(yaml.SafeDumper):
    """Does not share equal parts by reference."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  # the base class'
        return True


class Kind(IntEnum):
    """What a change is for those who know the contract as it was."""

    ADDITIVE = 1
    """What they send is taken as before, and what is new they get only from who is newer."""
    BREAKING = 2


@dataclass(frozen=True)
class Change:
    """One difference between two contracts, and where it is."""

    kind: Kind
    path: tuple[str, ...]
    what: str

    def __str__(self) -> str:
        steps = ("[]" if step == "items" else step for step in self.path if step not in ("channels", "properties"))
        return f"{self.kind.name.lower()}: {' '.join(steps)} {self.what}"


def current() -> dict[str, Any]:
    """The contract of this code: its version, and all channels with who uses them, how, and for what."""
    document = asyncapi.document()
    channels = {}
    for name, channel in document["channels"].items():
        message = document["components"]["messages"][name]
        channels[name] = {
            "address": channel["address"],
            **{key.removeprefix("x-").replace("-", "_"): channel[key] for key in channel if key.startswith("x-")},
            "senders": _roles(document, name, "send"),
            "receivers": _roles(document, name, "receive"),
            "content_type": message["contentType"],
            "replies": sorted(_replies(document, name)),
            "payload": _inlined(message["payload"], document),
        }
        if "headers" in message:
            channels[name]["user_properties"] = _inlined(message["headers"], document)
    sealed = GalleryEntry.model_json_schema()
    channels[GALLERY_SHARD.name]["sealed"] = {"type": "array", "items": _inlined(sealed, sealed)}
    return {"version": document["info"]["version"], "channels": channels}


def _roles(document: Mapping[str, Any], channel: str, action: str) -> list[str]:
    return sorted(
        one["tags"][0]["name"]
        for one in document["operations"].values()
        if one["action"] == action and one["channel"]["$ref"] == f"#/channels/{channel}"
    )


def _replies(document: Mapping[str, Any], channel: str) -> set[str]:
    return {
        one["reply"]["channel"]["$ref"].rpartition("/")[2]
        for one in document["operations"].values()
        if "reply" in one and one["channel"]["$ref"] == f"#/channels/{channel}"
    }


def _inlined(schema: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with all that it refers to in its place, because what a class is called is nobody's business."""
    if "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return _inlined(found, document)
    inlined: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            inlined[key] = {name: _inlined(one, document) for name, one in value.items()}
        elif isinstance(value, Mapping) and key != "$defs":
            inlined[key] = _inlined(value, document)
        elif key in _SCHEMAS:
            inlined[key] = [_inlined(one, document) for one in value]
        elif key not in _PROSE | {"$defs"}:
            inlined[key] = value
    return inlined


def changes(old: Any, new: Any, *path: str) -> Iterator[Change]:
    """The differences between two contracts, or between the parts of them that are at `path`."""
    key = path[-1] if path else ""
    if old == new:
        return
    if key in _NAMES:
        gone, come = (Kind.ADDITIVE, Kind.BREAKING) if key == "required" else (Kind.BREAKING, Kind.ADDITIVE)
        yield from (Change(gone, path, f"no longer has {one}") for one in old if one not in new)
        yield from (Change(come, path, f"now has {one}") for one in new if one not in old)
    elif key in _SCHEMAS - {"prefixItems"}:
        yield from changes(_by_type(old), _by_type(new), *path[:-1], "properties")
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        if ("anyOf" in old) != ("anyOf" in new):
            old, new = _as_alternatives(old), _as_alternatives(new)
        for one in dict.fromkeys([*old, *new]):
            if one in old and one in new:
                yield from changes(old[one], new[one], *path, one)
            elif one in old:
                yield Change(_kind_of_loss(key, one), (*path, one), "is gone")
            else:
                yield Change(_kind_of_gain(key, one), (*path, one), "is new")
    elif key in _UPPER | _LOWER:
        wider = (new > old) == (key in _UPPER)
        yield Change(Kind.ADDITIVE if wider else Kind.BREAKING, path, f"is {new}, and was {old}")
    else:
        yield Change(Kind.BREAKING, path, f"is {new!r}, and was {old!r}")


def _by_type(alternatives: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {one.get("type", "any"): one for one in alternatives}


def _as_alternatives(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """As if it had one alternative, itself."""
    if "anyOf" in schema:
        return schema
    itself = {key: value for key, value in schema.items() if key != "default"}
    return {"anyOf": [itself], **({"default": schema["default"]} if "default" in schema else {})}


def _kind_of_loss(parent: str, key: str) -> Kind:
    """What it is to lose `key`: a rule that is gone lets in more than before; all else is missed by somebody."""
    return Kind.ADDITIVE if parent not in _NAMED and key in _UPPER | _LOWER | _RULES else Kind.BREAKING


def _kind_of_gain(parent: str, key: str) -> Kind:
    """What it is to gain `key`: a field, a channel or a default breaks nothing; a rule refuses what was right."""
    return Kind.ADDITIVE if parent in _NAMED or key in ("default", "user_properties") else Kind.BREAKING


def asks_for(old: str, found: Sequence[Change]) -> str:
    """The version that comes after `old` with these changes."""
    major, minor = map(int, old.split("."))
    worst = max((one.kind for one in found), default=None)
    return {None: old, Kind.ADDITIVE: f"{major}.{minor + 1}", Kind.BREAKING: f"{major + 1}.0"}[worst]


def advice(written: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What is to be done before `now` may take the place of what is written down; the empty text if nothing."""
    found = list(changes(written["channels"], now["channels"], "channels"))
    wanted = asks_for(written["version"], found)
    if now["version"] == wanted:
        return ""
    listed = "".join(f"\n- {one}" for one in found)
    settings, instead = f'CONTRACT = "{wanted}"', ""
    if any(one.kind is Kind.BREAKING for one in found):
        settings += f' and DEFAULT_ROOT = "doorbus/v{wanted.partition(".")[0]}"'
        instead = " Or change it so that old and new understand each other."
    return (
        f"The contract is written down as {written['version']} and calls itself {now['version']}, "
        f"and what has changed asks for {wanted}:{listed or ' nothing has'}\n"
        f"Set {settings} in bus/src/doorbus/wire/channels, then run `make docs`, which writes it down.{instead}"
    )


def main() -> str:
    """Write the contract down, unless it has changed against the rules: what is to be done then."""
    now = current()
    if WRITTEN.exists() and (wrong := advice(yaml.safe_load(WRITTEN.read_text()), now)):
        return wrong
    WRITTEN.write_text(yaml.dump(now, Dumper=_Dumper, sort_keys=False, width=120))
    return ""


if __name__ == "__main__":
    sys.exit(main() or None)
