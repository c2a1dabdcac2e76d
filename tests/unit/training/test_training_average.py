"""A moving average of the weights is the formula's, bit for bit again after a checkpoint."""

import copy

import pytest
import torch
from torch import nn

from lineament.models.backbones import create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import create_head
from lineament.training.optimisation.average import WeightAverage


@pytest.fixture
def model() -> Classifier:
    backbone = create_backbone("custom_cnn", "none", size_px=16, widths=(4, 8))
    return Classifier(backbone, create_head("linear", 8, 3))


def moved(model: Classifier, by: float) -> Classifier:
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.add_(int(by) if not tensor.is_floating_point() else by)
    return model


def bits(model: nn.Module) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.state_dict().values()]


def test_before_any_step_it_is_the_start(model: Classifier) -> None:
    assert bits(WeightAverage(model, 0.9).model) == bits(model)


def test_average_follows_the_decay_and_its_warmup(model: Classifier) -> None:
    average = WeightAverage(model, 0.25)
    model.head.weight.data.fill_(1.0)
    expected = 1.0
    average.update(model)
    for value, kept in ((2.0, 2 / 11), (3.0, 0.25), (4.0, 0.25)):  # (1 + 1) / (10 + 1), then 0.25
        model.head.weight.data.fill_(value)
        average.update(model)
        expected = kept * expected + (1 - kept) * value

    assert average.model.head.weight.flatten()[0].item() == pytest.approx(expected, rel=1e-6)


def test_statistics_of_batch_norm_are_averaged_and_counters_copied(model: Classifier) -> None:
    average = WeightAverage(model, 0.5)
    average.update(model)
    start = {name: tensor.clone() for name, tensor in model.named_buffers()}
    average.update(moved(model, 2))

    for name, tensor in average.model.named_buffers():
        change = 2 * 9 / 11 if tensor.is_floating_point() else 2  # 1 - 2 / 11
        torch.testing.assert_close(tensor, start[name] + change, check_dtype=False)


def test_average_of_equal_weights_is_those_weights(model: Classifier) -> None:
    average = WeightAverage(model, 0.99)
    for _ in range(5):
        average.update(model)

    assert bits(average.model) == bits(model)


def test_model_that_is_trained_is_left_alone(model: Classifier) -> None:
    model.train()
    before = bits(model)
    average = WeightAverage(model, 0.9)
    average.update(model)

    assert bits(model) == before
    assert model.training
    assert all(each.requires_grad for each in model.parameters())


def test_averaged_model_answers_in_evaluation_mode_without_gradients(model: Classifier) -> None:
    averaged = WeightAverage(model.train(), 0.9).model

    assert not any(module.training for module in averaged.modules())
    assert not averaged(torch.zeros(2, 3, 16, 16)).requires_grad


def test_restored_average_goes_on_to_the_same_bits(model: Classifier) -> None:
    stopped = WeightAverage(model, 0.9)
    for _ in range(3):
        stopped.update(moved(model, 0.1))
    resumed = WeightAverage(model, 0.9)
    resumed.restore(copy.deepcopy(stopped.state()))
    moved(model, -0.3)
    stopped.update(model)
    resumed.update(model)

    assert bits(resumed.model) == bits(stopped.model)
