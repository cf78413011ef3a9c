"""People who are taken over to other models that recognizers run, until one of these leads."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import structlog

from doorbus.runtime.clock import Clock
from doorbus.wire import channels
from doorbus.wire.codec import Refusal, Refused
from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Embedded, Models
from doorbus.wire.seal import Seal
from doorbus.wire.templates import Template
from doorbus_enroller.asking import Asking
from doorbus_enroller.desk import Desk
from doorbus_enroller.runners import LEAD_SECONDS
from doorbus_enroller.settings import Enroller
from doorbus_enroller.store import Unmade
from doorbus_enroller.templates import read_answer

_log = structlog.get_logger("doorbus.enroller")

LOOK_SECONDS = 1.0
"""How often it is looked whether all have a newer site key, and which models run."""
TEMPLATES_AT_ONCE = 32
"""So many templates of another model are kept in one transaction."""


@dataclass(frozen=True)
class _Asked:
    """A face that a recognizer is to make a template of, until when an answer is waited for."""

    model: str
    one: Unmade
    expires_at: float


class Takeover:
    """How far it is with each model. `due_at` is when it goes on, in monotonic seconds."""

    def __init__(self, desk: Desk, asking: Asking, seal: Seal, clock: Clock, settings: Enroller) -> None:
        self.due_at: float | None = None
        self._desk = desk
        self._models = desk.register.models
        self._asking = asking
        self._seal = seal
        self._clock = clock
        self._settings = settings
        self._asked: dict[bytes, _Asked] = {}
        """The faces that recognizers of another model than the leading one were asked about."""
        self._made: dict[str, list[tuple[Unmade, Template]]] = {}
        """Their answers that are not kept yet, by model."""
        self._states: Models | None = None
        self._told_at = -math.inf

    def connected(self) -> None:
        """Ask again about what was not answered, and tell how far it is."""
        self._asked.clear()
        self._states = None

    def waits_for(self, key: bytes) -> bool:
        """Whether recognizers were asked this."""
        return key in self._asked

    async def go_on(self, now: float) -> Iterable[Outbound]:
        """Take everybody over to other models that recognizers run, and let the leading one change with them."""
        leading, runners = self._models.leading, self._asking.runners
        if now < (self.due_at or now):
            return self._tell_models()
        self.due_at = now + LOOK_SECONDS  # whatever follows: what is always due lets no message be handled
        if leading is None or self._desk.reopen_at is not None:
            return self._tell_models()
        outbounds: list[Outbound] = []
        running = runners.besides(leading)
        if self._models.stale or not {*running} <= self._models.making.keys():
            outbounds += (await self._desk.change(partial(self._models.take_up, running))).news
        for model, making in list(self._models.making.items()):
            away = runners.away(model, now)
            if away == 0 and runners.away(leading, now) >= LEAD_SECONDS and making.may_lead(self._samples()):
                _log.info("model_leads", model=model, instead_of=leading)
                outbounds += (await self._desk.change(partial(self._models.lead, model))).news
                break
            if away >= max(self._settings.retire_seconds, LEAD_SECONDS):
                _log.info("model_retired", model=model)
                outbounds += (await self._desk.change(partial(self._models.let_go, model))).news
        outbounds += await self._ask_for_templates(now)
        return [*outbounds, *self._tell_models()]

    def _samples(self) -> int:
        return sum(self._desk.register.people.values())

    async def _ask_for_templates(self, now: float) -> list[Outbound]:
        """Send faces to the recognizers of each model, some at a time."""
        self._asked = {key: each for key, each in self._asked.items() if now < each.expires_at}
        outbounds: list[Outbound] = []
        for model in self._made.keys() - {each.model for each in self._asked.values()}:  # no other answer comes
            outbounds += await self._keep_made(model)
        for model, making in self._models.making.items():
            under_way = {each.one.number for each in self._asked.values() if each.model == model}
            under_way |= {one.number for one, _ in self._made.get(model, ())}
            room = self._asking.room_for(model) - len(under_way)
            for one in islice((one for one in making.todo if one.number not in under_way), max(0, room)):
                face = await self._desk.work(partial(self._models.face, one, self._clock.now()))
                if face is None:
                    outbounds += (await self._desk.change(partial(self._models.give_up, model, one.number))).news
                    break  # what is still to be done has changed
                key = self._asking.new_id()
                self._asked[key] = _Asked(model, one, now + self._settings.embed_timeout_seconds)
                outbounds.append(self._asking.embed_face(model, key, face))
        return outbounds

    async def answered(self, key: bytes, message: Embedded) -> Iterable[Outbound]:
        """Take a template of another model; several are kept at once."""
        asked = self._asked.pop(key)
        if asked.model not in self._models.making or message.model != asked.model:
            raise Refused(Refusal.UNEXPECTED, f"no template of {message.model} was asked for")
        self.due_at = self._clock.monotonic()
        answer = read_answer(message, self._seal)
        if answer.error or not answer.faces:
            return (await self._desk.change(partial(self._models.give_up, asked.model, asked.one.number))).news
        made = self._made.setdefault(asked.model, [])
        made.append((asked.one, answer.faces[0].template))
        left = len(self._models.making[asked.model].todo) - len(made)
        if (
            len(made) < TEMPLATES_AT_ONCE
            and left > 0
            and any(each.model == asked.model for each in self._asked.values())
        ):
            return ()
        return await self._keep_made(asked.model)

    async def _keep_made(self, model: str) -> Iterable[Outbound]:
        made = self._made.pop(model)
        if model not in self._models.making:
            return ()
        return (await self._desk.change(partial(self._models.made, model, made))).news

    def _tell_models(self) -> Iterable[Outbound]:
        states = self._models.states(self._asking.runners)
        now = self._clock.monotonic()
        nothing = self._states is None and not states.models
        if nothing or states == self._states or now < self._told_at + LOOK_SECONDS:
            return ()
        self._states, self._told_at = states, now
        return (Outbound(channels.MODELS, states),)
