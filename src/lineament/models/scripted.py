"""Scripted: the classifier as one TorchScript module, from ``uint8`` pixels of any size.

TorchScript is what libtorch runs without Python. torch keeps it for that, and develops it no
further: https://docs.pytorch.org/docs/stable/jit.html.
"""

import warnings
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from lineament.imaging.preprocess import TIE, Preprocessing
from lineament.measure.familiarity import SHORTEST, Familiarity
from lineament.models.classifier import Classifier
from lineament.models.resize import resize_matrix

OUTPUTS = ("probabilities", "embedding")


class _Pixels(nn.Module):
    """What stands before the backbone; compiled, as it depends on the image's height and width."""

    mean: Tensor
    std: Tensor

    def __init__(self, spec: Preprocessing) -> None:
        super().__init__()
        self.size_px = spec.size_px
        self.is_cubic = spec.interpolation == "bicubic"
        self.fit = spec.fit
        self.crop_fraction = spec.crop_fraction
        self.rounded = spec.rounded
        self.tie = TIE
        self.register_buffer("mean", torch.tensor(spec.mean)[:, None, None] * 255.0)
        self.register_buffer("std", torch.tensor(spec.std)[:, None, None] * 255.0)

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[1], image.shape[2]
        tall, wide = height * self.crop_fraction, width * self.crop_fraction
        if self.fit != "squash":
            tall = wide = min(tall, wide) if self.fit == "crop" else max(tall, wide)
        rows, inside_rows = resize_matrix(
            height, self.size_px, (height - tall) / 2, tall, self.is_cubic
        )
        columns, inside_columns = resize_matrix(
            width, self.size_px, (width - wide) / 2, wide, self.is_cubic
        )
        channels = image.permute(0, 3, 1, 2).to(torch.float32)
        resized = torch.matmul(torch.matmul(rows, channels), columns.t()).clamp(0.0, 255.0)
        inside = inside_rows[:, None] * inside_columns[None, :]
        filled = resized * inside + self.mean * (1 - inside)
        if self.rounded:
            filled = (filled - self.tie).round()
        return (filled - self.mean) / self.std


class _Answers(nn.Module):
    """What stands behind the pixels; traced, as backbones are not written to be compiled."""

    def __init__(
        self, classifier: Classifier, *, temperature: float, familiarity: Familiarity | None
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.temperature = temperature
        self.learnt = None
        if familiarity is not None:
            self.learnt = tuple(
                torch.from_numpy(each.astype("float32"))
                for each in (familiarity.shared, familiarity.towards, familiarity.offsets)
            )
            self.middle, self.spread = familiarity.middle, familiarity.spread

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        embedding = self.classifier.features(pixels).mean(dim=(2, 3))
        logits = self.classifier.head(embedding)
        probabilities = torch.softmax(logits / self.temperature, dim=1)
        if self.learnt is None:
            return probabilities, embedding
        shared, towards, offsets = self.learnt
        unit = embedding / embedding.norm(dim=1, keepdim=True).clamp(min=SHORTEST)
        common = ((unit @ shared) * unit).sum(dim=1)
        nearest = (unit @ towards - offsets).amax(dim=1)
        steps = (self.middle - (common - nearest)) / self.spread
        return probabilities, embedding, torch.sigmoid(steps)


def scripted(
    classifier: Classifier, *, temperature: float, familiarity: Familiarity | None
) -> torch.jit.ScriptModule:
    """Make the module: ``image uint8 (N, H, W, 3)`` to probabilities, embedding, familiarity.

    Args:
        classifier: The trained network.
        temperature: What the logits are divided by before the softmax.
        familiarity: What was learnt of the embeddings of training photos; where there is none, the
            module gives two outputs.
    """
    spec = classifier.backbone.preprocessing
    answers = _Answers(classifier.eval(), temperature=temperature, familiarity=familiarity)
    # Two, as a batch of one would be taken for a constant.
    example = torch.zeros(2, 3, spec.size_px, spec.size_px)
    with warnings.catch_warnings(), torch.no_grad():
        # torch says of both that they are developed no further, and the tracer that an assertion
        # of a backbone on its input's size becomes a constant, which it is here.
        warnings.simplefilter("ignore")
        trace = cast(Callable[..., nn.Module], torch.jit.trace)  # torch gives it no types
        parts = torch.jit.script(_Pixels(spec)), trace(answers, (example,))
        whole = torch.jit.script(nn.Sequential(*parts))
    return cast(torch.jit.ScriptModule, whole.eval())
