"""What the enroller says in sentences, and what is said of forms, in the language of who reads a page. Pure.

The bus speaks English. A sentence is known by its English, with `%(name)s` where it says something of its own, and is
translated like every other text of the pages; what stands in these places may be a sentence, too.
"""

import re
from collections.abc import Callable

SENTENCES = (
    "no face found; send a picture of the face from the front",
    "%(count)s faces of similar size; send a picture of one person",
    "the eyes span %(size)s pixels, %(asked)s are asked; come closer or send a larger picture",
    "sharpness %(sharpness)s, %(asked)s is asked; hold still, look for light and focus on the face",
    "too dark to be sharp: brightness %(brightness)s, %(asked)s is asked; turn on a light or face a window",
    "%(told)s, %(asked)s is asked; send a picture of the person, not of a photo or screen",
    "the recognizer measures no liveness",
    "liveness %(live)s",
    "%(person)s has %(count)s samples, the most that are kept; remove %(person)s to begin anew",
    "this face is enrolled as %(other)s (similarity %(similarity)s); remove %(other)s first to rename",
    (
        "similarity %(own)s to the samples of %(person)s, %(asked)s is asked; if it is %(person)s, send a picture "
        "more like the first, or remove %(person)s and begin anew"
    ),
    (
        "the gallery was made with %(gallery)s, the recognizer runs %(recognizer)s; set "
        "DOORBUS_RECOGNIZER__MODEL=%(gallery)s again, or remove all people and enrol them anew"
    ),
    "%(model)s of %(count)s dimensions",
    "the recognizer could not use the picture",
    "the picture has more pixels than a recognizer takes; send a smaller one",
    "the recognizer does not support this kind of picture; send an ordinary JPEG",
    "the recognizer is busy; try again",
    "this is no JPEG that can be read; send a whole and usual JPEG file",
    "this is no JPEG that can be read (%(detail)s); send a whole and usual JPEG file",
    "no bytes",
    "ends without a scan",
    "scans are missing",
    "announces its size twice",
    "lossless, hierarchical or with arithmetic coding",
    "announces no size",
    "has %(bits)s bits a colour, %(taken)s are taken",
    "is neither grey nor in colour nor CMYK",
    "has colours of no resolution",
    "zeros in place of a part of the picture",
    "starts with %(bytes)s, a JPEG with ff d8",
    "no end marker",
    "another picture begins before it ends",
    "too much work: %(detail)s",
    "%(count)s megapixels in %(scans)s; send a smaller picture",
    "one scan",
    "%(count)s scans",
    "more than %(count)s segments; send a plain picture",
    "%(width)sx%(height)s pixels, %(most)s a side are allowed",
    "%(width)sx%(height)s pixels, %(most)s are allowed",
    "%(bytes)s bytes, at most %(most)s are taken",
    "the message cannot be taken (%(refusal)s)",
    "the message cannot be taken (%(refusal)s): %(detail)s",
    "a retained request may be older than it looks; send it without retain",
    "ids begin with a-z or 0-9 and go on with up to 63 of a-z, 0-9, _ and -; update sets the display name",
    "nothing to change; send one or more of %(fields)s",
    "nobody is enrolled as %(person)s; enrol a picture first",
    "nobody is enrolled as %(person)s, so there is nothing to remove; doorbus people lists everybody",
    "nobody is enrolled as %(person)s",
    "%(count)s people are called %(who)s; name the id: %(ids)s",
    "%(person)s was removed before the picture was looked at",
    "%(person)s has no such sample; there are %(numbers)s (doorbus people --person %(person)s)",
    "this is the only sample of %(person)s; add another one first, or remove %(person)s",
    "valid_from %(since)s must come before valid_until %(until)s",
    "hours and schedule are two ways to say when; send the one that is not to count as null",
    "this picture adds nothing: one like it is a sample (similarity %(similarity)s)",
    "samples %(samples)s of %(advised)s advised",
    "a name has at least one letter; leave the field out, or press the button, to enrol a guest",
    "there are %(most)s groups already; remove one first",
    "there are %(most)s schedules already; remove one first",
    "a schedule has hours, such as Mo-Fr 07:00-19:00; PH off",
    "hours and holidays make %(length)s characters, and %(most)s are taken; name days as ranges",
    "%(people)s in the group %(group)s; give them another one first, or null",
    "the schedule %(schedule)s is that of the groups %(groups)s; give them another one first",
    "%(people)s on the schedule %(schedule)s; give them another one first, or null",
    "1 person is",
    "%(count)s people are",
    "there is no group %(group)s; make it first: doorbus group set %(group)s",
    "there is no schedule %(schedule)s; make it first: doorbus schedule set %(schedule)s HOURS",
    "hours: %(why)s",
    "holidays: %(why)s",
    "%(hours)s is not opening hours%(where)s; they look like %(example)s",
    " at character %(place)s, %(sign)s",
    " at character %(place)s, where it ends",
    " at character %(place)s",
    "%(hours)s: there is no calendar of school holidays (SH)",
    "%(hours)s: times of the sun are not known here",
    "%(hours)s: PH beside days of the week is not understood; write PH,Mo-Fr for all of them",
    "%(hours)s: / between times names moments, at which nobody comes in; leave it out",
    (
        "%(hours)s: || beside hours over midnight is not understood; write , instead, as in Mo-Fr 22:00-06:00, Sa "
        "10:00-12:00"
    ),
    "%(hours)s: public holidays (PH) need a country",
    "no public holidays known of country %(country)s; codes look like DE",
    "no time zone %(zone)s; use a name such as Europe/Berlin or UTC",
    "the library opening-hours-py is not installed; install doorbus-actuator[hours]",
    "%(holiday)s is no holiday; they look like %(examples)s",
    "%(rule)s: with holidays of one's own, PH stands in a rule of its own, such as Mo-Fr 07:00-19:00; PH off",
    "second_factor asks for the face first, and there is no picture: the code opens nothing",
    (
        "the code opens nothing by itself at %(doors)s: DOORBUS_ACTUATOR__CODES_ALONE=true has to be set there, "
        "or a picture to be enrolled"
    ),
    "%(person)s is %(called)s already, whose code this is now; %(name)s was not written",
    "no door at all may be used",
    "no actuator has told of a door yet, so nobody knows whether there is %(doors)s",
    "there is no door %(missing)s yet; the doors are %(doors)s",
    "%(doors)s and %(count)s more",
    "valid_until %(until)s has passed",
    "valid_from %(since)s is not before valid_until %(until)s",
    "the hours were not checked: %(why)s",
    "the door stays closed, as the hours cannot be read: %(why)s",
    "public holidays (PH) close %(doors)s until DOORBUS_ACTUATOR__COUNTRY is set there",
    "the hours %(hours)s are not open within a year",
    "a code is empty",
    "a code has digits and letters, at most %(most)s of them",
    "a code has at least %(least)s digits or letters",
    "a code that counts or repeats is the first that anybody tries",
    "this code is somebody's already; choose another one",
    "%(person)s has %(codes)s already; remove one first",
    "%(person)s has no PIN or tag %(credential)s; there are: %(there)s",
    "none",
    "these PINs are of another site, and %(count)s sites' are here already; set them anew",
    (
        "unlocking this door needs a code, so that enrolling at it does, too; set DOORBUS_ENROLLER__TOTP_SECRET, "
        "to the secret of the door or to another"
    ),
    "it needs a code: send it, or type it behind the name, such as Zoe 123456; alone for a guest",
    "this code was used before; wait for the next one",
    "wrong code; are the clocks right?",
    "no frame of %(place)s came within %(seconds)s s; is the camera running?",
    "%(taken)s of %(asked)s samples within %(seconds)s s at %(place)s; nothing is kept of them; %(why)s",
    "%(taken)s of %(asked)s samples within %(seconds)s s at %(place)s; %(why)s",
    "look at the camera for longer",
    "%(person)s is being enrolled at %(place)s; try again later",
    "%(count)s pictures are waiting for a recognizer; send this one again later",
    "the enroller is stopping; send the request again",
    "no recognizer answered within %(seconds)s s; is one running?",
    "no recognizer answered within %(seconds)s s; %(trouble)s; is one running?",
    "an answer was refused (%(refused)s)",
    (
        "%(store)s: the rights of %(person)s cannot be read; set them with an update, or remove %(person)s and "
        "enrol again"
    ),
    (
        "%(store)s: none of the samples can be read with this site key; put the former key back, or remove all "
        "people and enrol them anew"
    ),
    (
        "%(store)s is missing or empty, but %(known)s people are enrolled and can still pass; put everybody back "
        "with doorbus restore, or restore a backup of it, or, to begin anew, delete what the broker retains under "
        "roster/ and gallery/"
    ),
    "may this user write here?",
    "is the disk full?",
    "is the disk full or failing?",
    "may this user write the file and its directory?",
    "does another enroller use it?",
    "the change contradicts what is kept",
    (
        "damaged; doorbus restore FILE sets it aside and puts everybody back, or restore a backup of it, or move "
        "it away and enrol everybody anew"
    ),
    "written by a newer doorbus (schema %(version)s, this one knows %(known)s); update doorbus",
    "a template that is not base64",
    "others are being put back; send the request again",
    "the gallery was made with %(model)s, these samples were not; start a recognizer that runs it",
    "no recognizer that runs %(model)s answered within %(seconds)s s; is one running?",
    "%(count)s samples of %(person)s cannot be read with this site key",
    "these samples were made with %(models)s, the gallery with %(gallery)s; try again",
    "%(count)s samples of %(person)s do not belong together",
    "not a JPEG",
    "not a JPEG but %(kind)s: save it as JPEG",
    "not a JPEG but HEIC, as iPhones keep pictures: share it as JPEG, or set Camera, Formats to Most Compatible",
    "a name has no control characters, line breaks, or signs that turn the direction of writing",
    "outside the years 1 to 9999 in UTC",
    "send at most %(most)s MiB",
    "%(files)s: send pictures of at most %(most)s MiB",
    "send at most %(most)s files at once",
    "send a form",
    "send %(kinds)s, or a form with files",
    "there is no picture in the request",
    "this is no well-formed form",
)
"""A test holds them against the sentences in the code."""
_PLACE = re.compile(r"%\((\w+)\)s")
_LONGEST = 1000
"""Characters: what is longer is none of the enroller's, and would take long to look through."""
_SEPARATORS = ("; ", ": ")
"""Between sentences that stand in one text, and before what is said of a file."""


