"""Gradient maps are what their papers say, agree with the shipped graph and leave no trace."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.artifacts.run import Run
from lineament.core.errors import LineamentError, MissingExtraError, UsageError
from lineament.explanation.gradients import GradCam, GradCamPlusPlus, IntegratedGradients
from lineament.imaging.preprocess import Preprocessing
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.classifier import Classifier, load_classifier, preprocess
from lineament.models.graph import backbone_graph, classifier_graph
from lineament.models.heads import KINDS, create_head
from lineament.runtime.engines import OnnxRuntimeEngine
from lineament.runtime.predictor import Predictor

Draw = Callable[..., NDArray[np.uint8]]
Photo = NDArray[np.uint8]
METHODS = [GradCam, GradCamPlusPlus, IntegratedGradients]
BLOCK = "backbone.network.blocks.1"


def classifier(
    kind: str = "linear", *, mirrored_view: bool = False, dropout: float = 0.0
) -> Classifier:
    """A small network whose batch norms have seen something and whose logits are far apart."""
    backbone = create_backbone("custom_cnn", "none", size_px=32, widths=(8, 12, 16), seed=5)
    torch.manual_seed(1)
    head = create_head(kind, backbone.n_features, 4, hidden=9, dropout=dropout)
    model = Classifier(backbone, head, mirrored_view=mirrored_view).train()
    with torch.no_grad():
        model(torch.randn(16, 3, 32, 32))
        model.head.weight *= 50  # a cosine does not mind
    return model.eval()


@pytest.fixture
def photo(draw_photo: Draw) -> Photo:
    return draw_photo(3, 40, 52, kind=1)


def pixels_of(model: Classifier, image: Photo) -> Tensor:
    return preprocess(torch.from_numpy(image), model.backbone.preprocessing).unsqueeze(0)


def traces(model: Classifier) -> tuple[object, ...]:
    """All of a model that a map could leave a trace in."""
    return (
        {name: value.clone().numpy().tobytes() for name, value in model.state_dict().items()},
        [module.training for module in model.modules()],
        [(each.requires_grad, each.grad is None) for each in model.parameters()],
        [len(module._forward_hooks) for module in model.modules()],
        [len(module._backward_hooks) for module in model.modules()],
    )


def test_grad_cam_is_the_shipped_class_activation_map_without_its_bias(
    small_run: Run, draw_photo: Draw
) -> None:
    model = load_classifier(small_run.card, small_run.weights_path)
    predictor = Predictor(small_run.root)
    assert model.head.bias is not None

    for number in range(4):
        image = draw_photo(number, 50, 40, kind=number)
        _, shipped = predictor.activation(image)
        for class_index, bias in enumerate(model.head.bias.tolist()):
            grid = GradCam(model, rectified=False)(image, class_index)

            assert grid.shape == shipped[class_index].shape
            assert np.allclose(grid * grid.size + bias, shipped[class_index], atol=2e-4)


@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_grad_cam_orders_positions_as_the_shipped_graph_does(
    kind: str, mirrored_view: bool, photo: Photo, tmp_path: Path
) -> None:
    model = classifier(kind, mirrored_view=mirrored_view)
    graph = classifier_graph(
        backbone_graph(model.backbone),
        model.backbone.preprocessing,
        model.head.spec(),
        temperature=1.0,
        mirrored_view=mirrored_view,
    )
    (tmp_path / "graph.onnx").write_bytes(graph)
    engine = OnnxRuntimeEngine(tmp_path / "graph.onnx", name="graph")
    (shipped,) = engine.run(photo[None], ["activation"])

    for class_index in range(4):
        grid = GradCam(model, rectified=False)(photo, class_index)

        centred = shipped[0, class_index] - shipped[0, class_index].mean()
        assert np.allclose((grid - grid.mean()) * grid.size, centred, atol=1e-4)
        assert np.ptp(centred) > 1e-2


@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_pooled_layer_named_gives_the_map_of_no_name(
    kind: str, mirrored_view: bool, photo: Photo
) -> None:
    model = classifier(kind, mirrored_view=mirrored_view)

    for rectified in (False, True):
        named = GradCam(model, "backbone", rectified=rectified)(photo, 2)

        unnamed = GradCam(model, rectified=rectified)(photo, 2)
        assert np.allclose(named, unnamed, atol=1e-6)


def test_map_of_a_named_layer_weighs_channels_by_their_mean_slope(photo: Photo) -> None:
    model = classifier("mlp")
    blocks = model.backbone.network.get_submodule("blocks")
    assert isinstance(blocks, nn.Sequential)
    values = blocks[:2](pixels_of(model, photo)).detach().requires_grad_()
    model.head(blocks[2:](values).mean(dim=(2, 3)))[0, 1].backward()
    assert values.grad is not None
    wanted = (values.grad.mean(dim=(2, 3), keepdim=True) * values).sum(dim=1)[0].detach().numpy()

    grid = GradCam(model, BLOCK, rectified=False)(photo, 1)

    assert grid.shape == (8, 8)
    assert np.allclose(grid, wanted, atol=1e-6)


def test_layer_that_is_written_over_in_place_can_be_named(photo: Photo) -> None:
    model = classifier()
    network = model.backbone.network
    norm, relu = network.get_submodule("blocks.0.1"), network.get_submodule("blocks.0.2")
    assert isinstance(relu, nn.ReLU)
    assert relu.inplace
    seen: list[Tensor] = []
    norm.register_forward_hook(lambda *args: seen.append(args[2].clone()))

    grid = GradCam(model, "backbone.network.blocks.0.1", rectified=False)(photo, 0)

    assert grid.shape == (32, 32)
    assert float(seen[0].detach().min()) < 0


def test_grad_cam_plus_plus_follows_its_papers_formula(photo: Photo) -> None:
    model = classifier()
    with torch.no_grad():
        values = model.features(pixels_of(model, photo))[0].numpy().astype(np.float64)
    slope = model.head.weight[3].detach().numpy().astype(np.float64) / values[0].size
    slope = slope[:, None, None]
    total = values.sum(axis=(1, 2), keepdims=True)
    each = slope**2 / (2 * slope**2 + total * slope**3)
    weight = (each * np.maximum(slope, 0) * np.ones_like(values)).sum(axis=(1, 2), keepdims=True)
    assert values.min() >= 0  # as the paper supposes

    grid = GradCamPlusPlus(model)(photo, 3)

    assert np.allclose(grid, (weight * values).sum(axis=0), atol=1e-6)
    assert np.ptp(grid) > 1e-3


def test_rectified_map_has_the_evidence_for_the_class_alone(photo: Photo) -> None:
    model = classifier()

    signed = GradCam(model, rectified=False)(photo, 0)

    assert signed.min() < 0 < signed.max()
    assert np.array_equal(GradCam(model)(photo, 0), np.maximum(signed, 0))


@pytest.mark.parametrize("mirrored_view", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_integrated_gradients_add_up_to_what_the_photo_adds(
    kind: str, mirrored_view: bool, photo: Photo
) -> None:
    model = classifier(kind, mirrored_view=mirrored_view)
    pixels = pixels_of(model, photo)
    with torch.no_grad():
        added = (model(pixels) - model(torch.zeros_like(pixels)))[0].numpy()

    sums = [IntegratedGradients(model, steps=200)(photo, each).sum() for each in range(4)]

    assert np.abs(added).max() > 0.1
    assert np.allclose(sums, added, atol=0.02 * np.abs(added).max())


@pytest.mark.parametrize("cells", [1, 7, 8, 32, 100])
def test_cells_add_pixels_up(cells: int, photo: Photo) -> None:
    model = classifier()
    pixels = IntegratedGradients(model, cells=32)(photo, 1)

    grid = IntegratedGradients(model, cells=cells)(photo, 1)

    assert grid.shape == (min(cells, 32),) * 2
    assert grid.sum() == pytest.approx(pixels.sum(), abs=1e-5)
    corner = 32 // min(cells, 32)
    assert grid[0, 0] == pytest.approx(pixels[:corner, :corner].sum(), abs=1e-5)


def test_integrated_gradients_do_not_depend_on_the_batch(photo: Photo) -> None:
    model = classifier()

    one, many = (IntegratedGradients(model, batch=batch)(photo, 1) for batch in (1, 64))

    assert np.allclose(one, many, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_head_has_a_map_of_each_class(
    kind: str, method: type[GradCam] | type[IntegratedGradients], photo: Photo
) -> None:
    maps = [method(classifier(kind))(photo, each) for each in range(4)]

    assert all(grid.dtype == np.float32 and grid.ndim == 2 for grid in maps)
    assert all(np.isfinite(grid).all() for grid in maps)
    assert len({grid.tobytes() for grid in maps}) == 4


@pytest.mark.parametrize("layer", [None, BLOCK])
def test_mirrored_view_maps_a_photo_and_its_mirror_image_alike(
    layer: str | None, draw_photo: Draw
) -> None:
    model = classifier("mlp", mirrored_view=True)
    image = draw_photo(5, 32, 32, kind=3)  # of the input's size: nothing is resized
    method = GradCam(model, layer, rectified=False)

    straight = method(image, 1)
    mirrored = method(np.ascontiguousarray(image[:, ::-1]), 1)

    assert not np.allclose(straight, mirrored, atol=1e-4)
    assert np.allclose(straight, mirrored[:, ::-1], atol=1e-6)


def test_mirrored_view_adds_the_maps_of_both_views(photo: Photo) -> None:
    model = classifier(mirrored_view=True)
    alone = Classifier(model.backbone, model.head).eval()
    size = model.backbone.preprocessing.size_px
    image = np.resize(photo, (size, size, 3))

    both = GradCam(model, BLOCK, rectified=False)(image, 0)

    straight = GradCam(alone, BLOCK, rectified=False)(image, 0)
    turned = GradCam(alone, BLOCK, rectified=False)(np.ascontiguousarray(image[:, ::-1]), 0)
    assert np.allclose(both, (straight + turned[:, ::-1]) / 2, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_frozen_backbone_gives_the_same_map(
    method: type[GradCam] | type[IntegratedGradients], photo: Photo
) -> None:
    model, frozen = classifier("mlp"), classifier("mlp").requires_grad_(False)

    assert np.array_equal(method(model)(photo, 1), method(frozen)(photo, 1))
    assert not any(each.requires_grad for each in frozen.parameters())


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("method", [*METHODS, lambda model: GradCam(model, BLOCK)])
def test_model_is_left_as_it_was(
    method: Callable[[Classifier], Callable[..., object]], training: bool, photo: Photo
) -> None:
    model = classifier("mlp", dropout=0.5).train(training)
    model.backbone.network.get_submodule("blocks.0").eval()  # as a frozen stage in training
    model.head.weight.requires_grad_(False)
    before = traces(model)

    method(model)(photo, 1)

    assert traces(model) == before


@pytest.mark.parametrize("method", [*METHODS, lambda model: GradCam(model, BLOCK)])
def test_model_in_training_is_asked_as_it_answers(
    method: Callable[[Classifier], Callable[..., NDArray[np.float32]]], photo: Photo
) -> None:
    at_rest = method(classifier("mlp", dropout=0.5))(photo, 1)

    in_training = method(classifier("mlp", dropout=0.5).train())(photo, 1)

    assert np.array_equal(in_training, at_rest)


@pytest.mark.parametrize("method", METHODS)
def test_map_is_made_where_slopes_are_switched_off(
    method: type[GradCam] | type[IntegratedGradients], photo: Photo
) -> None:
    made = method(classifier())(photo, 1)

    with torch.no_grad():
        assert np.array_equal(method(classifier())(photo, 1), made)


def test_photo_that_cannot_be_written_to_is_mapped(photo: Photo) -> None:
    made = GradCam(classifier())(photo, 1)
    photo.flags.writeable = False

    assert np.array_equal(GradCam(classifier())(photo, 1), made)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "backbone.network.blocks.9",
            "The model has no layer `backbone.network.blocks.9`. Did you mean "
            "`backbone.network.blocks.2`?",
        ),
        ("zzz", "The model has no layer `zzz`."),
    ],
)
def test_unknown_layer_is_an_error_with_a_way_out(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        GradCam(classifier(), name)

    assert str(caught.value) == (
        f"{message}\n"
        "  fix: Leave the layer out for the map that is pooled, or name one in "
        "backbone.network.blocks."
    )


class Twice(nn.Module):
    """A network that runs one layer twice and another never."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.idle = nn.Conv2d(3, 3, 3)

    def forward_features(self, pixels: Tensor) -> Tensor:
        both: Tensor = self.layer(self.layer(pixels))
        return both


