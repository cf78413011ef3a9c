"""What a picture is that is no JPEG, by its first bytes, in words for its sender. Pure."""

_HEIC = "HEIC, as iPhones keep pictures: share it as JPEG, or set Camera, Formats to Most Compatible"
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), _HEIC),
    b"avif": "AVIF: save it as JPEG",
}
_BEGINNINGS = {
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"%PDF": "PDF",
}


def not_a_jpeg(content: bytes) -> str:
    """A sentence's part on what these bytes are instead of a JPEG, as far as their first twelve tell."""
    if content[4:8] == b"ftyp":
        told = _BRANDS.get(content[8:12])
        return "not a JPEG" if told is None else f"not a JPEG but {told}"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "not a JPEG but WebP: save it as JPEG"
    for beginning, name in _BEGINNINGS.items():
        if content.startswith(beginning):
            return f"not a JPEG but {name}: save it as JPEG"
    return "not a JPEG"
