"""What all pages and calls work with."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from starlette.requests import Request

from doorbus.runtime.clock import Clock
from doorbus.wire.messages import PeopleChecked, RosterEntry
from doorbus_console import steps
from doorbus_console.desk import Desk
from doorbus_console.first import FirstAccount
from doorbus_console.live import Live
from doorbus_console.oidc import Provider
from doorbus_console.passkeys import Passkeys
from doorbus_console.rights import Visitor
from doorbus_console.sessions import Sessions, Trips
from doorbus_console.settings import Console
from doorbus_console.store import Deed, Store, StoreFailed
from doorbus_console.throttle import Throttle
from doorbus_console.web.problems import not_found
from doorbus_console.web.rendering import Pages

_log = structlog.get_logger("doorbus.console")
_MOST_SAID = 200
"""Characters of one word of the audit: some of it is what strangers have sent."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]")


@dataclass
class Site:
    """One console."""

    settings: Console
    live: Live
    desk: Desk
    store: Store
    sessions: Sessions
    first: FirstAccount
    pages: Pages
    clock: Clock
    assets: Path
    logs: Path
    """Where services of this machine write their logs, if they do."""
    trips: Trips
    provider: Provider | None = None
    """Who else knows people, where that is set."""
    throttle: Throttle = field(default_factory=Throttle)
    passkeys: Passkeys = field(default_factory=Passkeys)
    drawn: dict[tuple[object, ...], tuple[tuple[object, ...], str]] = field(default_factory=dict)
    """Parts of pages that are the same for everybody who looks, and of what each was drawn."""

    checked: tuple[tuple[object, ...], PeopleChecked] | None = None
    """Who was hard to recognise when it was asked last, and of which people that was said."""

    def note(self, by: str, action: str, what: str, outcome: str) -> None:
        """Write down who did what, and what became of it: in the log, and in the audit where that can be written."""
        by, what, outcome = (_UNPRINTABLE.sub("?", text)[:_MOST_SAID] for text in (by, what, outcome))
        _log.info("done", by=by, action=action, what=what, outcome=outcome)
        try:
            self.store.note(Deed(self.clock.now(), by, action, what, outcome))
        except StoreFailed as failed:
            _log.error("not_in_the_audit", by=by, action=action, what=what, outcome=outcome, why=str(failed))

    def door(self, visitor: Visitor, door: str) -> str:
        """A door that is there and that `visitor` may know of; raises `Problem`."""
        if door not in self.live.scene.doors or not visitor.knows(door):
            raise not_found(f"door {door}")
        return door

    def camera(self, visitor: Visitor, door: str, camera: str) -> tuple[str, str]:
        """A camera of such a door; raises `Problem`."""
        if (self.door(visitor, door), camera) not in self.live.scene.cameras:
            raise not_found(f"camera {camera} of door {door}")
        return door, camera

    def doors_of(self, visitor: Visitor) -> tuple[str, ...]:
        """The doors that `visitor` may know of."""
        return tuple(door for door in sorted(self.live.scene.doors) if visitor.knows(door))

    def cameras_of(self, visitor: Visitor) -> list[str]:
        """The cameras of these, as `door/camera`."""
        return [f"{door}/{camera}" for door, camera in sorted(self.live.scene.cameras) if visitor.knows(door)]

    def steps(self) -> dict[steps.Step, bool]:
        """Which of the first steps are done, in their order."""
        seen = any(self.live.last_at(place) is not None for place in self.live.scene.cameras)
        return steps.done(self.live.scene, seen=seen, tries=self.live.tries)

    def person(self, person: str) -> RosterEntry:
        """Somebody who is on the roster; raises `Problem`."""
        entry = self.live.scene.people.get(person)
        if entry is None:
            raise not_found(f"person {person}")
        return entry


def site_of(request: Request) -> Site:
    """The console that was asked."""
    site: Site = request.app.state.site
    return site