def twice() -> Classifier:
    rule = Preprocessing(
        size_px=8, fit="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
    )
    return Classifier(Backbone("twice", Twice(), rule, {}), create_head("linear", 3, 2)).train()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "backbone.network.layer",
            "`backbone.network.layer` takes part in an answer 2 times; a map needs once.",
        ),
        ("backbone.network.idle", "`backbone.network.idle` takes no part; a map needs once."),
        ("head", "`head` gives (1, 2), which is no map (N, D, h, w)."),
    ],
)
def test_layer_without_one_map_is_an_error_that_leaves_no_trace(
    name: str, message: str, photo: Photo
) -> None:
    model = twice()
    before = traces(model)

    with pytest.raises(UsageError) as caught:
        GradCam(model, name)(photo, 0)

    assert str(caught.value) == (
        f"{message}\n"
        "  fix: Leave the layer out for the map that is pooled, or name one in "
        "backbone.network.layer, backbone.network.idle."
    )
    assert traces(model) == before


def test_named_layer_with_its_channels_last_is_refused() -> None:
    model = twice()
    model.backbone.network.output_fmt = "NHWC"  # type: ignore[assignment]  # as timm's networks say it

    with pytest.raises(UsageError) as caught:
        GradCam(model, "backbone.network.layer")

    assert str(caught.value) == (
        "The layers of `twice` keep their channels last, which no map of a named layer is made "
        "of.\n"
        "  fix: Leave the layer out for the map that is pooled."
    )


