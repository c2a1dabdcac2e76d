"""What a person names becomes photos in a stated order, and every odd thing says what it is."""

import gzip
import os
import random
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import IO

import pytest

from lineament.core.errors import DataError, ImageError, UsageError
from lineament.runtime import packed
from lineament.runtime.sources import Source, Sources, photo_files


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a/2.jpg", "a/10.JPG", "a/b/1.png", "a/notes.txt", "a/.hidden.jpg", "c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def names(*named: str, listed: tuple[str, ...] = ()) -> list[str]:
    sources = Sources(named=named, listed=listed)
    found = [source.name for source in sources]
    assert sources.count() == len(found)
    return found


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, Path]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, file in members.items():
            archive.add(file, name)
    return path


@pytest.mark.usefixtures("tree")
def test_folders_give_their_photos_sorted_and_files_stay_where_they_are() -> None:
    assert names("c.jpg", "a", "no.jpg") == ["c.jpg", "a/10.JPG", "a/2.jpg", "a/b/1.png", "no.jpg"]


@pytest.mark.usefixtures("tree")
def test_order_of_a_walk_is_that_of_sorted_paths(tree: Path) -> None:
    for name in ("a-b/1.jpg", "a.d/1.jpg", "aa.jpg", "b/x/y/z.jpg", "b/x.jpg"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"x")

    found = photo_files([tree])

    assert found == sorted(found)
    assert len(found) == 9


@pytest.mark.usefixtures("tree")
def test_pattern_gives_what_it_matches_sorted() -> None:
    assert names("a/**/*.*g") == ["a/2.jpg", "a/b/1.png"]
    assert names("[ac]*.jpg") == ["c.jpg"]


def test_pattern_opens_the_archives_that_it_matches(tree: Path) -> None:
    zipped(tree / "p.zip", {"1.jpg": b"1", "2.jpg": b"2"})
    sources = Sources(named=["[cp].*"])

    assert list(sources.names()) == ["c.jpg", "p.zip/1.jpg", "p.zip/2.jpg"]
    assert [source.content for source in sources.after(2)] == [b"2"]


@pytest.mark.usefixtures("tree")
def test_pattern_sorts_as_a_folder_does(tree: Path) -> None:
    for name in ("a-b/1.jpg", "a.d/1.jpg"):
        (tree / name).parent.mkdir()
        (tree / name).write_bytes(b"x")

    assert [each for each in names("**/*.[jJpP]*") if "/" in each] == names("a", "a-b", "a.d")


def test_dangling_and_circular_links_keep_their_row(tree: Path) -> None:
    (tree / "a" / "0.jpg").symlink_to("nowhere")
    (tree / "a" / "3.jpg").symlink_to("3.jpg")

    assert names("a") == ["a/0.jpg", "a/10.JPG", "a/2.jpg", "a/3.jpg", "a/b/1.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such paths")
def test_folders_may_lie_deep_in_each_other(tree: Path) -> None:
    folders = [tree / "deep"]
    for _ in range(1200):
        folders.append(folders[-1] / "d")
    for folder in folders:  # one by one: what makes and removes all of them calls itself
        folder.mkdir()
    photo = folders[-1] / "1.jpg"
    photo.write_bytes(b"x")

    try:
        assert names("deep") == [str(photo.relative_to(tree))]
    finally:
        photo.unlink()
        for folder in reversed(folders):
            folder.rmdir()


def test_link_to_a_folder_is_not_followed(tree: Path) -> None:
    (tree / "a" / "up.jpg").symlink_to(tree, target_is_directory=True)

    assert names("a") == ["a/10.JPG", "a/2.jpg", "a/b/1.png"]


def test_file_whose_name_looks_like_a_pattern_is_that_file(tree: Path) -> None:
    (tree / "c[1].jpg").write_bytes(b"x")

    assert names("c[1].jpg") == ["c[1].jpg"]


@pytest.mark.usefixtures("tree")
def test_list_is_taken_as_it_is() -> None:
    assert names("c.jpg", "-", listed=("a/2.jpg", "gone.jpg")) == ["c.jpg", "a/2.jpg", "gone.jpg"]


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("named", ["nothing/*.jpg", "a/b/*.jpg", "empty"])
def test_what_holds_no_photo_is_said(named: str) -> None:
    Path("empty").mkdir()
    for use in (list, Sources.count):
        with pytest.raises(DataError) as caught:
            use(Sources(named=[named]))

        assert str(caught.value) == (
            f"{named} holds no photo.\n  fix: Name a folder of image files, or the files."
        )


