"""Methods: the ways to make a map, by the names that a person types."""

from pathlib import Path

from lineament.artifacts.run import Run
from lineament.core.errors import UsageError
from lineament.core.extras import require_all
from lineament.core.suggest import did_you_mean
from lineament.explanation.maps import ClassActivation, MapMaker
from lineament.explanation.occlusion import Occlusion
from lineament.runtime.predictor import Predictor

CLASS_ACTIVATION, OCCLUSION = "class-activation", "occlusion"
GRADIENTS = ("grad-cam", "grad-cam++", "integrated-gradients")  # these need torch and a run
METHODS = (CLASS_ACTIVATION, OCCLUSION, *GRADIENTS)


def method_of(name: str, predictor: Predictor, model: Path) -> MapMaker:
    """Make a method for a model.

    Args:
        name: One of `METHODS`.
        predictor: The opened model.
        model: Its run or bundle.

    Raises:
        UsageError: There is no such method, or a gradient is asked of a bundle, which holds no
            network to differentiate.
        MissingExtraError: torch, or for integrated gradients captum, is not installed.
    """
    if name not in METHODS:
        raise UsageError(
            f"There is no method `{name}`.{did_you_mean(name, METHODS)}",
            fix=f"The methods are {', '.join(METHODS)}.",
        )
    if name == CLASS_ACTIVATION:
        return ClassActivation(predictor)
    if name == OCCLUSION:
        return Occlusion(predictor)
    if not model.is_dir():
        raise UsageError(
            f"`{name}` asks for gradients, and {model} is a bundle, which has none.",
            fix="Name the run that it was exported from, or use `--method occlusion`.",
        )
    require_all("train", purpose=f"`{name}`")
    from lineament.explanation import gradients

    classifier = gradients.classifier_of(Run.open(model))
    if name == "integrated-gradients":
        return gradients.IntegratedGradients(classifier, rectified=True)
    kind = gradients.GradCam if name == "grad-cam" else gradients.GradCamPlusPlus
    return kind(classifier)
