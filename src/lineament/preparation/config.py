"""PrepareConfig: everything that `prepare` can be told."""

import dataclasses
import re

from lineament.artifacts.dataset import SPLITS
from lineament.core.config import Config, option
from lineament.core.errors import UsageError
from lineament.preparation.classes import ClassRules, read_rules
from lineament.preparation.division.balance import balance_cap
from lineament.preparation.division.chronology import EXIF
from lineament.preparation.division.grouping import COLUMN
from lineament.preparation.sources.opening import SourceOptions

SUM_TOLERANCE = 1e-6  # thirds written with seven digits pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrepareConfig(Config):
    """How a source of photos becomes a dataset."""

    size_px: int = option(
        256, help="longest the shorter side of a kept photo may be, in pixels", minimum=1
    )
    split: tuple[float, ...] = option(
        (0.7, 0.15, 0.15),
        help="fractions of train, validation and test, which sum to 1; test may be 0",
    )
    test_list: str | None = option(
        None, help="a table or list of photos of the source that are the test split"
    )
    group_by: str | None = option(
        None,
        help="regular expression, searched in each photo's name in the source: photos for which "
        "its first capture group (else the whole match) is the same stay on one side of the split; "
        "or `column:NAME` of a table",
    )
    time_by: str | None = option(
        None,
        help="split by time, the newest photos for test: `exif`, `column:NAME`, or a regular "
        "expression as in `group_by`",
    )
    folds: int = option(0, help="also make this many folds for cross-validation", minimum=0)
    extend: str | None = option(
        None,
        help="a dataset made of fewer of these photos, or that a collection is added to; its "
        "photos stay in their splits",
    )
    unreadable: str = option(
        "fail",
        help="what an image that cannot be read does: end the run, or be left out",
        choices=("fail", "skip"),
    )
    near_duplicates: bool = option(
        True, help="whether near duplicates are looked for and kept on one side of the split"
    )
    decisions: str | None = option(None, help="an `audit.csv` whose decisions are followed")
    exclude_class: tuple[str, ...] = option((), help="classes to leave out")
    rename: tuple[str, ...] = option((), help="new class names, as in `old=new`")
    merge: tuple[str, ...] = option(
        (), help="classes made of several, as in `new=a,b`, or `new=*` for all others"
    )
    add: tuple[str, ...] = option((), help="folders of further photos of one class, `class=folder`")
    labels: str | None = option(None, help="a table that labels the photos of a folder")
    label_column: str | None = option(None, help="the column of a table that is the label")
    one_class: bool = option(False, help="accept a single class, as `lineament extend` does")
    unlabelled: bool = option(False, help="take photos without labels, wherever they lie")
    fps: float | None = option(
        None, help="frames taken of each second of video", minimum=0.001, maximum=1000
    )
    balance: str = option(
        "none", help="most photos per class: `none`, `cap` (as the smallest class has) or `cap:N`"
    )
    seed: int = option(0, help="chooses which photos go to which split", minimum=0)

    def __post_init__(self) -> None:
        """Check every field, and what fields must be together.

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
        self._check_expression("group_by", self.group_by, r"(S\d+)_")
        self._check_expression("time_by", self.time_by, r"(\d{8})_")
        if self.folds == 1:
            raise UsageError("`folds` must be 2 or more, got 1.", fix="Write `--folds 5`.")
        both = [
            name for name in ("time_by", "extend", "test_list") if getattr(self, name) is not None
        ]
        if len(both) > 1:
            raise UsageError(
                f"`{both[0]}` and `{both[1]}` each say which photos are tested.",
                fix="Leave one of them out.",
            )
        balance_cap(self.balance)
        self.rules()

    def fractions(self) -> dict[str, float]:
        """Split to fraction."""
        return dict(zip(SPLITS, self.split, strict=True))

    def rules(self) -> ClassRules:
        """What becomes of the source's classes."""
        added = [text.partition("=")[0].strip() for text in self.add]
        return read_rules(self.exclude_class, self.rename, self.merge, added=added)

    def options(self) -> SourceOptions:
        """How the source is read."""
        return SourceOptions(
            labelled=not self.unlabelled,
            labels=self.labels,
            label_column=self.label_column,
            fps=self.fps,
            added=self.add,
            extends=self.extend,
        )

    def _check_expression(self, name: str, rule: str | None, example: str) -> None:
        if rule is None or rule.startswith(COLUMN) or (name == "time_by" and rule == EXIF):
            return
        try:
            re.compile(rule)
        except re.error as error:
            raise UsageError(
                f"`{name}` is `{rule}`, which is not a regular expression: {error}.",
                fix=f"Write for example `--{name.replace('_', '-')} '{example}'`, and put a "
                "backslash before a bracket that is meant as such.",
            ) from error
