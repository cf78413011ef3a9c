"""Erasing what a recorder keeps: one picture, or all that name a person."""

from http import HTTPStatus
from typing import Any

from doorbus.wire.channels import RECORDING_ERASE, RECORDING_LIST, Channel
from doorbus.wire.messages import EraseRecording, ErrorCode, ListRecordings, Message, Recordings
from doorbus_console import scene
from doorbus_console.desk import BrokerAway
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.problems import Problem, broker_away
from doorbus_console.web.site import Site

_SECONDS = 5.0
_AT_ONCE = 200


async def erase(site: Site, visitor: Visitor, recording: str) -> None:
    """Erase a picture; raises `Problem`."""
    await _erase(site, recording)
    site.note(visitor.name, "erase recording", f"recording {recording}", "done")


async def erase_all(site: Site, visitor: Visitor, person: str) -> int:
    """Erase all pictures that name a person, and say how many they were. Raises `Problem`, maybe amid the work."""
    gone, after = 0, None
    try:
        while True:
            wish = ListRecordings(person=person, after=after, limit=_AT_ONCE)
            page = await _said(site, RECORDING_LIST, wish)
            for one in page.recordings:
                gone += await _erase(site, one.recording, if_there=True)
            after = page.next
            if after is None:
                return gone
    finally:
        site.note(visitor.name, "erase recordings", f"person {person}", f"{gone} erased")


async def _erase(site: Site, recording: str, *, if_there: bool = False) -> bool:
    try:
        await _said(site, RECORDING_ERASE, EraseRecording(), recording=recording)
    except Problem as problem:
        gone = problem.code == ErrorCode.UNKNOWN_RECORDING.value
        if gone:  # somebody else was quicker
            _forget(site, recording)
        if gone and if_there:
            return False
        raise
    _forget(site, recording)
    return True


def _forget(site: Site, recording: str) -> None:
    site.live.scene = scene.erased(site.live.scene, recording)


async def _said(site: Site, channel: Channel[Any], message: Message, **ids: str) -> Recordings:
    try:
        said: Recordings | None = await site.desk.request(channel, message, _SECONDS, **ids)
    except BrokerAway:
        raise broker_away() from None
    if said is None:
        raise Problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer", "no recorder has answered; is one running?")
    if said.error is not None:
        raise asking.refusal(said.error.code, said.error.message)
    return said
