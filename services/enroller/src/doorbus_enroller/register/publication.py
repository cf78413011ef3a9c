"""What the broker retains of everybody, and what is sent when it changes."""

from collections.abc import Iterable, Iterator
from typing import Any

from doorbus.wire import channels
from doorbus.wire.exchange import Outbound
from doorbus.wire.ids import id_of_model
from doorbus.wire.messages import Manifest
from doorbus.wire.snapshot import Packed
from doorbus.wire.topics import Resolved
from doorbus_enroller import maps
from doorbus_enroller.register.state import State


def whole(state: State) -> Iterator[Outbound]:
    """All of it."""
    yield Outbound(channels.CREDENTIALS, maps.hashes_of(state.credentials.all))
    yield from maps.ROSTER.whole(state.roster)
    if state.gallery:
        yield from maps.GALLERY.whole(state.gallery)
    for model, packed in state.besides.items():
        yield from maps.Place.beside(model).whole(packed)


def news(state: State, former: State) -> Iterator[Outbound]:
    """The same, without what readers have who have `former`."""
    if state.roster.manifest.credentials != former.roster.manifest.credentials:
        yield Outbound(channels.CREDENTIALS, maps.hashes_of(state.credentials.all))
    yield from maps.ROSTER.news(state.roster, former.roster)
    for model, packed in state.besides.items():  # first: who runs a model that leads no more goes on with this
        place = maps.Place.beside(model)
        yield from place.news(packed, former.besides[model]) if model in former.besides else place.whole(packed)
    if state.gallery:
        gallery = maps.GALLERY
        yield from gallery.news(state.gallery, former.gallery) if former.gallery else gallery.whole(state.gallery)
    for model in former.besides.keys() - state.besides.keys():
        yield from maps.Place.beside(model).gone()


def published(state: State, place: maps.Place) -> Packed | None:
    """What should be retained of the roster or the gallery; None while that is not known."""
    return state.roster if place is maps.ROSTER else state.gallery


def standing(state: State, making: Iterable[str], topic: Resolved[Any]) -> bytes | Manifest | None:
    """What should be retained under a topic of a map; None while that is not known.

    Of the models of `making` there may be no gallery yet.
    """
    if topic.channel is channels.CREDENTIALS:
        return maps.hashes_of(state.credentials.all)
    if topic.channel.name not in maps.BESIDE:
        place = maps.PLACES[topic.channel.name]
        own = published(state, place)
        return None if own is None else place.standing(own, topic)
    for model in (*state.besides, *making):
        if id_of_model(model) == topic.ids["embedder"]:
            packed = state.besides.get(model)
            return None if packed is None else maps.Place.beside(model).standing(packed, topic)
    return b""
