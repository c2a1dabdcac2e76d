"""Near duplicates of every kind are found; photos that are merely alike are not."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lineament.imaging.signature import SIGNATURE_PX, signature
from lineament.preparation.inspection import near
from lineament.preparation.inspection.near import Pair, near_duplicates, similar_embeddings

Pixels = NDArray[np.uint8]
Draw = Callable[..., Pixels]
SHAPE = (SIGNATURE_PX, SIGNATURE_PX)


def textured(seed: int, height: int = 96, width: int = 128) -> Pixels:
    """A drawn photo with structure of all sizes, as real ones have."""
    rng = np.random.default_rng(seed)
    levels = np.full((height, width), 128.0)
    for size, spread in ((3, 35), (6, 25), (12, 15), (24, 8), (64, 4)):
        patches = Image.fromarray(rng.normal(0, spread, (size, size)).astype(np.float32))
        levels += np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray(np.clip(levels, 0, 255), dtype=np.uint8)[:, :, None].repeat(3, axis=2)


def encoded(photo: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def resized(photo: Pixels, factor: float) -> Pixels:
    size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    return np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))


def toned(photo: Pixels, gain: float, offset: float) -> Pixels:
    return np.asarray(np.clip(photo * gain + offset, 0, 255).round(), dtype=np.uint8)


def cropped(photo: Pixels, left: float, top: float, right: float, bottom: float) -> Pixels:
    height, width = photo.shape[:2]
    rows = slice(round(top * height), height - round(bottom * height))
    return photo[rows, round(left * width) : width - round(right * width)]


def next_frame(photo: Pixels, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, 3, photo.shape)
    moved = np.pad(photo, ((3, 0), (0, 4), (0, 0)), mode="reflect")[: photo.shape[0], 4:]
    return np.clip(moved + noise, 0, 255).round().astype(np.uint8)


KINDS: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG": lambda photo: encoded(photo, 40),
    "smaller": lambda photo: resized(photo, 0.5),
    "brighter": lambda photo: toned(photo, 1.2, 0),
    "darker": lambda photo: toned(photo, 0.75, 0),
    "contrast": lambda photo: toned(photo, 0.8, 25),
    "cropped": lambda photo: cropped(photo, 0.03, 0.08, 0.1, 0.02),
    "cropped evenly": lambda photo: cropped(photo, 0.08, 0.08, 0.08, 0.08),
    "mirrored": lambda photo: photo[:, ::-1],
    "mirrored and cropped": lambda photo: cropped(photo[:, ::-1], 0.05, 0, 0.02, 0.04),
    "next frame": lambda photo: next_frame(photo, 1),
    "smaller, brighter, JPEG": lambda photo: encoded(toned(resized(photo, 0.7), 1.15, 0), 70),
}


def signed(photos: list[Pixels]) -> Pixels:
    return np.stack([signature(np.ascontiguousarray(photo)) for photo in photos])


def tied(pairs: list[Pair]) -> set[tuple[int, int]]:
    return {(pair.first, pair.second) for pair in pairs}


def noise(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, *SHAPE)).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_textured_photos_are_found_and_nothing_else(kind: str) -> None:
    photos = [textured(seed) for seed in range(40)]

    pairs = near_duplicates(signed(photos + [KINDS[kind](photo) for photo in photos]))

    planted = {(index, index + 40) for index in range(40)}
    assert len(tied(pairs) & planted) >= 38
    assert tied(pairs) <= planted
    assert all(pair.mirrored == kind.startswith("mirrored") for pair in pairs)


def test_drawn_shapes_are_tied_to_their_copies_and_not_to_each_other(draw_photo: Draw) -> None:
    sizes = [64, 96, 128, 200]
    photos = [
        draw_photo(seed, sizes[seed % 4], sizes[seed % 4] * 4 // 3, kind=seed // 4 % 4)
        for seed in range(240)
    ]
    changes = list(KINDS.values())
    copies = [changes[index % len(changes)](photos[index]) for index in range(66)]

    found = tied(near_duplicates(signed(photos + copies)))

    planted = {(index, index + 240) for index in range(66)}
    assert len(found & planted) >= 0.95 * len(planted)
    assert len(found & planted) >= 0.98 * len(found)


def test_a_photo_too_different_is_not_tied() -> None:
    photo = textured(1)

    assert (
        near_duplicates(signed([photo, photo.transpose(1, 0, 2), photo[::-1], textured(2)])) == []
    )


def test_another_face_on_the_same_coarse_shapes_is_not_tied() -> None:
    """Two photos agree in everything but their detail, as aligned faces do."""
    coarse = resized(textured(1), 0.06)
    base = np.asarray(Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC))
    faces = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        features = Image.fromarray(rng.normal(0, 14, (16, 16)).astype(np.float32))
        detail = np.asarray(features.resize((128, 96), Image.Resampling.BICUBIC))
        faces.append(np.clip(base + detail[:, :, None], 0, 255).astype(np.uint8))

    assert near_duplicates(signed(faces)) == []


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_have_no_pairs(count: int) -> None:
    assert near_duplicates(noise(count)) == []


def test_two_equal_signatures_are_a_pair_of_score_one() -> None:
    assert near_duplicates(np.repeat(noise(1), 2, axis=0)) == [
        Pair(first=0, second=1, score=1.0, mirrored=False)
    ]


def test_equal_signatures_are_each_paired_with_the_first() -> None:
    signatures = noise(2)[[0, 1, 0, 1, 0]]

    assert tied(near_duplicates(signatures)) == {(0, 2), (0, 4), (1, 3)}


def test_blank_photos_of_different_grey_are_not_tied() -> None:
    blanks = np.stack([np.full(SHAPE, level, dtype=np.uint8) for level in (0, 90, 91, 255)])

    assert near_duplicates(blanks) == []


def test_the_same_pairs_are_found_in_any_order() -> None:
    photos = [textured(seed) for seed in range(30)]
    signatures = signed(photos + [change(photos[0]) for change in KINDS.values()] + photos[:3])
    order = np.random.default_rng(1).permutation(len(signatures))

    def contents(pairs: list[Pair], of: Pixels) -> set[tuple[frozenset[bytes], float, bool]]:
        return {
            (
                frozenset(of[each].tobytes() for each in (pair.first, pair.second)),
                pair.score,
                pair.mirrored,
            )
            for pair in pairs
        }

    straight, shuffled = near_duplicates(signatures), near_duplicates(signatures[order])

    assert len(straight) > len(KINDS)
    assert contents(straight, signatures) == contents(shuffled, signatures[order])


def test_pairs_are_ordered_and_each_stands_once() -> None:
    frames = signed([next_frame(textured(1), seed) for seed in range(8)])

    pairs = [(pair.first, pair.second) for pair in near_duplicates(frames)]

    assert pairs == sorted(set(pairs))
    assert all(first < second for first, second in pairs)


def test_a_memory_mapped_file_gives_the_same_pairs(tmp_path: Path) -> None:
    signatures = signed([*(textured(seed) for seed in range(5)), encoded(textured(3), 50)])
    np.save(tmp_path / "signatures.npy", signatures)

    mapped = np.load(tmp_path / "signatures.npy", mmap_mode="r")

    assert near_duplicates(mapped) == near_duplicates(signatures)
    assert tied(near_duplicates(mapped)) == {(3, 5)}


def test_ten_thousand_equal_photos_take_no_search() -> None:
    started = time.perf_counter()

    pairs = near_duplicates(np.repeat(noise(1), 10_000, axis=0))

    assert len(pairs) == 9_999
    assert time.perf_counter() - started < 10


def test_frames_of_a_still_camera_are_all_connected_by_few_comparisons() -> None:
    rng = np.random.default_rng(0)
    view = signature(textured(1)).astype(np.float32)
    frames = np.stack([view + rng.normal(0, 1.5, SHAPE) for _ in range(1_000)])

    pairs = near_duplicates(np.clip(frames, 0, 255).astype(np.uint8))

    parent = list(range(1_000))
    for pair in pairs:
        old, new = parent[pair.second], parent[pair.first]
        parent = [new if each == old else each for each in parent]
    assert len(set(parent)) == 1
    assert len(pairs) < 8_000


def test_too_many_look_alikes_end_the_search_with_a_note(
    monkeypatch: pytest.MonkeyPatch, draw_photo: Draw
) -> None:
    notes: list[str] = []

    class Listener:
        def start(self, task: str, total: int | None) -> None: ...
        def advance(self, steps: int = 1) -> None: ...
        def finish(self) -> None: ...
        def note(self, text: str) -> None:
            notes.append(text)

    monkeypatch.setattr(near, "MOST_LOOKS", 10)
    monkeypatch.setattr(near, "BLOCK", 20)
    monkeypatch.setattr(near, "ROUND", 1)
    near_duplicates(signed([draw_photo(seed, 64, 64) for seed in range(20)]), progress=Listener())

    assert len(notes) == 1
    assert notes[0].startswith("The photos are so much alike that ")
    assert notes[0].endswith(" of the less promising comparisons were left out.")


def test_embeddings_above_the_threshold_are_pairs() -> None:
    embeddings = np.array([[1, 0], [2, 0.2], [0, 1], [1, 1]], dtype=np.float32)

    assert similar_embeddings(embeddings, threshold=0.75) == [
        Pair(first=0, second=1, score=0.995, mirrored=False),
        Pair(first=1, second=3, score=0.774, mirrored=False),
    ]


def test_embeddings_of_no_length_are_no_pairs() -> None:
    assert similar_embeddings(np.zeros((3, 4), dtype=np.float32), threshold=0.0) == []


@pytest.mark.parametrize("count", [0, 1])
def test_none_and_one_embedding_have_no_pairs(count: int) -> None:
    assert similar_embeddings(np.ones((count, 4), dtype=np.float32), threshold=0.5) == []
