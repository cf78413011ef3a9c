"""What the figures of health mean. Pure."""

import re

MEANINGS = {
    # Of every service.
    "connections": "Connections to the broker since the start.",
    "dropped_offline": "Messages dropped because they would have been stale when the broker was back.",
    "superseded": "Frames replaced by a newer one before they were looked at.",
    "overflowed": "Messages dropped because too many waited.",
    "errors": "Messages and jobs on which the service failed, which its log tells; none is expected.",
    # Of several.
    "people": "People of the gallery in use (missing without one); at the enroller, people enrolled.",
    "roster_version": "Version of the roster in use, or published; -1 without one.",
    "gallery_version": "Version of the gallery in use (missing without one), or published (-1 without).",
    "roster_floor": "Newest roster ever seen, below which none is taken.",
    "gallery_floor": "Newest gallery ever seen, below which none is taken.",
    "floor_failures": "How often the file in VAR/floors could not be read or written.",
    # Of actuators.
    "granted": "Decisions to open.",
    "denied": "Decisions not to open.",
    "latency_ms": "Of the last unlocking: from the capture of its frame, or the arrival of its command, to the relay.",
    "relay_energised": "1 while the door is unlocked.",
    "lockdown": "1 in lockdown.",
    "lockdown_unkept": "1 while an order about lockdown would not outlast a restart.",
    "alarm": "1 while there is an alarm.",
    "contact": "1 while the door is open; missing while nobody knows.",
    "exit": "1 while the exit button is pressed; missing while nobody knows.",
    "doorbell": "1 while the doorbell is pressed; missing while nobody knows.",
    "tamper": "1 while the case is open; missing while nobody knows.",
    "roster_people": "People on the roster in use.",
    "codes": "PINs and tags that the door knows.",
    "takes_unsigned": "1 where recognitions count that nobody has signed.",
    "threshold": "The setting THRESHOLD.",
    "asks_code": "1 where TOTP_SECRET is set: enrolling at this door needs a code then, too.",
    "codes_alone": "1 where CODES_ALONE is set: else a guest's code opens nothing by itself.",
    "journal_newest": "Number of the newest entry of the journal.",
    "journal_unsent": "Entries of the journal that the broker does not have yet.",
    # Of captures.
    "frames_sent": "Pictures sent.",
    "frames_suppressed": "Pictures held back by the motion gate.",
    "frames_superseded": "Pictures replaced by a newer one before they were looked at.",
    "frames_missed": "Pictures that were not whole, and snapshots that failed, while the source went on.",
    "reopened": "How often the source was given up.",
    "hung": "Threads that hang in the camera's driver.",
    "lost_lately": "How often pictures stopped in the last 10 minutes; from 3 on the camera flaps.",
    "fps": "Frames sent a second, over the last 5 s.",
    "last_frame_at": "When the last picture was captured, in seconds since 1970.",
    "last_frame_age_seconds": "Since the last picture was read.",
    # Of recognizers.
    "frames": "Frames looked at.",
    "faces": "Faces on them.",
    "match": "Faces of somebody enrolled.",
    "unknown": "Faces of nobody enrolled.",
    "ambiguous": "Faces that may be of two people.",
    "embedded": "Pictures embedded for the enroller.",
    "asked": "Pictures that somebody asked about, without a door.",
    "milliseconds_per_frame": "Running mean over about 100 frames, from decoding to matching.",
    "busy": "Which part of its lanes' time went into pictures over the last 10 s, 0 to 1; at 1 it takes no more.",
    "review": "1 where faces are sent to the recorder for review.",
    # Of the enroller.
    "samples": "Samples of all people.",
    "pending": "Pictures that wait for a recognizer.",
    "sittings": "People who are being enrolled from a camera.",
    "enrolled": "Samples since the start.",
    "put_right": "Messages of somebody else on its topics that it has overwritten since the start.",
    "outrun": "How often it has raised its versions above those that somebody else had seen.",
    "sealed_formerly": "People, and the gallery, still to be sealed anew while the site key is rotated.",
    # Of the console.
    "following": "Pages and programs that follow the news.",
    "doors": "Doors that were heard of.",
    "cameras": "Cameras that were heard of.",
    # Of the recorder; of its inbox the same with `review_` before it.
    "recordings": "Pictures that are kept.",
    "bytes": "How large they are together.",
    "recorded": "Pictures kept since the start.",
    "erased": "Files erased since the start.",
    "without_frame": "Decisions whose frame was not in memory any more.",
    "not_enrolled": "Pictures not kept because they name somebody who is gone.",
    "failed": "What the disk refused.",
    "damaged": "Files that the disk had spoiled.",
    "foreign": "Files of another key.",
    "owed": "Files still to be erased.",
    "ring_frames": "Frames in memory.",
    "ring_bytes": "How large they are together.",
    "kinds": "Of how many kinds of faces people are asked, by the setting REVIEW; 0 is none.",
    "entries": "Faces that wait for a word.",
    "accepted": "Faces that were given a name.",
    "discarded": "Faces that were discarded.",
    "faces_seen": "Faces that came from recognizers.",
    "faces_without_frame": "Those whose frame was not in memory any more.",
}
"""Figure to its meaning. Counts are since the start of the process, unless they say otherwise."""

_FAMILIES = {
    r"(granted|denied)\..+": "Decisions by reason.",
    r".+_unheard": "1 until something is heard of that input.",
    r"runtime_.+": "1 for what runs the models.",
    r"refused_.+": "Results with this error.",
}


def meaning(figure: str) -> str | None:
    """What `figure` says; None when nobody has written it down."""
    told = MEANINGS.get(figure) or MEANINGS.get(figure.removeprefix("review_"))
    return told or next((told for family, told in _FAMILIES.items() if re.fullmatch(family, figure)), None)


def explained() -> str:
    """All of it, a line for each."""
    return "\n".join(["What is counted and measured.", "", *(f"- {name}: {told}" for name, told in MEANINGS.items())])
