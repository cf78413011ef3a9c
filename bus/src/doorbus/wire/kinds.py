"""What a picture is that is no JPEG, by its first bytes, in words for its sender. Pure."""

_BRANDS = {
    b"heic": "HEIC, as iPhones keep pictures: share it as JPEG, or set Camera, Formats to Most Compatible",
    b"avif": "AVIF: save it as JPEG",
}
_SAME = {b"heix": b"heic", b"heim": b"heic", b"heis": b"heic", b"hevc": b"heic", b"mif1": b"heic", b"msf1": b"heic"}
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
        brand = content[8:12]
        told = _BRANDS.get(_SAME.get(brand, brand))
        return "not a JPEG" if told is None else f"not a JPEG but {told}"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "not a JPEG but WebP: save it as JPEG"
    for beginning, name in _BEGINNINGS.items():
        if content.startswith(beginning):
            return f"not a JPEG but {name}: save it as JPEG"
    return "not a JPEG"
