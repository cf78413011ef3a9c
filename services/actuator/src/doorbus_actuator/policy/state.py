"""What the policy remembers, and which rule each part of it serves. Pure.

===================  ==================================================  ===================================
field of `State`     serves the rules                                    written by
===================  ==================================================  ===================================
`people`             `PERSON_RULES`, and each person's own threshold     `deciding`: a new roster
`clock`              `CLOCK_IMPLAUSIBLE`: steps are measured from here   `clock`
`trusted_from`       `CLOCK_IMPLAUSIBLE`                                 `clock`
`frames`             `REPLAYED` of a face                                `votes`; dated anew after a step
`forgotten_until`    `REPLAYED` of a face, when too many were seen       `votes`; dated anew after a step
`pictures`           `SAME_PICTURE`                                      `votes`
`ballots`            `AWAITING_VOTES`                                    `votes`; none after a grant or step
`cooldown_until`     `COOLDOWN` of faces                                 `deciding`: a grant
`commanded_until`    `COOLDOWN` of commands                              `deciding`: a grant to a command
`rested_until`       what is left of either when the door is locked      `deciding`: a grant
                     before its time
`admitted`           no rule: whose frames are no decision any more      `admitted`
`lockdown`           `LOCKDOWN`, besides the setting                     `deciding`: a lockdown begun or ended
`hold`               `COOLDOWN` of commands, which may hold the door     `passage`
                     for longer; what an exit must not cut short, and
                     what ends when somebody has passed
`commands`           `REPLAYED` of a command by its id                   `commands`
`codes`              `REPLAYED` of a command by its code                 `commands`
`wrong_codes`        `CODE_WRONG`: too many and none is looked at        `commands`
`tries`              `TOO_MANY_TRIES`                                    `keypads`
`owed`               `FACE_NEEDED`                                       `keypads`; none after a grant to them
`entered`            `PASSBACK`                                          `entries`; kept in the journal
`first_in`           `NOBODY_IN_YET`                                     `entries`; kept in the journal
`coded_until`        `COOLDOWN` of codes                                 `deciding`: a grant to a code
`trial`              `AWAITING_CHALLENGE`                                `challenge`; none after a grant
`no_trial_until`     `CHALLENGE_FAILED`                                  `challenge`
`failures`           `CHALLENGE_FAILED`: how long it lasts               `challenge`; none after a face's grant
`failed_at`          the same                                            `challenge`
`advice`             no rule: what is shown to who is too close          `challenge`
`tallies`            no rule: when a denial is told                      `telling`; fewer after votes or a grant
===================  ==================================================  ===================================

Two rules hold for every change of it. It is bounded, whatever arrives: beyond a bound the oldest is forgotten. And it
runs on the monotonic clock; only captures have a date, and when the time of day steps, votes so dated are dropped and
frames seen are dated anew.
"""

import math
from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime

from doorbus.wire.messages import Ask, Decision, Reason, Trigger
from doorbus.wire.records import dataclass
from doorbus_actuator.policy.blinks import Eyelids
from doorbus_actuator.policy.events import Effect, Now, Person
from doorbus_actuator.policy.glances import Glance
from doorbus_actuator.policy.rules import Rules

