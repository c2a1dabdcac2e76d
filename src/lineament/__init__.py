"""Lineament: from a folder of labelled photos to a classifier that can be trusted and shipped.

The verbs are functions of this package, imported when first used: ``prepare``, ``train``,
``evaluate``, ``explain``, ``export`` and the class ``Predictor``; each verb's options are one
configuration class.
"""

import importlib
from typing import TYPE_CHECKING

from lineament.core.version import __version__

if TYPE_CHECKING:
    from lineament.explanation.explain import ExplainConfig, explain
    from lineament.exporting.export import export
    from lineament.preparation.build import PrepareConfig, prepare
    from lineament.runtime.predictor import Predictor
    from lineament.training.train import TrainConfig, train
    from lineament.workflow import EvaluateConfig, evaluate

_HOMES = {
    "EvaluateConfig": "lineament.workflow",
    "ExplainConfig": "lineament.explanation.explain",
    "PrepareConfig": "lineament.preparation.build",
    "Predictor": "lineament.runtime.predictor",
    "TrainConfig": "lineament.training.train",
    "evaluate": "lineament.workflow",
    "explain": "lineament.explanation.explain",
    "export": "lineament.exporting.export",
    "prepare": "lineament.preparation.build",
    "train": "lineament.training.train",
}

__all__ = [
    "EvaluateConfig",
    "ExplainConfig",
    "Predictor",
    "PrepareConfig",
    "TrainConfig",
    "__version__",
    "evaluate",
    "explain",
    "export",
    "prepare",
    "train",
]


def __getattr__(name: str) -> object:
    """Import a verb when it is first used, so that the bare runtime never meets torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lineament' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
