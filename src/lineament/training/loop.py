"""The loop: epochs of AdamW with a cosine rate, the epoch of least validation loss kept."""

import copy
import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from timm.optim import param_groups_layer_decay
from torch import Tensor, nn
from torch.nn import functional

from lineament.core.errors import UsageError
from lineament.core.executor import Executor
from lineament.core.machine import has_native_bf16
from lineament.core.progress import Progress, tracked
from lineament.models.classifier import Classifier
from lineament.training.batches import batches, epoch_items
from lineament.training.recipe import TrainConfig

Photos = Sequence[tuple[Path, int]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the loop ended with; the model it was given now holds the best epoch's weights.

    Attributes:
        epoch: The epoch that was kept; 0 is the start, before any step.
        validation_loss: At that epoch.
        history: One row per epoch, the start included.
    """

    epoch: int
    validation_loss: float
    history: tuple[dict[str, object], ...]


def fit(
    model: Classifier,
    train: Photos,
    validation: Photos,
    config: TrainConfig,
    *,
    executor: Executor,
    progress: Progress,
) -> Outcome:
    """Train all layers and leave the best epoch's weights in the model.

    Args:
        model: The classifier; its starting weights are the warm start.
        train: Photos with labels.
        validation: Photos with labels, never trained on.
        config: The recipe.
        executor: Where photos are decoded.
        progress: Who listens.

    Raises:
        UsageError: The loss stopped being a number.
        DataError: A photo cannot be read.
    """
    torch.manual_seed(config.seed)
    accelerator = Accelerator(mixed_precision="bf16" if _fast_bf16() else "no")
    steps = math.ceil(len(train) / config.batch_size) * config.resolved_epochs
    optimizer = torch.optim.AdamW(_groups(model, config))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate_factor(step, steps, config.warmup_fraction)
    )
    prepared = model.to(memory_format=torch.channels_last)
    prepared, optimizer = accelerator.prepare(prepared, optimizer)

    def judge(epoch: int) -> tuple[float, float]:
        return _judge(prepared, accelerator, validation, config, executor, progress, epoch)

    loss, accuracy = judge(0)
    history: list[dict[str, object]] = [_row(0, None, None, loss, accuracy, 0.0, 0.0)]
    best = (0, loss, copy.deepcopy(model.state_dict()))
    for epoch in range(1, config.resolved_epochs + 1):
        started = time.perf_counter()
        prepared.train()
        if config.mode == "finetune":
            _freeze_batch_norm(prepared)
        items = epoch_items(train, seed=config.seed, epoch=epoch, flip=config.flip)
        loaded = batches(
            items,
            model.backbone.preprocessing,
            batch_size=config.batch_size,
            executor=executor,
        )
        total, right, rate = 0.0, 0, 0.0
        n_batches = math.ceil(len(items) / config.batch_size)
        for pixels, labels in tracked(loaded, progress, f"epoch {epoch}", n_batches):
            pixels, labels = pixels.to(accelerator.device), labels.to(accelerator.device)
            with accelerator.autocast():
                logits: Tensor = prepared(pixels)
            step_loss = functional.cross_entropy(
                logits.float(), labels, label_smoothing=config.label_smoothing
            )
            if not torch.isfinite(step_loss):
                raise UsageError(
                    f"Training diverged in epoch {epoch}: the loss is {step_loss.item()}.",
                    fix="Lower the rate, for example `--set learning_rate="
                    f"{config.resolved_rate / 10:g}`.",
                )
            accelerator.backward(step_loss)
            accelerator.clip_grad_norm_(prepared.parameters(), 1.0)
            optimizer.step()
            rate = optimizer.param_groups[-1]["lr"]
            scheduler.step()
            optimizer.zero_grad()
            total += step_loss.item() * len(labels)
            right += int((logits.argmax(dim=1) == labels).sum())
        seconds = time.perf_counter() - started
        loss, accuracy = judge(epoch)
        history.append(
            _row(epoch, total / len(items), right / len(items), loss, accuracy, rate, seconds)
        )
        progress.note(
            f"epoch {epoch}: train loss {total / len(items):.4f}, validation loss {loss:.4f}, "
            f"validation accuracy {accuracy:.1%}, {len(items) / seconds:.0f} img/s"
        )
        if loss < best[1]:
            best = (epoch, loss, copy.deepcopy(model.state_dict()))
    if best[0] == 0:
        progress.note(
            "no epoch lowered the validation loss: the model is kept as it was at the start; try "
            f"`--set learning_rate={config.resolved_rate / 5:g}` or more epochs"
        )
    model.load_state_dict(best[2])
    model.eval()
    return Outcome(epoch=best[0], validation_loss=best[1], history=tuple(history))


def _fast_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return has_native_bf16()


def _groups(model: Classifier, config: TrainConfig) -> list[dict[str, object]]:
    """Parameter groups: the head at the full rate, layers further from it slower (timm's order)."""
    rate = config.resolved_rate
    decay = config.layer_decay if config.mode == "finetune" else 1.0
    groups = [
        {
            "params": group["params"],
            "weight_decay": group["weight_decay"],
            "lr": rate * group["lr_scale"],
        }
        for group in param_groups_layer_decay(
            model.backbone.network, weight_decay=config.weight_decay, layer_decay=decay
        )
    ]
    head = {"params": list(model.head.parameters()), "weight_decay": 0.0, "lr": rate}
    return [*groups, head]


def _rate_factor(step: int, steps: int, warmup_fraction: float) -> float:
    """Linear rise, then half a cosine down to 0."""
    warmup = steps * warmup_fraction
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1.0, steps - warmup)))


def _freeze_batch_norm(model: nn.Module) -> None:
    """Keep the statistics of the pretraining: those of small batches of few photos are worse."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _judge(
    model: nn.Module,
    accelerator: Accelerator,
    photos: Photos,
    config: TrainConfig,
    executor: Executor,
    progress: Progress,
    epoch: int,
) -> tuple[float, float]:
    """Mean loss and accuracy over photos, without augmentation."""
    model.eval()
    items = [(path, label, False) for path, label in photos]
    total, right = 0.0, 0
    inner = accelerator.unwrap_model(model)
    loaded = batches(
        items, inner.backbone.preprocessing, batch_size=config.batch_size, executor=executor
    )
    n_batches = math.ceil(len(items) / config.batch_size)
    with torch.no_grad():
        for pixels, labels in tracked(loaded, progress, f"validating epoch {epoch}", n_batches):
            pixels, labels = pixels.to(accelerator.device), labels.to(accelerator.device)
            with accelerator.autocast():
                logits: Tensor = model(pixels)
            total += functional.cross_entropy(logits.float(), labels, reduction="sum").item()
            right += int((logits.argmax(dim=1) == labels).sum())
    return total / len(items), right / len(items)


def _row(
    epoch: int,
    train_loss: float | None,
    train_accuracy: float | None,
    validation_loss: float,
    validation_accuracy: float,
    rate: float,
    seconds: float,
) -> dict[str, object]:
    return {
        "epoch": epoch,
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "validation_loss": validation_loss,
        "validation_accuracy": validation_accuracy,
        "learning_rate": rate,
        "seconds": round(seconds, 3),
    }
