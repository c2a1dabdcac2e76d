"""What a training is expected to take follows from its pace, its photos and its epochs."""

import pytest

from lineament.training.pace import Pace, features_of, kind_of
from lineament.training.recipe import TrainConfig

PACE = Pace(build_s=2.0, answer_s=0.01, solve_s=3.0, decode_s=0.001, learn_s=0.1, judge_s=0.05)
PHOTOS = {"train": 1000, "validation": 200, "test": 100}


def test_head_pays_for_its_backbone_and_its_solution() -> None:
    assert PACE.own_s(TrainConfig(), PHOTOS, tested=False) == 2 + 3


def test_judging_on_test_pays_for_each_test_photo() -> None:
    assert PACE.own_s(TrainConfig(), PHOTOS, tested=True) == 2 + 3 + 100 * 0.01


def test_loop_pays_for_every_photo_in_every_epoch() -> None:
    config = TrainConfig(mode="finetune", epochs=4)

    assert PACE.own_s(config, PHOTOS, tested=False) == pytest.approx(
        2 + 3 + 1200 * 0.001 + 4 * 1000 * 0.1 + 5 * 200 * 0.05 + 200 * 0.01
    )


def test_time_budget_is_what_it_says() -> None:
    config = TrainConfig(mode="finetune", time_budget="10m")

    assert PACE.own_s(config, PHOTOS, tested=True) == 600 + 1.0


def test_frozen_features_are_shared_by_who_needs_them() -> None:
    assert PACE.shared_s(TrainConfig(), PHOTOS) == 12.0
    assert PACE.shared_s(TrainConfig(mode="finetune"), PHOTOS) == 12.0
    assert PACE.shared_s(TrainConfig(mode="scratch"), PHOTOS) == 0.0


def test_head_and_finetune_share_their_features() -> None:
    assert features_of(TrainConfig(seed=3)) == features_of(TrainConfig(mode="finetune"))
    assert features_of(TrainConfig()) != features_of(TrainConfig(size_px=128))
    assert features_of(TrainConfig(mode="scratch")) is None


def test_seed_and_rate_do_not_change_the_pace_and_size_does() -> None:
    config = TrainConfig(mode="finetune")

    assert kind_of(config) == kind_of(TrainConfig(mode="finetune", seed=3, learning_rate=0.1))
    assert kind_of(config) != kind_of(TrainConfig(mode="finetune", size_px=128))
