"""The pace of a training is measured on a few photos, and leaves everything as it was."""

import pytest
import torch

from lineament.artifacts.dataset import Dataset
from lineament.core.errors import UsageError
from lineament.training.forecast import forecast
from lineament.training.recipe import TrainConfig

SCRATCH = TrainConfig(mode="scratch", backbone="custom_cnn", widths=(8, 8), size_px=32)


def test_head_is_measured_without_a_loop(drawn_dataset: Dataset) -> None:
    pace = forecast(drawn_dataset, TrainConfig(backbone="test_resnet", weights="none", size_px=32))

    assert min(pace.build_s, pace.answer_s, pace.solve_s) > 0
    assert (pace.decode_s, pace.learn_s, pace.judge_s) == (0, 0, 0)


def test_training_from_scratch_is_measured_without_a_head(drawn_dataset: Dataset) -> None:
    pace = forecast(drawn_dataset, SCRATCH)

    assert min(pace.build_s, pace.answer_s, pace.decode_s, pace.learn_s, pace.judge_s) > 0
    assert pace.solve_s == 0


def test_larger_photos_take_longer(drawn_dataset: Dataset) -> None:
    large = TrainConfig(mode="scratch", backbone="custom_cnn", widths=(8, 8), size_px=160)

    assert forecast(drawn_dataset, large).learn_s > forecast(drawn_dataset, SCRATCH).learn_s


def test_number_of_threads_is_left_as_it_was(drawn_dataset: Dataset) -> None:
    before = torch.get_num_threads()

    forecast(drawn_dataset, SCRATCH)

    assert torch.get_num_threads() == before


def test_recipe_that_cannot_be_is_refused(drawn_dataset: Dataset) -> None:
    with pytest.raises(UsageError, match=r"`--mode finetune` needs weights to start from"):
        forecast(drawn_dataset, TrainConfig(mode="finetune", weights="none"))
