"""``lineament card BUNDLE``."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineament.cli import flags
from lineament.cli.console import Console, next_command

if TYPE_CHECKING:
    from lineament.artifacts.bundle import BundleCard
    from lineament.artifacts.head import HeadCard

SHOWN_CLASSES = 20  # more are counted
LABEL_COLUMNS = 13


@click.command()
@click.argument("bundle", type=flags.PATH)
@flags.common
def command(bundle: Path, as_json: bool) -> None:
    """Say what BUNDLE is, from what data, how good, and under which licence its weights stand.

    Reads the file alone: no engine is started. `--json` gives the whole card but the golden photos.
    A head alone (`FILE.head`) and a TorchScript (`FILE.pt`) have a card as well.
    """
    from lineament.artifacts.bundle import read_bundle, read_card
    from lineament.artifacts.head import SUFFIX, read_head
    from lineament.artifacts.onnx_file import read_model
    from lineament.artifacts.torchscript_card import torchscript_metadata

    if bundle.suffix == SUFFIX:
        _, head = read_head(bundle)
        document, facts = head.as_dict(), _head_facts(head)
        following = next_command("predict", bundle, "--backbone", "BUNDLE", "PHOTO...")
    else:
        scripted = torchscript_metadata(read_model(bundle))
        card = read_card(scripted, name=str(bundle)) if scripted else read_bundle(bundle)[1]
        document, facts = card.without_photos(), _facts(card)
        following = "load it with libtorch" if scripted else next_command("verify", bundle)
    lines = [f"{bundle} ({bundle.stat().st_size / 1e6:.1f} MB)"]
    lines += [f"{label:{LABEL_COLUMNS}}{text}" for label, text in facts]
    Console(as_json=as_json).result(document, "\n".join(lines), following=following)


def _facts(card: "BundleCard") -> Iterator[tuple[str, str]]:
    yield "classes", _listed(card.classes)
    yield from _made_of(card.provenance)
    spec = card.preprocessing
    yield (
        "input",
        f"photos of any size, seen at {spec.size_px} px ({spec.fit}, {spec.interpolation})",
    )
    yield "test", _test_text(card)
    for warning in card.tested.warnings if card.tested is not None else ():
        yield "beware", warning
    yield "validation", _validation_text(_mapping(card.provenance.get("validation")))
    if card.precision is not None:
        found = card.precision
        yield (
            "precision",
            f"{found.arithmetic}: accuracy {100 * found.accuracy:.2f} % on {found.photos:,} "
            f"validation photos, {100 * found.exact_accuracy:.2f} % in float32, same answer for "
            f"{100 * found.agreement:.2f} %",
        )
    yield "unknown", _unknown_text(card.unknown_threshold)
    yield "proved", _proved_text(card)
    yield "made by", _made_by_text(card.provenance)


def _head_facts(card: "HeadCard") -> Iterator[tuple[str, str]]:
    yield "classes", _listed(card.classes)
    yield "laid on", f"a bundle whose backbone has sha256 {card.backbone_sha256}"
    yield from _made_of(card.provenance)
    steps = card.provenance.get("extended")
    for step in steps if isinstance(steps, list) else []:
        yield "extended", _extended_text(_mapping(step))
    yield "validation", _validation_text(_mapping(card.provenance.get("validation")))
    yield "unknown", _unknown_text(card.unknown_threshold)
    yield "made by", _made_by_text(card.provenance)


def _made_of(stated: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    backbone = _mapping(stated.get("backbone"))
    weights = backbone.get("tag") or backbone.get("weights", "unknown")
    yield "backbone", f"{backbone.get('name', 'unknown')}, weights {weights}"
    yield "licence", f"{backbone.get('licence') or 'not stated'} (of the backbone's weights)"
    dataset = _mapping(stated.get("dataset"))
    yield "trained on", _dataset_text(dataset)
    recipe = f"mode {stated.get('mode', 'unknown')}, seed {stated.get('seed', 'unknown')}"
    yield "training", recipe + (", mirrored view" if stated.get("mirrored_view") else "")


def _unknown_text(threshold: float | None) -> str:
    return "never said" if threshold is None else f"said where familiarity is below {threshold:.3f}"


def _made_by_text(stated: Mapping[str, object]) -> str:
    versions = _mapping(stated.get("exported_with"))
    return f"Lineament {versions.get('lineament', 'unknown')}"


def _extended_text(step: Mapping[str, object]) -> str:
    added = ", ".join(f"{name} ({count} photos)" for name, count in _mapping(step["added"]).items())
    judged = [
        f"{found['right']} of {found['photos']} validation photos of {which} classes right "
        f"(before: {found['right_before']})"
        for which in ("old", "new")
        if (found := _mapping(step.get(which)))
    ]
    return "; ".join(
        [f"by {added}", *(judged or ["no validation photos, so nothing was measured"])]
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_CLASSES])
    hidden = len(names) - SHOWN_CLASSES
    return f"{len(names)}: {shown}" + (f" and {hidden:,} more" if hidden > 0 else "")


def _dataset_text(dataset: Mapping[str, object]) -> str:
    counts = _mapping(dataset.get("photos"))
    shown = ", ".join(
        f"{split} {count}" for split, count in counts.items() if isinstance(count, int)
    )
    mark = str(dataset.get("fingerprint", "unknown"))[:16]
    name, photos = dataset.get("name", "a dataset"), shown or "counts not stated"
    return f"{name} ({photos}; fingerprint {mark}...)"


def _validation_text(found: Mapping[str, object]) -> str:
    accuracy = _mapping(found.get("accuracy"))
    if not accuracy:
        return "not stated"
    value, low, high = (100 * float(str(accuracy[key])) for key in ("value", "low", "high"))
    return (
        f"accuracy {value:.2f} % ({low:.2f} to {high:.2f}) on the {found.get('photos')} photos "
        "that chose the model"
    )


def _test_text(card: "BundleCard") -> str:
    found = card.tested
    if found is None:
        return "not stated; measure it with `lineament evaluate`, state it with `export --report`"
    own = _mapping(card.provenance.get("dataset")).get("fingerprint") == found.fingerprint
    where = (
        "the dataset's own test split"
        if own
        else f"the dataset {found.dataset} (fingerprint {found.fingerprint[:16]}...)"
    )
    accuracy = found.headline.get("accuracy")
    value = (
        f"accuracy {100 * accuracy.value:.2f} % ({100 * accuracy.low:.2f} to "
        f"{100 * accuracy.high:.2f})"
        if accuracy is not None
        else f"{found.right:,} right"
    )
    looks = found.evaluations
    times = f", looked at {_times(looks)}" if looks is not None else ""
    return f"{value} on {found.photos:,} photos of {where}{times}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _proved_text(card: "BundleCard") -> str:
    engines = _mapping(card.parity.get("engines"))
    largest = card.parity.get("largest_difference", 0.0)
    found = [
        f"{title} {float(str(_mapping(stated).get('largest_difference'))):.1e}"
        for title, stated in engines.items()
    ] or [f"ONNX Runtime {float(str(largest)):.1e}"]
    against = card.parity.get("against")
    return f"{len(card.golden)} golden photos, against {against}: {', '.join(found)}"


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
