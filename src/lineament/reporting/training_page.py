"""Training page: one self-contained HTML file of how a run was trained, or several compared."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.run import Run
from lineament.core.files import require_free, write_text
from lineament.core.version import __version__
from lineament.reporting.comparison_page import comparison_page
from lineament.reporting.layer_maps import NAMED_LAYERS, heat_map, layer_label, layer_order
from lineament.reporting.layer_outlines import ridged_layers, ridges
from lineament.reporting.numbers import counted, interval_texts
from lineament.reporting.template import render
from lineament.reporting.training_figures import (
    LARGE,
    PURPOSE,
    SMALL,
    Line,
    history_lines,
    line_of,
    lines_figure,
    swatch,
)
from lineament.reporting.trainings import (
    Training,
    fact,
    kept_words,
    read_trainings,
    warnings_of,
)

TEMPLATE = "training.html.j2"
SINGLE = {  # columns that are drawn alone, with the title and the unit
    "learning_rate": ("Learning rate", "of the head"),
    "gradient_norm": ("Gradient", "mean length"),
    "update_ratio": ("Step", "part of the middle layer"),
    "images_per_second": ("Pace", "photos per second"),
}
MAPS: tuple[tuple[str, str, str, Callable[[LayerValues], float | None]], ...] = (
    ("gradients", "gradient", "Gradients: root mean square", lambda row: row.rms),
    ("updates", "parameter", "One step, as a part of the layer", lambda row: row.update_ratio),
    ("parameters", "parameter", "Parameters: root mean square", lambda row: row.rms),
)


def curves(
    runs: Sequence[Path | Run], out: Path, *, overwrite: bool = False
) -> tuple[Training, ...]:
    """Draw how runs were trained, as one page that needs no network and no other file.

    Of one run: loss, accuracy and rate over the epochs, and what the layers did. Of several: their
    validation curves laid over each other, what differs between them, and what each reached.

    Args:
        runs: Runs or their folders, at least one, each once.
        out: The page, an HTML file.
        overwrite: Replace what stands at ``out``.

    Returns:
        What was drawn: one run's training each, in the order given.

    Raises:
        UsageError: There is no run, or one is given twice.
        ArtifactError: One is no run, is damaged, or ``out`` is in the way.
        MissingExtraError: Jinja2, matplotlib or pyarrow is not installed.
    """
    require_free(out, overwrite=overwrite)
    trainings = read_trainings(runs)
    text = training_page(*trainings) if len(trainings) == 1 else comparison_page(trainings)
    write_text(out, text, overwrite=overwrite)
    return trainings


def training_page(training: Training) -> str:
    """Render the page of one run.

    Raises:
        ArtifactError: Its histograms cannot be read.
        MissingExtraError: Jinja2, matplotlib or pyarrow is not installed.
    """
    return render(TEMPLATE, training_values(training), purpose=PURPOSE)


def training_values(training: Training) -> dict[str, object]:
    """Give what the parts of a training's page show; errors as `training_page`."""
    card, layers = training.run.card, training.run.layers()
    is_head = card.mode == "head"
    outlines = _ridges(layers)
    return {
        "version": __version__,
        "name": training.name,
        "lead": _lead(training),
        "about": f"{card.mode} on {fact(card.backbone.get('name'))}, "
        f"weights {fact(card.backbone.get('tag'))}, seed {card.seed}. Trained on "
        f"{fact(card.dataset.get('name'))}, in {counted(len(card.classes), 'class')}.",
        "warnings": warnings_of(training),
        "figures": _figures(training),
        "side_figures": _side_figures(training),
        "rows": [
            [_cell(row.get(column)) for column in _columns(training)] for row in training.history
        ],
        "columns": [column.replace("_", " ") for column in _columns(training)],
        "axis": training.axis,
        "maps": _maps(layers),
        "ridges": outlines,
        "layers": _layers_words(layers, len(outlines), is_head=is_head),
        "facts": [
            ("What was asked for.", _facts(card.recipe)),
            ("What validation chose.", _facts(card.chosen)),
            ("What it cost.", _facts(card.training, without=("warnings",))),
            ("The dataset, as it described itself.", _facts(card.dataset)),
            ("What it began with.", _facts(card.backbone)),
            ("What trained it.", _facts({**card.machine, **card.versions})),
        ],
    }


