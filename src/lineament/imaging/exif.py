"""EXIF, read from the bytes: cameras and editors write blocks that no parser accepts.

Pillow parses all of EXIF, warns of what is broken on the way, and gives up an orientation that is
sound when another entry is not. Two entries are wanted here; the rest is not looked at.
"""

import re
import struct
from collections.abc import Iterator

UPRIGHT = 1
ORIENTATION_TAG = 0x0112
CHANGED_TAG, EXIF_IFD_TAG, TAKEN_TAG = 0x0132, 0x8769, 0x9003
DATE = re.compile(rb"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d")
UNKNOWN_DATE = b"0000:00:00 00:00:00"  # what cameras write whose clock was never set
HEADER = b"Exif\0\0"
SHORT, LONG = 3, 4  # TIFF 6.0, section 2: the types that a small count is written in

START_OF_IMAGE, START_OF_SCAN = b"\xff\xd8", 0xDA
EXIF_SEGMENT, FRAMES_SEGMENT = 0xE1, 0xE2
STANDALONE = {0x01, *range(0xD0, 0xD8)}  # markers that no length follows


def orientation(exif: bytes) -> int:
    """Read the orientation of an EXIF block.

    Args:
        exif: The block, with or without its ``Exif`` header.

    Returns:
        1 to 8 as EXIF 2.32 defines them; 1, upright, where none can be read.

    Example:
        >>> entry = struct.pack("<HHIHH", ORIENTATION_TAG, SHORT, 1, 6, 0)
        >>> orientation(struct.pack("<2sHIH", b"II", 42, 8, 1) + entry)
        6
    """
    block = exif.removeprefix(HEADER)
    try:
        order, start = _start(block)
        for tag, kind, values, at in _entries(block, order, start):
            if (tag, values) == (ORIENTATION_TAG, 1) and kind in (SHORT, LONG):
                form = "H" if kind == SHORT else "I"
                (value,) = struct.unpack_from(f"{order}{form}", block, at)
                return int(value) if 1 <= value <= 8 else UPRIGHT
    except struct.error:  # cut off
        pass
    return UPRIGHT


def taken(exif: bytes) -> str:
    """Read when a photo was taken (``DateTimeOriginal``), else when it was last changed.

    Args:
        exif: As for `orientation`.

    Returns:
        ``YYYY:MM:DD hh:mm:ss``, which sorts as text; empty where none can be read.
    """
    block = exif.removeprefix(HEADER)
    changed = ""
    try:
        order, start = _start(block)
        for tag, _, _, at in _entries(block, order, start):
            (offset,) = struct.unpack_from(f"{order}I", block, at)
            if tag == CHANGED_TAG:
                changed = _date(block, offset)
            if tag == EXIF_IFD_TAG:
                for inner, _, _, place in _entries(block, order, offset):
                    if inner == TAKEN_TAG:
                        (offset,) = struct.unpack_from(f"{order}I", block, place)
                        return _date(block, offset) or changed
    except struct.error:
        pass
    return changed


def _start(block: bytes) -> tuple[str, int]:
    """Byte order and place of the first directory; ``struct.error`` where there is none."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None:
        raise struct.error("no byte order")
    return order, struct.unpack_from(f"{order}I", block, 4)[0]


def _entries(block: bytes, order: str, start: int) -> Iterator[tuple[int, int, int, int]]:
    """Tag, type, count and place of the value, entry by entry."""
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(f"{order}HHI", block, entry)
        yield tag, kind, values, entry + 8


def _date(block: bytes, offset: int) -> str:
    match = DATE.match(block[offset : offset + 19])
    if match is None or match.group() == UNKNOWN_DATE:
        return ""
    return match.group().decode("ascii")


def without_exif(jpeg: bytes) -> tuple[bytes, bytes]:
    """Take EXIF and the table of further frames out of a JPEG file.

    Args:
        jpeg: The file; one that is not well formed is given back as it is.

    Returns:
        The file without them, and the EXIF block (empty where there is none).
    """
    if not jpeg.startswith(START_OF_IMAGE):
        return jpeg, b""
    kept, exif, position = [START_OF_IMAGE], b"", 2
    while position + 4 <= len(jpeg) and jpeg[position] == 0xFF:
        marker = jpeg[position + 1]
        if marker == 0xFF:  # padding before a marker
            position += 1
            continue
        if marker == START_OF_SCAN:
            break
        end = position + 2
        if marker not in STANDALONE:
            end += struct.unpack_from(">H", jpeg, end)[0]
        payload = jpeg[position + 4 : end]
        if marker == EXIF_SEGMENT and payload.startswith(HEADER):
            exif = exif or payload
        elif not (marker == FRAMES_SEGMENT and payload.startswith(b"MPF\0")):
            kept.append(jpeg[position:end])
        position = end
    return b"".join([*kept, jpeg[position:]]), exif
