"""The people as the site sees them: what the store keeps, and the maps that are published of it.

A change is a method of one of the first seven modules, none of which knows another one.

=============  =====================================================================
module         what it holds
=============  =====================================================================
`samples`      enrolling a picture, looking one up, taking a sample away, the check
`persons`      names and rights, removing somebody
`credentials`  PINs and tags
`arranging`    groups and schedules
`models`       templates of other models, which model leads
`site_keys`    sealing with another key
`backup`       export and restore
`core`         the store and what is known of it, how a change begins and ends
`publication`  what the broker retains, what is sent when it changes
`reading`      everybody read from the store
`beside`       the galleries of other models
`turning`      whose samples are sealed with a former key
`state`        everybody as published, and what becomes of it
`faults`       what is wrong with requests of several modules
`outcome`      what becomes of a request
=============  =====================================================================
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from doorbus.wire.exchange import Outbound
from doorbus.wire.messages import Manifest
from doorbus.wire.seal import Seal
from doorbus.wire.snapshot import Packed
from doorbus.wire.topics import Resolved
from doorbus_enroller.arrangements import Arrangements
from doorbus_enroller.maps import Place
from doorbus_enroller.register import publication
from doorbus_enroller.register.arranging import Arranging
from doorbus_enroller.register.backup import Backup
from doorbus_enroller.register.core import Core
from doorbus_enroller.register.credentials import PinsAndTags
from doorbus_enroller.register.faults import sealed_otherwise
from doorbus_enroller.register.models import EmbeddingModels
from doorbus_enroller.register.outcome import Outcome
from doorbus_enroller.register.persons import Persons
from doorbus_enroller.register.samples import Samples
from doorbus_enroller.register.site_keys import SiteKeys
from doorbus_enroller.store import Store, Versions


class Register:
    """Reads and writes the store, and keeps the maps with it: a request costs what one person costs.

    The methods that are given the time, here and of the parts, take as long as the store does, and raise
    `StorageFailed`. After that everybody is read anew: what the store holds then is what counts.
    """

    def __init__(self, store: Store, seal: Seal, *, keep_faces: bool = True) -> None:
        self._core = Core(store, seal)
        self.samples = Samples(self._core, keep_faces=keep_faces)
        self.persons = Persons(self._core)
        self.credentials = PinsAndTags(self._core)
        self.arranging = Arranging(self._core)
        self.models = EmbeddingModels(self._core)
        self.site_keys = SiteKeys(self._core)
        self.backup = Backup(self._core, keep_faces=keep_faces)

    @property
    def people(self) -> Mapping[str, int]:
        """How many samples there are of each person; empty while nobody was read yet."""
        return self._core.state.samples if self._core.state else {}

    @property
    def gallery_version(self) -> int | None:
        """The version of the gallery; None while nobody was read yet."""
        return self._core.state.versions.gallery if self._core.state else None

    @property
    def roster(self) -> tuple[bytes, ...]:
        """The shards of the roster as published; none while nobody was read yet."""
        return self._core.state.roster.shards if self._core.state else ()

    @property
    def arrangements(self) -> Arrangements:
        """The groups and schedules as published; none while nobody was read yet."""
        return self._core.state.arrangements if self._core.state else Arrangements()

    def problem(self) -> str | None:
        """What of the store is left out, because it cannot be read."""
        state, store = self._core.state, self._core.store.name
        if state is None:
            return None
        return state.damage.told(store) if state.gallery else sealed_otherwise(store).message

    def whole(self) -> Iterator[Outbound]:
        """All maps; nothing while nobody was read yet: an empty map would lock everybody out."""
        if self._core.state:
            yield from publication.whole(self._core.state)

    def heard(self, name: str, manifest: Manifest | None) -> None:
        """A map of this name is retained, or was deleted. Before anything was published it is of another time."""
        self._core.heard(name, manifest)

    def published(self, place: Place) -> Packed | None:
        """What should be retained of a map; None while that is not known."""
        return publication.published(self._core.state, place) if self._core.state else None

    def standing(self, topic: Resolved[Any]) -> bytes | Manifest | None:
        """What should be retained under a topic of a map; None while that is not known."""
        return publication.standing(self._core.state, self.models.making, topic) if self._core.state else None

    def start(self, now: datetime) -> Outcome:
        """Read everybody. A store that is new is left as it is until it is known what the broker retains."""
        return Outcome() if self._core.store.is_new() else self.refresh(now)

    def refresh(self, now: datetime) -> Outcome:
        """Read everybody, if what is known of them is in doubt."""
        return self._core.outcome(self._core.current(now))

    def outrun(self, others: Versions, now: datetime) -> Outcome:
        """Publish both maps under versions above those of `others`, which somebody has seen."""
        state = self._core.current(now)
        return self._core.outcome(state.under(self._core.store.outrun(others, now), self._core.seal))

    def close(self) -> None:
        """Let go of the store."""
        self._core.store.close()
