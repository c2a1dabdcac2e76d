"""Build a dataset from a folder of labelled photos: the verb `prepare`."""

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.dataset import (
    DOCUMENT,
    SPLITS,
    Dataset,
    Origin,
    Rejected,
    Sample,
    write_dataset,
)
from lineament.core.config import Config, option
from lineament.core.errors import UsageError
from lineament.core.executor import Executor, LocalExecutor
from lineament.core.files import atomic_folder, require_free
from lineament.core.progress import QUIET, Progress
from lineament.core.suggest import did_you_mean
from lineament.preparation.account import check_results, count_files
from lineament.preparation.divide import check_division, divide, fractions_to_make
from lineament.preparation.duplicates import copies_across, duplicate_sets, label_conflicts
from lineament.preparation.grouping import Member, connected, read_groups
from lineament.preparation.layout import (
    HIDDEN,
    HIDDEN_FOLDER,
    Candidate,
    Rejection,
    read_layout,
)
from lineament.preparation.reading import (
    Photo,
    leave_out,
    read_photos,
    require_every_class,
    require_readable,
)
from lineament.preparation.scan import find_files

SUM_TOLERANCE = 1e-6  # thirds written with seven digits pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrepareConfig(Config):
    """How a folder of photos becomes a dataset."""

    size_px: int = option(
        256, help="longest the shorter side of a kept photo may be, in pixels", minimum=1
    )
    split: tuple[float, ...] = option(
        (0.7, 0.15, 0.15),
        help="fractions of train, validation and test, which sum to 1; test may be 0",
    )
    group_by: str | None = option(
        None,
        help="regular expression, searched in each path below the source; photos for which its "
        "first capture group (else the whole match) is the same stay on one side of the split",
    )
    unreadable: str = option(
        "fail",
        help="what an image that cannot be read does: end the run, or be left out",
        choices=("fail", "skip"),
    )
    seed: int = option(0, help="chooses which photos go to which split", minimum=0)

    def __post_init__(self) -> None:
        """Check every field, and what the fractions and the expression must be.

        Raises:
            UsageError: A field has a value that it cannot have.
        """
        super().__post_init__()
        fit = len(self.split) == len(SPLITS) and all(0 <= part <= 1 for part in self.split)
        if not fit or not abs(sum(self.split) - 1) <= SUM_TOLERANCE or 0 in self.split[:2]:
            given = ",".join(f"{part:g}" for part in self.split)
            raise UsageError(
                "`split` must be three fractions of train, validation and test that sum to 1, the "
                f"first two above 0, got {given}.",
                fix="Write for example `--split 0.7,0.15,0.15`, or `--split 0.8,0.2,0` for no test "
                "split.",
            )
        if self.group_by is not None:
            try:
                re.compile(self.group_by)
            except re.error as error:
                raise UsageError(
                    f"`group_by` is `{self.group_by}`, which is not a regular expression: {error}.",
                    fix=r"Write for example `--group-by '(S\d+)_'`, and put a backslash before a "
                    "bracket that is meant as such.",
                ) from error

    def fractions(self) -> dict[str, float]:
        """Split to fraction."""
        return dict(zip(SPLITS, self.split, strict=True))


