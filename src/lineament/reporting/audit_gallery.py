"""Gallery: which findings the audit's page shows, and their pictures, each embedded once.

A finding is known by its number: its place in ``audit.csv``, where the page's script writes what is
decided about it.
"""

import base64
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence

from lineament.artifacts.audit import CONFLICT, Finding
from lineament.artifacts.table import printable

SHOWN = 60  # items of a section: more are not looked at in one sitting
SHOWN_LEAST = 15  # of them the least certain pairs, where a false one would be
SHOWN_COPIES = 6  # names of one picture
PICTURE_BYTES = 5_000_000  # of all pictures: with table and text the page stays below some 8 MB


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A thumbnail in the page.

    Attributes:
        name: Its id there.
        data: The JPEG in base64; empty where an earlier picture of the page is the same.
    """

    name: str
    data: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A photo about which a person may decide.

    Attributes:
        number: The finding's.
        side: 0 for the finding's file, 1 for its partner.
        file: The file's name.
        class_name: The class it is given; empty where that is not known.
        picture: What it looks like; ``None`` where that is not known.
        offered: Another class that it may be of; empty where none is likely.
    """

    number: int
    side: int
    file: str
    class_name: str
    picture: Picture | None
    offered: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Item:
    """What stands together: one photo, two, or the names of one picture.

    Attributes:
        number: The finding's, of several the first.
        photos: At least one.
        score: As in the table.
        crosses: Whether the photos are of different classes.
        more: How many names are left out.
    """

    number: int
    photos: tuple[Shown, ...]
    score: float | None = None
    crosses: bool = False
    more: int = 0


class Gallery:
    """Makes a page's items, asked for in the order in which they stand there.

    Args:
        findings: All findings.
        class_of: The class that a file is given; an empty text where that is not known.
        thumbnail: A file's picture as a small JPEG, or ``None``.

    Attributes:
        shown: Numbers of the findings that were shown so far.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        *,
        class_of: Callable[[str], str],
        thumbnail: Callable[[str], bytes | None],
    ) -> None:
        self.shown: set[int] = set()
        self._findings = findings
        self._class_of = class_of
        self._pictures = _Pictures(thumbnail)
        self._numbers: dict[str, list[int]] = defaultdict(list)
        for number, finding in enumerate(findings):
            self._numbers[finding.kind].append(number)

    def singles(self, kind: str, *, worst: int, most: int, offer: bool = False) -> list[Item]:
        """Show photos of one kind, the worst first.

        Args:
            kind: Of the finding.
            worst: 1 where a higher score is worse, -1 where a lower one is.
            most: How many to show.
            offer: Whether the partner is a class that the photo may be of.
        """
        ranked = sorted(self._numbers[kind], key=lambda each: (-worst * self._score(each), each))
        return [
            Item(
                number=number,
                photos=(
                    self._photo(number, 0, offered=self._findings[number].partner if offer else ""),
                ),
                score=self._findings[number].score,
            )
            for number in ranked[:most]
        ]

    def pairs(self, kind: str) -> list[Item]:
        """Show pairs: those of two classes first, then the surest, then some of the least sure."""
        ranked = sorted(
            self._once(kind),
            key=lambda each: (not self._crosses(each), -self._score(each), each),
        )
        if len(ranked) > SHOWN:
            ranked = ranked[: SHOWN - SHOWN_LEAST] + ranked[-SHOWN_LEAST:]
        return [self._pair(number) for number in ranked]

    def copies(self, kind: str) -> list[Item]:
        """Show each picture that several files hold once, the most frequent first."""
        items = []
        for places in self._sets(kind)[:SHOWN]:
            photos = tuple(self._photo(number, side) for number, side in places[:SHOWN_COPIES])
            more = max(0, len(places) - SHOWN_COPIES)
            items.append(
                Item(
                    number=places[0][0],
                    photos=photos,
                    crosses=len({each.class_name for each in photos}) > 1,
                    more=more,
                )
            )
        return items

    def n_pairs(self, kind: str) -> int:
        """Count pairs, each once."""
        return len(self._once(kind))

    def n_sets(self, kind: str) -> int:
        """Count the pictures that several files hold."""
        return len(self._sets(kind))

    def _pair(self, number: int) -> Item:
        crosses = self._crosses(number)
        return Item(
            number=number,
            photos=tuple(
                self._photo(
                    number,
                    side,
                    offered=self._class_of(self._file(number, 1 - side)) if crosses else "",
                )
                for side in (0, 1)
            ),
            score=self._findings[number].score,
            crosses=crosses,
        )

    def _photo(self, number: int, side: int, *, offered: str = "") -> Shown:
        self.shown.add(number)
        file = self._file(number, side)
        return Shown(
            number=number,
            side=side,
            file=printable(file),
            class_name=printable(self._class_of(file)),
            picture=self._pictures.of(file),
            offered=printable(offered),
        )

    def _once(self, kind: str) -> list[int]:
        """Numbers of the pairs, without those that name the same two files again."""
        first: dict[frozenset[str], int] = {}
        for number in self._numbers[kind]:
            finding = self._findings[number]
            first.setdefault(frozenset((finding.filename, finding.partner)), number)
        return list(first.values())

    def _sets(self, kind: str) -> list[list[tuple[int, int]]]:
        """Join the pairs that share a file: for each set the place of each of its files, by name.

        Sets are in order of falling size, then of their first file.
        """
        root: dict[str, str] = {}

        def find(file: str) -> str:
            while root.setdefault(file, file) != file:
                root[file] = root[root[file]]
                file = root[file]
            return file

        place: dict[str, tuple[int, int]] = {}
        for number in self._once(kind):
            for side in (0, 1):
                place.setdefault(self._file(number, side), (number, side))
            one, other = sorted(find(self._file(number, side)) for side in (0, 1))
            root[other] = one
        sets: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for file in sorted(place):
            sets[find(file)].append(place[file])
        return sorted(sets.values(), key=lambda each: (-len(each), self._file(*each[0])))

    def _crosses(self, number: int) -> bool:
        one, other = (self._class_of(self._file(number, side)) for side in (0, 1))
        return self._findings[number].kind == CONFLICT or bool(one and other and one != other)

    def _file(self, number: int, side: int) -> str:
        finding = self._findings[number]
        return finding.partner if side else finding.filename

    def _score(self, number: int) -> float:
        return self._findings[number].score or 0.0


class _Pictures:
    """Thumbnails by file; a photo that occurs twice is embedded once."""

    def __init__(self, thumbnail: Callable[[str], bytes | None]) -> None:
        self._thumbnail = thumbnail
        self._of_file: dict[str, str | None] = {}
        self._of_bytes: dict[bytes, str] = {}
        self._room = PICTURE_BYTES

    def of(self, file: str) -> Picture | None:
        if file in self._of_file:
            name = self._of_file[file]
            return None if name is None else Picture(name=name, data="")
        jpeg = self._thumbnail(file)
        data = base64.b64encode(jpeg or b"").decode("ascii")
        if jpeg in self._of_bytes:
            data = ""
        elif jpeg is None or len(data) > self._room:
            self._of_file[file] = None
            return None
        self._room -= len(data)
        name = self._of_bytes.setdefault(jpeg, f"picture-{len(self._of_bytes)}")
        self._of_file[file] = name
        return Picture(name=name, data=data)
