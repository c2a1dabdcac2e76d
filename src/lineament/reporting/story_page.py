"""Story page: all about a run, a study or a comparison, on one page that needs no other file."""

import functools
import html
from pathlib import Path

from lineament.core.errors import ImageError
from lineament.core.version import __version__
from lineament.imaging.decode import decode
from lineament.imaging.render import thumbnail_jpeg
from lineament.reporting.chapters.card import card
from lineament.reporting.chapters.data import data
from lineament.reporting.chapters.leaks import leaks
from lineament.reporting.chapters.recipe import recipe
from lineament.reporting.chapters.reproduce import reproduce
from lineament.reporting.chapters.summary import summary
from lineament.reporting.figures import PURPOSE
from lineament.reporting.fragments import contents, fragment
from lineament.reporting.matrices import NUMBERED_CLASSES
from lineament.reporting.page import evaluation_lead, evaluation_values
from lineament.reporting.photo_shelf import PhotoShelf, cell_photos
from lineament.reporting.sections.looks import looks
from lineament.reporting.story import Chapter, Part, Story
from lineament.reporting.template import as_json, package_text, render, script_hash
from lineament.reporting.training_page import training_values
from lineament.reporting.verdict_page import verdict_values

TEMPLATE = "story.html.j2"
SCRIPT = "story.js"
THUMBNAIL_PX = 112  # of the photos behind the cells of a matrix
PER_CELL = 24  # more are not looked at


def story_page(story: Story, *, photo_bytes: int) -> str:
    """Render a story as one HTML page that needs no network and no other file.

    Args:
        story: What is told.
        photo_bytes: How much of the page photos may take, in bytes as they stand in it.

    Returns:
        The whole document; the same story gives the same bytes.

    Raises:
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    shelf = PhotoShelf(most_bytes=photo_bytes)
    several = len(story.parts) > 1
    prefixes = [f"p{number}-" if several else "" for number in range(1, len(story.parts) + 1)]
    # The photos that galleries show come first; what is left of the room goes behind the matrices.
    made = [
        _part(part, shelf, prefix=prefix, deeper=int(several))
        for part, prefix in zip(story.parts, prefixes, strict=True)
    ]
    cells: dict[str, object] = {}
    for number, (part, prefix) in enumerate(zip(story.parts, prefixes, strict=True)):
        share = shelf.left_bytes // (len(story.parts) - number)
        cells.update(_cells(part, shelf, name=_matrix(prefix), most_bytes=share))
    script = package_text(SCRIPT)
    values: dict[str, object] = {
        "version": __version__,
        "title": story.title,
        "description": story.description,
        "leads": [
            (part.name, evaluation_lead(part.chapter.evaluation), part.chapter.name)
            for part in story.parts
        ],
        "several": several,
        "parts": [
            {
                "name": part.name,
                "model": part.chapter.name,
                "id": f"{prefix}part",
                "html": text,
                "warnings": part.chapter.evaluation.warnings,
                "contents": contents(text, level=3 if several else 2),
            }
            for part, prefix, text in zip(story.parts, prefixes, made, strict=True)
        ],
        "photos": shelf.json(),
        "cells": as_json(cells),
        "script": script,
        "script_hash": script_hash(script),
    }
    return render(TEMPLATE, values, purpose=PURPOSE)


def _part(part: Part, shelf: PhotoShelf, *, prefix: str, deeper: int) -> str:
    """One task from the data to the model card, in the order in which one asks."""
    chapter = part.chapter
    evaluation = evaluation_values(chapter.evaluation, cells_of=_matrix(prefix))
    training = training_values(chapter.training)
    pieces: list[tuple[str, str, dict[str, object]]] = [
        ("chapter_summary.html.j2", "of-story", {"summary": summary(part)}),
        ("chapter_data.html.j2", "of-story", {"data": data(part.dataset, part.audit)}),
        (
            "chapter_leaks.html.j2",
            "of-story",
            {"leaks": leaks(part.dataset, part.audit, chapter.evaluation)},
        ),
        (
            "chapter_recipe.html.j2",
            "of-story",
            {"recipe": recipe(chapter.training, chapter.changed)},
        ),
        ("training_curves.html.j2", "of-training", training),
        ("training_layers.html.j2", "of-training", training),
        ("evaluation_figures.html.j2", "of-evaluation", evaluation),
        ("evaluation_trust.html.j2", "of-evaluation", evaluation),
        ("evaluation_where.html.j2", "of-evaluation", evaluation),
    ]
    if chapter.explanation is not None:
        image = functools.partial(_image, chapter, shelf, _matrix(prefix))
        pieces.append(
            (
                "looks_section.html.j2",
                "of-looks",
                {"looks": looks(chapter.explanation, image=image)},
            )
        )
    else:
        pieces.append(("evaluation_mistakes.html.j2", "of-evaluation", evaluation))
    if part.comparison is not None:
        pieces.append(("verdicts_body.html.j2", "of-verdicts", verdict_values(part.comparison)))
    pieces += [
        ("chapter_reproduce.html.j2", "of-story", {"reproduce": reproduce(part)}),
        ("chapter_card.html.j2", "of-story", {"card": card(part)}),
        ("evaluation_how.html.j2", "of-evaluation", evaluation),
    ]
    # Sections of different pages may have the same id.
    return "".join(
        fragment(template, values, prefix=f"{prefix}{number}-", css=css, deeper=deeper)
        for number, (template, css, values) in enumerate(pieces, 1)
    )


def _matrix(prefix: str) -> str:
    """What the cells of a part's matrix and its photos are called by."""
    return prefix.rstrip("-") or "p1"


def _image(chapter: Chapter, shelf: PhotoShelf, name: str, file: str) -> str | None:
    """Put a picture of the explanation on the shelf, and say where the script finds it."""
    root = chapter.explanation_root
    key = f"{name}/{file}"
    if root is None or not shelf.put(key, (root / file).read_bytes):
        return None
    return f'data-photo="{html.escape(key)}"'


def _cells(part: Part, shelf: PhotoShelf, *, name: str, most_bytes: int) -> dict[str, object]:
    """The photos behind the matrix's cells; of a drawn matrix those of the most confused pairs."""
    evaluation = part.chapter.evaluation
    place = {name: index for index, name in enumerate(evaluation.classes)}
    pairs = {(place[each.truth], place[each.answer]) for each in evaluation.most_confused}
    return cell_photos(
        part.chapter.predictions,
        shelf,
        name=name,
        picture=functools.partial(_thumbnail, part.dataset.root),
        per_cell=PER_CELL,
        most_bytes=most_bytes,
        only=pairs if len(evaluation.classes) > NUMBERED_CLASSES else None,
    )


def _thumbnail(root: Path, sample: str) -> bytes | None:
    """A small picture of a photo; ``None`` where it is gone since it was measured."""
    try:
        return thumbnail_jpeg(decode(root / sample), side_px=THUMBNAIL_PX)
    except ImageError:
        return None
