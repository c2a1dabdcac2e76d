"""Pace: what the parts of a kind of training take, and how long a training is then expected to be.

The measuring is in `lineament.training.forecast`; here is arithmetic that needs no torch.
"""

import dataclasses
from collections.abc import Mapping

from lineament.training.fitting.budget import seconds_of
from lineament.training.recipe import TrainConfig

# Fields that change what a photo costs. Two recipes that agree in them go at the same pace.
COSTLY = (
    *("mode", "backbone", "weights", "widths", "size_px", "start_size_px", "mirrored_view"),
    *("head", "hidden", "trainable", "freeze_batch_norm", "optimiser", "average"),
    *("batch_size", "precision", "threads"),
)
# Fields that frozen features depend on: they are kept, and shared by whoever asks for the same.
FROZEN = ("backbone", "weights", "size_px", "fit", "crop_fraction", "mirrored_view")

Kind = tuple[object, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pace:
    """What the parts of a kind of training take, each in seconds.

    Attributes:
        build_s: What a run pays once: making the backbone, calibrating, writing.
        answer_s: One photo through the finished graph, decoding included.
        solve_s: Fitting a head on frozen features.
        decode_s: One photo onto the disk for the loop.
        learn_s: One photo in a step of the loop; 0 where there is no loop.
        judge_s: One validation photo after an epoch.
    """

    build_s: float
    answer_s: float
    solve_s: float = 0.0
    decode_s: float = 0.0
    learn_s: float = 0.0
    judge_s: float = 0.0

    def shared_s(self, config: TrainConfig, photos: Mapping[str, int]) -> float:
        """What only the first training on the same frozen features pays.

        Args:
            config: The recipe.
            photos: How many there are in each split.
        """
        if config.mode == "scratch":
            return 0.0
        return (photos["train"] + photos["validation"]) * self.answer_s

    def own_s(self, config: TrainConfig, photos: Mapping[str, int], *, tested: bool) -> float:
        """What every training pays: at most so much, as patience may end it sooner.

        Args:
            config: The recipe.
            photos: How many there are in each split.
            tested: Whether the run is judged on the test photos afterwards.
        """
        test_s = photos["test"] * self.answer_s if tested else 0.0
        if config.time_budget is not None:
            return seconds_of(config.time_budget) + test_s
        if config.mode == "head":
            return self.build_s + self.solve_s + test_s
        epochs = config.resolved_epochs
        seen = photos["train"] * self.learn_s * epochs
        judged = photos["validation"] * (self.judge_s * (epochs + 1) + self.answer_s)
        decoded = (photos["train"] + photos["validation"]) * self.decode_s
        return self.build_s + self.solve_s + decoded + seen + judged + test_s


def kind_of(config: TrainConfig) -> Kind:
    """What two trainings on a dataset have in common that go at the same pace."""
    return tuple(getattr(config, name) for name in COSTLY)


def features_of(config: TrainConfig) -> Kind | None:
    """What two trainings on a dataset share that use the same frozen features, if any are used."""
    if config.mode == "scratch":
        return None
    return tuple(getattr(config, name) for name in FROZEN)
