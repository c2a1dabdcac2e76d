"""Lineament: from a folder of labelled photos to a classifier that can be trusted and shipped.

The verbs are functions of this package, imported when first used: ``prepare``, ``audit``,
``find_faces``, ``train`` with ``load_recipe``, ``preview`` and ``find_rate``, ``study``,
``list_runs``, ``curves``, ``evaluate``, ``compare``, ``explain``, ``explain_dataset``, ``report``,
``export``, ``export_head``, ``extend`` and the classes ``Predictor`` and ``HeadedPredictor``; what
a verb can be told is its configuration class.
"""

import importlib
from typing import TYPE_CHECKING

from lineament.core.version import __version__

if TYPE_CHECKING:
    from lineament.explanation.explain import ExplainConfig, explain
    from lineament.exporting.export import export
    from lineament.exporting.heads import export_head
    from lineament.preparation.build import prepare
    from lineament.preparation.config import PrepareConfig
    from lineament.recognition.finding import FindConfig, find_faces
    from lineament.reporting.training_page import curves
    from lineament.runtime.headed import HeadedPredictor
    from lineament.runtime.predictor import Predictor
    from lineament.serving.config import ServeConfig
    from lineament.training.augmentation.preview import preview
    from lineament.training.find_rate import find_rate
    from lineament.training.recipe import TrainConfig
    from lineament.training.recipes import load_recipe
    from lineament.training.train import train
    from lineament.workflow.auditing import AuditConfig, audit
    from lineament.workflow.comparing import CompareConfig, compare
    from lineament.workflow.evaluating import EvaluateConfig, evaluate
    from lineament.workflow.explaining import ExplainDatasetConfig, explain_dataset
    from lineament.workflow.extending import extend
    from lineament.workflow.listing import list_runs
    from lineament.workflow.recounting import ReportConfig, report
    from lineament.workflow.studies.configuration import StudyConfig
    from lineament.workflow.studies.study import study

_HOMES = {
    "AuditConfig": "lineament.workflow.auditing",
    "CompareConfig": "lineament.workflow.comparing",
    "audit": "lineament.workflow.auditing",
    "EvaluateConfig": "lineament.workflow.evaluating",
    "ExplainConfig": "lineament.explanation.explain",
    "ExplainDatasetConfig": "lineament.workflow.explaining",
    "FindConfig": "lineament.recognition.finding",
    "find_faces": "lineament.recognition.finding",
    "ReportConfig": "lineament.workflow.recounting",
    "HeadedPredictor": "lineament.runtime.headed",
    "PrepareConfig": "lineament.preparation.config",
    "ServeConfig": "lineament.serving.config",
    "Predictor": "lineament.runtime.predictor",
    "TrainConfig": "lineament.training.recipe",
    "StudyConfig": "lineament.workflow.studies.configuration",
    "compare": "lineament.workflow.comparing",
    "curves": "lineament.reporting.training_page",
    "evaluate": "lineament.workflow.evaluating",
    "explain": "lineament.explanation.explain",
    "explain_dataset": "lineament.workflow.explaining",
    "report": "lineament.workflow.recounting",
    "export": "lineament.exporting.export",
    "export_head": "lineament.exporting.heads",
    "extend": "lineament.workflow.extending",
    "find_rate": "lineament.training.find_rate",
    "list_runs": "lineament.workflow.listing",
    "load_recipe": "lineament.training.recipes",
    "prepare": "lineament.preparation.build",
    "preview": "lineament.training.augmentation.preview",
    "study": "lineament.workflow.studies.study",
    "train": "lineament.training.train",
}

__all__ = [
    "AuditConfig",
    "CompareConfig",
    "EvaluateConfig",
    "ExplainConfig",
    "ExplainDatasetConfig",
    "FindConfig",
    "HeadedPredictor",
    "Predictor",
    "PrepareConfig",
    "ReportConfig",
    "ServeConfig",
    "StudyConfig",
    "TrainConfig",
    "__version__",
    "audit",
    "compare",
    "curves",
    "evaluate",
    "explain",
    "explain_dataset",
    "export",
    "export_head",
    "extend",
    "find_faces",
    "find_rate",
    "list_runs",
    "load_recipe",
    "prepare",
    "preview",
    "report",
    "study",
    "train",
]


def __getattr__(name: str) -> object:
    """Import a verb when it is first used, so that the bare runtime never meets torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lineament' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
