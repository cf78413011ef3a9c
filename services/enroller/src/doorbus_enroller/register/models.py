"""Other embedding models: templates of them, and when one leads or is let go."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from doorbus.wire.codec import Refused
from doorbus.wire.messages import Models, ModelState
from doorbus.wire.templates import Template, to_store
from doorbus_enroller.making import Making
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.runners import Runners
from doorbus_enroller.store import Unmade
from doorbus_enroller.templates import face_to_send

_NAMED = 100


class EmbeddingModels:
    """The models that recognizers run, and how far people have been taken over to each."""

    def __init__(self, core: Core) -> None:
        self._core = core

    @property
    def leading(self) -> str | None:
        """The model that leads; None where nobody has a sample."""
        return self._core.state.model if self._core.state else None

    @property
    def making(self) -> Mapping[str, Making]:
        """How far each other model is."""
        return self._core.beside.making

    @property
    def stale(self) -> bool:
        """Whether other models may lack more than `making` says, which `take_up` finds."""
        return self._core.beside.stale

    def states(self, runners: Runners) -> Models:
        """Which models are in use, and how far people have been taken over to each."""
        state = self._core.state
        if state is None:
            return Models()
        foreign = tuple(sorted(state.damage.foreign))
        samples = sum(state.samples.values())
        people = sum(count > 0 for count in state.samples.values())
        leads = ModelState(
            model=state.model or "",
            recognizers=runners.of(state.model or "")[:_NAMED],
            leading=True,
            published=state.gallery is not None,
            people=people,
            samples=samples,
            again=foreign[:_NAMED],
            again_count=len(foreign),
        )
        others = [
            ModelState(
                model=model,
                recognizers=runners.of(model)[:_NAMED],
                published=model in state.besides,
                people=state.besides[model].manifest.count if model in state.besides else 0,
                samples=making.made,
                left=len(making.todo),
                again=making.lacking[:_NAMED],
                again_count=len(making.lacking),
            )
            for model, making in sorted(self.making.items())
        ]
        return Models(models=(*([leads] if state.model else []), *others))

    def take_up(self, models: Collection[str], now: datetime) -> Outcome:
        """See what is missing of these models, and of those that there are already."""
        state = self._core.current(now)
        if self._core.beside.take_up(models, state, now):
            state = self._core.raised(state, now)
        return self._core.outcome(state)

    def face(self, one: Unmade, now: datetime) -> bytes | None:
        """The face of a sample, sealed for a recognizer; None where it is gone or cannot be read."""
        kept = self._core.store.face(one.number, now)
        with suppress(Refused):
            return kept and face_to_send(kept, one.person, self._core.seal)
        return None

    def give_up(self, model: str, number: int, now: datetime) -> Outcome:
        """No template of a model can be made of the face of a sample."""
        state, before = self._core.current(now), self.making[model]
        after = before.given_up(number)
        self._core.beside.went_on(model, after)
        if after.ready and not before.ready:
            state = self._core.raised(state, now)
        return self._core.outcome(state)

    def made(self, model: str, templates: Sequence[tuple[Unmade, Template]], now: datetime) -> Outcome:
        """Keep templates of another model; they are published when all are there."""
        state, before = self._core.current(now), self.making[model]
        kept = {one.number: to_store(template, one.person, self._core.seal) for one, template in templates}
        self._core.store.add_templates(model, kept, now)
        after = before.done(kept)
        self._core.beside.went_on(model, after, [one.person for one, _ in templates])
        if after.ready:
            state = self._core.raised(state, now)
        return self._core.outcome(state)

    def lead(self, model: str, now: datetime) -> Outcome:
        """Let another model lead; the one that led stands beside it from now on."""
        self._core.current(now)
        versions = self._core.store.lead(model, now)
        self._core.beside.forget(model)
        return self._core.outcome(self._core.read(versions, now))

    def let_go(self, model: str, now: datetime) -> Outcome:
        """Forget the templates of a model that nobody runs any more, and its gallery."""
        state = self._core.current(now)
        self._core.store.forget_model(model, now)
        self._core.beside.forget(model)
        return self._core.outcome(state)
