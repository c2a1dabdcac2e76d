"""Processes: the device, the arithmetic, and the other processes, through accelerate."""

import os
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list, gather_object

from lineament.core.errors import UsageError
from lineament.core.machine import has_fast_bf16
from lineament.training.recipe import TrainConfig

T = TypeVar("T")


def accelerator_for(config: TrainConfig) -> Accelerator:
    """Make the accelerator: one process here, or one of those that a launcher started.

    Raises:
        UsageError: The precision needs hardware that is not here, or a launcher was asked for
            several processes and started one.
    """
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if _fast_bf16() else "fp32"
    if precision == "fp16" and not torch.cuda.is_available():
        raise UsageError(
            "`precision` fp16 needs a GPU, and there is none.",
            fix="Leave it out: bf16 is taken where the processor has it.",
        )
    if _fewer_than_asked_for():
        raise UsageError(
            "`accelerate launch` was asked for several processes and started one.",
            fix="Add `--multi_gpu` to its flags, which works without GPUs too, or use `torchrun`.",
        )
    # accelerate keeps the precision for the whole process; the next training may want another.
    AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision="no" if precision == "fp32" else precision,
        # Said aloud, or it overlooks that a launcher started several processes without a GPU.
        cpu=not torch.cuda.is_available(),
    )


def is_main_process() -> bool:
    """Whether this process is the one that speaks and writes."""
    return os.environ.get("RANK", "0") == "0"


def n_processes() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def agreed(value: T) -> T:
    """What the first process says, in every process: clocks differ, plans must not."""
    if n_processes() == 1:
        return value
    said: list[T] = broadcast_object_list([value])
    return said[0]


def random_states() -> list[dict[str, torch.Tensor]]:
    """The state of torch's generators in every process."""
    mine = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        mine["cuda"] = torch.cuda.get_rng_state()
    return [mine] if n_processes() == 1 else list(gather_object([mine]))


def set_random_state(states: list[dict[str, torch.Tensor]], rank: int) -> None:
    """Set this process's generators to what `random_states` gave."""
    torch.set_rng_state(states[rank]["cpu"])
    if "cuda" in states[rank] and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[rank]["cuda"])


def _fewer_than_asked_for() -> bool:
    """Whether accelerate's plain launcher made this process alone, having been asked for more.

    Only for more than one does it say where processes meet; each of several also has a rank.
    """
    environment = os.environ
    return (
        "ACCELERATE_MIXED_PRECISION" in environment
        and "MASTER_ADDR" in environment
        and "WORLD_SIZE" not in environment
    )


def _fast_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_fast_bf16()
