"""What the pages and the API ask for of groups and schedules."""

from http import HTTPStatus
from typing import Any

from doorbus.wire.channels import Channel
from doorbus.wire.messages import Arranged, ListedGroup, ListedSchedule, Message
from doorbus_console.desk import BrokerAway
from doorbus_console.rights import Visitor
from doorbus_console.web import asking
from doorbus_console.web.problems import Problem, broker_away, not_found
from doorbus_console.web.site import Site

_NEWS_SECONDS = 2.0


def group(site: Site, group: str) -> ListedGroup:
    """A group that is there; raises `Problem`."""
    known = site.live.scene.groups.get(group)
    if known is None:
        raise not_found(f"group {group}")
    return known


def schedule(site: Site, schedule: str) -> ListedSchedule:
    """A schedule that is there; raises `Problem`."""
    known = site.live.scene.schedules.get(schedule)
    if known is None:
        raise not_found(f"schedule {schedule}")
    return known


async def arrange(site: Site, visitor: Visitor, channel: Channel[Any], message: Message, **ids: str) -> Arranged:
    """Make, change or forget a group or a schedule; raises `Problem`."""
    ((kind, which),) = ids.items()
    try:
        said: Arranged | None = await site.desk.request(channel, message, site.settings.enrol_seconds, **ids)
    except BrokerAway:
        raise broker_away() from None
    if said is None:
        raise Problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer", "the enroller has not answered; is it running?")
    site.note(visitor.name, channel.name, f"{kind} {which}", "done" if said.error is None else said.error.code.value)
    if said.error is not None:
        raise asking.refusal(said.error.code, said.error.message)
    await site.live.until_people_are_read(_NEWS_SECONDS)
    return said
