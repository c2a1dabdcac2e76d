"""Instruments read weights and gradients around one step, change nothing, and warn once."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from lineament.artifacts.histograms import LayerValues
from lineament.training.instruments.watch import Instruments


def stack(layers: int = 2) -> nn.Sequential:
    """Linear layers of ones, with a gradient of 0.5 everywhere."""
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(layers)))
    for parameter in model.parameters():
        nn.init.ones_(parameter)
        parameter.grad = torch.full_like(parameter, 0.5)
    return model


def watched(
    instruments: Instruments, model: nn.Module, *, moved: float = 0.1, shrunk: float = 1.0
) -> None:
    """Watch a step that adds to every weight."""
    instruments.before(model, shrunk=shrunk)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(moved)
    instruments.after(model)


def row(rows: tuple[LayerValues, ...], layer: str, kind: str) -> LayerValues:
    (found,) = (each for each in rows if (each.layer, each.kind) == (layer, kind))
    return found


def test_rows_are_parameters_then_gradients_in_the_order_of_the_model() -> None:
    instruments, model = Instruments(), stack()
    watched(instruments, model)

    rows, _ = instruments.epoch(model, 3)

    names = ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [(each.epoch, each.layer, each.kind) for each in rows] == [
        (3, name, kind) for kind in ("parameter", "gradient") for name in names
    ]


def test_parameters_are_those_after_the_step_and_gradients_those_before() -> None:
    instruments, model = Instruments(), stack()
    watched(instruments, model, moved=0.25)
    model.get_parameter("0.weight").grad = None  # as after every step

    rows, _ = instruments.epoch(model, 1)

    assert row(rows, "0.weight", "parameter").low == 1.25
    assert row(rows, "0.weight", "gradient").low == 0.5


def test_update_ratio_is_the_step_as_a_part_of_the_weights_before_it() -> None:
    instruments, model = Instruments(), stack()
    watched(instruments, model, moved=0.25)

    rows, _ = instruments.epoch(model, 1)

    assert row(rows, "0.weight", "parameter").update_ratio == 0.25
    assert row(rows, "0.weight", "gradient").update_ratio is None


def test_layer_without_a_length_has_no_update_ratio() -> None:
    instruments, model = Instruments(), stack()
    nn.init.zeros_(model.get_parameter("0.bias"))
    watched(instruments, model)

    assert row(instruments.epoch(model, 1)[0], "0.bias", "parameter").update_ratio is None


def test_update_ratio_of_the_step_is_the_median_of_matrices() -> None:
    instruments, model = Instruments(), stack(3)
    for place, length in enumerate((0.5, 1.0, 4.0)):
        nn.init.constant_(model.get_parameter(f"{place}.weight"), length)
        nn.init.constant_(
            model.get_parameter(f"{place}.bias"), 1e-3
        )  # so short that the step is far
    watched(instruments, model, moved=0.5)

    assert instruments.update_ratio(model) == 0.5


def test_without_a_watched_step_there_are_parameters_alone() -> None:
    instruments, model = Instruments(), stack()

    assert instruments.update_ratio(model) is None
    assert {(each.kind, each.update_ratio) for each in instruments.epoch(model, 1)[0]} == {
        ("parameter", None)
    }


def test_a_step_counts_for_its_epoch_only() -> None:
    instruments, model = Instruments(), stack()
    watched(instruments, model)
    instruments.epoch(model, 1)

    assert instruments.update_ratio(model) is None
    assert {each.kind for each in instruments.epoch(model, 2)[0]} == {"parameter"}


def test_clipped_gradients_are_recorded_as_they_came() -> None:
    instruments, model = Instruments(), stack()
    watched(instruments, model, shrunk=0.125)

    assert row(instruments.epoch(model, 1)[0], "1.weight", "gradient").high == 4.0


def test_frozen_layers_are_not_recorded() -> None:
    instruments, model = Instruments(), stack()
    model[0].requires_grad_(False)
    watched(instruments, model)

    assert {each.layer for each in instruments.epoch(model, 1)[0]} == {"1.weight", "1.bias"}


def test_layer_that_the_loss_does_not_reach_has_no_gradient_row() -> None:
    instruments, model = Instruments(), stack()
    model.get_parameter("0.weight").grad = None
    watched(instruments, model)

    kinds = [each.kind for each in instruments.epoch(model, 1)[0] if each.layer == "0.weight"]
    assert kinds == ["parameter"]


def test_layers_without_values_are_passed_over() -> None:
    instruments, model = Instruments(), stack()
    model.register_parameter("nothing", nn.Parameter(torch.zeros(0, 3)))
    watched(instruments, model)

    assert "nothing" not in {each.layer for each in instruments.epoch(model, 1)[0]}


def test_nothing_is_changed() -> None:
    instruments, model = Instruments(), stack()
    random = torch.get_rng_state()
    instruments.before(model, shrunk=0.5)
    instruments.after(model)
    instruments.epoch(model, 1)

    for parameter in model.parameters():
        assert torch.equal(parameter, torch.ones_like(parameter))
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, torch.full_like(parameter, 0.5))
    assert torch.equal(torch.get_rng_state(), random)


def sick(instruments: Instruments) -> nn.Sequential:
    """Six layers, the gradients of the first two of which have vanished."""
    model = stack(6)
    for name in ("0.weight", "1.weight"):
        weight = model.get_parameter(name)
        weight.grad = torch.full_like(weight, 1e-9)
    watched(instruments, model)
    return model


def test_warning_is_said_once_and_kept() -> None:
    instruments = Instruments()
    said = [instruments.epoch(sick(instruments), epoch)[1] for epoch in (1, 2)]

    (warning,) = instruments.warnings
    assert warning.startswith("vanishing gradients: the pull of 2 of 6 layers, next to the input")
    assert said == [[warning], []]


def test_layers_and_warnings_go_on_from_a_checkpoint() -> None:
    instruments, resumed = Instruments(), Instruments()
    instruments.epoch(sick(instruments), 1)
    resumed.restore(instruments.state())
    instruments.epoch(sick(instruments), 2)

    assert resumed.epoch(sick(resumed), 2)[1] == []
    assert resumed.warnings == instruments.warnings
    assert resumed.layers == instruments.layers


def test_silence_before_a_checkpoint_counts_after_it() -> None:
    instruments, resumed = Instruments(), Instruments()

    def step(of: Instruments, epoch: int) -> list[str]:
        model = stack()
        weight = model.get_parameter("0.weight")
        weight.grad = torch.zeros_like(weight)
        watched(of, model)
        return of.epoch(model, epoch)[1]

    step(instruments, 1)
    resumed.restore(instruments.state())

    assert step(resumed, 2)[0].startswith("dead layers: 1 of 2 layers got no gradient at all")


def grown(instruments: Instruments, model: nn.Module, factor: float) -> list[str]:
    """Let every layer grow within an epoch that is cut short."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(factor)
    return instruments.epoch(model, 1)[1]