def prepare(
    source: Path,
    out: Path,
    *,
    config: PrepareConfig | None = None,
    overwrite: bool = False,
    progress: Progress = QUIET,
    executor: Executor | None = None,
) -> Dataset:
    """Make a dataset of a folder of class folders; the source is only read.

    Args:
        source: A folder with a folder of photos per class, or with such folders in ``train`` and
            one or both of ``validation`` and ``test``, which are then kept as they are.
        out: The dataset's folder.
        config: What to do; ``None`` for the defaults.
        overwrite: Replace a dataset that stands at ``out``.
        progress: Who listens.
        executor: Where photos are decoded; ``None`` for the cores of this machine.

    Returns:
        The dataset, opened from disk.

    Raises:
        UsageError: The source is absent, is no folder, or lies in or around ``out``; or the group
            expression matches nothing.
        DataError: Photos cannot be read (unless they are to be skipped), or folders, classes,
            groups or given splits cannot be used as they are.
        ArtifactError: ``out`` is in the way or cannot be written.
    """
    config = config or PrepareConfig()
    _require_apart(source, out)
    require_free(out, overwrite=overwrite, marker=DOCUMENT)
    files = find_files(source, progress=progress)
    layout = read_layout(source, files)
    for note in layout.notes:
        progress.note(note)
    paths = [candidate.relative for candidate in layout.candidates]
    groups = read_groups(paths, config.group_by)
    to_make = fractions_to_make(layout.given, config.fractions())
    check_division(
        [_member(candidate, groups, "") for candidate in layout.candidates],
        {candidate.relative: candidate.split for candidate in layout.candidates},
        to_make,
    )
    ungrouped = sum(not group for group in groups.values()) if config.group_by else 0
    if ungrouped:
        progress.note(f"{ungrouped} of {len(paths)} photos match no group; each is its own.")
    with atomic_folder(out, overwrite=overwrite, marker=DOCUMENT) as folder:
        photos, unreadable = read_photos(
            layout.candidates,
            folder,
            size_px=config.size_px,
            executor=executor or LocalExecutor(),
            progress=progress,
        )
        if config.unreadable == "fail":
            require_readable(unreadable, tried=len(paths))
        require_every_class(layout, photos, unreadable)
        found = duplicate_sets(photos)
        copies = copies_across(found)
        kept = leave_out(folder, photos, copies)
        require_every_class(layout, kept, [*unreadable, *copies])
        sets = {
            photo.relative: name for name, same in duplicate_sets(kept).items() for photo in same
        }
        members = [_member(photo, groups, sets.get(photo.relative, "")) for photo in kept]
        sides = divide(
            members, {photo.relative: photo.split for photo in kept}, to_make, seed=config.seed
        )
        splits = _samples(kept, members, sides, layout.classes)
        rejected = sorted(
            [*layout.rejected, *unreadable, *copies], key=lambda rejection: rejection.relative
        )
        conflicts = label_conflicts(found)
        document = {
            "source": str(source.absolute()),
            "config": config.as_dict(),
            "counts": count_files(
                scanned=len(files), classes=layout.classes, splits=splits, rejected=rejected
            ),
            "checks": check_results(
                members, sides, read=len(paths), unreadable=len(unreadable), copies=len(copies)
            ),
            "split": {
                "seed": config.seed,
                "fractions": config.fractions(),
                "given": dict(layout.given),
                "carved": [name for name in to_make if layout.given and name != "train"],
                "group_by": config.group_by,
                "n_groups": len({member.group for member in members if member.group}),
                "n_units": len(connected(members)),
            },
            "duplicates": {
                "sets": len(set(sets.values())),
                "files": len(sets),
                "label_conflicts": conflicts,
            },
        }
        write_dataset(
            folder,
            classes=layout.classes,
            splits=splits,
            sources=[_origin(photo, sets.get(photo.relative, "")) for photo in kept],
            rejected=[Rejected(filename=each.relative, reason=each.reason) for each in rejected],
            document=document,
        )
    _note_findings(rejected=rejected, sets=sets, conflicts=conflicts, progress=progress)
    return Dataset.open(out)


def _require_apart(source: Path, out: Path) -> None:
    """Check that the source is a folder and that neither folder lies in the other."""
    if not source.is_dir():
        if source.exists():
            raise UsageError(
                f"{source} is not a folder.",
                fix="Name a folder of class folders; unpack it first if it is an archive.",
            )
        parent = source.absolute().parent
        beside = [path.name for path in parent.iterdir()] if parent.is_dir() else []
        raise UsageError(
            f"There is no folder {source}.{did_you_mean(source.name, beside)}",
            fix="Name a folder of class folders.",
        )
    inner, outer = out.resolve(), source.resolve()
    fix = "Name an `--out` beside the source, not in or around it."
    if inner == outer:
        raise UsageError(f"The source and `--out` are the same folder, {source}.", fix=fix)
    if inner.is_relative_to(outer):
        raise UsageError(f"`--out` {out} lies in the source {source}.", fix=fix)
    if outer.is_relative_to(inner):
        raise UsageError(f"The source {source} lies in `--out` {out}.", fix=fix)


def _member(photo: Candidate | Photo, groups: Mapping[str, str], duplicate_set: str) -> Member:
    return Member(
        key=photo.relative,
        class_name=photo.class_name,
        group=groups[photo.relative],
        duplicate_set=duplicate_set,
    )


def _samples(
    photos: Sequence[Photo],
    members: Sequence[Member],
    sides: Mapping[str, str],
    classes: Sequence[str],
) -> dict[str, list[Sample]]:
    labels = {name: label for label, name in enumerate(classes)}
    splits: dict[str, list[Sample]] = {split: [] for split in SPLITS}
    for photo, member in zip(photos, members, strict=True):
        splits[sides[photo.relative]].append(
            Sample(
                filename=photo.filename,
                label=labels[photo.class_name],
                class_name=photo.class_name,
                group=member.group,
            )
        )
    return splits


def _origin(photo: Photo, duplicate_set: str) -> Origin:
    return Origin(
        filename=photo.filename,
        source=photo.relative,
        sha256=photo.sha256,
        duplicate_set=duplicate_set,
    )


def _note_findings(
    *,
    rejected: Sequence[Rejection],
    sets: Mapping[str, str],
    conflicts: Sequence[Mapping[str, object]],
    progress: Progress,
) -> None:
    """Say what a person would want to look at; nothing where there is nothing."""
    for kind, count in sorted(Counter(rejection.kind for rejection in rejected).items()):
        if kind not in (HIDDEN, HIDDEN_FOLDER):  # left by the system, in nearly every folder
            progress.note(f"{_counted(count, 'file')} left out: {kind} (see rejected.csv).")
    if sets:
        progress.note(
            f"{_counted(len(sets), 'photo')} with the same pixels as another one; copies are on "
            "one side of the split."
        )
    if conflicts:
        progress.note(
            f"{_counted(len(conflicts), 'set')} of the same pixels under different classes; "
            "`duplicates.label_conflicts` in dataset.json names the files."
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
