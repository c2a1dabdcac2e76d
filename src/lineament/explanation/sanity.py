"""Sanity: whether a map shows the model or only the photo, asked with random weights.

Adebayo et al. 2018, "Sanity checks for saliency maps": a network's parts are made random one after
another from the head down to the input, and after each the map is compared with the trained
network's. A map that stays what it was owes itself to the photo, its edges for instance, and not to
what was learnt.

A part that is made random begins as training from scratch begins it. Each photo has random weights
of its own, drawn by its pixels: a single draw that happens to be like the trained network, or its
opposite, would be so on all photos, and no interval over photos would tell. Neither the order of
the photos nor the others of them matter.

Compared are ranks, by Spearman's correlation: 1 is the same order of places, 0 no common order, and
-1 the opposite order.
"""

import copy
import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray

from lineament.artifacts.findings.sanity import Randomised, SanityCheck
from lineament.core.errors import UsageError
from lineament.core.progress import QUIET, Progress, tracked
from lineament.measure.shares import bounded_mean
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import Head, head_from_dict

if TYPE_CHECKING:
    from lineament.explanation.maps import MapMaker

# Half-way from unrelated to the same. A correlation of a half explains a quarter of the ranks'
# variance: beyond it a person would call two maps alike.
ALIKE = 0.5
SAID = {
    "changes": "The map changes when the weights are made random: it depends on what was learnt",
    "hardly changes": "The map hardly changes when the weights are made random: it shows the photo "
    "rather than the model",
    "undecided": "These photos cannot tell whether the map changes when the weights are made "
    "random",
}


def check_sanity(
    model: Classifier,
    method: "Callable[[Classifier], MapMaker]",
    images: Sequence[NDArray[np.uint8]],
    class_indices: Sequence[int],
    *,
    seed: int = 0,
    level: float = 0.95,
    progress: Progress = QUIET,
) -> SanityCheck:
    """Compare a method's maps of the trained model with those of ever more random ones.

    Args:
        model: The trained classifier; it is not changed.
        method: Makes the method for a classifier, such as `GradCam` itself.
        images: Photos, ``uint8 (H, W, 3)`` each, RGB.
        class_indices: The class whose map is made, one per photo: the model's answer, say.
        seed: Of the random weights.
        level: Confidence level of the intervals, between 0 and 1.
        progress: Who listens.

    Returns:
        Correlations part by part, each a mean over photos with Student's interval.

    Raises:
        UsageError: There are not as many classes as photos, or fewer than two photos whose map has
            an order.
    """
    if len(images) != len(class_indices):
        raise UsageError(f"{len(images)} photos have {len(class_indices)} classes; give one each.")
    trained = copy.deepcopy(model)
    maker = method(trained)
    names = part_names(trained)
    rows: list[list[float | None]] = []
    asked = zip(images, class_indices, strict=True)
    for image, class_index in tracked(asked, progress, "checking maps", len(images)):
        own = maker(image, class_index)
        if rank_correlation(own, own) is None:
            continue
        random_models = randomised(trained, seed=_seed(image, seed))
        rows.append(
            [rank_correlation(own, method(each)(image, class_index)) for each in random_models]
        )
    if len(rows) < 2:
        raise UsageError(
            f"{len(rows)} of {len(images)} photos have a map with an order; two or more are "
            "needed.",
            fix="Give more photos, or classes that the model sees in them.",
        )
    parts = tuple(
        Randomised(
            part=name,
            # Sorted, so that not even the last digit depends on the order of the photos.
            correlation=bounded_mean(
                np.array(sorted(each or 0.0 for each in column)), least=-1.0, most=1.0, level=level
            ),
            flat=sum(each is None for each in column),
        )
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    )
    verdict = judged(parts)
    return SanityCheck(
        title=maker.title,
        photos=len(rows),
        left_out=len(images) - len(rows),
        seed=seed,
        parts=parts,
        verdict=verdict,
        sentence=in_words(verdict, parts),
    )