MAX_REMEMBERED = 1024
"""Frames, and commands, that are known to have been seen."""
MAX_PICTURES = 4096
"""Pictures that were votes: 68 a second, as long as they are remembered."""
MAX_CAMERAS = 64
MAX_TALLIES = 256
MAX_ADMITTED = 64
MAX_READERS = 64
MAX_OWING = 64
MAX_ENTERED = 1024


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A frame_id that must not count again."""

    captured_at: datetime
    received: float


@dataclass(frozen=True, slots=True)
class Ballot:
    """Who was named by a recognition in a way that satisfies `VOTE_TABLE`."""

    frame_id: str
    captured_at: datetime
    received: float
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trial:
    """A challenge under way, and what was seen of it since the last break."""

    person: str
    camera: str
    ask: Ask
    expires: float
    asked_at: datetime
    looked_at: datetime
    """Capture of the newest frame used."""
    more: int = 0
    """How many further challenges follow."""
    home: tuple[Glance, ...] = ()
    """How the person looks to the front."""
    last: Glance | None = None
    between: bool = False
    """Whether the head was seen on its way."""
    closed_at: datetime | None = None
    """Since when the eyes have been closed."""
    eyelids: tuple[Eyelids, ...] = ()
    """What was seen of the eyes since they were last open."""
    moved: bool = False
    """Whether something was done, in this challenge or one before it in the row, that two pictures cannot do."""
    likest: float = -1.0
    """The highest similarity to the person that was seen in the row."""
    done: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """For how long the door was told to stay unlocked, until when, and since when it is, in monotonic seconds."""

    seconds: float
    until: float
    since: float


@dataclass(frozen=True, slots=True)
class Advice:
    """Somebody was asked to step back, until when."""

    until: float


@dataclass(frozen=True, slots=True)
class Tries:
    """Wrong codes of a reader that are not forgotten, until when it pauses, and since when no other has come."""

    number: int
    until: float
    since: float


@dataclass(frozen=True, slots=True)
class Owed:
    """A code that somebody is to give: what was decided about the face, and until when the code may come."""

    decision: Decision
    until: float


@dataclass(frozen=True, slots=True)
class FirstIn:
    """Who came in first on the day on which somebody of the first did; nobody knows who after a restart."""

    day: date
    person: str | None
    at: float


Key = tuple[Reason, str | None, Trigger]
"""What makes denials equal; the text between is the person."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Equal denials that are not told yet: how many, the newest, and when they are due."""

    count: int
    newest: Decision
    due: float


@dataclass(frozen=True, slots=True)
class State:
    """What the policy remembers: the table above says what for. Times are monotonic seconds unless they are dates."""

    people: Mapping[str, Person] | None = None
    clock: Now | None = None
    trusted_from: float = -math.inf
    frames: Mapping[str, SeenFrame] = field(default_factory=dict)
    forgotten_until: datetime | None = None
    """Frames captured up to here may have been seen and forgotten in a flood, and count as seen."""
    pictures: Mapping[str, float] = field(default_factory=dict)
    """When each picture that was a vote was last seen, by digest, in that order."""
    ballots: Mapping[str, tuple[Ballot, ...]] = field(default_factory=dict)
    """The last ballots of each camera, oldest capture first."""
    cooldown_until: float = -math.inf
    commanded_until: float = -math.inf
    rested_until: float = -math.inf
    admitted: Mapping[str, float] = field(default_factory=dict)
    """Who was let in, and when they were seen last."""
    lockdown: bool = False
    hold: Hold | None = None
    commands: Mapping[str, float] = field(default_factory=dict)
    """When each command id was seen."""
    codes: Mapping[str, float] = field(default_factory=dict)
    """When each one-time password was used."""
    wrong_codes: tuple[float, ...] = ()
    tries: Mapping[str, Tries] = field(default_factory=dict)
    owed: Mapping[str, Owed] = field(default_factory=dict)
    coded_until: float = -math.inf
    entered: Mapping[str, float] = field(default_factory=dict)
    """When each person was let in last."""
    first_in: FirstIn | None = None
    trial: Trial | None = None
    no_trial_until: float = -math.inf
    failures: int = 0
    """How many challenges have failed in a row."""
    failed_at: float = -math.inf
    advice: Advice | None = None
    tallies: Mapping[Key, Tally] = field(default_factory=dict)


Step = tuple[State, tuple[Effect, ...]]
"""What is remembered from now on, and what follows."""


def locked_down(rules: Rules, state: State) -> bool:
    """Whether the door opens for nobody; what the settings say nobody can end."""
    return rules.lockdown or state.lockdown
