"""Gradient maps: where a photo would change a class's logit most, asked of the network in torch.

All of them differentiate the logit, not the probability: a probability near 1 has next to no slope,
and rises also where another class falls. A model that answers with the mean of a photo and its
mirror image is asked as it answers: Grad-CAM adds the evidence of both views, the mirror image's
turned back, and integrated gradients are those of the photo's own pixels, through both views.

A model is asked as it answers (without dropout, batch norm at rest) and left as it was found, also
after an error. These maps need torch; those of `lineament.explanation.maps` do not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.core.extras import require
from lineament.core.suggest import did_you_mean
from lineament.models.classifier import Classifier, load_classifier, preprocess


def classifier_of(run: Run) -> Classifier:
    """Load a run's network with its weights, to ask gradients of.

    Raises:
        ArtifactError: The weights do not fit the network.
    """
    return load_classifier(run.card, run.weights_path)


class GradCam:
    """Grad-CAM: a layer's channels, each weighted by its mean slope.

    Source: Selvaraju et al. 2017, "Grad-CAM: Visual explanations from deep networks via
    gradient-based localization". At the layer that is pooled, with a linear head and not
    rectified, it is the shipped graph's class activation map less its bias, divided by the number
    of positions.

    Args:
        model: The classifier.
        layer: Path of a module that gives a map ``(N, D, h, w)``, as ``model.named_modules()``
            names it; ``None`` takes the map that is pooled.
        rectified: Whether evidence against the class is shown as none, as in the paper.

    Raises:
        UsageError: The model has no such layer, or its layers keep their channels last.
    """

    method = "Grad-CAM"
    source = "Selvaraju et al. 2017"

    def __init__(
        self, model: Classifier, layer: str | None = None, *, rectified: bool = True
    ) -> None:
        self.model = model
        self.layer = layer
        self.rectified = rectified
        if layer is not None:
            _named(model, layer)
            if getattr(model.backbone.network, "output_fmt", "NCHW") != "NCHW":
                raise UsageError(
                    f"The layers of `{model.backbone.name}` keep their channels last, which no map "
                    "of a named layer is made of.",
                    fix="Leave the layer out for the map that is pooled.",
                )
        at = "" if layer is None else f" at `{layer}`"
        views = " of both views" if model.mirrored_view else ""
        self.title = f"{self.method}{at}{views} ({self.source})"

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Map what speaks for a class.

        Args:
            image: ``uint8 (H, W, 3)``, RGB.
            class_index: The class, 0 to ``C - 1``.

        Returns:
            ``float32 (h, w)``, the layer's grid over the part of the image that the model sees.

        Raises:
            UsageError: There is no such class; or the layer takes no part in an answer, takes part
                more than once or gives no map.
        """
        _check_class(self.model, class_index)
        with _asked(self.model):
            pixels = _pixels(self.model, image)
            if self.layer is None:
                at = _at_pooled(self.model, pixels, class_index)
            else:
                at = _at_layer(self.model, pixels, class_index, self.layer)
            each_view = (self.weights(at) * at.values).sum(dim=1)
        if len(each_view) == 2:
            each_view = torch.stack([each_view[0], each_view[1].flip(1)])
        grid = each_view.sum(dim=0)
        return _array(grid.clamp(min=0.0) if self.rectified else grid)

    def weights(self, at: "Slopes") -> Tensor:
        """The weight of each channel in each view, ``float32 (V, D, 1, 1)``."""
        return at.slopes.mean(dim=(2, 3), keepdim=True)


class GradCamPlusPlus(GradCam):
    """Grad-CAM++: a channel's slopes count where they are positive, each by how far it reaches.

    Source: Chattopadhay et al. 2018, "Grad-CAM++: Generalized gradient-based visual explanations
    for deep convolutional networks", whose score is the logit's exponential. Their weights of a
    position, ``g² / (2 g² + g³ ΣA)``, are wanted where the slope ``g`` is positive alone, which
    leaves ``1 / (2 + g ΣA)``. They suppose activations after a ReLU; where a network has others,
    the sum takes the positive ones, because the quotient could have any size with the rest.

    Arguments and errors are those of `GradCam`.
    """

    method = "Grad-CAM++"
    source = "Chattopadhay et al. 2018"

    def weights(self, at: "Slopes") -> Tensor:
        """The weight of each channel in each view, ``float32 (V, D, 1, 1)``."""
        rising = at.slopes.clamp(min=0.0)
        total = at.values.clamp(min=0.0).sum(dim=(2, 3), keepdim=True)
        return (rising / (2 + rising * total)).sum(dim=(2, 3), keepdim=True)