def test_nothing_named_is_said() -> None:
    with pytest.raises(UsageError) as caught:
        Sources(named=[])

    assert str(caught.value) == ("No photo was named.\n  fix: Name one or more photos or folders.")


def test_photos_of_a_zip_archive_are_read_where_they_are(tree: Path) -> None:
    members = {"x/1.jpg": b"one", "x/notes.txt": b"no", "2.png": b"two", "__MACOSX/x/1.jpg": b"m"}
    zipped(tree / "p.zip", members)

    assert list(Sources(named=["p.zip"])) == [
        Source(name="p.zip/x/1.jpg", content=b"one"),
        Source(name="p.zip/2.png", content=b"two"),
    ]


def test_photos_of_a_tar_archive_are_read_where_they_are(tree: Path) -> None:
    tarred(tree / "p.tgz", {"x/1.jpg": tree / "c.jpg", "n.txt": tree / "a/notes.txt"})

    assert list(Sources(named=["p.tgz"])) == [Source(name="p.tgz/x/1.jpg", content=b"c.jpg")]


def test_what_is_no_file_in_a_tar_archive_is_passed(tree: Path) -> None:
    (tree / "link.jpg").symlink_to("/etc/passwd")
    tarred(tree / "p.tar.gz", {"link.jpg": tree / "link.jpg", "1.jpg": tree / "c.jpg"})

    assert names("p.tar.gz") == ["p.tar.gz/1.jpg"]


def test_member_that_unpacks_to_too_much_is_a_reason(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MAX_MEMBER_BYTES", 2_000_000)
    zipped(tree / "p.zip", {"bomb.jpg": bytes(2_000_001), "fits.jpg": bytes(2_000_000)})

    bomb, fits = Sources(named=["p.zip"])

    assert isinstance(bomb.content, ImageError)
    assert str(bomb.content) == "larger than 2 MB"
    assert fits.content == bytes(2_000_000)


def test_member_that_unpacks_to_more_than_it_states_gives_no_more(tree: Path) -> None:
    path = zipped(tree / "p.zip", {"1.jpg": bytes(5_000_000)})
    stated = (5_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(stated, (1000).to_bytes(4, "little")))
    tracemalloc.start()

    (lying,) = Sources(named=["p.zip"])

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(lying.content, ImageError)
    assert str(lying.content) == "damaged in the archive"
    assert peak < 3_000_000


def test_large_member_is_in_memory_once(tree: Path) -> None:
    zipped(tree / "p.zip", {"1.jpg": bytes(20_000_000)})
    tracemalloc.start()

    (large,) = Sources(named=["p.zip"])

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert large.content == bytes(20_000_000)
    assert peak < 30_000_000


def test_damaged_member_is_a_reason_and_the_others_are_read(tree: Path) -> None:
    path = zipped(tree / "p.zip", {"1.jpg": b"a" * 99, "2.jpg": b"b" * 99})
    data = bytearray(path.read_bytes())
    data[data.index(b"1.jpg") + 6] ^= 0xFF
    path.write_bytes(data)

    damaged, whole = Sources(named=["p.zip"])

    assert isinstance(damaged.content, ImageError)
    assert str(damaged.content) == "damaged in the archive"
    assert whole.content == b"b" * 99


@pytest.mark.parametrize("name", ["p.zip", "p.tar"])
def test_archive_that_is_none_is_said(name: str, tree: Path) -> None:
    (tree / name).write_bytes(b"no archive at all")

    with pytest.raises(DataError) as caught:
        list(Sources(named=[name]))

    assert caught.value.what.startswith(f"{name} is no zip or tar archive, or a damaged one (")
    assert caught.value.fix == ("Copy or download it again, or unpack it and name the folder.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes")
def test_pipe_in_a_folder_is_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "a" / "pipe.jpg")

    assert "a/pipe.jpg" not in names("a")


def test_a_folder_is_walked_and_never_listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    scandir = os.scandir

    def counted(path: str) -> object:
        seen.append(str(path))
        return scandir(path)

    (tree / "a" / "z").mkdir()
    (tree / "a" / "z" / "1.jpg").write_bytes(b"x")
    monkeypatch.setattr(os, "scandir", counted)

    first = next(iter(Sources(named=["a"])))

    assert first.name == "a/10.JPG"
    assert seen == ["a"]


