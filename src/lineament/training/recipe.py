"""Recipe: everything that decides how a training goes, each with a default for a first run.

Four groups of fields, each of them what one part of training reads, make up `TrainConfig`.
"""

import dataclasses

from lineament.core.config import Config, option
from lineament.imaging.preprocess import FITS

MODES = ("head", "finetune", "scratch")
HEADS = ("linear", "mlp", "cosface", "arcface")
OPTIMISERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant", "step", "onecycle", "plateau")
IMBALANCES = ("none", "weights", "sampler", "focal")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
POLICIES = ("none", "trivialaugment", "randaugment")
DEFAULT_EPOCHS = {"head": 30, "finetune": 5, "scratch": 30}
DEFAULT_RATES = {"head": 1e-2, "finetune": 1e-4, "scratch": 1e-3}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelFields(Config):
    """The network: its backbone, its head, and what it is shown of a photo."""

    mode: str = option(
        "head",
        help="head: a head on frozen features; finetune: from that head on, the layers that "
        "`trainable` names; scratch: all layers from random weights",
        choices=MODES,
    )
    backbone: str = option(
        "efficientnet_lite0", help="a name of the table of backbones or any name of timm"
    )
    weights: str | None = option(
        None,
        help="packaged, hub, none or file:PATH; none given: packaged if there, else hub",
        none_is_a_word=True,
    )
    widths: tuple[int, ...] | None = option(
        None, help="custom_cnn: channels of its blocks; none given: 32,64,128,256", minimum=1
    )
    size_px: int | None = option(
        None, help="side of the input in pixels; none given: the backbone's own", minimum=16
    )
    fit: str = option("squash", help="how a photo becomes a square", choices=FITS)
    crop_fraction: float = option(
        1.0,
        help="part of each side, around the centre, that is seen",
        minimum=0.1,
        maximum=1.0,
    )
    mirrored_view: bool = option(
        False, help="answer with the mean of a photo and its mirror image: twice the time"
    )
    head: str = option(
        "linear",
        help="linear; mlp: a hidden layer before it; cosface or arcface: cosine with a margin, "
        "for identities",
        choices=HEADS,
    )
    hidden: int = option(512, help="mlp: width of the hidden layer", minimum=1)
    dropout: float = option(
        0.0, help="part of the features dropped before the last layer", minimum=0.0, maximum=0.95
    )
    margin: float | None = option(
        None,
        help="cosine heads: how much closer the right class must be; none given: 0.35 for "
        "cosface, 0.5 radians for arcface",
        minimum=0.0,
        maximum=1.5,
    )
    scale: float = option(32.0, help="cosine heads: factor on the cosine", minimum=1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AugmentationFields(Config):
    """What is done to training photos at random, in the loop only."""

    flip: bool = option(True, help="mirror half of the photos")
    rotation: float = option(
        0.0, help="turn by up to so many degrees either way", minimum=0.0, maximum=180.0
    )
    shift: float = option(
        0.0,
        help="move by up to this part of the side: a random crop with that padding",
        minimum=0.0,
        maximum=0.5,
    )
    zoom: float = option(
        0.0, help="grow or shrink by up to this part of the size", minimum=0.0, maximum=0.9
    )
    brightness: float = option(
        0.0, help="change the brightness by up to this part", minimum=0.0, maximum=1.0
    )
    contrast: float = option(
        0.0, help="change the contrast by up to this part", minimum=0.0, maximum=1.0
    )
    saturation: float = option(
        0.0, help="change the saturation by up to this part", minimum=0.0, maximum=1.0
    )
    hue: float = option(
        0.0, help="turn the hue by up to this part of a circle", minimum=0.0, maximum=0.5
    )
    policy: str = option(
        "none",
        help="trivialaugment: one random operation of random strength per photo; randaugment: "
        "`policy_operations` of them at `policy_strength`",
        choices=POLICIES,
    )
    policy_operations: int = option(2, help="randaugment: operations per photo", minimum=1)
    policy_strength: float = option(0.3, help="randaugment: of 0 to 1", minimum=0.0, maximum=1.0)
    erasing: float = option(
        0.0, help="part of the photos that get a random rectangle erased", minimum=0.0, maximum=1.0
    )
    mixup: float = option(
        0.0, help="alpha of mixup, which blends pairs of photos; 0 is off", minimum=0.0
    )
    cutmix: float = option(
        0.0,
        help="alpha of cutmix, which puts a part of one photo into another; 0 is off",
        minimum=0.0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimisationFields(Config):
    """What is learned, how fast, and against what."""

    trainable: str = option(
        "all",
        help="finetune: all; head; last:N stages; gradual:N, one stage more every N epochs",
    )
    freeze_batch_norm: bool | None = option(
        None, help="keep the statistics of batch norm; none given: in finetune"
    )
    optimiser: str = option("adamw", help="of the loop", choices=OPTIMISERS)
    learning_rate: float | None = option(
        None,
        help="of the head; none given: 1e-4 for finetune, 1e-3 for scratch, 1e-2 for a head "
        "that is not linear",
        minimum=0.0,
    )
    momentum: float = option(0.9, help="sgd: Nesterov's", minimum=0.0, maximum=0.999)
    weight_decay: float = option(
        0.05, help="of matrices, not of biases, norms and cosine heads", minimum=0.0
    )
    layer_decay: float = option(
        0.7,
        help="finetune: factor on the rate per layer further from the head",
        minimum=0.01,
        maximum=1.0,
    )
    schedule: str = option("cosine", help="how the rate falls", choices=SCHEDULES)
    warmup_fraction: float = option(
        0.1,
        help="part of the steps over which the rate rises; onecycle has its own",
        minimum=0.0,
        maximum=0.9,
    )
    step_epochs: int = option(10, help="step: epochs between two falls", minimum=1)
    rate_factor: float = option(
        0.1, help="step and plateau: what the rate falls to", minimum=0.0, maximum=1.0
    )
    plateau_epochs: int = option(
        2, help="plateau: epochs without a lower validation loss before a fall", minimum=1
    )
    clip_norm: float | None = option(
        1.0, help="largest norm of the gradient; none: no limit", minimum=1e-6
    )
    label_smoothing: float = option(
        0.0, help="part of the target given to the other classes", minimum=0.0, maximum=0.9
    )
    imbalance: str = option(
        "none",
        help="weights: rare classes weigh more; sampler: they are drawn more often; focal: photos "
        "that are still wrong weigh more",
        choices=IMBALANCES,
    )
    focal_gamma: float = option(2.0, help="focal: how much more", minimum=0.0)
    average: float | None = option(
        None,
        help="decay of a moving average of the weights, which is then what is kept, such as 0.998",
        minimum=0.0,
        maximum=0.99999,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoopFields(Config):
    """How long, how much at once, and with what arithmetic."""

    epochs: int | None = option(
        None,
        help="passes over the photos; none given: 5 for finetune, 30 for scratch, 30 for a head "
        "that is not linear",
        minimum=1,
    )
    time_budget: str | None = option(
        None, help="instead of epochs: as many as fit, as in 45s, 20m or 1.5h"
    )
    patience: int | None = option(
        None,
        help="stop after so many epochs without a lower validation loss than the epochs before; "
        "none: never",
        minimum=1,
    )
    batch_size: int = option(32, help="photos per forward pass", minimum=1)
    accumulate: int = option(1, help="forward passes per step of the optimiser", minimum=1)
    start_size_px: int | None = option(
        None,
        help="side of the input at the start, growing to `size_px` over the first two thirds; "
        "none given: the same throughout",
        minimum=16,
    )
    precision: str = option(
        "auto",
        help="auto: bf16 where the hardware has it, else fp32",
        choices=PRECISIONS,
    )
    threads: int | None = option(
        None, help="of the processor; none given: as many as a few measured steps say", minimum=1
    )
    cache: bool = option(
        True, help="keep decoded photos, features and graphs on disk for the next run"
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(LoopFields, OptimisationFields, AugmentationFields, ModelFields):
    """What `train` can be told."""

    fold: int | None = option(
        None, help="the fold that validates, of a dataset prepared with folds", minimum=1
    )
    seed: int = option(0, help="of everything random", minimum=0)
    regularisation: float | None = option(
        None,
        help="mode head: L2 weight of a linear head per sample; none given: chosen on validation",
        minimum=0.0,
    )
    unknown_share: float = option(
        0.05,
        help="the part of known photos that may be called unknown, settled on validation; 0: no "
        "photo is",
        minimum=0.0,
        maximum=0.5,
    )
    set_coverage: float = option(
        0.95,
        help="how often a set of classes is to hold the true one, settled on validation",
        minimum=0.01,
        maximum=0.999,
    )

    @property
    def resolved_epochs(self) -> int:
        """The number of epochs, the mode's default where none is given."""
        return self.epochs or DEFAULT_EPOCHS[self.mode]

    @property
    def resolved_rate(self) -> float:
        """The learning rate, the mode's default where none is given."""
        return DEFAULT_RATES[self.mode] if self.learning_rate is None else self.learning_rate

    @property
    def holds_batch_norm(self) -> bool:
        """Whether batch norm keeps its statistics, the mode's default where nothing is said."""
        if self.freeze_batch_norm is None:
            return self.mode == "finetune"
        return self.freeze_batch_norm