def _lead(training: Training) -> str:
    kept, accuracy = kept_words(training), training.accuracy
    words = f"Kept: {kept}"
    if training.loss is not None:
        words += f", with a validation loss of {training.loss:.4f}"
    if accuracy is not None:
        value, low, high = interval_texts(accuracy, is_fraction=True)
        words += f"; {value} of {counted(accuracy.n, 'validation photo')} right"
        words += f" (95\u00a0% interval {low} to {high})"
    return words


def _figures(training: Training) -> list[dict[str, object]]:
    """Losses and accuracies; without those that have no values."""
    found = []
    for measure, of in (("loss", "loss (nats)"), ("accuracy", "photos answered rightly")):
        lines = history_lines(training.history, measure, kept=training.kept)
        found.append(_figure(training, measure.capitalize(), of, lines, name=measure))
    return [each for each in found if each["svg"]]


def _side_figures(training: Training) -> list[dict[str, object]]:
    """What is drawn alone, and smaller; without what has no values."""
    found = []
    # Before the first step there is no rate that anything was trained with.
    trained = [row for row in training.history if row.get("train_loss") is not None]
    for column, (title, of) in SINGLE.items():
        lines = (line_of(trained, column, kept=training.kept),)
        if any(y is not None for _, y in lines[0].points):
            found.append(_figure(training, title, of, lines, name=column, size=SMALL))
    return found


def _figure(
    training: Training,
    title: str,
    of: str,
    lines: Sequence[Line],
    *,
    name: str,
    size: tuple[float, float] = LARGE,
) -> dict[str, object]:
    return {
        "title": title,
        "of": of if size == SMALL else "",
        "svg": lines_figure(
            lines,
            name=name,
            over=training.axis.replace("_", " "),
            of=of if size == LARGE else f"{title}, {of}",
            kept=training.kept,
            is_fraction=name == "accuracy",
            may_be_log=name != "learning_rate",  # schedules are known by their shape
            size=size,
        ),
        "legend": [swatch(line) for line in lines] if len(lines) > 1 else [],
        "is_broken": any(line.broken for line in lines),
    }


def _maps(layers: Sequence[LayerValues]) -> list[dict[str, object]]:
    drawn = [
        (
            title,
            heat_map([row for row in layers if row.kind == kind], value, name=name, about=title),
        )
        for name, kind, title, value in MAPS
    ]
    return [{"title": title, "map": each} for title, each in drawn if each is not None]


def _ridges(layers: Sequence[LayerValues]) -> list[dict[str, object]]:
    """A row for each chosen layer: its parameters, its gradients."""
    chosen = ridged_layers([row for row in layers if row.kind == "parameter"])
    found: list[dict[str, object]] = []
    for number, layer in enumerate(chosen):
        own = {
            kind: [row for row in layers if row.layer == layer and row.kind == kind]
            for kind in ("parameter", "gradient")
        }
        found.append(
            {
                "layer": layer_label(layer),
                "drawn": [
                    (
                        f"{kind}s",
                        ridges(rows, name=f"{kind}-{number}", about=f"{kind}s of {layer}"),
                    )
                    for kind, rows in own.items()
                ],
            }
        )
    return found


def _layers_words(layers: Sequence[LayerValues], n_outlined: int, *, is_head: bool) -> str:
    """What is shown of the layers and what is not."""
    if is_head:
        return "Only a head was trained, on frozen features: there are no layers to show."
    if not layers:
        return "This run has no record of its layers."
    n = len(layer_order(layers))
    words = f"{counted(n, 'layer')}, from the input at the top to the output."
    if n > NAMED_LAYERS:
        words += " The maps show each of them and name some."
    if n > n_outlined:
        words += (
            f" The outlines below are of {n_outlined} with many values, spread from input to "
            "output; histograms.parquet holds all."
        )
    return words


def _columns(training: Training) -> list[str]:
    return list(training.history[0]) if training.history else []


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _facts(document: Mapping[str, object], *, without: Sequence[str] = ()) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), fact(value))
        for name, value in document.items()
        if name not in without
    ]