def judged(parts: Sequence[Randomised]) -> str:
    """Judge by the model that is random throughout, the last part.

    Returns:
        ``changes`` if the whole interval of its correlation lies below `ALIKE`, ``hardly changes``
        if all of it lies above, else ``undecided``.
    """
    last = parts[-1].correlation
    if last.high < ALIKE:
        return "changes"
    return "hardly changes" if last.low > ALIKE else "undecided"


def in_words(verdict: str, parts: Sequence[Randomised]) -> str:
    """Say for a reader what became of the maps.

    Args:
        verdict: What `judged` gave.
        parts: From the head alone to everything.
    """
    first, last = parts[0].correlation, parts[-1].correlation
    text = (
        f"{SAID[verdict]} (rank correlation with the trained model's map {_number(last.value)}, "
        f"{last.level:.0%} interval {_number(last.low)} to {_number(last.high)}, over "
        f"{last.n} photos)."
    )
    if verdict != "hardly changes" and first.low > ALIKE:
        text += (
            f" With the head alone random it stays nearly what it was ({_number(first.value)}, "
            f"{_number(first.low)} to {_number(first.high)}): it says little about which class "
            "the evidence is for."
        )
    return text


def part_names(model: Classifier) -> list[str]:
    """Name the parts in the order in which `randomised` makes them random."""
    count = len(model.backbone.stages())
    return ["head", *(f"stage {number} of {count}" for number in range(count, 0, -1))]


def randomised(model: Classifier, *, seed: int) -> Iterator[Classifier]:
    """Make a model's copy random part by part, from the head to the input.

    Args:
        model: It is not changed.
        seed: Of the random weights.

    Yields:
        After each part one and the same copy: use it before going on.
    """
    backbone, head = _fresh(model, seed)
    copied = copy.deepcopy(model)
    copied.head.load_state_dict(head.state_dict())
    yield copied
    fresh = backbone.network.state_dict()
    trained = copied.backbone.network.state_dict()
    parameters = {name for name, _ in copied.backbone.network.named_parameters()}
    for stage in reversed(copied.backbone.stages()):
        owners = {name.rpartition(".")[0] for name in stage}
        for name, value in trained.items():
            # What is no parameter, such as a batch norm's statistics, goes with those of its layer.
            if name in stage or (name not in parameters and name.rpartition(".")[0] in owners):
                value.copy_(fresh[name])
        yield copied


def rank_correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float | None:
    """Give Spearman's rank correlation of two maps; equal values share the mean of their ranks.

    Args:
        one: A map of any shape.
        other: A map of the same shape.

    Returns:
        -1 to 1, or ``None`` where one of them is the same everywhere.

    Example:
        >>> rank_correlation(np.array([0.1, 0.2, 0.9]), np.array([1.0, 4.0, 9.0]))
        1.0
        >>> rank_correlation(np.array([0.1, 0.2, 0.9]), np.zeros(3))
    """
    first, second = _centred_ranks(one), _centred_ranks(other)
    lengths = math.sqrt(float(first @ first) * float(second @ second))
    return None if lengths == 0 else max(-1.0, min(1.0, float(first @ second) / lengths))


def _centred_ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    return np.asarray(mean_rank[place.reshape(-1)] - (values.size + 1) / 2, dtype=np.float64)


def _fresh(model: Classifier, seed: int) -> tuple[Backbone, Head]:
    """The same network as training from scratch begins it; the global generator stays as it was."""
    stated = model.backbone.preprocessing
    widths = cast(Sequence[int] | None, model.backbone.provenance.get("widths"))
    with torch.random.fork_rng(devices=[]):
        backbone = create_backbone(
            model.backbone.name,
            "none",
            size_px=stated.size_px,
            widths=None if widths is None else tuple(widths),
            seed=seed,
        )
        n_classes = len(model.head.weight)
        head = head_from_dict(model.head.as_dict(), backbone.n_features, n_classes=n_classes)
    return backbone, head


def _seed(image: NDArray[np.uint8], seed: int) -> int:
    digest = hashlib.sha256(f"{seed} {image.shape} ".encode() + image.tobytes()).digest()
    return int.from_bytes(digest[:4], "big")


def _number(value: float) -> str:
    text = f"{value:.2f}"
    return "0.00" if text == "-0.00" else text
