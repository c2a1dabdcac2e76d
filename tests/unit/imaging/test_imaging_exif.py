"""EXIF from raw bytes: orientation, time, and taking it out of a JPEG file."""

import io
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from lineament.imaging.exif import orientation, taken, without_exif

SHORT, LONG, ASCII = 3, 4, 2
ORIENTATION, CHANGED, EXIF_IFD, TAKEN = 0x0112, 0x0132, 0x8769, 0x9003
Entry = tuple[int, int, int, bytes]


def directory(order: str, entries: list[Entry]) -> bytes:
    body = b"".join(
        struct.pack(f"{order}HHI", tag, kind, count) + value for tag, kind, count, value in entries
    )
    return struct.pack(f"{order}H", len(entries)) + body + bytes(4)


def block(order: str, *, changed: str = "", original: str = "", turn: int = 0) -> bytes:
    """An EXIF block with the dates behind its two directories."""
    mark = {"<": b"II", ">": b"MM"}[order]
    inner_at = 8 + 2 + 12 * 3 + 4
    dates_at = inner_at + 2 + 12 + 4

    def number(value: int) -> bytes:
        return struct.pack(f"{order}I", value)

    first = directory(
        order,
        [
            (ORIENTATION, SHORT, 1, struct.pack(f"{order}HH", turn, 0)),
            (CHANGED, ASCII, 20, number(dates_at)),
            (EXIF_IFD, LONG, 1, number(inner_at)),
        ],
    )
    inner = directory(order, [(TAKEN, ASCII, 20, number(dates_at + 20))])
    dates = changed.encode().ljust(20, b"\0") + original.encode().ljust(20, b"\0")
    return b"Exif\0\0" + mark + struct.pack(f"{order}HI", 42, 8) + first + inner + dates


both = pytest.mark.parametrize("order", ["<", ">"])
DAY, EARLIER = "2021:05:01 12:30:00", "2019:12:31 23:59:59"


@both
def test_time_of_the_photo_goes_before_that_of_a_change(order: str) -> None:
    assert taken(block(order, changed=DAY, original=EARLIER)) == EARLIER


@both
def test_time_of_a_change_counts_where_there_is_no_other(order: str) -> None:
    assert taken(block(order, changed=DAY)) == DAY


@pytest.mark.parametrize(
    "text", ["", "    :  :     :  :  ", "0000:00:00 00:00:00", "2021-05-01 12:30:00", "May 2021"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert taken(block("<", original=text)) == ""
    assert taken(block("<", changed=DAY, original=text)) == DAY


@both
def test_orientation_is_read_in_either_byte_order(order: str) -> None:
    assert orientation(block(order, turn=8)) == 8


def test_pillow_reads_the_same() -> None:
    exif = Image.Exif()
    exif.load(block("<", changed=DAY, original=EARLIER, turn=6))
    assert (exif[ORIENTATION], exif[CHANGED]) == (6, DAY)
    assert exif.get_ifd(EXIF_IFD)[TAKEN] == EARLIER


def test_block_that_pillow_writes_is_read() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    exif[CHANGED] = DAY
    exif.get_ifd(EXIF_IFD)[TAKEN] = EARLIER
    assert (orientation(exif.tobytes()), taken(exif.tobytes())) == (3, EARLIER)


@pytest.mark.parametrize("cut", range(0, 120, 3))
def test_block_that_is_cut_off_gives_what_is_left(cut: int) -> None:
    whole = block("<", changed=DAY, original=EARLIER, turn=6)
    assert orientation(whole[:cut]) in (1, 6)
    assert taken(whole[:cut]) in ("", DAY, EARLIER)


def test_directory_that_names_itself_ends() -> None:
    loop = b"II*\0\x08\0\0\0" + directory("<", [(EXIF_IFD, LONG, 1, struct.pack("<I", 8))] * 3)
    assert taken(loop) == ""


@given(st.binary(max_size=200))
@example(b"II*\0\x08\0\0\0\xff\xff")
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    for text in (data, b"Exif\0\0II*\0" + data, b"MM\0*" + data):
        assert 1 <= orientation(text) <= 8
        assert taken(text) == "" or len(taken(text)) == 19


def jpeg(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 10)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def test_exif_is_taken_out_and_given() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    plain, found = without_exif(jpeg(exif=exif))
    assert plain == jpeg()
    assert orientation(found) == 6


def test_file_without_exif_stays_as_it_is() -> None:
    assert without_exif(jpeg()) == (jpeg(), b"")


@given(st.binary(max_size=60))
@example(b"\xff\xe1\0\0")
@example(b"\xff\xff\xff\xff")
@example(b"\xff\xe1\0\x08Exif\0\0")
def test_any_bytes_are_passed_through_without_an_error(data: bytes) -> None:
    assert without_exif(data)[0] == data
    plain, exif = without_exif(b"\xff\xd8" + data)
    assert len(plain) + len(exif) <= len(data) + 8