def test_growth_is_since_the_epoch_before() -> None:
    instruments, model = Instruments(), stack()
    instruments.begin(model)

    assert grown(instruments, model, 3.0) == []
    assert grown(instruments, model, 3.0) == []
    assert grown(instruments, model, 5.0)[0].startswith("exploding steps: within an epoch 2 of 2")


def test_growth_goes_on_from_a_checkpoint() -> None:
    instruments, resumed, model = Instruments(), Instruments(), stack()
    instruments.begin(model)
    grown(instruments, model, 3.0)
    resumed.restore(instruments.state())

    assert grown(resumed, model, 3.0) == []


def test_layers_that_were_frozen_grow_from_where_they_began() -> None:
    instruments, model = Instruments(), stack(3)
    model[0].requires_grad_(False)
    instruments.begin(model)
    grown(instruments, model, 1.0)
    model[0].requires_grad_(True)

    assert grown(instruments, model, 5.0)[0].startswith("exploding steps: within an epoch 3 of 3")


@pytest.mark.parametrize("shape", [(1, 1, 8), (8,), (1, 8, 1)])
def test_tokens_and_vectors_do_not_count(shape: tuple[int, ...]) -> None:
    instruments = Instruments()
    tokens = nn.ParameterDict(
        OrderedDict((name, nn.Parameter(torch.full(shape, 1e-6))) for name in "abcd")
    )
    watched(instruments, tokens, moved=1.0)

    assert instruments.update_ratio(tokens) is None
    assert instruments.epoch(tokens, 1)[1] == []
