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
    from lineament.preparation.build import prepare
    from lineament.preparation.config import PrepareConfig
    from lineament.runtime.predictor import Predictor
    from lineament.training.train import TrainConfig, train
    from lineament.workflow.auditing import AuditConfig, audit
    from lineament.workflow.evaluating import EvaluateConfig, evaluate

_HOMES = {
    "AuditConfig": "lineament.workflow.auditing",
    "audit": "lineament.workflow.auditing",
    "EvaluateConfig": "lineament.workflow.evaluating",
    "ExplainConfig": "lineament.explanation.explain",
    "PrepareConfig": "lineament.preparation.config",
    "Predictor": "lineament.runtime.predictor",
    "TrainConfig": "lineament.training.train",
    "evaluate": "lineament.workflow.evaluating",
    "explain": "lineament.explanation.explain",
    "export": "lineament.exporting.export",
    "prepare": "lineament.preparation.build",
    "train": "lineament.training.train",
}

__all__ = [
    "AuditConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "Predictor",
    "PrepareConfig",
    "TrainConfig",
    "__version__",
    "audit",
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
