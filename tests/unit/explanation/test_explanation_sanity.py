"""Random weights tell maps of the model from maps of the photo, part by part and repeatably."""

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lineament.artifacts.findings.sanity import Randomised
from lineament.core.errors import UsageError
from lineament.explanation.gradients import GradCam
from lineament.explanation.sanity import (
    check_sanity,
    in_words,
    judged,
    part_names,
    randomised,
    rank_correlation,
)
from lineament.measure.intervals import Interval
from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import KINDS, create_head

Draw = Callable[..., NDArray[np.uint8]]
Grid = NDArray[np.float32]
PARTS = ["head", "stage 3 of 3", "stage 2 of 3", "stage 1 of 3"]


def classifier(kind: str = "linear") -> Classifier:
    backbone = create_backbone("custom_cnn", "none", size_px=32, widths=(8, 12, 16), seed=5)
    torch.manual_seed(1)
    head = create_head(kind, backbone.n_features, 4, hidden=9)
    model = Classifier(backbone, head).train()
    with torch.no_grad():
        model(torch.randn(16, 3, 32, 32))  # moves the statistics of batch norm
    return model.eval()


@pytest.fixture
def photos(draw_photo: Draw) -> list[NDArray[np.uint8]]:
    return [draw_photo(number, 40, 40, kind=number % 4) for number in range(8)]


class OfPhoto:
    """A map that no weight has a part in."""

    title = "brightness"

    def __init__(self, model: Classifier) -> None:
        self.model = model

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> Grid:
        brightness: Grid = image.mean(axis=2, dtype=np.float32)
        return brightness


class OfFirstLayer(OfPhoto):
    """A map by chance, which only the first layer's weights decide."""

    title = "first layer"

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> Grid:
        first = next(self.model.backbone.parameters()).detach().numpy()
        seed = int(np.frombuffer(first.tobytes(), np.uint32).sum(dtype=np.uint32))
        return np.random.default_rng(seed).normal(size=(20, 20)).astype(np.float32)


class FlatWhenRandom(OfPhoto):
    """A map that is the same everywhere once the head's bias is not 7, or on dark photos."""

    title = "flat"

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> Grid:
        assert self.model.head.bias is not None
        flat = float(self.model.head.bias[0].detach()) != 7 or image.max() < 10
        return super().__call__(image, class_index) * (not flat)


def sentence(*correlations: tuple[float, float, float], level: float = 0.95) -> str:
    parts = [
        Randomised(
            part=f"part {number}",
            correlation=Interval(
                value=value, low=low, high=high, level=level, method="student", n=20
            ),
            flat=0,
        )
        for number, (value, low, high) in enumerate(correlations)
    ]
    return in_words(judged(parts), parts)


def test_map_of_the_photo_alone_hardly_changes(photos: list[NDArray[np.uint8]]) -> None:
    found = check_sanity(classifier(), OfPhoto, photos, [0] * 8)

    assert [each.correlation.value for each in found.parts] == [1.0] * 4
    assert found.sentence == (
        "The map hardly changes when the weights are made random: it shows the photo rather than "
        "the model (rank correlation with the trained model's map 1.00, 95% interval 1.00 to 1.00, "
        "over 8 photos)."
    )


def test_map_changes_with_the_part_that_it_depends_on(photos: list[NDArray[np.uint8]]) -> None:
    found = check_sanity(classifier(), OfFirstLayer, photos, [0] * 8)

    assert [each.part for each in found.parts] == PARTS
    assert [each.correlation.value for each in found.parts[:3]] == [1.0] * 3
    assert abs(found.parts[3].correlation.value) < 0.1
    assert found.verdict == "changes"


def test_map_that_changes_says_what_it_depends_on() -> None:
    assert sentence((0.1, -0.1, 0.3), (-0.001, -0.2, 0.2)) == (
        "The map changes when the weights are made random: it depends on what was learnt (rank "
        "correlation with the trained model's map 0.00, 95% interval -0.20 to 0.20, over 20 "
        "photos)."
    )


def test_map_that_hardly_knows_the_head_says_little_of_the_class() -> None:
    assert sentence((0.97, 0.96, 0.98), (0.27, 0.11, 0.44)) == (
        "The map changes when the weights are made random: it depends on what was learnt (rank "
        "correlation with the trained model's map 0.27, 95% interval 0.11 to 0.44, over 20 "
        "photos). With the head alone random it stays nearly what it was (0.97, 0.96 to 0.98): it "
        "says little about which class the evidence is for."
    )


def test_interval_around_the_limit_is_undecided() -> None:
    assert sentence((0.1, 0, 0.2), (0.6, 0.4, 0.8), level=0.9) == (
        "These photos cannot tell whether the map changes when the weights are made random (rank "
        "correlation with the trained model's map 0.60, 90% interval 0.40 to 0.80, over 20 photos)."
    )


def test_correlation_is_the_mean_over_photos_with_students_interval(
    photos: list[NDArray[np.uint8]],
) -> None:
    model = classifier()
    alone = [
        check_sanity(model, GradCam, [photo, photo], [1, 1]).parts[2].correlation.value
        for photo in photos[:3]
    ]

    found = check_sanity(model, GradCam, photos[:3], [1] * 3).parts[2].correlation

    reach = 4.302653 * np.std(alone, ddof=1) / np.sqrt(3)  # Student's quantile of two degrees
    assert found.value == pytest.approx(np.mean(alone))
    assert found.low == pytest.approx(max(-1, found.value - reach), abs=1e-5)
    assert found.high == pytest.approx(min(1, found.value + reach), abs=1e-5)
    assert (found.method, found.n) == ("student", 3)


