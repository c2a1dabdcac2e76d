"""Build a dataset from a source of photos: the verb `prepare`."""

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import __version__ as pillow_version

from lineament.artifacts.audit import Finding, write_audit
from lineament.artifacts.dataset import DOCUMENT, SPLITS, UNLABELLED, Dataset, Sample, write_dataset
from lineament.artifacts.ledger import keep_ledger
from lineament.artifacts.origins import Origin, Rejected
from lineament.artifacts.table import printable
from lineament.core.errors import UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import atomic_folder, require_free
from lineament.core.progress import QUIET, Progress
from lineament.core.version import __version__
from lineament.core.workers import ProcessExecutor
from lineament.preparation.account import (
    check_results,
    count_files,
    duplicates_document,
    note_findings,
    split_document,
)
from lineament.preparation.config import PrepareConfig
from lineament.preparation.datasheet import DATASHEET, datasheet
from lineament.preparation.dividing import Division, divide_photos
from lineament.preparation.division.grouping import Member
from lineament.preparation.inspection.inspect import (
    Inspection,
    audit_document,
    inspect_photos,
    names_of,
)
from lineament.preparation.journal import Journal
from lineament.preparation.photo import Photo
from lineament.preparation.plan import Plan, make_plan
from lineament.preparation.reading import (
    leave_out,
    read_photos,
    require_every_class,
    require_readable,
)
from lineament.preparation.sources.collection import open_labelled
from lineament.preparation.sources.listing import Rejection, Source
from lineament.preparation.sources.opening import open_source

MANY = 200  # photos, from which starting processes costs less than they bring

