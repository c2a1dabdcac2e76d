"""Collecting: a photo that somebody corrects or takes for training, kept if they agree."""

import math
from collections.abc import Mapping

from lineament.artifacts.collection import Collection, KeptPhoto
from lineament.core.errors import DataError, UsageError
from lineament.serving.desk import Desk
from lineament.serving.problems import ProblemError, shown
from lineament.serving.shelf import Shelf
from lineament.serving.uploads import Uploads

FIELDS = ("label", "kind", "consent", "session", "condition", "said", "confidence", "model")
NEEDED = ("label", "kind", "consent", "session")
CONSENT = "yes"


async def keep(
    collection: Collection | None, uploads: Uploads, shelf: Shelf, desk: Desk
) -> tuple[str, str]:
    """Keep a photo.

    Args:
        collection: Where; ``None`` where the service keeps nothing.
        uploads: The photo and what is said of it.
        shelf: Whose model was corrected.
        desk: Decodes it.

    Returns:
        Where it stands in the collection, and which kind it is.

    Raises:
        ProblemError: The service keeps nothing (404), or as `Desk.answers`.
        UsageError: A field is missing or cannot be, or nobody agreed.
        DataError: The photo cannot be read, or the label cannot be printed.
    """
    if collection is None:
        raise ProblemError(
            404,
            "This service keeps no photos.",
            fix="Start it with `--feedback FOLDER`.",
        )
    about = _about(uploads.fields, shelf)
    if len(uploads.photos) != 1:
        raise UsageError(
            f"{len(uploads.photos)} photos were sent, and one is kept at a time.",
            fix="Send one request per photo.",
        )
    pixels = await desk.pixels(uploads.photos[0])
    kept = await desk.run(lambda: collection.keep(pixels, about))
    return kept, about.kind


def _about(fields: Mapping[str, str], shelf: Shelf) -> KeptPhoto:
    strange = [name for name in fields if name not in FIELDS]
    missing = [name for name in NEEDED if not fields.get(name)]
    if strange or missing:
        raise UsageError(
            "The fields of the form are not the right ones.",
            at=[
                *(f"{name} (missing)" for name in missing),
                *(f"{shown(n)} (unknown)" for n in strange),
            ],
            fix=f"The fields are {', '.join(FIELDS)}; the first four are needed.",
        )
    if fields["consent"] != CONSENT:
        raise UsageError(
            "Nobody agreed that the photo is kept.",
            fix=f"Send `consent={CONSENT}` when the person in the photo has agreed.",
        )
    for name in ("label", "said"):
        if not fields.get(name, "").isprintable():
            raise DataError(
                f"`{shown(fields[name])}` cannot be a class: not all of it can be printed.",
                fix="Use letters, digits and signs.",
            )
    served = shelf.find(fields.get("model") or None)
    return KeptPhoto(
        label=fields["label"],
        kind=fields["kind"],
        session=fields["session"],
        condition=fields.get("condition", ""),
        said=fields.get("said", ""),
        confidence=_confidence(fields.get("confidence", "")),
        model=served.name,
        model_sha256=served.sha256,
        consent=True,
    )


def _confidence(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        return math.nan  # which is no confidence
