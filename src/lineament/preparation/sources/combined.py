"""Combined: a source, and further folders whose photos are all of one class."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lineament.core.errors import DataError, UsageError
from lineament.core.progress import QUIET, Progress
from lineament.preparation.sources.folder import FolderSource
from lineament.preparation.sources.listing import Candidate, Content, Layout, Rejection, Source

MARK = "+"  # before the class in the name of what was added


@dataclasses.dataclass(frozen=True, kw_only=True)
class CombinedSource:
    """A source with added folders.

    Attributes:
        main: The source.
        added: Class to the folder whose photos are of it.
    """

    main: Source
    added: tuple[tuple[str, Path], ...]

    @property
    def name(self) -> str:
        """The main source as it was given."""
        return self.main.name

    def layout(self, *, progress: Progress = QUIET) -> Layout:
        """List all of them.

        What was added is named ``+CLASS/path``, and ``+2+CLASS/path`` for a second folder of it.

        Raises:
            DataError: One of them holds no photo, the main source has no labels or is divided, or
                names in it begin like those of what is added.
        """
        whole = self.main.layout(progress=progress)
        if whole.given or not whole.classes:
            lacks = "is divided into splits already" if whole.given else "has no labels"
            raise DataError(
                f"{self.name} {lacks}, so no class can be added to it.",
                fix="Leave `--add` out, or name a source of labelled photos without splits.",
            )
        candidates, rejected = list(whole.candidates), list(whole.rejected)
        for class_name, folder, prefix in self._named():
            _require_free(prefix, whole, name=self.name)
            source = FolderSource(root=folder, labelled=False)
            part = source.layout(progress=progress)
            candidates += [
                dataclasses.replace(each, relative=prefix + each.relative, class_name=class_name)
                for each in part.candidates
            ]
            rejected += [
                Rejection(relative=prefix + each.relative, kind=each.kind, reason=each.reason)
                for each in part.rejected
            ]
        return Layout(
            candidates=tuple(sorted(candidates, key=lambda each: each.relative)),
            rejected=tuple(sorted(rejected, key=lambda each: each.relative)),
            notes=whole.notes,
            document=whole.document,
        )

    def contents(self, candidates: Sequence[Candidate]) -> Iterator[tuple[Candidate, Content]]:
        """Give what was added, which are files, then the main source's contents."""
        prefixes = tuple(prefix for _, _, prefix in self._named())
        own = []
        for candidate in candidates:
            if candidate.relative.startswith(prefixes):
                assert candidate.path is not None
                yield candidate, candidate.path
            else:
                own.append(candidate)
        yield from self.main.contents(own)

    def _named(self) -> list[tuple[str, Path, str]]:
        """Class, folder and what the names of its photos begin with."""
        seen: Counter[str] = Counter()
        named = []
        for class_name, folder in self.added:
            seen[class_name] += 1
            again = f"{seen[class_name]}{MARK}" if seen[class_name] > 1 else ""
            named.append((class_name, folder, f"{MARK}{again}{class_name}/"))
        return named


def _require_free(prefix: str, layout: Layout, *, name: str) -> None:
    taken = [each for each in layout.candidates if each.relative.startswith(prefix)]
    if taken:
        raise DataError(
            f"Names of photos of {name} begin with {prefix}, as those of added photos do.",
            at=[each.relative for each in taken],
            fix="Rename that folder.",
        )


def read_additions(texts: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """Read ``CLASS=FOLDER`` texts.

    Raises:
        UsageError: A text is not of that form, or there is no such folder.
    """
    added = []
    for text in texts:
        class_name, _, folder = (part.strip() for part in text.partition("="))
        if not class_name or not folder:
            raise UsageError(
                f"`--add {text}` is not of the form `CLASS=FOLDER`.",
                fix="Write for example `--add face=celeba`.",
            )
        if not Path(folder).is_dir():
            raise UsageError(
                f"`--add {text}`: there is no folder {folder}.", fix="Name a folder of photos."
            )
        added.append((class_name, Path(folder)))
    return tuple(added)
