"""What states, decisions and errors are called for people who live behind the door. Pure."""

from doorbus.wire.messages import AlarmState, Ask, Decision, ErrorCode, LockState, Outcome, Reason, Trigger, Weakness
from doorbus_console.identity import Why
from doorbus_console.posing import Hint


def _(text: str) -> str:
    """Mark `text` for translation; a page translates it when it is shown."""
    return text


STORE_FAILED = _(
    "This was not done, because the console cannot write on its disk, which may be full. Who is signed in still opens "
    "and locks doors. The console's log names the file."
)
NO_NAME = _("A name has at least one letter or digit.")
OVER = _("This end is over already: give a later one, or nothing passes.")
ACCOUNT_NAME = _("A name is made of a-z, 0-9, . _ @ and -")
NAME_TAKEN = _("There is one of this name: open that, or give another name.")
STATES: dict[LockState, str] = {
    LockState.LOCKED: _("Locked"),
    LockState.UNLOCKING: _("Unlocking"),
    LockState.UNLOCKED: _("Unlocked"),
    LockState.LOCKING: _("Locking"),
    LockState.JAMMED: _("Stuck"),
}
ALARMS: dict[AlarmState, str] = {
    AlarmState.HELD_OPEN_SOON: _("The door stands open: please shut it"),
    AlarmState.HELD_OPEN: _("The door has stood open for too long"),
    AlarmState.FORCED: _("The door was forced open"),
    AlarmState.TAMPER: _("Somebody tampers with the door"),
}
DAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
ASKS: dict[Ask, str] = {
    Ask.BLINK: _("Please blink"),
    Ask.TURN_LEFT: _("Please turn your head to your left"),
    Ask.TURN_RIGHT: _("Please turn your head to your right"),
    Ask.STEP_BACK: _("Please step back a little"),
}
REASONS: dict[Reason, str] = {
    Reason.MATCHED: _("recognised"),
    Reason.COMMANDED: _("opened by hand"),
    Reason.EXIT_REQUESTED: _("opened from inside"),
    Reason.CODE_ACCEPTED: _("opened by a code"),
    Reason.LOCKDOWN: _("the door is in lockdown: it opens for nobody"),
    Reason.CLOCK_IMPLAUSIBLE: _("the door does not know what time it is"),
    Reason.STALE: _("it came too late"),
    Reason.FROM_THE_FUTURE: _("the clocks of two machines disagree"),
    Reason.REPLAYED: _("it was sent before"),
    Reason.SAME_PICTURE: _("the camera shows the same picture again"),
    Reason.UNKNOWN_FACE: _("nobody that the door knows"),
    Reason.AMBIGUOUS_FACE: _("looks like two people alike"),
    Reason.TOO_SMALL: _("too far away: come closer"),
    Reason.IN_BACKGROUND: _("somebody else is closer to the camera"),
    Reason.BLURRED: _("the picture is blurred: hold still"),
    Reason.LOW_QUALITY: _("the face is hard to see: look into the camera"),
    Reason.LOW_CONFIDENCE: _("not sure enough: look into the camera"),
    Reason.LOW_MARGIN: _("somebody else looks too similar"),
    Reason.TOO_CLOSE: _("too close to the camera: step back"),
    Reason.AT_THE_EDGE: _("at the edge of the picture: step into the middle"),
    Reason.LIVENESS_MISSING: _("the door cannot tell whether it is a living face"),
    Reason.NOT_LIVE: _("looks like a picture of a face"),
    Reason.ROSTER_INCOMPLETE: _("the door does not know its people yet"),
    Reason.NOT_ON_ROSTER: _("no longer among the people"),
    Reason.DISABLED: _("may not pass at present"),
    Reason.NOT_YET_VALID: _("may not pass yet"),
    Reason.NO_LONGER_VALID: _("may no longer pass"),
    Reason.NOT_ENTITLED: _("may not use this door"),
    Reason.OUTSIDE_HOURS: _("outside of the hours"),
    Reason.AWAITING_VOTES: _("one moment: looking once more"),
    Reason.AWAITING_CHALLENGE: _("waiting for what was asked"),
    Reason.CHALLENGE_FAILED: _("did not do what was asked"),
    Reason.NOBODY_IN_YET: _("nobody is in yet who must be the first"),
    Reason.PASSBACK: _("was let in a short while ago"),
    Reason.CODE_NEEDED: _("a code is to follow"),
    Reason.FACE_NEEDED: _("the face is to come first"),
    Reason.TOO_MANY_TRIES: _("too many wrong codes: wait"),
    Reason.COOLDOWN: _("the door was opened just now: try again in a moment"),
    Reason.UNDATED: _("the command does not say when it was given"),
    Reason.CODE_MISSING: _("the door asks for a one-time code"),
    Reason.CODE_WRONG: _("the code is wrong"),
    Reason.JOURNAL_FAILED: _("the door could not write down that it opens"),
    Reason.RELAY_FAILED: _("the lock could not be driven"),
}
ERRORS: dict[ErrorCode, str] = {
    ErrorCode.NO_FACE: _("there is no face on the picture"),
    ErrorCode.SEVERAL_FACES: _("there are several faces on the picture"),
    ErrorCode.TOO_SMALL: _("the face is too small: come closer"),
    ErrorCode.BLURRED: _("the picture is blurred"),
    ErrorCode.TOO_DARK: _("the picture is too dark"),
    ErrorCode.NOT_LIVE: _("it looks like a picture of a face"),
    ErrorCode.NOT_A_PICTURE: _("this is no picture that can be read"),
    ErrorCode.TOO_LARGE: _("the picture is too large"),
    ErrorCode.BAD_PERSON_ID: _("an id is made of a-z, 0-9, - and _"),
    ErrorCode.BAD_REQUEST: _("something that was filled in is wrong"),
    ErrorCode.ALREADY_SOMEONE_ELSE: _("this face is known under another name"),
    ErrorCode.NOT_THE_SAME_PERSON: _("this is not the person on the other pictures"),
    ErrorCode.UNKNOWN_PERSON: _("there is nobody of this id"),
    ErrorCode.UNKNOWN_SAMPLE: _("there is no such picture of this person"),
    ErrorCode.UNKNOWN_GROUP: _("there is no such group"),
    ErrorCode.UNKNOWN_SCHEDULE: _("there is no such schedule"),
    ErrorCode.UNKNOWN_RECORDING: _("there is no such recording any more"),
    ErrorCode.UNKNOWN_ENTRY: _("somebody has dealt with this face already"),
    ErrorCode.ALREADY_ENROLLED: _("somebody of this id is enrolled already"),
    ErrorCode.IN_USE: _("there are still people who have it"),
    ErrorCode.UNKNOWN_CREDENTIAL: _("this person has no such code"),
    ErrorCode.TOO_SIMPLE: _("the code is too short, or one that anybody tries first"),
    ErrorCode.CODE_TAKEN: _("the code is somebody's already: choose another one"),
    ErrorCode.TOO_MANY_SAMPLES: _("there are enough pictures already"),
    ErrorCode.TOO_FEW_SAMPLES: _("time was up before there were enough good pictures"),
    ErrorCode.NO_FRAME: _("the camera has sent nothing"),
    ErrorCode.OTHER_MODEL: _("the people were enrolled with another model"),
    ErrorCode.NO_RECOGNIZER: _("no recognizer has answered"),
    ErrorCode.BUSY: _("somebody else is being enrolled: try again"),
    ErrorCode.RETAINED: _("it was sent with the retain flag"),
    ErrorCode.UNSUPPORTED: _("this cannot be done"),
    ErrorCode.CODE_MISSING: _("the site asks for a one-time code"),
    ErrorCode.CODE_WRONG: _("the one-time code is wrong"),
    ErrorCode.STORAGE_FAILED: _("it could not be stored"),
}
HINTS: dict[Hint, str] = {
    Hint.LOOK: _("look into the camera"),
    Hint.ALONE: _("only one person, please"),
    Hint.CLOSER: _("come closer"),
    Hint.MIDDLE: _("bring your whole face into the picture"),
    Hint.LIGHT: _("more light, please"),
    Hint.STILL: _("hold still, and see to it that there is light"),
    Hint.TURN: _("turn your head a little"),
    Hint.GOOD: _("good: hold still"),
    Hint.LIVE: _("show your face, not a picture of it"),
    Hint.SAME: _("this looks like somebody else"),
    Hint.KNOWN: _("this face is enrolled already"),
    Hint.WAIT: _("wait a moment"),
}
RIGHTS: dict[str, str] = {
    "doors": _("the doors"),
    "valid_from": _("from when"),
    "valid_until": _("until when"),
    "hours": _("the hours"),
    "schedule": _("the schedule"),
    "threshold": _("the confidence asked"),
    "second_factor": _("a code after the face"),
}
"""What somebody may have of a group, by the field of the roster."""
WEAKNESSES: dict[Weakness, str] = {
    Weakness.FEW_SAMPLES: _("few pictures"),
    Weakness.UNLIKE: _("a picture that is unlike the others"),
    Weakness.POOR_QUALITY: _("no good picture"),
    Weakness.ONE_LIGHT: _("all in one light"),
    Weakness.DAMAGED: _("samples that cannot be read"),
}

NOT_ADMITTED: dict[Why, str] = {
    Why.NO_ROLE: _("You have signed in there, but none of your groups may use this console. Ask its admin."),
    Why.NO_ACCOUNT: _("You have signed in there, but have no account here. Ask an admin to make one of your name."),
    Why.NO_NAME: _("You have signed in there, but under no name that an account can have. Ask an admin."),
    Why.NAME_TAKEN: _(
        "An account of your name is somebody else's here, or has a password: sign in with that, or ask an admin."
    ),
}


def outcome(decision: Decision) -> str:
    """What became of it, in a word."""
    if decision.outcome is Outcome.GRANTED:
        return _("let in") if decision.trigger in {Trigger.FACE, Trigger.CREDENTIAL} else _("opened")
    return _("refused")