class IntegratedGradients:
    """Integrated gradients: what each pixel adds on the way from the mean colour to the photo.

    Source: Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks", computed by
    captum. Colours are added up, and pixels in cells: alone, neighbours of either sign make a haze.
    The whole map then sums to the photo's logit less that of a plain picture in the mean colour
    (their completeness), as far as the steps are enough.

    Args:
        model: The classifier.
        cells: Side of the grid of cells, 1 or more; the input's side or more keeps every pixel.
        steps: Points of the way at which the slope is taken, 1 or more, by Gauss-Legendre
            quadrature.
        batch: How many of them are computed at once, 1 or more; memory grows with it.
        rectified: Whether evidence against the class is shown as none; the map then sums to more.

    Raises:
        MissingExtraError: captum is not installed.
        UsageError: ``cells``, ``steps`` or ``batch`` is below 1.
    """

    title = "integrated gradients (Sundararajan et al. 2017)"

    def __init__(
        self,
        model: Classifier,
        *,
        cells: int = 14,
        steps: int = 50,
        batch: int = 10,
        rectified: bool = False,
    ) -> None:
        for name, value in (("cells", cells), ("steps", steps), ("batch", batch)):
            if value < 1:
                raise UsageError(f"`{name}` must be 1 or more, got {value}.")
        captum = require("captum.attr", extra="explain", purpose="integrated gradients")
        self._attribution: Callable[..., Tensor] = captum.IntegratedGradients(model).attribute
        self.model = model
        self.cells = min(cells, model.backbone.preprocessing.size_px)
        self.steps = steps
        self.batch = batch
        self.rectified = rectified

    def __call__(self, image: NDArray[np.uint8], class_index: int) -> NDArray[np.float32]:
        """Map what each cell of the model's input adds to a class.

        Args:
            image: ``uint8 (H, W, 3)``, RGB.
            class_index: The class, 0 to ``C - 1``.

        Returns:
            ``float32 (cells, cells)`` over the part of the image that the model sees; negative
            where a cell speaks against the class, unless that is shown as none.

        Raises:
            UsageError: There is no such class.
        """
        _check_class(self.model, class_index)
        with _asked(self.model):
            added = self._attribution(
                _pixels(self.model, image),
                baselines=0.0,  # the mean colour is 0 after normalisation
                target=class_index,
                n_steps=self.steps,
                internal_batch_size=self.batch,
            )
        pixels = _array(added[0].sum(dim=0))
        # Cells differ by a pixel where they do not divide the side.
        starts = np.arange(self.cells) * len(pixels) // self.cells
        grid: NDArray[np.float32] = np.add.reduceat(np.add.reduceat(pixels, starts, 0), starts, 1)
        return grid.clip(min=0.0) if self.rectified else grid


class Slopes(NamedTuple):
    """A layer's values and the logit's slope at each, both ``float32 (V, D, h, w)``.

    ``V`` is 2 where the layer sees a photo and its mirror image one after the other, else 1.
    """

    values: Tensor
    slopes: Tensor


def _at_pooled(model: Classifier, pixels: Tensor, class_index: int) -> Slopes:
    """At the map that is pooled, where both views are already one."""
    with torch.no_grad():
        values = model.features(pixels).float()
    values.requires_grad_()
    logit = model.head(values.mean(dim=(2, 3)))[0, class_index]
    return Slopes(values.detach(), torch.autograd.grad(logit, values)[0])


def _at_layer(model: Classifier, pixels: Tensor, class_index: int, name: str) -> Slopes:
    """At a named layer, whose answer is replaced by one that slopes are asked of.

    So nothing before it is differentiated, and frozen parameters are no hindrance.
    """
    found: list[Tensor] = []

    def begin_here(module: nn.Module, inputs: object, output: object) -> Tensor:
        if not isinstance(output, Tensor) or output.ndim != 4:
            gives = f"`{name}` gives {_shape(output)}, which is no map (N, D, h, w)."
            raise UsageError(gives, fix=_way_out(model))
        found.append(output.detach().clone().requires_grad_())
        return found[-1].clone()  # what follows may write over it, as a ReLU in place does

    hook = _named(model, name).register_forward_hook(begin_here)
    try:
        logit = model(pixels)[0, class_index]
    finally:
        hook.remove()
    if len(found) != 1:
        takes = f"takes part in an answer {len(found)} times" if found else "takes no part"
        raise UsageError(f"`{name}` {takes}; a map needs once.", fix=_way_out(model))
    return Slopes(found[0].detach(), torch.autograd.grad(logit, found[0])[0])


@contextmanager
def _asked(model: Classifier) -> Iterator[None]:
    """Put every module into the state in which it answers, and back."""
    was_training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.enable_grad():
            yield
    finally:
        for module, was in was_training.items():
            module.training = was


def _pixels(model: Classifier, image: NDArray[np.uint8]) -> Tensor:
    # Copied, because torch warns of arrays that cannot be written to.
    pixels = preprocess(torch.from_numpy(image.copy()), model.backbone.preprocessing)
    return pixels.unsqueeze(0).to(model.head.weight.device)


def _named(model: Classifier, name: str) -> nn.Module:
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if name not in modules:
        raise UsageError(
            f"The model has no layer `{name}`.{did_you_mean(name, modules)}", fix=_way_out(model)
        )
    return modules[name]


def _way_out(model: Classifier) -> str:
    """Where maps can be had: the network's own large parts, in order."""
    parts = [
        f"backbone.network.{name}"
        for name, part in model.backbone.network.named_children()
        if any(True for _ in part.parameters())
    ]
    return f"Leave the layer out for the map that is pooled, or name one in {', '.join(parts)}."


def _check_class(model: Classifier, class_index: int) -> None:
    n_classes = len(model.head.weight)
    if not 0 <= class_index < n_classes:
        raise UsageError(
            f"`class_index` must be 0 to {n_classes - 1}, got {class_index}.",
            fix="Count the model's classes from 0.",
        )


def _shape(output: object) -> str:
    return str(tuple(output.shape)) if isinstance(output, Tensor) else type(output).__name__


def _array(grid: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = grid.detach().to("cpu", torch.float32).numpy()
    return array
