"""The loop tells sick networks from healthy ones, and records the same when it is resumed."""

import dataclasses
import signal
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lineament.artifacts.histograms import LayerValues
from lineament.core.progress import QUIET, Progress, Quiet
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier
from lineament.models.heads import create_head
from lineament.training.fitting import fit as module
from lineament.training.fitting.checkpoints import Checkpoints
from lineament.training.fitting.fit import Outcome, fit
from lineament.training.fitting.learner import Learner, Step
from lineament.training.fitting.processes import accelerator_for
from lineament.training.instruments.watch import Instruments
from lineament.training.pixels import Pixels
from lineament.training.recipe import TrainConfig

SCRATCH = TrainConfig(
    mode="scratch",
    backbone="test_resnet",
    size_px=32,
    epochs=2,
    batch_size=10,
    precision="fp32",
    threads=1,
)
Draw = Callable[..., Pixels]


class Stack(nn.Module):
    """Convolutions without norms, one after another, as deep as one likes."""

    def __init__(self, depth: int, after: type[nn.Module], gain: float | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(depth):
            stride = 2 if number in (0, 2, 4) else 1
            layer = nn.Conv2d(16 if number else 3, 16, 3, stride=stride, padding=1)
            if gain is not None:
                nn.init.kaiming_normal_(layer.weight)
                layer.weight.data.mul_(gain)
            layers += [layer, after()]
        self.layers = nn.Sequential(*layers)

    def forward_features(self, pixels: Tensor) -> Tensor:
        features: Tensor = self.layers(pixels)
        return features

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        return {"layers": r"^layers\.(\d+)"}


def headed(backbone: Backbone) -> Classifier:
    torch.manual_seed(0)
    return Classifier(backbone, create_head("linear", backbone.n_features, 3))


def network(config: TrainConfig) -> Classifier:
    return headed(create_backbone(config.backbone, "none", size_px=config.size_px, seed=0))


def stacked(depth: int, after: type[nn.Module], gain: float | None = None) -> Classifier:
    torch.manual_seed(0)
    spec = Preprocessing(
        size_px=32,
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        fit="squash",
        interpolation="bilinear",
    )
    return headed(Backbone("stack", Stack(depth, after, gain), spec, {}))


def trained(
    model: Classifier,
    config: TrainConfig,
    draw: Draw,
    root: Path,
    *,
    resume: bool = False,
    measured: bool = True,
    photos: int = 40,
    progress: Progress = QUIET,
) -> Outcome:
    checkpoints = Checkpoints(root / "run", {})
    return fit(
        model,
        draw(photos, seed=1),
        draw(18, seed=2),
        config,
        accelerator=accelerator_for(config),
        checkpoints=checkpoints,
        state=checkpoints.begin(resume=resume, overwrite=False),
        progress=progress,
        measured=measured,
    )


def kinds_of_warnings(outcome: Outcome) -> list[str]:
    warnings = outcome.cost["warnings"]
    assert isinstance(warnings, list)
    return [text.partition(":")[0] for text in warnings]


def of(rows: Sequence[LayerValues], epoch: int, kind: str) -> dict[str, LayerValues]:
    return {row.layer: row for row in rows if (row.epoch, row.kind) == (epoch, kind)}


@pytest.mark.parametrize("backbone", ["test_resnet", "custom_cnn"])
def test_healthy_network_is_not_warned_of(backbone: str, draw_shapes: Draw, tmp_path: Path) -> None:
    config = dataclasses.replace(SCRATCH, backbone=backbone, epochs=3)

    assert kinds_of_warnings(trained(network(config), config, draw_shapes, tmp_path)) == []


def test_network_that_begins_with_a_single_step_is_not_warned_of(
    draw_shapes: Draw, tmp_path: Path
) -> None:
    # The residual branches of a ResNet begin at 0: their first gradients are exactly 0.
    config = dataclasses.replace(SCRATCH, backbone="resnet18", batch_size=40)

    outcome = trained(network(config), config, draw_shapes, tmp_path)

    assert any(row.rms == 0 for row in of(outcome.layers, 1, "gradient").values())
    assert kinds_of_warnings(outcome) == []


def test_twenty_sigmoids_vanish(draw_shapes: Draw, tmp_path: Path) -> None:
    outcome = trained(stacked(20, nn.Sigmoid), SCRATCH, draw_shapes, tmp_path)

    assert kinds_of_warnings(outcome) == ["vanishing gradients"]


class Told(Quiet):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_warning_is_said_once_and_kept(draw_shapes: Draw, tmp_path: Path) -> None:
    told = Told()

    outcome = trained(stacked(20, nn.Sigmoid), SCRATCH, draw_shapes, tmp_path, progress=told)

    said = [text for text in told.notes if text.startswith("vanishing gradients: ")]
    assert len(said) == 1
    assert outcome.cost["warnings"] == said


def test_large_weights_without_norms_explode(draw_shapes: Draw, tmp_path: Path) -> None:
    outcome = trained(stacked(10, nn.ReLU, gain=3.0), SCRATCH, draw_shapes, tmp_path)

    assert kinds_of_warnings(outcome) == ["exploding gradients", "exploding steps"]


def test_same_depth_with_fitting_weights_does_neither(draw_shapes: Draw, tmp_path: Path) -> None:
    outcome = trained(stacked(20, nn.ReLU, gain=1.0), SCRATCH, draw_shapes, tmp_path)

    assert kinds_of_warnings(outcome) == []


def test_rate_a_hundred_times_too_high_explodes(draw_shapes: Draw, tmp_path: Path) -> None:
    config = dataclasses.replace(SCRATCH, learning_rate=0.1)

    outcome = trained(network(config), config, draw_shapes, tmp_path)

    assert kinds_of_warnings(outcome) == ["exploding steps"]


def test_rate_that_was_far_too_high_is_told_after_the_layers_have_grown(
    draw_shapes: Draw, tmp_path: Path
) -> None:
    # Long layers are moved little: in its last step each epoch looks well.
    config = dataclasses.replace(SCRATCH, backbone="custom_cnn", batch_size=4, learning_rate=0.1)

    outcome = trained(network(config), config, draw_shapes, tmp_path, photos=120)

    warnings = outcome.cost["warnings"]
    assert isinstance(warnings, list)
    assert warnings[0].startswith("exploding steps: within an epoch 5 of 5 layers grew to 4 times")


def test_layers_around_a_relu_that_never_opens_are_dead(draw_shapes: Draw, tmp_path: Path) -> None:
    model = stacked(5, nn.ReLU, gain=1.0)
    nn.init.constant_(model.backbone.network.get_parameter("layers.2.bias"), -100.0)

    outcome = trained(model, SCRATCH, draw_shapes, tmp_path)

    assert kinds_of_warnings(outcome) == ["dead layers"]


def test_every_layer_is_recorded_after_every_epoch(draw_shapes: Draw, tmp_path: Path) -> None:
    model = network(SCRATCH)

    layers = trained(model, SCRATCH, draw_shapes, tmp_path).layers

    names = [name for name, _ in model.named_parameters()]
    assert [(row.epoch, row.kind, row.layer) for row in layers] == [
        (epoch, kind, name)
        for epoch in (1, 2)
        for kind in ("parameter", "gradient")
        for name in names
    ]


def test_layers_are_recorded_from_when_they_learn(draw_shapes: Draw, tmp_path: Path) -> None:
    config = dataclasses.replace(
        SCRATCH, mode="finetune", weights="file:unused", trainable="gradual:1"
    )

    layers = trained(network(config), config, draw_shapes, tmp_path).layers

    assert set(of(layers, 1, "parameter")) == {"head.weight", "head.bias"}
    assert any(name.startswith("backbone.network.layer4") for name in of(layers, 2, "gradient"))
    assert not any("layer3" in name for name in of(layers, 2, "parameter"))


def test_history_has_the_median_ratio_of_each_watched_step(
    draw_shapes: Draw, tmp_path: Path
) -> None:
    model = network(SCRATCH)

    outcome = trained(model, SCRATCH, draw_shapes, tmp_path)

    matrices = {name for name, each in model.named_parameters() if each.ndim == 4}
    matrices.add("head.weight")
    assert outcome.history[0]["update_ratio"] is None
    for epoch in (1, 2):
        ratios = [
            row.update_ratio
            for name, row in of(outcome.layers, epoch, "parameter").items()
            if name in matrices and row.update_ratio is not None
        ]
        assert outcome.history[epoch]["update_ratio"] == statistics.median(ratios)


def test_gradients_are_recorded_as_they_were_before_clipping(
    draw_shapes: Draw, tmp_path: Path
) -> None:
    one_step = dataclasses.replace(SCRATCH, epochs=1, batch_size=40)
    free = dataclasses.replace(one_step, clip_norm=None)
    clipped = dataclasses.replace(one_step, clip_norm=1e-3)

    one = trained(network(free), free, draw_shapes, tmp_path / "one")
    other = trained(network(clipped), clipped, draw_shapes, tmp_path / "other")

    for name, row in of(one.layers, 1, "gradient").items():
        assert of(other.layers, 1, "gradient")[name].rms == pytest.approx(row.rms, rel=1e-4)


def test_gradient_of_a_step_in_parts_is_that_of_the_whole(
    draw_shapes: Draw, tmp_path: Path
) -> None:
    whole = dataclasses.replace(SCRATCH, epochs=1, freeze_batch_norm=True, batch_size=12)
    parts = dataclasses.replace(whole, batch_size=4, accumulate=3)

    one = trained(network(whole), whole, draw_shapes, tmp_path / "one", photos=12)
    other = trained(network(parts), parts, draw_shapes, tmp_path / "other", photos=12)

    for name, row in of(one.layers, 1, "gradient").items():
        same = of(other.layers, 1, "gradient")[name]
        assert same.rms == pytest.approx(row.rms, rel=1e-3, abs=1e-9), name


@pytest.mark.parametrize("average", [None, 0.9])
def test_weights_are_the_same_bits_with_and_without_instruments(
    average: float | None, draw_shapes: Draw, tmp_path: Path
) -> None:
    config = dataclasses.replace(SCRATCH, dropout=0.3, average=average, rotation=15.0)
    measured, plain = network(config), network(config)

    trained(measured, config, draw_shapes, tmp_path / "one")
    outcome = trained(plain, config, draw_shapes, tmp_path / "other", measured=False)

    assert (outcome.layers, outcome.cost["warnings"]) == ((), [])
    assert [row["update_ratio"] for row in outcome.history] == [None] * 3
    for key, value in measured.state_dict().items():
        assert torch.equal(plain.state_dict()[key], value), key


def test_epoch_that_was_cut_short_has_parameters_alone(
    draw_shapes: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Learner.step

    def pressing(self: Learner, *args: Any, **kwargs: Any) -> Step:
        signal.raise_signal(signal.SIGINT)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(Learner, "step", pressing)
    outcome = trained(network(SCRATCH), SCRATCH, draw_shapes, tmp_path)

    assert {row.kind for row in outcome.layers} == {"parameter"}
    assert outcome.history[1]["update_ratio"] is None


def test_scaled_step_that_overflowed_is_not_watched() -> None:
    model = network(SCRATCH)
    accelerator = accelerator_for(SCRATCH)
    learner = Learner(model, SCRATCH, torch.ones(3).numpy(), accelerator, QUIET)
    learner.begin(1)
    accelerator.scaler = torch.amp.GradScaler("cpu")
    learner.gradients = lambda *_, **__: Step(  # type: ignore[method-assign]
        loss=1.0, right=0, photos=1, norm=float("inf")
    )
    instruments = Instruments()
    some = torch.zeros(1)

    learner.step(some, some, everyone=1, factor=1.0, instruments=instruments)

    assert {row.kind for row in instruments.epoch(model, 1)[0]} == {"parameter"}


class Killed(BaseException):
    """What stands for a process that ends without a word."""


RICH = dataclasses.replace(SCRATCH, epochs=4, dropout=0.3, average=0.9, accumulate=2)


@pytest.mark.parametrize("when", ["between two epochs", "within an epoch"])
@pytest.mark.parametrize(
    ("config", "after"),
    [
        (RICH, nn.Sigmoid),
        (dataclasses.replace(RICH, learning_rate=0.3, average=None), nn.ReLU),
    ],
    ids=["vanishing", "exploding"],
)
def test_killed_and_resumed_records_the_same_layers_and_warnings(
    when: str,
    config: TrainConfig,
    after: type[nn.Module],
    draw_shapes: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = trained(stacked(8, after), config, draw_shapes, tmp_path / "whole")
    step, steps = Learner.step, 0

    def dying(self: Learner, *args: Any, **kwargs: Any) -> Step:
        nonlocal steps
        steps += 1
        if steps > (5 if when == "within an epoch" else 4):  # an epoch has two steps
            raise Killed
        return step(self, *args, **kwargs)

    if when == "within an epoch":
        monkeypatch.setattr(module, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(Learner, "step", dying)
    with pytest.raises(Killed):
        trained(stacked(8, after), config, draw_shapes, tmp_path / "killed")
    monkeypatch.setattr(Learner, "step", step)
    again = trained(stacked(8, after), config, draw_shapes, tmp_path / "killed", resume=True)

    assert outcome.cost["warnings"]
    assert again.cost["warnings"] == outcome.cost["warnings"]
    assert again.layers == outcome.layers
    ratios = [row["update_ratio"] for row in outcome.history]
    assert [row["update_ratio"] for row in again.history] == ratios
