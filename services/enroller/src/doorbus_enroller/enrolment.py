"""What becomes of a request: a sample to keep, rights to write, or a fault that says what to do. Pure."""

from collections.abc import Container
from dataclasses import dataclass, field
from itertools import count

from pydantic import BaseModel, ConfigDict, Field

from doorbus.wire.codec import Refusal
from doorbus.wire.ids import id_of_name
from doorbus.wire.messages import ErrorCode, Fault, Rights, Update
from doorbus.wire.templates import Template
from doorbus_enroller.arrangements import ends_before_it_begins
from doorbus_enroller.known_faces import Enrolled, KnownFaces

ADVISED = 3
"""Samples that a person should have: at a confidence of 0.8 a resident is not recognised on 28 % of the pictures with
one, 12 % with three, 9 % with five (947 pictures of 57 people)."""

DARK = 0.2
"""Brightness below which a face that is not sharp lacks light: of 67 pictures no face is below 0.25; darkened to three
tenths or less, 192 of 194 that are not sharp are below this, and of 64 that were blurred none."""


class Rules(BaseModel):
    """What is asked of a picture: a part of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_size: float = Field(
        default=32.0,
        ge=0,
        description="Least distance between the outer corners of the eyes, in pixels of the picture.",
    )
    min_sharpness: float = Field(
        default=20.0, ge=0, description="Least sharpness of the face: variance of the Laplacian of the aligned face."
    )
    min_live: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Least liveness, 0 to 1; 0 asks for none, as a picture file may be a photo of a photo.",
    )
    background: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Faces smaller than this share of the largest (0 to 1) stand in the background and do not count.",
    )
    # The same-person similarity is that of 1 stranger in 1,000: among a few hundred people it would turn many away.
    duplicate_margin: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="How much more than the model's same-person similarity, as a share (0 to 1) of the way from there "
        "to 1, a face must resemble somebody else to be refused as that person.",
    )
    near_duplicate: float = Field(
        default=0.98,
        gt=0,
        le=1,
        description="Similarity to one of the person's samples above which another picture adds nothing, and is not "
        "kept; frames of a camera, which are taken at different moments, are.",
    )
    max_samples: int = Field(default=10, ge=1, le=100, description="Most samples kept of one person.")

    def of_frames(self) -> "Rules":
        """The same for frames of a camera, on which nobody else may be, however far in the background."""
        return self.model_copy(update={"background": 0.0, "near_duplicate": 1.0})


@dataclass(frozen=True)
class Candidate:
    """One face on the picture, as a recognizer measured it."""

    size: float
    sharpness: float
    quality: float
    live: float | None
    template: Template = field(repr=False)
    brightness: float | None = None
    face: bytes | None = field(default=None, repr=False)
    """The aligned face, a JPEG."""


@dataclass(frozen=True)
class Answer:
    """What a recognizer says of a picture."""

    model: str
    faces: tuple[Candidate, ...]
    same_person_similarity: float
    error: ErrorCode | None = None


@dataclass(frozen=True)
class Known:
    """The very picture is a sample of the person already: nothing to do, as after a redelivery.

    Or one is there that is as good: then `similarity` says how similar they are.
    """

    similarity: float | None = None


def decide(  # noqa: PLR0917  # what it depends on
    person: str, picture: str, answer: Answer, enrolled: Enrolled | None, gallery: KnownFaces, rules: Rules
) -> Candidate | Known | Fault:
    """Whether the picture with the SHA-256 `picture` becomes a sample of `person`; the first rule that fails tells.

    `enrolled` is what there is of the person, `gallery` everybody.
    """
    if answer.error is not None:
        return Fault(code=answer.error, message=_UNUSABLE.get(answer.error, "the recognizer could not use the picture"))
    if enrolled and picture in enrolled.pictures:
        return Known()
    if gallery.model not in (None, answer.model):
        return _other_model(gallery.model, answer.model)
    face = choose(answer.faces, rules)
    if isinstance(face, Fault):
        return face
    if enrolled and len(face.template) == len(enrolled.mean):
        nearest = max(float(template @ face.template) for template in enrolled.templates)
        if nearest > rules.near_duplicate:
            return Known(nearest)
    return _objection(person, face, answer, enrolled, gallery, rules) or face


def choose(faces: tuple[Candidate, ...], rules: Rules) -> Candidate | Fault:
    """The one face that the picture is of, if it is good enough."""
    if not faces:
        return Fault(code=ErrorCode.NO_FACE, message="no face found; send a picture of the face from the front")
    face = max(faces, key=lambda each: each.size)
    count = sum(each.size >= face.size * rules.background for each in faces)
    if count > 1:
        return Fault(
            code=ErrorCode.SEVERAL_FACES, message=f"{count} faces of similar size; send a picture of one person"
        )
    if face.size < rules.min_size:
        return Fault(
            code=ErrorCode.TOO_SMALL,
            message=f"the eyes span {face.size:.0f} pixels, {rules.min_size:g} are asked; "
            "come closer or send a larger picture",
        )
    if face.sharpness < rules.min_sharpness:
        return _not_sharp(face, rules)
    if rules.min_live > 0 and (face.live is None or face.live < rules.min_live):
        told = "the recognizer measures no liveness" if face.live is None else f"liveness {face.live:.2f}"
        return Fault(
            code=ErrorCode.NOT_LIVE,
            message=f"{told}, {rules.min_live:g} is asked; send a picture of the person, not of a photo or screen",
        )
    return face


def _not_sharp(face: Candidate, rules: Rules) -> Fault:
    """That a face is blurred, or that it is dark."""
    if face.brightness is not None and face.brightness < DARK:
        return Fault(
            code=ErrorCode.TOO_DARK,
            message=f"too dark to be sharp: brightness {face.brightness:.2f}, {DARK:g} is asked; "
            "turn on a light or face a window",
        )
    return Fault(
        code=ErrorCode.BLURRED,
        message=f"sharpness {face.sharpness:.0f}, {rules.min_sharpness:g} is asked; "
        "hold still, look for light and focus on the face",
    )


def _objection(  # noqa: PLR0917  # as above
    person: str, face: Candidate, answer: Answer, enrolled: Enrolled | None, gallery: KnownFaces, rules: Rules
) -> Fault | None:
    """Why a good face cannot join the gallery as a sample of `person`."""
    if enrolled and len(enrolled.templates) >= rules.max_samples:
        return Fault(
            code=ErrorCode.TOO_MANY_SAMPLES,
            message=f"{person} has {len(enrolled.templates)} samples, the most that are kept; "
            f"remove {person} to begin anew",
        )
    if not gallery.fits(face.template):
        return _other_model(gallery.model, f"{answer.model} of {len(face.template)} dimensions")
    same_person = answer.same_person_similarity
    own = float(enrolled.mean @ face.template) if enrolled else None
    other, highest = gallery.nearest(face.template, but=person)
    duplicate = same_person + rules.duplicate_margin * (1 - same_person)
    if other and highest >= duplicate and (own is None or highest > own):
        return Fault(
            code=ErrorCode.ALREADY_SOMEONE_ELSE,
            message=f"this face is enrolled as {other} (similarity {highest:.2f}); remove {other} first to rename",
        )
    if own is not None and own < same_person:
        return Fault(
            code=ErrorCode.NOT_THE_SAME_PERSON,
            message=f"similarity {own:.2f} to the samples of {person}, {same_person:.2f} is asked; "
            f"if it is {person}, send a picture more like the first, or remove {person} and begin anew",
        )
    return None


def _other_model(gallery: str | None, recognizer: str) -> Fault:
    return Fault(
        code=ErrorCode.OTHER_MODEL,
        message=f"the gallery was made with {gallery}, the recognizer runs {recognizer}; "
        f"set DOORBUS_RECOGNIZER__MODEL={gallery} again, or remove all people and enrol them anew",
    )


def advice(samples: int, near: float | None) -> str | None:
    """What would make a person with so many samples easier to recognise.

    `near` is how similar the last picture is to a sample that is as good, if so.
    """
    parts = [] if near is None else [f"this picture adds nothing: one like it is a sample (similarity {near:.3f})"]
    parts += [f"samples {samples} of {ADVISED} advised"] if samples < ADVISED else []
    return "; ".join(parts) or None


def id_of(name: str | None, taken: Container[str]) -> str | Fault:
    """The id of a newcomer: made of the name, or without one the next `guest-N` that is not `taken`.

    Who has this id already is taken for the same person, and refused later if the face is another's.
    """
    if name is None:
        return next(guest for number in count(1) if (guest := f"guest-{number}") not in taken)
    person = id_of_name(name)
    if person is None:
        return Fault(
            code=ErrorCode.BAD_REQUEST,
            message="a name has at least one letter; leave the field out, or press the button, to enrol a guest",
        )
    return person


def revise(rights: Rights, update: Update) -> Rights | Fault:
    """The rights of a person after `update`, whose opening hours can be read."""
    changes = {name: getattr(update, name) for name in update.model_fields_set}
    if update.doors is not None:
        changes["doors"] = tuple(dict.fromkeys(update.doors))
    if not changes:
        fields = ", ".join(Update.model_fields)
        return Fault(code=ErrorCode.BAD_REQUEST, message=f"nothing to change; send one or more of {fields}")
    revised = rights.model_copy(update=changes)
    return ends_before_it_begins(revised) or revised


def fault_of(refusal: Refusal, detail: str, *, picture: bool) -> Fault:
    """How a packet that was refused before a recognizer was asked is told to its sender.

    `picture` says whether a picture was asked for.
    """
    if picture and refusal in _NO_PICTURE:
        because = f" ({detail})" if detail else ""
        return Fault(code=ErrorCode.NOT_A_PICTURE, message=f"this is no JPEG that can be read{because}; {_WHOLE}")
    if refusal in _REFUSED:
        code, message = _REFUSED[refusal]
        return Fault(code=code, message=message)
    if refusal is Refusal.TOO_MUCH_WORK:
        return Fault(code=ErrorCode.TOO_LARGE, message=f"too much work: {detail}")
    code = ErrorCode.TOO_LARGE if refusal is Refusal.TOO_LARGE else ErrorCode.BAD_REQUEST
    return Fault(code=code, message=f"the message cannot be taken ({refusal})" + (f": {detail}" if detail else ""))


_WHOLE = "send a whole and usual JPEG file"
_UNUSABLE = {
    ErrorCode.NOT_A_PICTURE: f"this is no JPEG that can be read; {_WHOLE}",
    ErrorCode.TOO_LARGE: "the picture has more pixels than a recognizer takes; send a smaller one",
    ErrorCode.UNSUPPORTED: "the recognizer does not support this kind of picture; send an ordinary JPEG",
    ErrorCode.BUSY: "the recognizer is busy; try again",
}
_NO_PICTURE = frozenset({Refusal.EMPTY, Refusal.NOT_A_PICTURE, Refusal.TRUNCATED})
_REFUSED = {
    Refusal.RETAINED: (ErrorCode.RETAINED, "a retained request may be older than it looks; send it without retain"),
    Refusal.BAD_ID: (
        ErrorCode.BAD_PERSON_ID,
        "ids begin with a-z or 0-9 and go on with up to 63 of a-z, 0-9, _ and -; update sets the display name",
    ),
}
