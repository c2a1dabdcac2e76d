"""Asking: what answers photos, a bundle or run alone, or heads laid on a bundle."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from lineament.artifacts.head import SUFFIX
from lineament.core.errors import UsageError
from lineament.core.files import sha256_file
from lineament.runtime.answers import Answer
from lineament.runtime.headed import HeadedPredictor
from lineament.runtime.predictor import Image, Predictor

Answers: TypeAlias = tuple[Answer, ...]  # to one photo, one per head; of a bundle one
Ask: TypeAlias = Callable[[Iterable[Image], int], Iterator[Answers]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What answers photos.

    Attributes:
        ask: Answers photos, of which there are so many, in order.
        title: What computes so many.
        classes: Class names, by head.
        unknown_thresholds: By head, the least familiarity of what is known; ``None`` where all is.
        heads: Names of the heads; none where there is one answer, which needs no name.
        mark: What tells it from another model.
        predictor: The bundle's or run's own; ``None`` of heads.
    """

    ask: Ask
    title: Callable[[int], str]
    classes: tuple[tuple[str, ...], ...]
    unknown_thresholds: tuple[float | None, ...]
    heads: tuple[str, ...] = ()
    mark: str
    predictor: Predictor | None = None

    @property
    def fewest_classes(self) -> int:
        """How many classes each head tells apart at least."""
        return min(map(len, self.classes))

    def described(self) -> dict[str, object]:
        """The classes, for ``--json``: by name where several heads answer."""
        if self.heads:
            return {"classes": dict(zip(self.heads, map(list, self.classes), strict=True))}
        return {"classes": list(self.classes[0])}


def split_heads(model: Path, paths: tuple[str, ...]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Tell leading names of heads from names of photos; of a bundle there are no heads."""
    if model.suffix != SUFFIX:
        return (), paths
    n_heads = 0
    while n_heads < len(paths) and Path(paths[n_heads]).suffix == SUFFIX:
        n_heads += 1
    return (model, *map(Path, paths[:n_heads])), paths[n_heads:]


def open_asked(
    model: Path,
    heads: tuple[Path, ...],
    backbone: Path | None,
    *,
    engine: str,
    threads: int | None,
) -> Asked:
    """Open what was named.

    Args:
        model: A bundle or run, where there are no heads.
        heads: Files of heads.
        backbone: What they are laid on.
        engine: What computes.
        threads: Photos at once; ``None`` is one per core.

    Raises:
        UsageError: A head without a backbone, a backbone without a head, or two heads of one name.
        ArtifactError: A file is absent, damaged, or a head of another backbone.
        GateError: The engine answers otherwise than was proved.
        MissingExtraError: The engine is not installed.
    """
    if not heads:
        if backbone is not None:
            raise UsageError(
                f"`--backbone` is for heads, and {model} is none.",
                fix=f"Name `.head` files first, or leave out `--backbone {backbone}`.",
            )
        return _of_bundle(Predictor(model, engine=engine, threads=threads), _mark(model))
    if backbone is None:
        raise UsageError(
            f"{heads[0]} is a head: without a backbone it sees no photo.",
            fix="Add `--backbone BUNDLE`, a bundle with the backbone that it was trained on.",
        )
    names = tuple(head.stem for head in heads)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(
            f"Two heads are called {twice[0]}, and their answers could not be told apart.",
            fix="Rename one of the files.",
        )
    predictor = HeadedPredictor(heads, backbone, engine=engine, threads=threads)
    return Asked(
        ask=lambda photos, _: predictor.predict(photos),
        title=lambda _: predictor.engine.title,
        classes=tuple(head.card.classes for head in predictor.heads),
        unknown_thresholds=tuple(head.unknown_threshold for head in predictor.heads),
        heads=names if len(names) > 1 else (),
        mark=" ".join(_mark(each) for each in (*heads, backbone)),
    )


def _of_bundle(predictor: Predictor, mark: str) -> Asked:
    def ask(photos: Iterable[Image], count: int) -> Iterator[Answers]:
        # All of them choose the engine: what goes on is answered as what went before.
        return ((answer,) for answer in predictor.predict(photos, count=count))

    return Asked(
        ask=ask,
        title=lambda count: predictor.engine_for(count).title,
        classes=(predictor.classes,),
        unknown_thresholds=(predictor.unknown_threshold,),
        mark=mark,
        predictor=predictor,
    )


def _mark(model: Path) -> str:
    return sha256_file(model / "run.json" if model.is_dir() else model)