def _pattern(sentence: str) -> re.Pattern[str]:
    parts, seen = list[str](), set[str]()
    for number, part in enumerate(_PLACE.split(sentence)):
        is_place = number % 2 == 1
        parts.append(rf"(?P<{part}>.*?)" if is_place and part not in seen else f"(?P={part})" if is_place else "")
        parts[-1] = parts[-1] or re.escape(part)
        seen |= {part} if is_place else set()
    return re.compile("".join(parts), re.DOTALL)


_PATTERNS = tuple(
    (sentence, _pattern(sentence))
    for sentence in sorted(SENTENCES, key=lambda one: len(_PLACE.sub("", one)), reverse=True)
)
"""What has most words of its own comes first: `nobody is enrolled as %(person)s` is also the beginning of others."""


def translated(text: str, say: Callable[[str], str]) -> str:
    """A text of the enroller, each sentence by `say`; what is none that is known stays as it is."""
    if len(text) > _LONGEST:
        return text
    whole = _whole(text, say)
    return _in_parts(text, say) if whole is None else whole


def _whole(text: str, say: Callable[[str], str]) -> str | None:
    for sentence, pattern in _PATTERNS:
        if (found := pattern.fullmatch(text)) is not None:
            return say(sentence) % {place: translated(value, say) for place, value in found.groupdict().items()}
    return None


def _in_parts(text: str, say: Callable[[str], str]) -> str:
    """The text in two parts of which one is known; as it is where there are no such."""
    for separator in _SEPARATORS:
        for found in re.finditer(re.escape(separator), text):
            head, tail = text[: found.start()], text[found.end() :]
            if _whole(head, say) is not None or _whole(tail, say) is not None:
                return translated(head, say) + separator + translated(tail, say)
    return text