__all__ = ["Collected", "PrepareConfig", "collect", "executor_for", "prepare"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collected:
    """A source that was read and inspected, and not yet divided.

    Attributes:
        plan: What was to be done.
        photos: The photos, in order of their names; their files are in the folder.
        unreadable: The files that are not photos after all.
        inspection: What was found in the photos.
        findings: The same, and the unreadable files, as lines of an audit.
        document: What ``audit.json`` says.
    """

    plan: Plan
    photos: Sequence[Photo]
    unreadable: Sequence[Rejection]
    inspection: Inspection
    findings: Sequence[Finding]
    document: Mapping[str, object]


def prepare(
    source: Path | str,
    out: Path,
    *,
    config: PrepareConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Dataset:
    """Make a dataset of photos; the source is only read.

    Args:
        source: A folder with a folder of photos per class, or with such folders in ``train`` and
            one or both of ``validation`` and ``test``, which are then kept as they are; a folder of
            photos without labels; a collection; a table, an archive, a file of arrays,
            ``hf:OWNER/NAME`` or ``torchvision:NAME``.
        out: The dataset's folder.
        config: What to do; ``None`` for the defaults.
        overwrite: Replace a dataset that stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded; ``None`` for the cores of this machine.

    Returns:
        The dataset, opened from disk.

    Raises:
        UsageError: The source is absent or nothing that can be read, or lies in or around ``out``;
            or an option names what is not there.
        DataError: Photos cannot be read (unless they are to be skipped), or folders, classes,
            groups or given splits cannot be used as they are.
        ArtifactError: ``out`` is in the way or cannot be written.
        MissingExtraError: A package that reads such a source is not installed.
    """
    config = config or PrepareConfig()
    opened = open_source(str(source), config.options())
    for text in (str(source), *(text.partition("=")[2] for text in config.add)):
        require_apart(Path(text), out)
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    plan = make_plan(opened, config, progress=progress)
    old = open_labelled(Path(config.extend)) if config.extend is not None else None
    if old is not None and any(each.origin is not None for each in plan.layout.candidates):
        _require_same_size(old, config)
    with (
        atomic_folder(
            out, overwrite=overwrite, marker=DOCUMENT, resume=_depends_on(opened, config)
        ) as folder,
        contextlib.closing(Journal(folder)) as journal,
    ):
        found = collect(
            opened, plan, folder, journal, config=config, progress=progress, executor=executor
        )
        require_every_class(plan.layout, found.photos, found.unreadable)
        duplicates = names_of(found.inspection.duplicates)
        near = names_of(found.inspection.near_sets)
        members = [_member(photo, plan.groups, duplicates, near) for photo in found.photos]
        division = divide_photos(
            members,
            found.photos,
            found.inspection.near_names(),
            plan=plan,
            config=config,
            old=old,
        )
        kept = leave_out(folder, found.photos, division.left_out)
        require_every_class(plan.layout, kept, [*found.unreadable, *division.left_out])
        splits = _samples(kept, plan, division)
        rejected = sorted(
            [*plan.layout.rejected, *found.unreadable, *division.left_out],
            key=lambda rejection: rejection.relative,
        )
        document = {
            "source": _absolute(opened.name),
            **plan.layout.document,
            "config": config.as_dict(),
            "counts": count_files(
                scanned=plan.layout.scanned,
                classes=plan.layout.classes,
                splits=splits,
                rejected=rejected,
            ),
            "checks": check_results(
                division, read=len(plan.layout.candidates), unreadable=len(found.unreadable)
            ),
            "split": split_document(plan, division, config),
            "duplicates": duplicates_document(found.inspection),
            "near_duplicates": found.document["near"],
            "shortcuts": [each.sentence for each in found.inspection.shortcuts if each.suspicious],
        }
        filenames = {photo.relative: photo.filename for photo in kept}
        tied = {member.key: member for member in division.members}
        write_dataset(
            folder,
            classes=plan.layout.classes,
            splits=splits,
            sources=[_origin(photo, tied[photo.relative]) for photo in kept],
            rejected=[Rejected(filename=each.relative, reason=each.reason) for each in rejected],
            document=document,
            metadata={photo.filename: photo.metadata for photo in kept if photo.metadata},
            folds={filenames[key]: fold for key, fold in division.folds.items()},
        )
        keep_ledger(out, folder)
        write_audit(folder, found.findings, found.document)
        (folder / DATASHEET).write_text(
            datasheet(document, found.document, plan.layout.classes), encoding="utf-8"
        )
    note_findings(found.inspection, rejected=rejected, division=division, progress=progress)
    return Dataset.open(out)


def collect(
    source: Source,
    plan: Plan,
    folder: Path,
    journal: Journal,
    *,
    config: PrepareConfig,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Collected:
    """Read every photo of a plan into a folder, and inspect them.

    Args:
        source: Where they come from.
        plan: Which.
        folder: Gets ``images``.
        journal: The folder's journal.
        config: How.
        progress: Who listens.
        executor: Where photos are decoded; ``None`` for the cores of this machine.

    Raises:
        DataError: Photos cannot be read, unless they are to be skipped.
    """
    candidates = plan.layout.candidates
    photos, unreadable = read_photos(
        source,
        candidates,
        folder,
        journal,
        size_px=config.size_px,
        executor=executor or executor_for(len(candidates)),
        progress=progress,
    )
    if config.unreadable == "fail":
        require_readable(unreadable, tried=len(candidates))
    inspection = inspect_photos(
        photos,
        journal.signatures(photos),
        plan.groups,
        near=config.near_duplicates,
        different=plan.decisions.different,
        progress=progress,
    )
    findings = inspection.findings(unreadable)
    return Collected(
        plan=plan,
        photos=photos,
        unreadable=unreadable,
        inspection=inspection,
        findings=findings,
        document=audit_document(
            inspection,
            findings,
            source=_absolute(source.name),
            scanned=plan.layout.scanned,
            given=plan.given,
        ),
    )


def require_apart(source: Path, out: Path) -> None:
    """Check that neither the source's folder nor ``out`` lies in the other.

    Raises:
        UsageError: One does, or they are the same.
    """
    if not source.is_dir():
        return
    inner, outer = out.resolve(), source.resolve()
    fix = "Name an `--out` beside the source, not in or around it."
    if inner == outer:
        raise UsageError(f"The source and `--out` are the same folder, {source}.", fix=fix)
    if inner.is_relative_to(outer):
        raise UsageError(f"`--out` {out} lies in the source {source}.", fix=fix)
    if outer.is_relative_to(inner):
        raise UsageError(f"The source {source} lies in `--out` {out}.", fix=fix)


def _require_same_size(old: Dataset, config: PrepareConfig) -> None:
    """Refuse to put photos of two sizes together, which could be told apart by size alone."""
    stated = old.document.get("config")
    size = stated.get("size_px") if isinstance(stated, dict) else None
    if size != config.size_px:
        raise UsageError(
            f"The photos of {old.root} were prepared with `--size {size}`, and `size_px` is "
            f"{config.size_px}.",
            fix=f"Write `--size {size}`.",
        )


def executor_for(count: int) -> Executor:
    """Processes for many photos; for a few, threads, which start at once."""
    return ProcessExecutor() if count >= MANY else LocalExecutor()


def _depends_on(source: Source, config: PrepareConfig) -> str:
    """What photos that were read before depend on, so that interrupted work can be continued."""
    return json.dumps(
        {
            "source": _absolute(source.name),
            "size_px": config.size_px,
            "lineament": __version__,
            "pillow": pillow_version,
        }
    )


def _absolute(name: str) -> str:
    """Where a source is, if it is on disk; bytes of a path that are not UTF-8 are spelt out."""
    return printable(str(Path(name).absolute()) if Path(name).exists() else name)


def _member(
    photo: Photo,
    groups: Mapping[str, str],
    duplicates: Mapping[str, str],
    near: Mapping[str, str],
) -> Member:
    return Member(
        key=photo.relative,
        class_name=photo.class_name,
        group=groups[photo.relative],
        duplicate_set=duplicates.get(photo.relative, ""),
        near_set=near.get(photo.relative, ""),
        content=photo.pixels,
    )


def _samples(photos: Sequence[Photo], plan: Plan, division: Division) -> dict[str, list[Sample]]:
    labels = {name: label for label, name in enumerate(plan.layout.classes)}
    names = SPLITS if labels else (*SPLITS, UNLABELLED)
    splits: dict[str, list[Sample]] = {split: [] for split in names}
    for photo in photos:
        splits[division.sides[photo.relative]].append(
            Sample(
                filename=photo.filename,
                label=labels.get(photo.class_name, -1),
                class_name=photo.class_name,
                group=plan.groups[photo.relative],
            )
        )
    return splits


def _origin(photo: Photo, member: Member) -> Origin:
    return Origin(
        filename=photo.filename,
        source=photo.relative,
        sha256=photo.sha256,
        pixels=photo.pixels,
        duplicate_set=member.duplicate_set,
        near_set=member.near_set,
        facts=photo.facts,
    )
