"""Zip and tar archives as a source: what is in them, what is refused, bombs, damage."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest

from lineament.core.errors import DataError, ImageError, LineamentError, UsageError
from lineament.preparation.sources import members, tars
from lineament.preparation.sources.archive import ArchiveSource, is_archive
from lineament.preparation.sources.listing import Content, Layout

KINDS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
}
PHOTOS = {"cat/1.jpg": b"first", "cat/2.jpg": b"second" * 400, "dog/1.jpg": b"third"}

Members = Mapping[str, bytes]
Pack = Callable[..., Path]


def zip_bytes(files: Members, *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tar_bytes(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def entry(
    name: str, data: bytes = b"photo", kind: bytes = tarfile.REGTYPE
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    info.type = kind
    return info, data


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    """Write an archive of some files."""

    def write(files: Members, kind: str = "zip") -> Path:
        path = tmp_path / f"photos.{kind}"
        if kind == "zip":
            path.write_bytes(zip_bytes(files))
        else:
            whole = tar_bytes(*(entry(name, data) for name, data in files.items()))
            path.write_bytes(PACKERS[kind](whole))
        return path

    return write


def written(folder: Path, name: str, data: bytes) -> ArchiveSource:
    (folder / name).write_bytes(data)
    return ArchiveSource(folder / name)


def labels(layout: Layout) -> list[tuple[str, str]]:
    return [(each.relative, each.class_name) for each in layout.candidates]


def reasons(layout: Layout) -> dict[str, str]:
    return {each.relative: each.reason for each in layout.rejected}


def contents(source: ArchiveSource) -> dict[str, Content | str]:
    """The bytes of each photo, or why there are none."""
    found = source.contents(source.layout().candidates)
    return {
        each.relative: content.what if isinstance(content, ImageError) else content
        for each, content in found
    }


def refusal(source: ArchiveSource, kind: type[LineamentError] = DataError) -> str:
    with pytest.raises(kind) as caught:
        source.layout()
    return str(caught.value).replace(f"{source.path.parent}/", "")


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_read_like_the_folder_it_holds(pack: Pack, kind: str) -> None:
    source = ArchiveSource(pack({f"ck/{name}": data for name, data in PHOTOS.items()}, kind))
    layout = source.layout()
    assert labels(layout) == [("cat/1.jpg", "cat"), ("cat/2.jpg", "cat"), ("dog/1.jpg", "dog")]
    assert layout.notes == (
        f"All photos of {source.path} lie in the folder ck/, which was stepped into.",
    )
    assert {each.path for each in layout.candidates} == {None}
    assert contents(source) == PHOTOS


@pytest.mark.parametrize("kind", KINDS)
def test_some_photos_are_read_without_the_others(pack: Pack, kind: str) -> None:
    source = ArchiveSource(pack(PHOTOS, kind))
    last = source.layout().candidates[2:]
    assert [content for _, content in source.contents(last)] == [b"third"]
    assert [content for _, content in source.contents(last)] == [b"third"]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_anywhere(pack: Pack, kind: str, tmp_path: Path) -> None:
    source = ArchiveSource(pack({**PHOTOS, "../out.jpg": b"x"}, kind))
    before = sorted(tmp_path.parent.rglob("*"))
    contents(source)
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_is_known_by_its_content(pack: Pack, kind: str, tmp_path: Path) -> None:
    renamed = pack(PHOTOS, kind).rename(tmp_path / "download")
    assert is_archive(renamed)
    assert contents(ArchiveSource(renamed)) == PHOTOS


def test_a_program_before_a_zip_archive_does_not_hide_it(tmp_path: Path) -> None:
    source = written(tmp_path, "setup.exe", b"MZ" + bytes(100) + zip_bytes(PHOTOS))
    assert is_archive(source.path)
    assert contents(source) == PHOTOS


@pytest.mark.parametrize(
    "content", [b"", b"text", gzip.compress(b"\0\0\x08\x03", mtime=0), b"\x1f\x8b\0"]
)
def test_other_files_are_no_archives(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert not is_archive(tmp_path / "file")


def test_a_file_that_is_only_named_like_an_archive_is_refused(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, "photos.tar.gz", b"<html>404</html>")) == (
        "photos.tar.gz is no zip or tar archive, or an empty or damaged one.\n"
        "  fix: Copy or download it again."
    )


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
    ],
)
def test_archives_of_other_formats_are_named(magic: bytes, name: str, tmp_path: Path) -> None:
    source = written(tmp_path, "photos.bin", magic + bytes(600))
    assert is_archive(source.path)
    assert refusal(source) == (
        f"photos.bin is a {name} archive, which cannot be read here.\n"
        "  fix: Unpack it and name the folder, or pack it as zip or tar."
    )


def test_an_absent_archive_is_refused(tmp_path: Path) -> None:
    assert refusal(ArchiveSource(tmp_path / "none.zip"), UsageError) == (
        "There is no archive none.zip.\n  fix: Name a zip or tar file."
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a/b/cat/1.jpg", "a/b/dog/1.jpg"], [("cat/1.jpg", "cat"), ("dog/1.jpg", "dog")]),
        (["cat/1.jpg", "dog/x/1.jpg"], [("cat/1.jpg", "cat"), ("dog/x/1.jpg", "dog")]),
        (["photos/1.jpg", "photos/2.jpg"], [("1.jpg", ""), ("2.jpg", "")]),
        (["1.jpg", "2.jpg"], [("1.jpg", ""), ("2.jpg", "")]),
        (["x/cat/1.jpg", "x/cat/2.jpg"], [("cat/1.jpg", "cat"), ("cat/2.jpg", "cat")]),
        (["./cat//1.jpg", "dog/1.jpg"], [("cat/1.jpg", "cat"), ("dog/1.jpg", "dog")]),
    ],
)
def test_folders_around_everything_are_stepped_into_up_to_the_classes(
    names: list[str], expected: list[tuple[str, str]], pack: Pack
) -> None:
    for kind in ("zip", "tar"):
        path = pack(dict.fromkeys(names, b"x"), kind)
        assert labels(ArchiveSource(path).layout()) == expected


def test_split_folders_within_a_wrapper_are_given_splits(pack: Pack) -> None:
    names = [f"fer/{split}/{label}/1.jpg" for split in ("train", "val") for label in ("joy", "sad")]
    layout = ArchiveSource(pack(dict.fromkeys(names, b"x"))).layout()
    assert layout.given == {"train": "train", "validation": "val"}
    assert layout.classes == ("joy", "sad")


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_are_no_photos_are_rejected_with_a_reason(pack: Pack, kind: str) -> None:
    odd = {
        "README.txt": "not named like an image",
        "ck/README.txt": "",
        "ck/more.zip": "",
        "__MACOSX/ck/cat/._1.jpg": "in a hidden folder",
        "ck/cat/._1.jpg": "",
        ".git/x.jpg": "in a hidden folder",
    }
    files = {f"ck/{name}": data for name, data in PHOTOS.items()} | dict.fromkeys(odd, b"x")
    layout = ArchiveSource(pack(files, kind)).layout()
    assert reasons(layout) == {
        "README.txt (member 4)": "not named like an image",
        "README.txt": "not named like an image",
        "more.zip": "not named like an image",
        "__MACOSX/ck/cat/._1.jpg": "in a hidden folder",
        "cat/._1.jpg": "hidden file",
        ".git/x.jpg": "in a hidden folder",
    }
    assert layout.scanned == len(files)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/a.jpg", "has an absolute path"),
        ("cat/../../a.jpg", "leads out of the archive (..)"),
        ("C:/a.jpg", "has a drive letter in its name"),
        ("cat\\a.jpg", "has a backslash in its name"),
    ],
)
def test_names_that_lead_anywhere_are_rejected(
    kind: str, name: str, reason: str, pack: Pack
) -> None:
    layout = ArchiveSource(pack({**PHOTOS, name: b"x"}, kind)).layout()
    assert reasons(layout) == {name: reason}
    assert layout.scanned == 4


def test_an_archive_of_such_names_alone_says_so(pack: Pack) -> None:
    assert refusal(ArchiveSource(pack({"cat\\1.jpg": b"x", "dog\\1.jpg": b"x", "a.txt": b""}))) == (
        "photos.zip holds no photo that can be taken.\n"
        "  at:  cat\\1.jpg (has a backslash in its name), dog\\1.jpg (has a backslash in its "
        "name)\n"
        "  fix: Unpack it yourself and name the folder."
    )


def test_links_and_devices_of_a_tar_are_rejected(tmp_path: Path) -> None:
    soft, hard = entry("cat/s.jpg", kind=tarfile.SYMTYPE), entry("cat/h.jpg", kind=tarfile.LNKTYPE)
    soft[0].linkname, hard[0].linkname = "/etc/passwd", "cat/1.jpg"
    others = [entry("cat/p.jpg", kind=tarfile.FIFOTYPE), entry("cat", kind=tarfile.DIRTYPE)]
    photos = [entry("cat/1.jpg"), entry("dog/1.jpg")]
    source = written(tmp_path, "photos.tar", tar_bytes(soft, hard, *others, *photos))
    layout = source.layout()
    assert reasons(layout) == {
        "cat/s.jpg": "not a regular file: a link to /etc/passwd",
        "cat/h.jpg": "not a regular file: a link to cat/1.jpg",
        "cat/p.jpg": "not a regular file: a device or pipe",
    }
    assert layout.scanned == 5


def test_links_and_pipes_of_a_zip_are_rejected(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_bytes(PHOTOS))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, kind in (("cat/s.jpg", stat.S_IFLNK), ("cat/p.jpg", stat.S_IFIFO)):
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    layout = written(tmp_path, "photos.zip", buffer.getvalue()).layout()
    assert reasons(layout) == {
        "cat/s.jpg": "not a regular file: a link",
        "cat/p.jpg": "not a regular file: a device or pipe",
    }


def test_the_last_of_several_members_of_one_name_stands(tmp_path: Path) -> None:
    photos = [entry("cat/1.jpg", b"old"), entry("dog/1.jpg"), entry("./cat/1.jpg", b"new")]
    source = written(tmp_path, "photos.tar", tar_bytes(*photos))
    assert contents(source) == {"cat/1.jpg": b"new", "dog/1.jpg": b"photo"}
    assert reasons(source.layout()) == {
        "cat/1.jpg (member 1)": "replaced by a later member of the same name"
    }


def test_the_last_of_one_name_stands_in_a_zip_too(tmp_path: Path) -> None:
    buffer = io.BytesIO(zip_bytes({"cat/1.jpg": b"old", "dog/1.jpg": b"x"}))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("cat/1.jpg", b"new")
    source = written(tmp_path, "photos.zip", buffer.getvalue())
    assert contents(source) == {"cat/1.jpg": b"new", "dog/1.jpg": b"x"}
    assert source.layout().scanned == 3


def test_names_of_a_tar_that_are_not_utf8_are_spelt_out(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in ("cat/caf\udce9.jpg", "dog/1.jpg"):
            info, data = entry(name)
            archive.addfile(info, io.BytesIO(data))
    source = written(tmp_path, "photos.tar", buffer.getvalue())
    assert contents(source) == {"cat/caf\\xe9.jpg": b"photo", "dog/1.jpg": b"photo"}


@pytest.mark.parametrize(
    ("stored", "shown"), [("é".encode(), "é"), (b"\x82", "é"), ("日本".encode(), "日本")]
)
def test_names_of_a_zip_without_the_flag_are_utf8_or_the_old_code_page(
    stored: bytes, shown: str, tmp_path: Path
) -> None:
    name = b"x" * len(stored)
    data = zip_bytes({f"{name.decode()}/1.jpg": b"1", "dog/1.jpg": b"2"})
    source = written(tmp_path, "photos.zip", data.replace(name + b"/1", stored + b"/1"))
    assert contents(source) == {f"{shown}/1.jpg": b"1", "dog/1.jpg": b"2"}


def test_a_member_without_a_name_is_rejected(tmp_path: Path) -> None:
    data = zip_bytes({**PHOTOS, "nameless": b"x"}).replace(b"nameless", b"\0ameless")
    assert reasons(written(tmp_path, "photos.zip", data).layout()) == {"": "has no name"}


def test_a_stamp_changes_with_the_content(tmp_path: Path) -> None:
    def stamps(files: Members) -> list[str]:
        source = written(tmp_path, "photos.zip", zip_bytes(files))
        os.utime(source.path, ns=(0, 0))
        return [each.stamp for each in source.layout().candidates]

    before, after = stamps(PHOTOS), stamps({**PHOTOS, "dog/1.jpg": b"THIRD"})
    assert before[:2] == after[:2]
    assert before[2] != after[2]


def test_an_archive_that_changes_while_it_is_read_is_refused(pack: Pack) -> None:
    source = ArchiveSource(pack(PHOTOS))
    layout = source.layout()
    pack({"cat/1.jpg": b"x" * 99})
    with pytest.raises(DataError) as caught:
        list(source.contents(layout.candidates))
    assert str(caught.value) == (
        f"{source.path} was changed while it was read.\n  fix: Run again when it is complete."
    )


def test_encrypted_members_say_so(tmp_path: Path) -> None:
    data = bytearray(zip_bytes(PHOTOS))
    data[6] |= 1  # the flags of the first member, in its own header
    data[data.find(b"PK\1\2") + 8] |= 1  # and in the directory
    found = contents(written(tmp_path, "photos.zip", bytes(data)))
    assert found["cat/1.jpg"] == "encrypted in the archive"
    assert found["dog/1.jpg"] == b"third"


def test_a_packing_method_that_is_not_known_is_said(tmp_path: Path) -> None:
    data = bytearray(zip_bytes(PHOTOS))
    for place in (8, data.find(b"PK\1\2") + 10):
        data[place : place + 2] = struct.pack("<H", 9)  # deflate64
    found = contents(written(tmp_path, "photos.zip", bytes(data)))
    assert found["cat/1.jpg"] == "packed by a method that is not supported"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_whose_bytes_are_damaged_is_named_and_the_others_are_read(
    method: int, tmp_path: Path
) -> None:
    data = bytearray(zip_bytes({"cat/1.jpg": bytes(range(256)), "dog/1.jpg": b"x"}, method=method))
    data[39 + 60] ^= 0xFF  # behind the first member's header
    found = contents(written(tmp_path, "photos.zip", bytes(data)))
    assert str(found["cat/1.jpg"]).startswith("damaged in the archive (")
    assert found["dog/1.jpg"] == b"x"


def test_a_bad_crc_is_named(tmp_path: Path) -> None:
    data = bytearray(zip_bytes({"cat/1.jpg": b"photo", "dog/1.jpg": b"x"}, method=0))
    data[39] ^= 0xFF
    found = contents(written(tmp_path, "photos.zip", bytes(data)))
    assert found["cat/1.jpg"] == "damaged in the archive (bad CRC)"


@pytest.mark.parametrize("stated", [3, 4_000])
def test_a_member_that_lies_about_its_size_is_damaged(stated: int, tmp_path: Path) -> None:
    data = bytearray(zip_bytes({"cat/1.jpg": b"photo" * 100, "dog/1.jpg": b"x"}))
    for place in (22, data.find(b"PK\1\2") + 24):
        data[place : place + 4] = struct.pack("<I", stated)
    found = contents(written(tmp_path, "photos.zip", bytes(data)))
    assert str(found["cat/1.jpg"]).startswith("damaged in the archive (")
    assert found["dog/1.jpg"] == b"x"


@pytest.mark.parametrize("kind", KINDS)
@hypothesis.given(st.floats(0.0, 1.0, exclude_max=True))
@hypothesis.settings(
    max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_an_archive_cut_anywhere_is_refused(kind: str, pack: Pack, share: float) -> None:
    path = pack(PHOTOS, kind)
    whole = path.read_bytes()
    end = len(whole) if kind != "tar" else len(whole.rstrip(b"\0")) + 512
    path.write_bytes(whole[: int(share * end)])
    with pytest.raises(DataError):
        ArchiveSource(path).layout()


@pytest.mark.parametrize("kind", KINDS)
@hypothesis.given(st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 255))
@hypothesis.settings(
    max_examples=60, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_a_damaged_archive_gives_what_it_held_or_an_error_or_a_rejection(
    kind: str, pack: Pack, share: float, change: int
) -> None:
    path = pack(PHOTOS, kind)
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= change
    path.write_bytes(data)
    source = ArchiveSource(path)
    try:
        layout = source.layout()
    except DataError:
        return
    found = {each.relative for each, _ in source.contents(layout.candidates)}
    assert found == {each.relative for each in layout.candidates}
    if kind not in ("zip", "tar"):  # a zip's directory and a tar have names without a checksum
        assert layout.scanned == 3


def test_a_truncated_zip_is_refused(pack: Pack) -> None:
    path = pack(PHOTOS)
    path.write_bytes(path.read_bytes()[:-30])
    assert refusal(ArchiveSource(path)) == (
        "photos.zip cannot be read as a zip archive: it is cut short or damaged (File is not a zip "
        "file).\n  fix: Copy or download it again."
    )


def test_a_tar_cut_between_members_is_refused(tmp_path: Path) -> None:
    data = tar_bytes(entry("cat/1.jpg"), entry("dog/1.jpg"))
    assert refusal(written(tmp_path, "photos.tar", data[:2048])) == (
        "photos.tar cannot be read to its end: it is cut short or damaged (no end mark).\n"
        "  fix: Copy or download it again."
    )


def test_a_tar_with_a_damaged_header_does_not_end_there(tmp_path: Path) -> None:
    data = bytearray(tar_bytes(entry("cat/1.jpg"), entry("dog/1.jpg")))
    data[1024] ^= 0xFF
    assert refusal(written(tmp_path, "photos.tar", bytes(data))) == (
        "photos.tar cannot be read to its end: it is cut short or damaged (no header at byte "
        "1024).\n  fix: Copy or download it again."
    )


def test_a_second_archive_behind_the_first_is_not_passed_over(tmp_path: Path) -> None:
    one = tar_bytes(entry("cat/1.jpg"), entry("dog/1.jpg"))
    assert refusal(written(tmp_path, "photos.tgz", gzip.compress(one) + gzip.compress(one))) == (
        "photos.tgz was not unpacked: something follows its end, such as a second archive.\n"
        "  fix: If you trust it, unpack it yourself and name the folder."
    )


def test_an_empty_zip_holds_no_images(pack: Pack) -> None:
    assert refusal(ArchiveSource(pack({}))).startswith("photos.zip holds no images.\n")


@pytest.mark.parametrize("kind", KINDS[1:])
def test_an_empty_tar_is_refused(kind: str, pack: Pack) -> None:
    assert refusal(ArchiveSource(pack({}, kind))) == (
        f"photos.{kind} is no zip or tar archive, or an empty or damaged one.\n"
        "  fix: Copy or download it again."
    )


def test_more_members_than_the_limit_are_refused(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_MEMBERS", 2)
    fix = "  fix: If you trust it, unpack it yourself and name the folder."
    assert refusal(ArchiveSource(pack(PHOTOS))) == (
        f"photos.zip was not unpacked: it holds 3 members, more than 2.\n{fix}"
    )
    assert refusal(ArchiveSource(pack(PHOTOS, "tar"))) == (
        f"photos.tar was not unpacked: it holds more than 2 members.\n{fix}"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_larger_than_the_limit_is_not_unpacked(
    kind: str, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "MAX_MEMBER_BYTES", 1_000)
    assert contents(ArchiveSource(pack(PHOTOS, kind))) == {
        **PHOTOS,
        "cat/2.jpg": "unpacks to 2400 bytes, more than 1000",
    }


def test_a_member_of_a_zip_that_packs_too_well_is_not_unpacked(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "FREE_MEMBER_BYTES", 1_000)
    found = contents(ArchiveSource(pack({**PHOTOS, "dog/2.jpg": bytes(900_000)})))
    assert found == {**PHOTOS, "dog/2.jpg": "unpacks to more than 200 times its size"}


@pytest.mark.parametrize("kind", KINDS[2:])
def test_a_packed_tar_that_unpacks_to_too_much_is_refused(
    kind: str, pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "FREE_BYTES", 100_000)
    assert refusal(ArchiveSource(pack({**PHOTOS, "cat/3.jpg": bytes(9_000_000)}, kind))) == (
        f"photos.{kind} was not unpacked: it unpacks to more than 200 times its size.\n"
        "  fix: If you trust it, unpack it yourself and name the folder."
    )


def test_a_zip_that_unpacks_to_too_much_is_refused(
    pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "FREE_BYTES", 100_000)
    path = pack({f"cat/{number}.jpg": bytes(1_000_000) for number in range(3)})
    assert refusal(ArchiveSource(path)) == (
        f"photos.zip was not unpacked: it unpacks from {path.stat().st_size} to 3000000 bytes, "
        "more than 200 times its size.\n"
        "  fix: If you trust it, unpack it yourself and name the folder."
    )


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    data = zip_bytes({"cat/1.jpg": os.urandom(5_000), "dog/1.jpg": b"x"})
    directory = data.find(b"PK\1\2")
    first = data[directory : directory + 46 + 9]
    many = first * 4
    end = bytearray(data[-22:])
    end[8:20] = struct.pack("<HHII", 4, 4, len(many), directory)
    source = written(tmp_path, "photos.zip", data[:directory] + many + end)
    assert refusal(source) == (
        "photos.zip was not unpacked: it has members that share the same bytes, as bombs do.\n"
        "  fix: If you trust it, unpack it yourself and name the folder."
    )


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_a_real_bomb_is_refused_with_little_memory(kind: str, tmp_path: Path) -> None:
    zeros, size = bytes(1 << 20), 300 << 20
    path = tmp_path / f"bomb.{kind}"
    if kind == "zip":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("cat/1.jpg", "w") as file,
        ):
            for _ in range(300):
                file.write(zeros)
    else:
        info = tarfile.TarInfo("cat/1.jpg")
        info.size = size
        with gzip.open(path, "wb") if kind == "tar.gz" else lzma.open(path, "wb") as packed:
            packed.write(info.tobuf())
            for _ in range(300):
                packed.write(zeros)
            packed.write(bytes(1024))
    tracemalloc.start()
    try:
        text = refusal(ArchiveSource(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "more than 200 times its size." in text
    assert peak < 30_000_000


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_gigabytes_is_not_read(kind: bytes, tmp_path: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = kind, 8 << 30
    data = tar_bytes(entry("cat/1.jpg"))[:1024] + info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    assert refusal(written(tmp_path, "photos.tar", data)) == (
        "photos.tar was not unpacked: a header of 8589934592 bytes stands in it.\n"
        "  fix: If you trust it, unpack it yourself and name the folder."
    )


def test_a_member_of_negative_size_does_not_read_for_ever(tmp_path: Path) -> None:
    info = tarfile.TarInfo("cat/1.jpg")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xf8\x00"  # -2048
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data = tar_bytes(entry("dog/1.jpg"))[:1024] + bytes(header) + bytes(4096)
    assert refusal(written(tmp_path, "photos.tar", data)) == (
        "photos.tar cannot be read to its end: it is cut short or damaged (a member of negative "
        "size).\n  fix: Copy or download it again."
    )


def test_extended_headers_without_end_do_not_overflow_the_stack(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XGLTYPE, 10
    header = info.tobuf(tarfile.USTAR_FORMAT) + b"10 a=bcde\n".ljust(tars.BLOCK, b"\0")
    text = refusal(written(tmp_path, "photos.tar", header * 5_000 + bytes(1024)))
    assert text.startswith("photos.tar cannot be read to its end: it is cut short or damaged (")


def test_a_sparse_member_is_no_photo(tmp_path: Path) -> None:
    info = tarfile.TarInfo("cat/s.jpg")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (7 << 30)  # what it claims to be when it is laid out
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data = bytes(header) + tar_bytes(entry("cat/1.jpg"), entry("dog/1.jpg"))
    layout = written(tmp_path, "photos.tar", data).layout()
    assert reasons(layout) == {"cat/s.jpg": "not a regular file: a sparse file"}


def test_a_tar_that_is_damaged_after_it_was_listed_leaves_no_photo_out(tmp_path: Path) -> None:
    data = tar_bytes(entry("cat/1.jpg"), entry("cat/2.jpg"), entry("dog/1.jpg"))
    source = written(tmp_path, "photos.tar", data)
    layout = source.layout()
    status = source.path.stat()
    source.path.write_bytes(data[:1024] + b"\xff" * (len(data) - 1024))
    os.utime(source.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    found = {each.relative: content for each, content in source.contents(layout.candidates)}
    assert found.pop("cat/1.jpg") == b"photo"
    assert {name: type(content) for name, content in found.items()} == {
        "cat/2.jpg": ImageError,
        "dog/1.jpg": ImageError,
    }


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_few_photos_are_in_memory_at_a_time(kind: str, pack: Pack) -> None:
    photo = os.urandom(1_000_000)
    source = ArchiveSource(pack({f"cat/{number}.jpg": photo for number in range(40)}, kind))
    layout = source.layout()
    tracemalloc.start()
    try:
        sizes = [len(content) for _, content in source.contents(layout.candidates)]  # type: ignore[arg-type]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sizes == [1_000_000] * 40
    assert peak < 10_000_000
