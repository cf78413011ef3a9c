"""Whether the door opens, and if not, why not. Pure: everything it depends on comes in, everything it changes goes out.

Default is denied. `decide` tries the rules in the order of the tables, and the first that fails gives the reason:

- a face: `FACE_TABLE`. A face that passes `VOTE_TABLE`, its first part, is a vote for its person; the frames of enough
  votes open the door, if every other rule holds for the newest of them.
- a PIN or a tag: `CODE_RULES`. After a face that needs one it is the person's, or the door's one-time password.
- a command to open: `COMMAND_RULES`. A command to lock is always obeyed.
- an exit request: `EXIT_RULES`.

=============  ===================================================================
module         what it holds
=============  ===================================================================
`rules`        what the rules are measured by
`events`       what happens at a door, and what follows
`state`        what is remembered, and which rule each part of it serves
`quality`      how well a face is seen
`glances`      what single frames show of a person, and whether they are of one motion
`blinks`       whether eyelids moved, or pictures were swapped
`votes`        frames that were seen, and whom they name
`clock`        whether the time of day can be trusted
`commands`     commands and codes that were seen
`entries`      who came in last, and who must come in first
`keypads`      how fast codes may be tried, and who owes one after the face
`tables`       the rules, in their order
`passage`      how long it stays unlocked for who passes
`admitted`     who was let in and is still there
`telling`      when a denial is told, equal ones together
`challenge`    what is asked of a person, and what was seen of it
`memory`       what was seen, as far as it outlives the process
`deciding`     from an event to what follows from it
=============  ===================================================================

Each imports only those above it.
"""

from doorbus_actuator.policy.admitted import in_view
from doorbus_actuator.policy.clock import clock_plausible
from doorbus_actuator.policy.deciding import decide, may_look, wake_at
from doorbus_actuator.policy.events import (
    AskFor,
    Command,
    Confine,
    Confined,
    Deny,
    DoorMoved,
    Effect,
    Event,
    ExitRequested,
    Grant,
    Lock,
    Now,
    OpeningFailed,
    Person,
    Presented,
    RosterChanged,
    Sighting,
    Tick,
)
from doorbus_actuator.policy.memory import MOST, Kind, Seen, confinement, learnt, recall
from doorbus_actuator.policy.passage import cut_short
from doorbus_actuator.policy.rules import RELEASED_AT, Codes, CommandMode, Hours, LivenessMode, Measures, Relock, Rules
from doorbus_actuator.policy.state import MAX_REMEMBERED, State, locked_down
from doorbus_actuator.policy.tables import CODE_RULES, COMMAND_RULES, EXIT_RULES, FACE_TABLE, VOTE_TABLE

__all__ = [
    "CODE_RULES",
    "COMMAND_RULES",
    "EXIT_RULES",
    "FACE_TABLE",
    "MAX_REMEMBERED",
    "MOST",
    "RELEASED_AT",
    "VOTE_TABLE",
    "AskFor",
    "Codes",
    "Command",
    "CommandMode",
    "Confine",
    "Confined",
    "Deny",
    "DoorMoved",
    "Effect",
    "Event",
    "ExitRequested",
    "Grant",
    "Hours",
    "Kind",
    "LivenessMode",
    "Lock",
    "Measures",
    "Now",
    "OpeningFailed",
    "Person",
    "Presented",
    "Relock",
    "RosterChanged",
    "Rules",
    "Seen",
    "Sighting",
    "State",
    "Tick",
    "clock_plausible",
    "confinement",
    "cut_short",
    "decide",
    "in_view",
    "learnt",
    "locked_down",
    "may_look",
    "recall",
    "wake_at",
]
