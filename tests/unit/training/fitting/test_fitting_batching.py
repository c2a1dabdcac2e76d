"""Every photo comes once an epoch, whoever takes it, and the same batch comes again when asked."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lineament.imaging.preprocess import Preprocessing
from lineament.training.fitting.batching import Batching, plain_batches, resized
from lineament.training.pixels import Pixels
from lineament.training.recipe import TrainConfig

SPEC = Preprocessing(
    size_px=32, fit="squash", interpolation="bilinear", mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4)
)
Draw = Callable[..., Pixels]


def batching(pixels: Pixels, *, rank: int = 0, world: int = 1, **fields: object) -> Batching:
    config = TrainConfig(mode="scratch", **fields)  # type: ignore[arg-type]  # named by the tests
    return Batching(
        train=pixels, preprocessing=SPEC, config=config, n_classes=3, rank=rank, world=world
    )


class _Counted:
    """Photos of which only the number matters."""

    size_px = 32

    def __init__(self, count: int) -> None:
        self.labels = np.arange(count) % 3

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
        raise AssertionError("no photo is read to count steps")


@given(
    count=st.integers(2, 200),
    batch_size=st.integers(1, 50),
    accumulate=st.integers(1, 3),
    world=st.integers(1, 3),
)
def test_steps_hold_every_photo_once(
    count: int, batch_size: int, accumulate: int, world: int
) -> None:
    pixels: Pixels = _Counted(count)  # type: ignore[assignment]  # reads nothing
    made = batching(pixels, world=world, batch_size=batch_size, accumulate=accumulate)
    order = made.order(1)

    steps = [made.rows(order, step) for step in range(made.steps)]

    assert sorted(np.concatenate(steps)) == list(range(count))
    if count >= 2 * world and batch_size * accumulate > 1:
        assert min(len(rows) for rows in steps) >= 2 * world


def test_processes_share_a_step(draw_shapes: Draw) -> None:
    pixels = draw_shapes(30)
    parts = [batching(pixels, rank=rank, world=2, batch_size=4, flip=False) for rank in range(2)]
    order = parts[0].order(1)

    shares = [part.batch(order, 1, 32, 0) for part in parts]

    assert [len(pixels) for pixels, _, _ in shares] == [4, 4]
    assert [everyone for _, _, everyone in shares] == [8, 8]
    whole = batching(pixels, batch_size=8, flip=False).batch(order, 1, 32, 0)[0]
    together = torch.stack([shares[0][0], shares[1][0]], dim=1).flatten(0, 1)
    assert torch.equal(together, whole)


def test_the_same_batch_comes_again(draw_shapes: Draw) -> None:
    made = batching(draw_shapes(24), batch_size=8, rotation=20.0, mixup=0.3, erasing=0.5)
    order = made.order(2)

    first, second = (made.batch(order, 2, 32, 1) for _ in range(2))

    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])


def test_another_epoch_step_or_seed_gives_another_batch(draw_shapes: Draw) -> None:
    made = batching(draw_shapes(24), batch_size=8, rotation=20.0)
    order = np.arange(24)
    pixels = made.batch(order, 1, 32, 0)[0]
    other_seed = batching(draw_shapes(24), batch_size=8, rotation=20.0, seed=1)

    assert not torch.equal(made.batch(order, 2, 32, 0)[0], pixels)
    assert not torch.equal(other_seed.batch(order, 1, 32, 0)[0], pixels)


def test_pixels_are_normalised_and_lie_channels_last(draw_shapes: Draw) -> None:
    photos = draw_shapes(6)
    made = batching(photos, batch_size=6, flip=False)
    order = np.arange(6)

    pixels, targets, everyone = made.batch(order, 1, 32, 0)

    raw = torch.from_numpy(photos.read(order)).permute(0, 3, 1, 2).double() / 255
    mean, std = (torch.tensor(each)[:, None, None] for each in (SPEC.mean, SPEC.std))
    assert torch.allclose(pixels.double(), (raw - mean) / std, atol=1e-5)
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    assert targets.tolist() == photos.labels.tolist()
    assert everyone == 6


def test_sizes_grow_over_the_first_two_thirds() -> None:
    spec = Preprocessing(
        size_px=224, fit="squash", interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1)
    )
    config = TrainConfig(mode="scratch", start_size_px=128)
    made = Batching(train=None, preprocessing=spec, config=config, n_classes=3)  # type: ignore[arg-type]  # no photo is read

    sizes = [made.size_px(done) for done in (0.0, 0.2, 0.4, 0.6, 0.67, 1.0)]

    assert sizes[0] == 128
    assert sizes == sorted(sizes)
    assert sizes[-2:] == [224, 224]
    assert all(size % 32 == 0 for size in sizes)


def test_without_a_start_size_it_is_the_same_throughout(draw_shapes: Draw) -> None:
    assert {batching(draw_shapes(6)).size_px(done) for done in (0.0, 0.5, 1.0)} == {32}


def test_shrinking_averages(draw_shapes: Draw) -> None:
    images = torch.from_numpy(draw_shapes(3).read(np.arange(3))).permute(0, 3, 1, 2)

    small = resized(images, 16)

    assert small.shape == (3, 3, 16, 16)
    assert small.float().mean() == pytest.approx(images.float().mean(), abs=1.0)
    assert resized(images, 32) is images


def test_judging_sees_every_photo_once_over_all_processes(draw_shapes: Draw) -> None:
    photos = draw_shapes(11)
    seen = []
    for rank in range(2):
        make, steps = plain_batches(photos, SPEC, batch_size=4, rank=rank, world=2)
        seen += [label for step in steps for label in make(step)[1].tolist()]

    assert sorted(seen) == sorted(photos.labels.tolist())
