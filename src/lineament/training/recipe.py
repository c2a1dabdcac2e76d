"""Recipe: everything that decides how a training goes, each with a default for a first run."""

import dataclasses

from lineament.core.config import Config, option
from lineament.imaging.preprocess import FITS

MODES = ("head", "finetune", "scratch")
DEFAULT_EPOCHS = {"head": 0, "finetune": 5, "scratch": 30}
DEFAULT_RATES = {"head": 0.0, "finetune": 1e-4, "scratch": 1e-3}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(Config):
    """What `train` can be told."""

    mode: str = option(
        "head",
        help="head: a linear head on frozen features; finetune: all layers from that head on; "
        "scratch: all layers from random weights",
        choices=MODES,
    )
    backbone: str = option("efficientnet_lite0", help="a packaged name or any name of timm")
    weights: str | None = option(
        None, help="packaged, hub, none or file:PATH; none given: packaged if there, else hub"
    )
    size_px: int | None = option(
        None, help="side of the input in pixels; none given: the backbone's own", minimum=16
    )
    fit: str = option("squash", help="how a photo becomes a square", choices=FITS)
    fold: int | None = option(
        None, help="the fold that validates, of a dataset prepared with folds", minimum=1
    )
    seed: int = option(0, help="of everything random", minimum=0)
    regularisation: float | None = option(
        None, help="L2 weight of the head per sample; none given: chosen on validation", minimum=0.0
    )
    epochs: int | None = option(
        None, help="passes over the photos; none given: 5 for finetune, 30 for scratch", minimum=1
    )
    batch_size: int = option(32, help="photos per step", minimum=1)
    learning_rate: float | None = option(
        None, help="of the head; none given: 1e-4 for finetune, 1e-3 for scratch", minimum=0.0
    )
    layer_decay: float = option(
        0.7,
        help="finetune: factor on the rate per layer further from the head",
        minimum=0.01,
        maximum=1.0,
    )
    weight_decay: float = option(0.05, help="AdamW's", minimum=0.0)
    label_smoothing: float = option(
        0.0, help="part of the target given to the other classes", minimum=0.0, maximum=0.9
    )
    warmup_fraction: float = option(
        0.1, help="part of the steps over which the rate rises", minimum=0.0, maximum=0.9
    )
    flip: bool = option(True, help="mirror half of the training photos, loop only")

    @property
    def resolved_epochs(self) -> int:
        """The number of epochs, the mode's default where none is given."""
        return self.epochs or DEFAULT_EPOCHS[self.mode]

    @property
    def resolved_rate(self) -> float:
        """The learning rate, the mode's default where none is given."""
        return DEFAULT_RATES[self.mode] if self.learning_rate is None else self.learning_rate
