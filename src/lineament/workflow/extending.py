"""Extending: classes added to a head from a few photos each, without training it again.

What the head cannot be shown any more, photos of its old classes, is recalled from its familiarity
(`lineament.measure.recalling`) where the dataset holds none.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from lineament.artifacts.bundle import FAMILIARITY
from lineament.artifacts.dataset import Dataset, Sample
from lineament.artifacts.decisions import Decisions
from lineament.artifacts.head import SUFFIX, HeadCard, head_file
from lineament.artifacts.predictions import Predictions
from lineament.core.errors import DataError, UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import atomic_file, require_free
from lineament.core.machine import versions
from lineament.core.progress import QUIET, Progress, tracked
from lineament.measure.familiarity import Familiarity
from lineament.measure.recalling import recall
from lineament.models.head_graph import familiarity_of, head_graph, head_of
from lineament.runtime.embedding import embed
from lineament.runtime.laying import HeadEngine, LaidHead, open_backbone
from lineament.training.new_classes import with_rows

LEAST_PHOTOS = 5  # of a new class: of fewer hardly anything is to be learnt
ENOUGH = 20  # photos of an old class; where there are fewer it is recalled as well
MOST_PHOTOS = 200  # of any class: more make it slower and hardly better
RECALLED = 2000  # of all classes together, one each at least
MEASURED_BEFORE = ("validation", "chosen")  # in a run's provenance: figures of another head

FloatArray = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """How validation photos are answered before and after, of some classes.

    Attributes:
        photos: How many there are.
        right_before: How many the head answered rightly.
        right: How many the extended head does.
    """

    photos: int
    right_before: int
    right: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extension:
    """What was done.

    Attributes:
        card: Of the extended head.
        added: By new class, how many photos it was learnt from.
        recalled: The old classes of which too few photos were there.
        old: Validation photos of old classes; ``None`` where there is none.
        new: The same of new ones.
    """

    card: HeadCard
    added: Mapping[str, int]
    recalled: tuple[str, ...]
    old: Judged | None
    new: Judged | None


def extend(
    head: Path,
    dataset: Path | Dataset,
    out: Path,
    *,
    backbone: Path,
    seed: int = 0,
    overwrite: bool = False,
    executor: Executor | None = None,
    progress: Progress = QUIET,
) -> Extension:
    """Add the classes of a dataset that a head does not know.

    Old classes keep their logits; where a new one says more, it takes the answer. Photos of old
    classes in the dataset tell best when it should not.

    Args:
        head: The head's file, which is left as it is.
        dataset: A dataset, or its folder: its train split is learnt from, its validation split
            measures.
        out: The new head's file, ending in ``.head``.
        backbone: A bundle with the backbone that the head was trained on.
        seed: Of what is drawn.
        overwrite: Replace what stands at ``out``.
        executor: Where photos are decoded and embedded; ``None`` is threads of this process.
        progress: Who listens.

    Raises:
        UsageError: ``out`` does not end in ``.head``, or the head knows every class already.
        ArtifactError: The head, the backbone or the dataset is absent or damaged, the backbone is
            another one, or ``out`` is in the way.
        DataError: A new class has fewer than five training photos, or nothing tells what an old
            class looks like.
    """
    if out.suffix != SUFFIX:
        raise UsageError(
            f"A head's name ends in {SUFFIX}, got {out}.", fix=f"Use `--out {out}{SUFFIX}`."
        )
    require_free(out, overwrite=overwrite)
    laid = LaidHead.open(head)
    opened = open_backbone(backbone, {laid.name: laid.card})
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    classes = _all_classes(laid, data)
    samples = _some(data.samples("train"), seed=seed)
    _check_enough(samples, classes[len(laid.card.classes) :])
    data.verify("train", "validation")
    engine, where = opened.engine("auto"), executor or LocalExecutor()

    def embedded(some: Sequence[Sample], task: str) -> FloatArray:
        paths = [data.path(each) for each in some]
        rows = embed(engine, paths, opened.card.preprocessing, executor=where)
        return np.stack(list(tracked(rows, progress, task, len(paths))))

    known = _Known(laid)
    photos, labels = embedded(samples, "features of train"), _labels(samples, classes)
    recalled = known.lacking(labels)
    progress.note("fitting the new classes")
    graph = known.extended(photos, labels, recalled, seed=seed)
    judged = data.splits["validation"]
    answers = None
    if judged:
        answers = _Answers(judged, classes, embedded(judged, "features of validation"), laid, graph)
    decisions = _decisions(laid.card.decisions)
    added = {name: sum(each.class_name == name for each in samples) for name in classes[known.n :]}
    extension = Extension(
        card=dataclasses.replace(laid.card, classes=classes, decisions=decisions, parity={}),
        added=added,
        recalled=tuple(classes[index] for index in recalled),
        old=None if answers is None else answers.judged(is_new=False),
        new=None if answers is None else answers.judged(is_new=True),
    )
    content, card = head_file(
        graph,
        dataclasses.replace(
            extension.card, provenance=_provenance(laid.card, data, extension, seed=seed)
        ),
    )
    with atomic_file(out, overwrite=overwrite) as file:
        file.write(content)
    return dataclasses.replace(extension, card=card)


class _Known:
    """A head as it can be read back."""

    def __init__(self, laid: LaidHead) -> None:
        graph = onnx.load_model_from_string(laid.graph)
        self._laid = laid
        self._head, self._temperature = head_of(graph, name=laid.name)
        self._familiarity: Familiarity | None = familiarity_of(graph)
        self.n = self._head.n_classes

    def lacking(self, labels: NDArray[np.int64]) -> list[int]:
        """Give the old classes that have too few photos.

        Raises:
            DataError: One has none, and the head recalls nothing.
        """
        counts = np.bincount(labels, minlength=self.n)[: self.n]
        names = self._laid.card.classes
        if self._familiarity is None and not counts.all():
            raise DataError(
                f"{self._laid.name} was exported without what it knows of its classes, and the "
                "dataset shows none of them.",
                at=[name for name, count in zip(names, counts, strict=True) if not count],
                fix="Put photos of them into the dataset, or extend a head that was exported "
                "without `--without-unknown`.",
            )
        return [] if self._familiarity is None else np.flatnonzero(counts < ENOUGH).tolist()

    def extended(
        self, photos: FloatArray, labels: NDArray[np.int64], recalled: list[int], *, seed: int
    ) -> bytes:
        """Make the graph of the extended head.

        Args:
            photos: Embeddings ``float32 (N, D)``.
            labels: Their classes, ``int64 (N,)``, new ones from `n` on.
            recalled: Old classes to recall beside their photos.
            seed: Of what is drawn.
        """
        is_new = labels >= self.n
        familiarity, rows, of = self._familiarity, photos, labels
        if familiarity is not None:
            if recalled:
                each = max(1, RECALLED // self.n)
                length = np.linalg.norm(photos, axis=1).mean(dtype=np.float32)
                drawn = recall(familiarity).draw(each, seed=seed).reshape(self.n, each, -1)
                rows = np.concatenate([rows, length * np.concatenate(drawn[recalled])])
                of = np.concatenate([of, np.repeat(recalled, each)])
            familiarity = familiarity.with_classes(photos[is_new], labels[is_new] - self.n)
        head = with_rows(self._head, rows, of, temperature=self._temperature)
        return head_graph(head, temperature=self._temperature, familiarity=familiarity)


class _Answers:
    """What both heads say to validation photos."""

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: tuple[str, ...],
        embeddings: FloatArray,
        laid: LaidHead,
        graph: bytes,
    ) -> None:
        said = HeadEngine(graph, name="the extended head").run(embeddings)
        self._before = laid.engine.run(embeddings)["probabilities"].argmax(axis=1)
        self._n = len(laid.card.classes)
        self.predictions = Predictions(
            samples=tuple(each.filename for each in samples),
            classes=classes,
            probabilities=said["probabilities"],
            logits=said["logits"],
            labels=_labels(samples, classes),
            groups=tuple(each.group for each in samples),
            familiarity=said.get(FAMILIARITY),
        )

    def judged(self, *, is_new: bool) -> Judged | None:
        """Count right answers to photos of new classes, or of old ones."""
        labels = self.predictions.labels
        some = (labels >= self._n) == is_new
        if not some.any():
            return None
        return Judged(
            photos=int(some.sum()),
            right_before=int((self._before == labels)[some].sum()),
            right=int((self.predictions.answers == labels)[some].sum()),
        )


def _all_classes(laid: LaidHead, data: Dataset) -> tuple[str, ...]:
    new = tuple(name for name in data.classes if name not in laid.card.classes)
    if not new:
        raise UsageError(
            f"{laid.name} knows every class of {data.root}: {', '.join(data.classes)}.",
            fix="Name a dataset with a class that is new, or train again on more photos.",
        )
    return (*laid.card.classes, *new)


def _some(samples: Sequence[Sample], *, seed: int) -> list[Sample]:
    """At most `MOST_PHOTOS` of each class, in order."""
    order = np.random.default_rng(seed).permutation(len(samples))
    counts: dict[str, int] = {}
    kept = []
    for place in order:
        name = samples[place].class_name
        counts[name] = counts.get(name, 0) + 1
        if counts[name] <= MOST_PHOTOS:
            kept.append(int(place))
    return [samples[place] for place in sorted(kept)]


def _check_enough(samples: Sequence[Sample], new: Sequence[str]) -> None:
    counts = {name: sum(each.class_name == name for each in samples) for name in new}
    few = [f"{name} ({count})" for name, count in counts.items() if count < LEAST_PHOTOS]
    if few:
        raise DataError(
            f"A new class is learnt from {LEAST_PHOTOS} training photos or more.",
            at=few,
            fix="Add photos, twenty or more, and prepare the dataset again; where they are few, "
            "with `--split 0.8,0.2,0`.",
        )


def _labels(samples: Sequence[Sample], classes: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([classes.index(each.class_name) for each in samples], dtype=np.int64)


def _decisions(before: Decisions | None) -> Decisions | None:
    """Keep what still holds.

    A photo is at least as familiar as before, so no more photos of old classes are called unknown
    than were. The threshold is not chosen again: photos of old classes are mostly those that the
    head was trained on, which are more familiar than others. Of 40 people, a threshold chosen on
    such photos called 16 to 54 % of unseen ones unknown, in place of 6 %.

    What was promised of sets and confidences was promised of fewer classes.
    """
    if before is None:
        return None
    return dataclasses.replace(before, set_threshold=None, confidences={})


def _provenance(
    card: HeadCard, data: Dataset, extension: Extension, *, seed: int
) -> dict[str, object]:
    """What the head's provenance still says, and what was done to it."""
    kept = {key: value for key, value in card.provenance.items() if key not in MEASURED_BEFORE}
    earlier = kept.get("extended", [])
    assert isinstance(earlier, list)  # made here
    step = {
        "head_sha256": card.content_sha256,
        "added": dict(extension.added),
        "recalled": len(extension.recalled),
        "dataset": {"fingerprint": data.fingerprint, "name": data.root.name},
        "seed": seed,
        "old": extension.old and dataclasses.asdict(extension.old),
        "new": extension.new and dataclasses.asdict(extension.new),
        "extended_with": versions(),
    }
    return {**kept, "extended": [*earlier, step]}
