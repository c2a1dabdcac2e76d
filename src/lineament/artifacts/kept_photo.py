"""Kept photo: what is said of a photo in a collection, as one row of its table.

Labels and answers come from strangers: whatever is said is checked here once, when it is made and
again when it is read, so that a row is one line and no name in it leads anywhere.
"""

import csv
import dataclasses
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from lineament.artifacts.table import row_text
from lineament.core.errors import UsageError

FEEDBACK, CAPTURE = "feedback", "capture"
KINDS = (FEEDBACK, CAPTURE)
COLUMNS = (
    *("filename", "label", "session", "kind", "condition", "said", "confidence"),
    *("model", "model_sha256", "consent", "kept_at"),
)
CONSENT = "yes"
LONGEST_LABEL = 80  # characters
LONGEST_MODEL = 200  # characters; the stem of a file's name
SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
CONDITION = re.compile(r"[a-z0-9_-]{0,32}")
SHA256 = re.compile(r"([0-9a-f]{64})?")
# No dot but that of the suffix: a path that was edited by hand cannot lead out of the folder.
FILENAME = re.compile(r"photos/[a-z0-9_-]+/[A-Za-z0-9_-]+\.jpg")
NUMBER_DIGITS = 6
FOLDER_LETTERS = 40
MARK_LETTERS = 8
# What Windows takes for a device, with whatever suffix.
RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeptPhoto:
    """What is said of a photo that is kept.

    Attributes:
        label: Its class, 1 to 80 characters that can be printed; blanks around it are taken off.
        kind: ``feedback``, which corrects an answer, or ``capture``, which was taken to learn from.
        session: What it was taken with, 1 to 64 of letters, digits, ``-`` and ``_``: the photos of
            one session stay on one side of a split.
        condition: How it was taken, such as ``bright``; at most 32 of small letters, digits, ``-``
            and ``_``.
        said: The label that the model gave; empty where none was asked.
        confidence: Of that answer, 0 to 1; ``None`` for none.
        model: The model's name; empty for none.
        model_sha256: Hash of its file, in hexadecimal; empty for none.
        consent: Whether the person in the photo, or who sent it, agreed that it is kept.
    """

    label: str
    kind: str
    session: str
    condition: str = ""
    said: str = ""
    confidence: float | None = None
    model: str = ""
    model_sha256: str = ""
    consent: bool

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            UsageError: Nobody agreed, or fields cannot be; all of them are named.
        """
        object.__setattr__(self, "label", self.label.strip())
        if self.consent is not True:
            raise UsageError(
                "Nobody agreed that the photo is kept.",
                fix="Keep a photo only when the person in it has agreed.",
            )
        checks = {
            f"label (1 to {LONGEST_LABEL} characters that can be printed)": bool(self.label)
            and _can_be_printed(self.label, LONGEST_LABEL),
            f"kind (one of {', '.join(KINDS)})": self.kind in KINDS,
            "session (1 to 64 letters, digits, - and _)": bool(SESSION.fullmatch(self.session)),
            "condition (at most 32 small letters, digits, - and _)": bool(
                CONDITION.fullmatch(self.condition)
            ),
            f"said (at most {LONGEST_LABEL} characters that can be printed)": _can_be_printed(
                self.said, LONGEST_LABEL
            ),
            "confidence (from 0 to 1)": self.confidence is None or 0 <= self.confidence <= 1,
            f"model (at most {LONGEST_MODEL} characters that can be printed)": _can_be_printed(
                self.model, LONGEST_MODEL
            ),
            "model_sha256 (64 hexadecimal digits)": bool(SHA256.fullmatch(self.model_sha256)),
        }
        wrong = [what for what, right in checks.items() if not right]
        if wrong:
            raise UsageError(
                "What is said of the photo cannot be.", at=wrong, fix="Correct these fields."
            )


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class KeptRow:
    """A row of a collection's table.

    Attributes:
        filename: Path of the photo below the collection's folder, with forward slashes.
        photo: What is said of it.
        kept_at: When it was kept, in ISO 8601, UTC.
    """

    filename: str
    photo: KeptPhoto
    kept_at: str

    @property
    def line(self) -> str:
        """The row as a line of the table."""
        photo = self.photo
        confidence = "" if photo.confidence is None else repr(float(photo.confidence))
        return row_text(
            (
                *(self.filename, photo.label, photo.session, photo.kind, photo.condition),
                *(photo.said, confidence, photo.model, photo.model_sha256, CONSENT, self.kept_at),
            )
        )


def read_row(line: str) -> KeptRow:
    """Read a line of the table.

    Raises:
        ValueError: It is damaged.
    """
    try:
        cells: Sequence[str] = next(csv.reader([line], strict=True), [])
        row = dict(zip(COLUMNS, cells, strict=True))
        if datetime.fromisoformat(row["kept_at"]).utcoffset() is None:
            raise ValueError("the time states no zone")
        if not FILENAME.fullmatch(row["filename"]):
            raise ValueError("the filename is none of a collection")
        photo = KeptPhoto(
            label=row["label"],
            kind=row["kind"],
            session=row["session"],
            condition=row["condition"],
            said=row["said"],
            confidence=float(row["confidence"]) if row["confidence"] else None,
            model=row["model"],
            model_sha256=row["model_sha256"],
            consent=row["consent"] == CONSENT,
        )
    except (csv.Error, UsageError) as error:
        raise ValueError(str(error)) from error
    return KeptRow(filename=row["filename"], photo=photo, kept_at=row["kept_at"])


def folder_of(label: str) -> str:
    """Name the folder of a label, so that every file system takes it and nothing leads out of it.

    Small plain labels name it themselves; others get a hash of the label, which tells apart what
    letters alone would not. Two labels in one folder would do no harm: the table says which is
    which.

    Example:
        >>> folder_of("cat"), folder_of("Cat"), folder_of("../x")
        ('cat', 'cat-48735c4f', '___x-d6b96a97')
    """
    stem = re.sub(r"[^a-z0-9_-]", "_", label.lower())[:FOLDER_LETTERS]
    if stem == label and not RESERVED.fullmatch(label):
        return label
    return f"{stem}-{hashlib.sha256(label.encode('utf-8')).hexdigest()[:MARK_LETTERS]}"


def filename_of(photo: KeptPhoto, number: int) -> str:
    """Name the file of a photo.

    Args:
        photo: What is said of it.
        number: Tells apart the photos of a session.
    """
    last = FEEDBACK if photo.kind == FEEDBACK else photo.condition or CAPTURE
    name = f"{photo.session}-{number:0{NUMBER_DIGITS}d}-{last}.jpg"
    return f"photos/{folder_of(photo.label)}/{name}"


def is_named_for(filename: str, session: str) -> bool:
    """Tell whether a photo without a row was kept for a session, by its name."""
    name = filename.rpartition("/")[2]
    return bool(re.match(rf"{re.escape(session)}-\d{{{NUMBER_DIGITS},}}-", name))


def _can_be_printed(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable()
