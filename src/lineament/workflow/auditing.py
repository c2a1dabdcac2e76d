"""Audit: everything that is wrong, alike or suspicious in a source or dataset, on one page."""

import contextlib
import dataclasses
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lineament.artifacts.audit import (
    ALIKE,
    FINDINGS,
    SUSPECT,
    Finding,
    read_audit,
    write_audit,
)
from lineament.artifacts.dataset import DOCUMENT as DATASET
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.origins import origins
from lineament.artifacts.schema import stamp
from lineament.core.config import Config, option
from lineament.core.errors import ImageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.extras import missing_modules, require_all
from lineament.core.files import atomic_folder, require_free
from lineament.core.progress import QUIET, Progress
from lineament.imaging.decode import decode
from lineament.imaging.render import thumbnail_jpeg
from lineament.preparation.build import collect, require_apart
from lineament.preparation.components import components_by_name
from lineament.preparation.config import PrepareConfig
from lineament.preparation.inspection.inspect import names_of
from lineament.preparation.inspection.near import similar_embeddings
from lineament.preparation.journal import Journal
from lineament.preparation.plan import make_plan
from lineament.preparation.sources.opening import open_source
from lineament.reporting.audit_page import audit_page

PAGE = "audit.html"
AUTO, ON, OFF = "auto", "on", "off"
WORK = ".work"


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuditConfig(Config):
    """What `audit` can be told."""

    check_labels: str = option(
        AUTO,
        help="whether likely wrong labels are looked for, with a head on a frozen backbone; `auto` "
        "does if the extra `train` is installed",
        choices=(AUTO, ON, OFF),
    )
    embeddings: bool = option(
        False, help="whether photos with nearly the same embedding are named: the same scene"
    )
    similarity: float = option(
        0.95, help="cosine of two embeddings from which photos are alike", minimum=0, maximum=1
    )
    seed: int = option(0, help="of the folds in which labels are checked", minimum=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        findings: Every line of ``audit.csv``.
        document: What ``audit.json`` says.
    """

    findings: tuple[Finding, ...]
    document: Mapping[str, object]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Subject:
    """Photos that were inspected, wherever they came from.

    Attributes:
        names: Their names in the source.
        paths: Their files.
        classes: Their classes; empty texts for none.
        units: Which belong together, by number.
        findings: What was found so far.
        document: What ``audit.json`` says so far.
    """

    names: Sequence[str]
    paths: Sequence[Path]
    classes: Sequence[str]
    units: Sequence[int]
    findings: Sequence[Finding]
    document: Mapping[str, object]


def audit(
    source: Path | str,
    out: Path,
    *,
    config: AuditConfig | None = None,
    preparation: PrepareConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Audit:
    """Audit a source before it is prepared, or a dataset after.

    Args:
        source: As for `prepare`; or a dataset, whose own audit is taken up.
        out: The audit's folder: ``audit.csv``, ``audit.json`` and ``audit.html``.
        config: What to look for.
        preparation: How a source is read; not used for a dataset.
        overwrite: Replace an audit that stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded and run; ``None`` is one thread per core.

    Raises:
        UsageError: The source is absent or nothing that can be read, or lies in or around ``out``.
        DataError: The source holds nothing that can be used.
        ArtifactError: ``out`` is in the way, or the dataset is damaged.
        MissingExtraError: What draws the page, or checks labels if that is asked for, is not
            installed.
    """
    settings = config or AuditConfig()
    require_all("report", purpose="An audit's page")
    if settings.embeddings or settings.check_labels == ON:
        require_all("train", purpose="Checking labels")
    require_apart(Path(source), out)
    # by its page: a dataset, which holds an audit too, is not to be replaced by one
    require_free(out, overwrite=overwrite, marker=PAGE)
    where = executor or LocalExecutor()
    with atomic_folder(out, overwrite=overwrite, marker=PAGE) as folder:
        if (Path(source) / DATASET).is_file():
            subject = _of_dataset(Path(source))
        else:
            reading = dataclasses.replace(preparation or PrepareConfig(), unreadable="skip")
            subject = _of_source(str(source), folder / WORK, reading, executor, progress)
        findings, document = _with_model(subject, settings, where, progress)
        paths = dict(zip(subject.names, subject.paths, strict=True))

        def thumbnail(name: str) -> bytes | None:
            try:
                return thumbnail_jpeg(decode(paths[name])) if name in paths else None
            except ImageError:
                return None

        write_audit(folder, findings, document)
        class_of = dict(zip(subject.names, subject.classes, strict=True))
        text = audit_page(findings, {**document, "class_of": class_of}, thumbnail=thumbnail)
        (folder / PAGE).write_text(text, encoding="utf-8")
        shutil.rmtree(folder / WORK, ignore_errors=True)
    return Audit(findings=tuple(findings), document=document)


def _of_source(
    source: str,
    folder: Path,
    config: PrepareConfig,
    executor: Executor | None,
    progress: Progress,
) -> _Subject:
    opened = open_source(source, config.options())
    plan = make_plan(opened, config, progress=progress, divided=False)
    folder.mkdir()
    with contextlib.closing(Journal(folder)) as journal:
        found = collect(
            opened, plan, folder, journal, config=config, progress=progress, executor=executor
        )
    duplicates = names_of(found.inspection.duplicates)
    near = names_of(found.inspection.near_sets)
    names = [photo.relative for photo in found.photos]
    return _Subject(
        names=names,
        paths=[folder / photo.filename for photo in found.photos],
        classes=[photo.class_name for photo in found.photos],
        units=_units(
            [(plan.groups[name], duplicates.get(name, ""), near.get(name, "")) for name in names]
        ),
        findings=found.findings,
        document=found.document,
    )


def _of_dataset(root: Path) -> _Subject:
    dataset = Dataset.open(root)
    dataset.verify()
    findings, document = read_audit(root)
    samples = {sample.filename: sample for split in dataset.splits.values() for sample in split}
    rows = origins(root)
    own = {key: value for key, value in document.items() if key not in stamp("", 0)}
    return _Subject(
        names=[row.source for row in rows],
        paths=[root / row.filename for row in rows],
        classes=[samples[row.filename].class_name for row in rows],
        units=_units(
            [(samples[row.filename].group, row.duplicate_set, row.near_set) for row in rows]
        ),
        findings=findings,
        document=own,
    )


def _units(ties: Sequence[tuple[str, ...]]) -> list[int]:
    """Number the photos that a group or a set ties to each other."""
    return components_by_name(
        [[(kind, name) for kind, name in enumerate(names) if name] for names in ties]
    )


def _with_model(
    subject: _Subject, settings: AuditConfig, executor: Executor, progress: Progress
) -> tuple[list[Finding], dict[str, object]]:
    """Add what a frozen backbone sees: wrong labels, and photos of the same scene."""
    why = _why_unchecked(subject, settings)
    findings, labels = list(subject.findings), {"checked": False, "why": why}
    if not why or settings.embeddings:
        from lineament.training.features import default_features

        features, backbone = default_features(subject.paths, executor=executor, progress=progress)
        if settings.embeddings:
            findings += _alike(subject, features, settings.similarity, progress)
        if not why:
            suspects, accuracy = _suspects(subject, features, settings.seed, progress)
            findings += suspects
            labels = {
                "checked": True,
                "backbone": backbone,
                "accuracy": accuracy,
                "n_suspects": len(suspects),
            }
    order = {kind: place for place, kind in enumerate(FINDINGS)}
    findings.sort(key=lambda each: order[each.kind])  # stable: within a kind as they were found
    counted = Counter(finding.kind for finding in findings)
    return findings, {
        **subject.document,
        "counts": {kind: counted[kind] for kind in FINDINGS},
        "labels": labels,
    }


def _why_unchecked(subject: _Subject, settings: AuditConfig) -> str:
    """Why labels are not checked; empty if they are."""
    if settings.check_labels == OFF:
        return "it was switched off"
    if not any(subject.classes):
        return "the photos have no labels"
    missing = missing_modules("train")
    if missing:
        return (
            f"{', '.join(missing)} are not installed; install with `pip install 'lineament[train]'`"
        )
    return ""


def _suspects(
    subject: _Subject, features: NDArray[np.float32], seed: int, progress: Progress
) -> tuple[list[Finding], float]:
    """Likely wrong labels, worst first, and how often the out-of-sample answer is the label."""
    from lineament.training.crossfit import out_of_sample_probabilities
    from lineament.training.suspects import label_suspects

    names = sorted(set(subject.classes))
    labels = np.asarray([names.index(name) for name in subject.classes], dtype=np.int64)
    probabilities = out_of_sample_probabilities(
        features,
        labels,
        np.asarray(subject.units, dtype=np.int64),
        n_classes=len(names),
        seed=seed,
        progress=progress,
    )
    found = [
        Finding(
            filename=subject.names[each.index],
            kind=SUSPECT,
            partner=names[each.suggested],
            score=each.score,
        )
        for each in label_suspects(probabilities, labels)
    ]
    answered = ~np.isnan(probabilities).any(axis=1)  # NaN: the head never saw the photo's class
    right = probabilities[answered].argmax(axis=1) == labels[answered]
    return found, float(right.mean()) if len(right) else 0.0


def _alike(
    subject: _Subject, features: NDArray[np.float32], similarity: float, progress: Progress
) -> list[Finding]:
    """Photos with nearly the same embedding that are not tied by anything yet."""
    return [
        Finding(
            filename=subject.names[pair.first],
            kind=ALIKE,
            partner=subject.names[pair.second],
            score=pair.score,
        )
        for pair in similar_embeddings(features, threshold=similarity, progress=progress)
        if subject.units[pair.first] != subject.units[pair.second]
    ]