@pytest.mark.parametrize("class_index", [-1, 4])
@pytest.mark.parametrize("method", METHODS)
def test_class_that_is_not_there_is_an_error(
    method: type[GradCam] | type[IntegratedGradients], class_index: int, photo: Photo
) -> None:
    with pytest.raises(UsageError) as caught:
        method(classifier())(photo, class_index)

    assert str(caught.value) == (
        f"`class_index` must be 0 to 3, got {class_index}.\n"
        "  fix: Count the model's classes from 0."
    )


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("cells", lambda model: IntegratedGradients(model, cells=0)),
        ("steps", lambda model: IntegratedGradients(model, steps=0)),
        ("batch", lambda model: IntegratedGradients(model, batch=0)),
    ],
)
def test_settings_of_integrated_gradients_below_one_are_refused(
    name: str, make: Callable[[Classifier], IntegratedGradients]
) -> None:
    with pytest.raises(UsageError) as caught:
        make(classifier())

    assert str(caught.value) == f"`{name}` must be 1 or more, got 0."


def test_rectified_gradients_show_evidence_against_a_class_as_none(photo: Photo) -> None:
    plain = IntegratedGradients(classifier())(photo, 1)

    rectified = IntegratedGradients(classifier(), rectified=True)(photo, 1)

    assert plain.min() < 0
    assert np.array_equal(rectified, plain.clip(min=0))


def test_integrated_gradients_without_captum_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Wall:
        def find_spec(self, name: str, *_: object) -> None:
            if name.partition(".")[0] == "captum":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in [name for name in sys.modules if name.partition(".")[0] == "captum"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Wall(), *sys.meta_path])

    with pytest.raises(MissingExtraError) as caught:
        IntegratedGradients(classifier())

    assert str(caught.value) == (
        "integrated gradients needs captum, which is not installed.\n"
        "  fix: Install it with `pip install 'lineament[explain]'`."
    )
    assert isinstance(caught.value, LineamentError)


@pytest.mark.parametrize(
    ("layer", "mirrored_view", "title"),
    [
        (None, False, "Grad-CAM (Selvaraju et al. 2017)"),
        (None, True, "Grad-CAM of both views (Selvaraju et al. 2017)"),
        (BLOCK, False, "Grad-CAM at `backbone.network.blocks.1` (Selvaraju et al. 2017)"),
    ],
)
def test_title_names_method_layer_views_and_source(
    layer: str | None, mirrored_view: bool, title: str
) -> None:
    assert GradCam(classifier(mirrored_view=mirrored_view), layer).title == title
