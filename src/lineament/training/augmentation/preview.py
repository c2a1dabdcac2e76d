"""Preview: a sheet of training photos beside what augmentation makes of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from lineament.artifacts.dataset import Dataset, Sample
from lineament.core.errors import UsageError
from lineament.core.files import atomic_file, require_free
from lineament.models.backbones import create_backbone
from lineament.training.augmentation.augment import augment
from lineament.training.augmentation.mixing import mix
from lineament.training.pixels import seen_pixels
from lineament.training.recipe import AugmentationFields, TrainConfig

GAP_PX = 2
WHITE = 255
LEGIBLE_PX = 96  # smaller photos are enlarged by repeating pixels


def preview(
    dataset: Path | Dataset,
    out: Path,
    *,
    config: TrainConfig,
    rows: int = 6,
    columns: int = 8,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Draw what a recipe would show the network of some training photos.

    Args:
        dataset: A dataset, or its folder.
        config: The recipe: its backbone, size and fit, and its augmentation.
        out: The PNG to write.
        rows: How many photos; they are spread over the classes.
        columns: How many pictures of each, the photo itself included.
        seed: Which photos, and which draws.
        overwrite: Replace what stands there.

    Returns:
        ``out``.

    Raises:
        UsageError: ``rows`` or ``columns`` is too small.
        DataError: There are no training photos, or one cannot be read.
        ArtifactError: The dataset is absent or damaged, or ``out`` is in the way or cannot be
            written.
    """
    if rows < 1 or columns < 2:
        raise UsageError(
            f"A preview needs 1 row and 2 columns or more, got {rows} and {columns}.",
            fix="Leave out `--rows` and `--columns` for 6 photos in 8 pictures each.",
        )
    require_free(out, overwrite=overwrite)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    rule = create_backbone(
        config.backbone,
        "none",
        size_px=config.size_px,
        fit=config.fit,
        crop_fraction=config.crop_fraction,
        widths=config.widths,
    ).preprocessing
    chosen = spread(data.samples("train"), rows, seed=seed)
    photos = [seen_pixels(data.path(sample), rule) for sample in chosen]
    drawn = sheet(np.stack(photos), config, seed=seed, columns=columns)
    with atomic_file(out, overwrite=overwrite) as file:
        Image.fromarray(drawn).save(file, format="PNG")
    return out


def sheet(
    images: NDArray[np.uint8], fields: AugmentationFields, *, seed: int, columns: int = 8
) -> NDArray[np.uint8]:
    """Lay out photos, one per row: as they are, then as augmented, a new draw per column.

    Args:
        images: ``uint8 (R, S, S, 3)``, RGB.
        fields: The augmentation; where photos are mixed, partners are among these.
        seed: Of the draws.
        columns: Pictures of each photo, the first of them without augmentation.

    Returns:
        ``uint8 (H, W, 3)``, RGB, white between the pictures.
    """
    plain = torch.from_numpy(images.copy()).permute(0, 3, 1, 2)
    labels = torch.zeros(len(images), dtype=torch.int64)
    shown = [images]
    for column in range(1, columns):
        rng = np.random.default_rng([seed, column])
        mixed, _ = mix(augment(plain, fields, rng), labels, 1, fields, rng)
        shown.append(mixed.round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    enlarged = max(1, -(-LEGIBLE_PX // images.shape[1]))
    cells = np.stack(shown, axis=1).repeat(enlarged, axis=2).repeat(enlarged, axis=3)
    framed = np.pad(
        cells, ((0, 0), (0, 0), (0, GAP_PX), (0, GAP_PX), (0, 0)), constant_values=WHITE
    )
    height, width = framed.shape[2:4]
    table = framed.transpose(0, 2, 1, 3, 4).reshape(len(images) * height, columns * width, 3)
    return np.asarray(table[:-GAP_PX, :-GAP_PX], dtype=np.uint8)


def spread(samples: Sequence[Sample], count: int, *, seed: int) -> list[Sample]:
    """Choose samples by chance, as evenly over the classes as can be; all, if there are fewer."""
    rng = np.random.default_rng(seed)
    order = [samples[index] for index in rng.permutation(len(samples))]
    turns: dict[str, int] = {}
    ranked = []
    for place, sample in enumerate(order):
        turn = turns.get(sample.class_name, 0)
        turns[sample.class_name] = turn + 1
        ranked.append((turn, place))
    return [order[place] for _, place in sorted(ranked)[:count]]
