"""The parts of a multipart/form-data body, as some IP cameras send their pictures. The only user of multipart."""

from multipart import MultipartError, PushMultipartParser, parse_options_header

MOST_PARTS = 16


def parts(body: bytes, content_type: str) -> list[bytes] | None:
    """The parts of `body` in their order, without their headers; None when `content_type` is that of no form.

    Raises:
        ValueError: the body is no well-formed form, has more than `MOST_PARTS` parts, or breaks off.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data":
        return None
    found: list[bytes] = []
    pieces: list[bytes | bytearray] = []
    try:
        with PushMultipartParser(options.get("boundary", ""), max_segment_count=MOST_PARTS) as parser:
            for event in parser.parse(body):
                if event is None:
                    found.append(b"".join(pieces))
                    pieces.clear()
                elif isinstance(event, bytes | bytearray):
                    pieces.append(event)
    except MultipartError as error:
        raise ValueError("no well-formed multipart/form-data") from error
    return found