def test_names_are_gone_through_without_reading(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zipped(tree / "p.zip", {"1.jpg": b"1", "2.jpg": b"2"})
    tarred(tree / "p.tar.gz", {"1.jpg": tree / "c.jpg"})
    monkeypatch.setattr(packed, "_read", None)  # cannot be called

    assert list(Sources(named=["p.zip", "c.jpg", "p.tar.gz"]).names()) == [
        *("p.zip/1.jpg", "p.zip/2.jpg", "c.jpg", "p.tar.gz/1.jpg")
    ]


@pytest.mark.parametrize("n_passed", range(9))
def test_those_behind_the_first_are_as_they_are_among_all(n_passed: int, tree: Path) -> None:
    zipped(tree / "p.zip", {"1.jpg": b"one", "2.jpg": b"two"})
    tarred(tree / "p.tgz", {"1.jpg": tree / "c.jpg", "2.jpg": tree / "a/2.jpg"})
    sources = Sources(named=["c.jpg", "p.zip", "-", "p.tgz", "a"], listed=["l.jpg"])

    assert list(sources.after(n_passed)) == list(sources)[n_passed:]


@pytest.mark.parametrize("name", ["p.zip", "p.tgz"])
def test_members_before_those_that_are_wanted_are_not_read(
    name: str, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{number}.jpg": tree / "c.jpg" for number in range(5)}
    if name == "p.zip":
        zipped(tree / name, {member: file.read_bytes() for member, file in files.items()})
    else:
        tarred(tree / name, files)
    read = packed._read
    n_read = 0

    def counted(file: IO[bytes], *, stated_bytes: int) -> bytes | ImageError:
        nonlocal n_read
        n_read += 1
        return read(file, stated_bytes=stated_bytes)

    monkeypatch.setattr(packed, "_read", counted)

    found = list(Sources(named=["c.jpg", name]).after(4))

    assert [source.name for source in found] == [f"{name}/3.jpg", f"{name}/4.jpg"]
    assert [source.content for source in found] == [b"c.jpg", b"c.jpg"]
    assert n_read == 2


def test_encrypted_member_is_a_reason(tree: Path) -> None:
    path = zipped(tree / "p.zip", {"1.jpg": b"a" * 99})
    data = bytearray(path.read_bytes())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(header) + flags] |= 1
    path.write_bytes(data)

    (locked,) = Sources(named=["p.zip"])

    assert isinstance(locked.content, ImageError)
    assert str(locked.content) == "encrypted"


@pytest.mark.parametrize("suffix", [".tar.gz", ".tar"])
def test_tar_archive_that_was_cut_is_said_before_anything_is_read(suffix: str, tree: Path) -> None:
    (tree / "noise.jpg").write_bytes(random.Random(1).randbytes(30_000))
    with tarfile.open(tree / "whole.tar", "w") as archive:
        archive.add(tree / "noise.jpg", "1.jpg")
        archive.add(tree / "noise.jpg", "2.jpg")
    whole = (tree / "whole.tar").read_bytes()
    whole = gzip.compress(whole) if suffix.endswith("gz") else whole
    (tree / f"p{suffix}").write_bytes(whole[: len(whole) * 2 // 3])

    with pytest.raises(DataError, match="is no zip or tar archive, or a damaged one"):
        Sources(named=[f"p{suffix}"]).count()


def test_names_in_an_archive_that_point_elsewhere_are_only_names(tree: Path) -> None:
    zipped(tree / "p.zip", {"../../up.jpg": b"1", "/etc/x.jpg": b"2", "C:\\y.jpg": b"3"})

    assert [source.content for source in Sources(named=["p.zip"])] == [b"1", b"2", b"3"]
    assert not (tree.parent.parent / "up.jpg").exists()


def test_long_tar_archive_takes_little_memory(tree: Path) -> None:
    with tarfile.open(tree / "p.tar", "w") as archive:
        for number in range(3000):
            archive.addfile(tarfile.TarInfo(f"{number}.jpg"))
    tracemalloc.start()

    n_photos = Sources(named=["p.tar"]).count()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n_photos == 3000
    assert peak < 300_000  # a member that is kept takes a kilobyte