def test_order_of_photos_does_not_matter(photos: list[NDArray[np.uint8]]) -> None:
    model, classes = classifier(), [0, 1, 2, 3, 0, 1, 2, 3]

    one = check_sanity(model, GradCam, photos, classes)

    assert check_sanity(model, GradCam, photos[::-1], classes[::-1]) == one


def test_seed_decides_the_random_weights(photos: list[NDArray[np.uint8]]) -> None:
    model = classifier()

    one, same, other = (check_sanity(model, GradCam, photos, [0] * 8, seed=n) for n in (1, 1, 2))

    assert one == same
    assert one.parts != other.parts


def test_flat_maps_of_random_models_count_as_unlike(photos: list[NDArray[np.uint8]]) -> None:
    model = classifier()
    assert model.head.bias is not None
    torch.nn.init.constant_(model.head.bias, 7)

    found = check_sanity(model, FlatWhenRandom, photos, [0] * 8)

    assert [(each.correlation.value, each.flat) for each in found.parts] == [(0.0, 8)] * 4


def test_photos_whose_own_map_is_flat_are_left_out(photos: list[NDArray[np.uint8]]) -> None:
    model = classifier()
    assert model.head.bias is not None
    torch.nn.init.constant_(model.head.bias, 7)

    found = check_sanity(model, FlatWhenRandom, [*photos, np.zeros_like(photos[0])], [0] * 9)

    assert (found.photos, found.left_out) == (8, 1)


def test_too_few_photos_with_an_order_are_an_error(photos: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(UsageError) as caught:
        check_sanity(classifier(), OfPhoto, [photos[0], np.zeros_like(photos[0])], [0, 0])

    assert str(caught.value) == (
        "1 of 2 photos have a map with an order; two or more are needed.\n"
        "  fix: Give more photos, or classes that the model sees in them."
    )


def test_as_many_classes_as_photos_are_needed(photos: list[NDArray[np.uint8]]) -> None:
    with pytest.raises(UsageError) as caught:
        check_sanity(classifier(), OfPhoto, photos, [0, 1])

    assert str(caught.value) == "8 photos have 2 classes; give one each."


def test_result_is_plain_values(photos: list[NDArray[np.uint8]]) -> None:
    found = check_sanity(classifier(), GradCam, photos[:3], [0] * 3, seed=4)

    document = json.loads(json.dumps(dataclasses.asdict(found)))

    assert document["title"] == "Grad-CAM (Selvaraju et al. 2017)"
    assert (document["photos"], document["left_out"], document["seed"]) == (3, 0, 4)
    assert [each["part"] for each in document["parts"]] == PARTS
    assert document["parts"][0]["correlation"]["value"] == found.parts[0].correlation.value


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_made_random_from_the_head_to_the_input(kind: str) -> None:
    model = classifier(kind)
    trained = model.state_dict()
    changed = [
        {name for name, value in each.state_dict().items() if not value.equal(trained[name])}
        for each in randomised(model, seed=3)
    ]

    assert part_names(model) == PARTS
    heads = {name for name in trained if name.startswith("head.")}
    assert changed[0] == heads
    for number in (3, 2, 1):
        block = {
            name for name in trained if name.startswith(f"backbone.network.blocks.{number - 1}")
        }
        # Scales and shifts of a batch norm begin as they stand here; its statistics do not.
        block = {name for name in block if not name.endswith((".1.weight", ".1.bias"))}
        assert changed[4 - number] - changed[3 - number] == block


def test_random_throughout_is_where_training_from_scratch_begins() -> None:
    *_, last = randomised(classifier(), seed=3)

    fresh = create_backbone("custom_cnn", "none", size_px=32, widths=(8, 12, 16), seed=3)

    assert all(
        value.equal(fresh.state_dict()[name]) for name, value in last.backbone.state_dict().items()
    )


def test_names_of_networks_with_many_stages_are_counted_from_the_input() -> None:
    backbone = create_backbone("test_resnet", "none", size_px=32)
    model = Classifier(backbone, create_head("linear", backbone.n_features, 3)).eval()

    names = part_names(model)

    assert names == ["head", *(f"stage {number} of 5" for number in (5, 4, 3, 2, 1))]
    assert len(list(randomised(model, seed=0))) == len(names)


def test_model_and_chance_are_left_as_they_were(photos: list[NDArray[np.uint8]]) -> None:
    model = classifier().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    chance = torch.get_rng_state()

    check_sanity(model, GradCam, photos[:2], [0, 1])

    assert model.training
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert torch.get_rng_state().equal(chance)


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_rank_correlation_is_scipys(levels: int) -> None:
    rng = np.random.default_rng(levels)
    one = rng.integers(0, levels, (9, 7)).astype(np.float32)
    other = (one + rng.integers(0, levels, (9, 7))).astype(np.float32)

    assert rank_correlation(one, other) == pytest.approx(
        spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-12
    )


def test_opposite_order_is_minus_one() -> None:
    values = np.random.default_rng(0).normal(size=(6, 6)).astype(np.float32)

    assert rank_correlation(values, -(values**3)) == -1.0


def test_flat_map_has_no_rank_correlation() -> None:
    assert rank_correlation(np.arange(4, dtype=np.float32), np.ones(4, np.float32)) is None
