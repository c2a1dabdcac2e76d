"""Estimate: what a training will cost, said before it starts, from a few measured steps."""

import copy
import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lineament.core.executor import available_cores
from lineament.core.memory import available_bytes
from lineament.core.progress import duration
from lineament.models.classifier import Classifier
from lineament.training.fitting.learner import Learner
from lineament.training.fitting.memory import needed
from lineament.training.fitting.processes import n_processes

PROBE_PHOTOS = 8  # enough to keep the cores busy, few enough to be quick
PROBE_S = 1.0  # a small network is measured over more steps
PROBE_STEPS = 3  # at least


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What training will cost.

    Attributes:
        parameters: Numbers in the model.
        trained: Of these, how many change in the first epoch.
        multiply_adds: Of answering one photo.
        memory_bytes: Of the process at its peak; ``None`` on a GPU.
        threads: Of the processor.
        step_s: One step of the optimiser.
        judge_s: Judging one photo.
    """

    parameters: int
    trained: int
    multiply_adds: int
    memory_bytes: int | None
    threads: int
    step_s: float
    judge_s: float

    def as_dict(self) -> dict[str, object]:
        """For an artifact."""
        return dataclasses.asdict(self)

    def sentence(self, *, epochs: int, steps: int, validation_photos: int) -> str:
        """Say it to the person who waits."""
        total_s = epochs * (steps * self.step_s + validation_photos * self.judge_s)
        memory = "" if self.memory_bytes is None else f", {self.memory_bytes / 1e9:.1f} GB"
        return (
            f"{self.multiply_adds / 1e6:,.0f} million multiply-adds per photo{memory}; "
            f"{epochs} epoch{'s' * (epochs != 1)} of {steps} step{'s' * (steps != 1)} in about "
            f"{duration(total_s)} on {self.threads} thread{'s' * (self.threads != 1)}"
        )


def estimated(learner: Learner, pixels: Tensor, targets: Tensor, labels: Tensor) -> Estimate:
    """Measure a few steps on a real batch, leaving the model and all randomness as they were.

    On the way the number of threads is chosen and set, because two threads that share a core with
    other work are slower than one; and where memory would not suffice, the learner is told to take
    fewer photos at a time.

    Args:
        learner: At its beginning.
        pixels: The first batch, ``float32 (B, 3, S, S)``.
        targets: Its targets.
        labels: Its labels before any mixing, ``int64 (B,)``.
    """
    few, wanted = pixels[:PROBE_PHOTOS], targets[:PROBE_PHOTOS]

    def step() -> None:
        learner.gradients(few, wanted, everyone=len(few))
        learner.optimiser.zero_grad(set_to_none=True)

    with _untouched(learner):
        on_processor = learner.accelerator.device.type == "cpu"
        need = needed(learner, few, wanted) if on_processor else None
        threads = learner.config.threads or _told() or _fastest(step)
        torch.set_num_threads(threads)
        step_s = _timed(step) / len(few) * len(pixels)
        judge_s = _timed(lambda: learner.judge([(few, labels[: len(few)])], len(few))) / len(few)
        products = multiply_adds(learner.model, int(pixels.shape[-1]))
    if need is not None:
        free = available_bytes()
        while (
            free is not None
            and need.fixed_bytes + need.photo_bytes * learner.part_size > free
            and learner.part_size > 1
        ):
            learner.part_size = max(1, learner.part_size // 2)
    sizes = [(each.numel(), each.requires_grad) for each in learner.model.parameters()]
    return Estimate(
        parameters=sum(size for size, _ in sizes),
        trained=sum(size for size, is_trained in sizes if is_trained),
        multiply_adds=products,
        memory_bytes=None if need is None else need.total_bytes(learner.part_size),
        threads=threads,
        step_s=step_s,
        judge_s=judge_s,
    )


def multiply_adds(model: Classifier, size_px: int) -> int:
    """Count the multiply-adds of answering one photo, leaving the model in evaluation mode."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.eval()(torch.zeros(1, 3, size_px, size_px, device=next(model.parameters()).device))
    return int(counter.get_total_flops()) // 2


@contextmanager
def _untouched(learner: Learner) -> Iterator[None]:
    """Put back what a forward pass in training changes: batch norm's statistics and randomness."""
    model = learner.model
    modes = {name: module.training for name, module in model.named_modules()}
    buffers = copy.deepcopy(dict(model.named_buffers()))
    random = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(random)
        for name, buffer in model.named_buffers():
            buffer.copy_(buffers[name])
        for name, module in model.named_modules():
            module.training = modes[name]


def _told() -> int | None:
    """The number of threads that the environment asks for."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() and int(told) > 0 else None


def _fastest(step: Callable[[], None]) -> int:
    """The number of threads with which a step takes least."""
    cores = available_cores()
    took = {}
    for threads in sorted({cores, max(1, cores // 2), 1}, reverse=True):
        torch.set_num_threads(threads)
        took[threads] = _timed(step)
    return min(took, key=lambda threads: took[threads])


def _timed(run: Callable[[], object]) -> float:
    """Median seconds of a few runs, after one to warm up."""
    run()
    seconds: list[float] = []
    # Processes that train together must take the same steps, whatever each one's clock says.
    least_s = PROBE_S if n_processes() == 1 else 0.0
    while len(seconds) < PROBE_STEPS or sum(seconds) < least_s:
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[len(seconds) // 2]
