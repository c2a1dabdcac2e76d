"""Explain: photos in, the same photos out with what spoke for the answer laid over them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lineament.artifacts.schema import stamp
from lineament.artifacts.table import printable
from lineament.core.config import Config, option
from lineament.core.errors import DataError, ImageError, UsageError
from lineament.core.files import atomic_folder, json_text, require_free
from lineament.core.progress import QUIET, Progress, tracked
from lineament.core.suggest import did_you_mean
from lineament.explanation.maps import MapMaker
from lineament.explanation.methods import CLASS_ACTIVATION, METHODS, method_of
from lineament.imaging.decode import decode, encode_jpeg
from lineament.imaging.render import heated
from lineament.runtime.predictor import Predictor
from lineament.runtime.sources import photo_files

DOCUMENT = "explanations.json"
KIND = "explanations"
SCHEMA_VERSION = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExplainConfig(Config):
    """What `explain` can be told."""

    of_class: str | None = option(
        None, help="the class whose evidence is shown; none given: each photo's answer"
    )
    method: str = option(CLASS_ACTIVATION, help="how the map is made", choices=METHODS)
    strength: float = option(
        0.55, help="how much of the photo the strongest evidence covers", minimum=0.0, maximum=1.0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained:
    """One explained photo.

    Attributes:
        source: The photo as it was given.
        overlay: The picture's name in the output folder.
        answer: The most probable class.
        confidence: Its probability.
        shown_class: The class whose evidence is shown.
    """

    source: str
    overlay: str
    answer: str
    confidence: float
    shown_class: str


def explain(
    model: Path,
    images: Sequence[Path],
    out: Path,
    *,
    config: ExplainConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
) -> list[Explained]:
    """Lay maps of what spoke for a class over photos; needs no torch for its own methods.

    The class activation map is exact for these models: its mean over the grid is the class's logit.
    Colours run from the photo's weakest to its strongest evidence and say nothing about another
    photo's.

    Args:
        model: A bundle or a run.
        images: Photos, and folders of photos.
        out: The folder of overlays and ``explanations.json``, made whole or not at all.
        config: Which class, and how strong.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.

    Returns:
        One explanation per photo, in order.

    Raises:
        ArtifactError: The model is absent or damaged, or ``out`` is in the way.
        DataError: Photos cannot be read (all of them are named and nothing is written), or a
            folder holds none.
        UsageError: There is no photo, no class of that name, or the method does not fit the model.
        MissingExtraError: What the method needs is not installed.
    """
    settings = config or ExplainConfig()
    photos = photo_files(images)
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    predictor = Predictor(model)
    if settings.of_class is not None and settings.of_class not in predictor.classes:
        raise UsageError(
            f"The model has no class `{settings.of_class}`."
            f"{did_you_mean(settings.of_class, predictor.classes)}",
            fix=f"Its classes are {', '.join(predictor.classes)}.",
        )
    maker = method_of(settings.method, predictor, model)
    explained, unreadable = [], []
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        for number, path in enumerate(tracked(photos, progress, "explaining", len(photos))):
            try:
                explained.append(_explain_one(predictor, maker, path, folder, number, settings))
            except ImageError as error:
                unreadable.append(f"{printable(str(path))} ({error.what})")
        if unreadable:
            raise DataError(
                f"{len(unreadable)} of {len(photos)} images cannot be read; nothing was written.",
                at=unreadable,
                fix="Repair them or leave them out.",
            )
        document = {
            **stamp(KIND, SCHEMA_VERSION),
            "model": str(model),
            "method": maker.title,
            "explanations": [dataclasses.asdict(each) for each in explained],
        }
        (folder / DOCUMENT).write_text(json_text(document), encoding="utf-8")
    return explained


def _explain_one(
    predictor: Predictor,
    maker: MapMaker,
    path: Path,
    folder: Path,
    number: int,
    settings: ExplainConfig,
) -> Explained:
    image = decode(path, short_side_px=predictor.preprocessing.needed_short_side_px)
    probabilities = predictor.predict_image(image)
    answer = int(np.argmax(probabilities))
    shown = predictor.classes.index(settings.of_class) if settings.of_class else answer
    picture = heated(
        image, maker(image, shown), predictor.preprocessing, strength=settings.strength
    )
    # The number keeps photos of the same name apart.
    name = f"{number:04d}-{printable(path.stem)[:60]}.jpg"
    (folder / name).write_bytes(encode_jpeg(picture))
    return Explained(
        source=printable(str(path)),
        overlay=name,
        answer=predictor.classes[answer],
        confidence=float(probabilities[answer]),
        shown_class=predictor.classes[shown],
    )
