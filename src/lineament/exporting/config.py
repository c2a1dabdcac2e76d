"""What can be chosen of an export."""

import dataclasses

from lineament.artifacts.precision import ARITHMETICS, FP32
from lineament.core.config import Config, option
from lineament.core.errors import UsageError

ONNX, TORCHSCRIPT = "onnx", "torchscript"
SUFFIXES = {ONNX: ".onnx", TORCHSCRIPT: ".pt"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportConfig(Config):
    """How a run is packed."""

    format: str = option(
        ONNX,
        help="`onnx`, the bundle; `torchscript`, the same for programs with libtorch.",
        choices=tuple(SUFFIXES),
    )
    precision: str = option(
        FP32,
        help="`fp32`; `bf16`, used where the processor multiplies bfloat16 faster; `int8`, written "
        "into the graph. What the last two cost is measured on the validation split.",
        choices=ARITHMETICS,
    )
    max_drop: float = option(
        0.5,
        help="Most points of validation accuracy that a precision may cost.",
        minimum=0,
        maximum=100,
    )
    dataset: str | None = option(
        None, help="The dataset, where it is no longer where the run was trained on it."
    )
    report: str | None = option(
        None,
        help="The report of the run's evaluation on test photos, whose leading figures the bundle "
        "then states.",
    )
    messages: str | None = option(
        None,
        help="A YAML file with a sentence per class, which pages show over the camera's picture.",
    )
    golden: tuple[str, ...] = option(
        (),
        help="Photo files to prove engines with, beside the drawn ones. They travel in the bundle: "
        "name none that its readers must not see.",
    )

    def __post_init__(self) -> None:
        """Check every field, and that they go together.

        Raises:
            UsageError: One is out of range, or a precision is asked of TorchScript.
        """
        super().__post_init__()
        if self.format == TORCHSCRIPT and self.precision != FP32:
            raise UsageError(
                f"TorchScript is exported in fp32 alone, not in {self.precision}.",
                fix="Leave the precision out, or export to onnx.",
            )
