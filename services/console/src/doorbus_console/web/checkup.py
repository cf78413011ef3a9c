"""Who is hard to recognise, as the enroller says; asked anew only when somebody may have changed."""

from http import HTTPStatus

from doorbus.wire.channels import CHECK
from doorbus.wire.messages import CheckedPerson, CheckPeople, PeopleChecked
from doorbus_console.desk import BrokerAway
from doorbus_console.web import asking
from doorbus_console.web.problems import Problem, broker_away
from doorbus_console.web.site import Site

_SECONDS = 10.0
"""Among 10,000 people a check takes some seconds."""
_MOST_PAGES = 100


async def known(site: Site) -> PeopleChecked | None:
    """Who is weak, and which are the closest pairs; None where nobody answers. Raises `Problem`.

    Who passes by a code without any picture needs none.
    """
    scene = site.live.scene
    of = (scene.roster and scene.roster.version, scene.enrolment and scene.enrolment.at)
    if site.checked is not None and site.checked[0] == of:
        return site.checked[1]
    first = await _page(site, CheckPeople())
    if first is None:
        return None
    people, following = list(first.people), first.next
    for _ in range(_MOST_PAGES):
        more = None if following is None else await _page(site, CheckPeople(after=following))
        if more is None:
            break
        people += more.people
        following = more.next
    by_code = {key for key, one in scene.people.items() if one.credentials}
    asked = tuple(one for one in people if one.samples or one.person not in by_code)
    found = first.model_copy(update={"people": asked, "next": None})
    if found.similarity is not None:  # else a recognizer is still to say what it tells apart
        site.checked = (of, found)
    return found


async def whole(site: Site) -> PeopleChecked:
    """The same for programs; raises `Problem` also where nobody answers."""
    found = await known(site)
    if found is None:
        raise no_answer()
    return found


def no_answer() -> Problem:
    """The enroller is away."""
    return Problem(HTTPStatus.GATEWAY_TIMEOUT, "no_answer", "the enroller has not answered; is it running?")


async def of_person(site: Site, person: str) -> CheckedPerson | None:
    """How good the samples of a person are; None where nobody answers. Raises `Problem`."""
    found = await _page(site, CheckPeople(person=person))
    if found is None:
        return None
    return next((one for one in found.people if one.person == person), CheckedPerson(person=person))


async def _page(site: Site, wish: CheckPeople) -> PeopleChecked | None:
    try:
        found: PeopleChecked | None = await site.desk.request(CHECK, wish, _SECONDS)
    except BrokerAway:
        raise broker_away() from None
    if found is not None and found.error is not None:
        raise asking.refusal(found.error.code, found.error.message)
    return found
