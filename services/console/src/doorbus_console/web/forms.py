"""What forms and programs send: fields and pictures. The only user of multipart here."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import parse_qs

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.requests import Request

from doorbus.wire import drawing
from doorbus.wire.channels import ENROL, MIB
from doorbus.wire.plain import plain
from doorbus_console.web.problems import Problem

MOST_FILES = 20
PICTURES = ("image/jpeg", "image/png", "image/webp")
_MOST_FIELDS = 64
_MOST_FIELD_BYTES = 64 * 1024
_MOST_BYTES = 64 * MIB


@dataclass(frozen=True)
class Upload:
    """A file that was sent."""

    input: str
    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Form:
    """The fields and files of a form."""

    fields: Mapping[str, tuple[str, ...]]
    files: tuple[Upload, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        """The last value of a field, without spaces around it."""
        return (self.fields.get(name) or (default,))[-1].strip()

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a field."""
        return self.fields.get(name, ())

    def pictures(self, name: str | None = None) -> tuple[Upload, ...]:
        """The files of a field, or of all, that are not empty, as a browser sends one where none was chosen."""
        return tuple(one for one in self.files if one.input == (name or one.input) and one.content)


async def read_body(request: Request, most: int) -> bytes:
    """The whole body; raises `Problem` beyond `most` bytes."""
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise _too_large(f"send at most {max(1, most // MIB)} MiB")
        pieces.append(piece)
    return b"".join(pieces)


async def read_form(request: Request) -> Form:
    """The form that was sent, as a browser encodes it, or with files. Raises `Problem`."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind == "multipart/form-data":
        return _multipart(await read_body(request, _MOST_BYTES), options.get("boundary", ""))
    if kind not in {"application/x-www-form-urlencoded", ""}:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no_form", "send a form")
    body = await read_body(request, _MOST_FIELD_BYTES)
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise _no_form() from error
    return Form({name: tuple(values) for name, values in fields.items()})


async def read_pictures(request: Request) -> tuple[Upload, ...]:
    """The pictures that were sent, as JPEG: one as the body, or the files of a form. Raises `Problem`."""
    kind, _ = parse_options_header(request.headers.get("content-type", ""))
    if kind == "multipart/form-data":
        files = (await read_form(request)).pictures()
    elif kind in PICTURES or kind == "application/octet-stream":
        files = (Upload("", "body", await read_body(request, ENROL.max_bytes)),)
    else:
        detail = f"send {', '.join(PICTURES)}, or a form with files"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "no_picture", detail)
    if not any(one.content for one in files):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no_picture", "there is no picture in the request")
    return await as_jpegs(files)


async def as_jpegs(files: Iterable[Upload]) -> tuple[Upload, ...]:
    """These pictures as JPEG, which alone travels on the bus; what is none is left as it is. Raises `Problem`."""
    files, most = tuple(files), ENROL.max_bytes
    made = [replace(one, content=await asyncio.to_thread(drawing.as_jpeg, one.content)) for one in files]
    sizes = [max(len(sent.content), len(one.content)) for sent, one in zip(files, made, strict=True)]
    if large := [one.name for one, size in zip(files, sizes, strict=True) if size > most]:
        raise _too_large(f"{plain(', '.join(large))}: send pictures of at most {most // MIB} MiB")
    return tuple(made)


def _multipart(body: bytes, boundary: str) -> Form:
    fields: dict[str, tuple[str, ...]] = {}
    files: list[Upload] = []
    segment: MultipartSegment | None = None
    pieces: list[bytes] = []
    try:
        with PushMultipartParser(boundary, max_segment_count=_MOST_FIELDS) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    segment, pieces = event, []
                elif event is not None:
                    pieces.append(bytes(event))
                elif segment is not None:
                    content = b"".join(pieces)
                    if segment.filename is None:
                        fields[segment.name] = (*fields.get(segment.name, ()), content.decode())
                    else:
                        files.append(Upload(segment.name, segment.filename, content))
    except (MultipartError, ValueError) as error:
        raise _no_form() from error
    if len(files) > MOST_FILES:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many", f"send at most {MOST_FILES} files at once")
    return Form(fields, tuple(files))


def _no_form() -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "no_form", "this is no well-formed form")


def _too_large(detail: str) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail, {"Connection": "close"})
