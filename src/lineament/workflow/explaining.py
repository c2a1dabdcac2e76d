"""Explain a dataset: where a model looks on the photos of a split, and how far that is believed."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.dataset import SPLITS, Dataset, decode_photo
from lineament.artifacts.explanation import DOCUMENT, Explanation, write_explanation
from lineament.artifacts.findings.sanity import SanityCheck
from lineament.artifacts.predictions import Predictions
from lineament.artifacts.run import GRAPH, Run
from lineament.core.config import Config, option
from lineament.core.errors import UsageError
from lineament.core.executor import Executor
from lineament.core.extras import require_all
from lineament.core.files import atomic_folder, require_free, sha256_file
from lineament.core.progress import QUIET, Progress
from lineament.evaluation.stating import environment
from lineament.explanation.faithfulness import faithfulness
from lineament.explanation.galleries import choose, draw
from lineament.explanation.hiding import hiding
from lineament.explanation.localising import localisation
from lineament.explanation.maps import MapMaker
from lineament.explanation.methods import CLASS_ACTIVATION, METHODS, method_of
from lineament.explanation.regions import Region, read_regions
from lineament.measure.intervals import known_groups
from lineament.reporting.explanation_page import explanation_page
from lineament.runtime.predictor import Predictor
from lineament.workflow.spoiling import draw as drawn_evenly


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExplainDatasetConfig(Config):
    """What `explain` can be told of a dataset."""

    split: str = option("test", help="whose photos are shown", choices=SPLITS)
    method: str = option(
        CLASS_ACTIVATION, help="how the maps that are shown are made", choices=METHODS
    )
    beside: tuple[str, ...] = option(
        (), help="further methods whose faithfulness is measured beside it"
    )
    surest: int = option(12, help="how many of the most confident mistakes are shown", minimum=0)
    borderline: int = option(8, help="how many photos between two classes are shown", minimum=0)
    per_class: int = option(
        3, help="how many right and how many wrong photos of each class are shown", minimum=0
    )
    most_classes: int = option(
        20, help="of how many classes, those with the lowest recall first", minimum=0
    )
    faithfulness: int = option(
        48,
        help="on how many photos it is measured whether maps are faithful; 0 for none",
        minimum=0,
    )
    hiding: int = option(
        500, help="of how many photos centre and background are hidden; 0 for none", minimum=0
    )
    regions: str | None = option(
        None, help="a table of boxes or a folder of masks: how much of the maps lies inside"
    )
    sanity: int = option(
        0, help="on how many photos weights are made random (needs torch); 0 for none", minimum=0
    )
    seed: int = option(0, help="of every choice by chance", minimum=0)

    def __post_init__(self) -> None:
        """Check the names of methods.

        Raises:
            UsageError: One is none, or is named twice.
        """
        super().__post_init__()
        names = (self.method, *self.beside)
        for name in self.beside:
            if name not in METHODS or names.count(name) > 1:
                raise UsageError(
                    f"`beside` must name other methods than `method`, each once; got `{name}`.",
                    fix=f"The methods are {', '.join(METHODS)}.",
                )


def explain_dataset(
    model: Path,
    dataset: Path | Dataset,
    out: Path,
    *,
    config: ExplainDatasetConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Explanation:
    """Show where a model looks on a dataset's photos, and measure how far that can be believed.

    Args:
        model: A run or a bundle; gradients and sanity need a run.
        dataset: A dataset, or its folder.
        out: The explanation's folder, made whole or not at all.
        config: Which photos, which method, what is measured.
        overwrite: Replace what stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Returns:
        Every figure of the page.

    Raises:
        ArtifactError: Model or dataset is absent or damaged, or ``out`` is in the way.
        DataError: The split is empty, has classes that the model does not know, or a photo cannot
            be read.
        UsageError: A method does not fit the model.
        MissingExtraError: What draws the page, or a method, is not installed.
    """
    settings = config or ExplainDatasetConfig()
    require_all("report", purpose="An explanation's page")
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    predictor = Predictor(model, executor=executor)
    data = dataset if isinstance(dataset, Dataset) else Dataset.open(dataset)
    data.samples(settings.split)  # an empty split is said before its photos are looked for
    looker = Looker(predictor, model, data, settings)  # as is a method that does not fit
    data.verify(settings.split)
    predictions = predictor.predict_split(data, settings.split, progress=progress)
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        return looker.explain(predictions, folder, progress=progress)


class Looker:
    """What explains a model on a dataset, with everything that can be refused refused at once.

    Args:
        predictor: The opened model.
        model: Its run or bundle.
        data: The dataset.
        settings: Which photos, which method, what is measured.

    Raises:
        UsageError: A method does not fit the model.
        DataError: The regions cannot be read.
        MissingExtraError: What a method needs is not installed.
    """

    def __init__(
        self, predictor: Predictor, model: Path, data: Dataset, settings: ExplainDatasetConfig
    ) -> None:
        self.predictor, self.model, self.data, self.settings = predictor, model, data, settings
        if settings.sanity and not model.is_dir():
            raise UsageError(
                f"`sanity` makes the weights of a network random, and {model} is a bundle.",
                fix="Name the run that it was exported from.",
            )
        names = (settings.method, *settings.beside)
        self.makers: tuple[MapMaker, ...] = tuple(
            method_of(name, predictor, model) for name in names
        )
        self.regions: dict[str, Region] = {}
        if settings.regions is not None:
            samples = [each.filename for each in data.samples(settings.split)]
            self.regions = read_regions(
                Path(settings.regions), [(sample, data.root / sample) for sample in samples]
            )

    def explain(
        self, predictions: Predictions, folder: Path, *, progress: Progress = QUIET
    ) -> Explanation:
        """Write the explanation of answers into a folder.

        Args:
            predictions: The model's answers to the split.
            folder: An empty folder, usually the partial one of an atomic write.
            progress: Who listens.

        Raises:
            DataError: A photo cannot be read.
        """
        settings, predictor, data = self.settings, self.predictor, self.data
        choices = choose(
            predictions,
            surest=settings.surest,
            borderline=settings.borderline,
            per_class=settings.per_class,
            most_classes=settings.most_classes,
        )
        galleries = draw(
            choices,
            predictions,
            self.makers[0],
            folder,
            root=data.root,
            preprocessing=predictor.preprocessing,
            progress=progress,
        )
        stated = predictor.provenance.get("graph_sha256")
        graph = stated or sha256_file(self.model / GRAPH if self.model.is_dir() else self.model)
        explanation = Explanation(
            subject={"path": str(self.model), "graph_sha256": graph},
            dataset={"path": str(data.root), "fingerprint": data.fingerprint},
            split=settings.split,
            classes=predictor.classes,
            n_images=len(predictions.samples),
            method=self.makers[0].title,
            galleries=galleries,
            seed=settings.seed,
            environment=environment(),
        )
        explanation = self._measured(explanation, predictions, progress)
        page = explanation_page(explanation, photo=lambda name: (folder / name).read_bytes())
        write_explanation(folder, explanation, page=page)
        return explanation

    def _measured(
        self, explanation: Explanation, predictions: Predictions, progress: Progress
    ) -> Explanation:
        """Add what was asked for; each takes the first photos of one order."""
        settings, predictor = self.settings, self.predictor
        order = self._order(predictions)
        if settings.faithfulness:
            rows = order[: settings.faithfulness]
            faithful = faithfulness(
                predictor,
                self.makers,
                self._photos(predictions, rows, predictions.answers),
                units=_units(predictions, rows),
                seed=settings.seed,
                progress=progress,
            )
            explanation = dataclasses.replace(explanation, faithfulness=faithful)
        if settings.regions is not None:
            rows = [row for row in order if predictions.samples[row] in self.regions]
            localised = localisation(
                predictor,
                self.makers,
                self._photos(predictions, rows, predictions.answers),
                [self.regions[predictions.samples[row]] for row in rows],
                region=Path(settings.regions).name,
                units=_units(predictions, rows),
                progress=progress,
            )
            explanation = dataclasses.replace(explanation, localisation=localised)
        if settings.hiding:
            rows = order[: settings.hiding]
            hidden = hiding(
                predictor,
                self._photos(predictions, rows, predictions.labels),
                units=_units(predictions, rows),
                progress=progress,
            )
            explanation = dataclasses.replace(explanation, hiding=hidden)
        if settings.sanity:
            asked = self._photos(predictions, order[: settings.sanity], predictions.answers)
            try:
                checked = self._sanity(asked, progress)
            except UsageError as error:  # maps of one cell have no order; the rest is worth keeping
                progress.note(f"Random weights were not tried: {error.what}")
            else:
                explanation = dataclasses.replace(explanation, sanity=checked)
        return explanation

    def _sanity(
        self, photos: Sequence[tuple[Path, int]], progress: Progress
    ) -> tuple[SanityCheck, ...]:
        """Of the gradient methods; a class activation map is asked as the Grad-CAM that it is."""
        require_all("train", purpose="The check with random weights")
        from lineament.explanation.gradients import GradCam, GradCamPlusPlus, classifier_of
        from lineament.explanation.sanity import check_sanity

        kinds = {"grad-cam": GradCam, "grad-cam++": GradCamPlusPlus, CLASS_ACTIVATION: GradCam}
        names = (self.settings.method, *self.settings.beside)
        asked = dict.fromkeys(kinds[name] for name in names if name in kinds) or {GradCam: None}
        needed = self.predictor.preprocessing.needed_short_side_px
        images = [decode_photo(path, short_side_px=needed) for path, _ in photos]
        classifier = classifier_of(Run.open(self.model))
        return tuple(
            check_sanity(
                classifier,
                # Cut off at none, a map of a photo that speaks against the class has no order.
                functools.partial(kind, rectified=False),
                images,
                [class_index for _, class_index in photos],
                seed=self.settings.seed,
                progress=progress,
            )
            for kind in asked
        )

    def _order(self, predictions: Predictions) -> list[int]:
        """All photos, one of each true class in turn, in an order that only names decide."""
        place = {name: row for row, name in enumerate(predictions.samples)}
        samples = self.data.samples(self.settings.split)
        drawn = drawn_evenly(samples, len(samples), seed=self.settings.seed)
        return [place[each.filename] for each in drawn]

    def _photos(
        self, predictions: Predictions, rows: Sequence[int], classes: NDArray[np.int64]
    ) -> list[tuple[Path, int]]:
        """Files of photos, each with its class."""
        return [(self.data.root / predictions.samples[row], int(classes[row])) for row in rows]


def _units(predictions: Predictions, rows: Sequence[int]) -> list[int] | None:
    return known_groups([predictions.groups[row] for row in rows])
