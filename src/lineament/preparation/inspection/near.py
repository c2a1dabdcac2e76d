"""Near duplicates: photos made of one another, or of one moment, found among many.

Re-encoded, resized, brightened, slightly cropped, mirrored, the next frame of a video. Three steps:
a descriptor of each photo's coarse shape (low frequencies of its signature's cosine transform, also
mirrored and of its inner window, which is what a crop shows); the nearest descriptors by
`neighbours`; and for each such candidate pair a registration and a `verdict`.
"""

import dataclasses
import hashlib
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lineament.core.executor import LocalExecutor
from lineament.core.progress import QUIET, Progress
from lineament.preparation.inspection.neighbours import nearest
from lineament.preparation.inspection.verdict import verify

FREQUENCIES = 8  # 8 x 8 low frequencies say the coarse shape; more lose cropped copies, measured
NEIGHBOURS = 12
SHAPE_COSINE = 0.78  # of 24,000 planted copies of 2,000 photos, 999 in 1,000 lie above 0.80
INNER = 0.88  # the scale of the inner window: what a crop of 6 % per side shows
FLAT_LEVELS = 1.5  # a signature that varies less than this is a blank

BLOCK = 256  # pairs verified at once: bounds memory
ROUND = 8  # blocks verified before what they tied is taken into account, on any number of cores
ENOUGH = 3  # partners that a photo has before further ones of the same set are left out
# Of photos, one or two candidates each lie so well over one another that a close look is due, some
# 0.3 ms; of plain drawings twenty. A million is minutes; the most promising come first.
MOST_LOOKS = 1_000_000
MANY_ALIKE = (
    "The photos are so much alike that {left} of the less promising comparisons were left out."
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two photos that are near duplicates.

    Attributes:
        first: Index of one.
        second: Index of the other, greater than ``first``.
        score: How well they agree, 0 to 1: detail of the aligned signatures, or the cosine.
        mirrored: Whether one is the mirror image of the other.
    """

    first: int
    second: int
    score: float
    mirrored: bool


def near_duplicates(signatures: NDArray[np.uint8], *, progress: Progress = QUIET) -> list[Pair]:
    """Find the pairs of near duplicates, in time that grows like N log N.

    Photos with equal signatures are searched for once: each is paired with the first of them alone.
    In a set of many copies not every two are paired: a photo with some partners is not compared
    with more of its set. Blank signatures are near duplicates only of their equals.

    Args:
        signatures: ``uint8 (N, SIGNATURE_PX, SIGNATURE_PX)`` from `imaging.signature`; may be a
            memmap, of which a block at a time is read.
        progress: Hears of the steps.

    Returns:
        Pairs in order of ``first`` and ``second``; the same pairs of photos in whatever order the
        photos come.

    Example:
        >>> photo = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
        >>> near_duplicates(np.stack([photo, photo // 2, photo.T, photo[:, ::-1]]))
        [Pair(first=0, second=1, score=..., mirrored=False),
         Pair(first=0, second=3, score=1.0, mirrored=True),
         Pair(first=1, second=3, score=..., mirrored=True)]
    """
    distinct, pairs = _equals(signatures)
    shapes = _Shapes.of(signatures, distinct)
    found = nearest(
        shapes.views[0], shapes.views, k=NEIGHBOURS, least=SHAPE_COSINE, progress=progress
    )
    candidates = _Candidates.of([(each.index, each.cosine) for each in found])
    ties = _Ties(len(shapes.rows))
    verified = partial(_verified, signatures, shapes.rows)
    progress.start("comparing near duplicates", len(candidates.first))
    looked = 0
    for start in range(0, len(candidates.first), ROUND * BLOCK):
        if looked > MOST_LOOKS:
            progress.note(MANY_ALIKE.format(left=len(candidates.first) - start))
            break
        part = candidates.part(slice(start, start + ROUND * BLOCK))
        seen = len(part.first)
        part = part.part(ties.open(part.first, part.second))
        blocks = [part.part(slice(at, at + BLOCK)) for at in range(0, len(part.first), BLOCK)]
        for block, verdict in zip(blocks, LocalExecutor().map(verified, blocks), strict=True):
            close, same = verdict
            looked += close
            for which, score in same:
                one, other = int(block.first[which]), int(block.second[which])
                ties.add(one, other)
                mirrored = bool(block.mirrored[which])
                pairs.append(_pair(shapes.rows[one], shapes.rows[other], score, mirrored=mirrored))
        progress.advance(seen)
    progress.finish()
    return _sorted(pairs)


def similar_embeddings(
    embeddings: NDArray[np.float32], *, threshold: float, progress: Progress = QUIET
) -> list[Pair]:
    """Find the pairs of high cosine among each photo's nearest, by the same search.

    Args:
        embeddings: ``float32 (N, D)``, of any length; a zero row has no neighbours.
        threshold: The least cosine, 0 to 1.
        progress: Hears of the search.

    Returns:
        Pairs in order of ``first`` and ``second``, none mirrored.

    Example:
        >>> similar_embeddings(np.eye(3, dtype=np.float32)[[0, 1, 0]], threshold=0.9)
        [Pair(first=0, second=2, score=1.0, mirrored=False)]
    """
    distinct, pairs = _equals(embeddings)
    lengths = np.linalg.norm(embeddings, axis=1)
    pairs = [pair for pair in pairs if lengths[pair.first] > 0]
    rows = distinct[lengths[distinct] > 0]
    unit = (embeddings[rows] / lengths[rows, None]).astype(np.float32)
    [found] = nearest(unit, [unit], k=NEIGHBOURS, least=threshold, progress=progress)
    queries, columns = np.nonzero(found.index >= 0)
    best: dict[tuple[int, int], Pair] = {}
    for query, column in zip(queries, columns, strict=True):
        pair = _pair(
            rows[query],
            rows[found.index[query, column]],
            found.cosine[query, column],
            mirrored=False,
        )
        best[pair.first, pair.second] = pair
    return _sorted([*pairs, *best.values()])


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Shapes:
    """Descriptors of the distinct signatures that are not blank.

    Attributes:
        rows: ``int64 (M,)``, whose they are.
        views: Four ``float32 (M, D)``: as it is, mirrored, inner window, inner window mirrored.
    """

    rows: NDArray[np.int64]
    views: list[NDArray[np.float32]]

    @classmethod
    def of(cls, signatures: NDArray[np.uint8], rows: NDArray[np.int64]) -> "_Shapes":
        size = signatures.shape[1]
        up = np.arange(FREQUENCIES, dtype=np.float32)
        places = (np.arange(size, dtype=np.float32) + 0.5) / size
        whole = np.cos(np.pi * up[:, None] * places)
        inner = np.cos(np.pi * up[:, None] * ((places - 0.5) / INNER + 0.5))
        inner[:, np.abs(places - 0.5) > INNER / 2] = 0
        # Amplitudes of photos fall like 1 / frequency; half of that is taken back.
        weights = np.sqrt(np.hypot(up[:, None], up))
        odd = np.where(up % 2 == 1, np.float32(-1), np.float32(1))[None, :]
        described: list[list[NDArray[np.float32]]] = [[], [], [], []]
        kept = []
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            pictures = signatures[part].astype(np.float32)
            pictures -= pictures.mean((1, 2), keepdims=True)
            seen = pictures.std((1, 2)) >= FLAT_LEVELS
            kept.append(part[seen])
            for view, window in ((0, whole), (2, inner)):
                shape = np.matmul(np.matmul(window, pictures[seen]), window.T) * weights
                described[view].append(_unit(shape))
                described[view + 1].append(_unit(shape * odd))
        none = np.zeros((0, FREQUENCIES**2), dtype=np.float32)
        return cls(
            rows=np.concatenate([rows[:0], *kept]),
            views=[np.concatenate([none, *parts]) for parts in described],
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Candidates:
    """Pairs to be verified, the most promising first.

    Attributes:
        first: ``int64 (P,)``, index among the described.
        second: ``int64 (P,)``, greater than ``first``.
        mirrored: ``bool (P,)``.
        scale: ``float32 (P,)``, how much of the first's sides the second seems to show.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    mirrored: NDArray[np.bool_]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, found: list[tuple[NDArray[np.int64], NDArray[np.float32]]]) -> "_Candidates":
        """Join what the four views found."""
        parts = []
        for view, (index, cosine) in enumerate(found):
            query, rank = np.nonzero(index >= 0)
            point = index[query, rank]
            scale = np.full(len(query), 1.0 if view < 2 else INNER)
            parts.append(
                np.stack(
                    [
                        np.minimum(query, point),
                        np.maximum(query, point),
                        np.full(len(query), view % 2),
                        np.where(query < point, scale, 1 / scale),
                        rank,
                        -cosine[query, rank],
                    ]
                )
            )
        first, second, mirrored, scale, rank, away = np.concatenate(parts, axis=1)
        order = np.lexsort((away, mirrored, second, first))
        same = np.stack([first, second, mirrored])[:, order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (same[:, 1:] != same[:, :-1]).any(axis=0)
        order = order[new]
        order = order[np.lexsort((second[order], first[order], away[order], rank[order]))]
        return cls(
            first=first[order].astype(np.int64),
            second=second[order].astype(np.int64),
            mirrored=mirrored[order] > 0,
            scale=scale[order].astype(np.float32),
        )

    def part(self, which: slice | NDArray[np.bool_]) -> "_Candidates":
        """Some of them."""
        return _Candidates(
            first=self.first[which],
            second=self.second[which],
            mirrored=self.mirrored[which],
            scale=self.scale[which],
        )


class _Ties:
    """What is connected by now, so that 10,000 frames of a still camera are not all compared."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))
        self.partners = [0] * count

    def open(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which pairs could say something new: not those of one set with partners enough."""
        return np.fromiter(
            (
                min(self.partners[one], self.partners[other]) < ENOUGH
                or self._root(one) != self._root(other)
                for one, other in zip(first.tolist(), second.tolist(), strict=True)
            ),
            dtype=bool,
            count=len(first),
        )

    def add(self, one: int, other: int) -> None:
        self.partners[one] += 1
        self.partners[other] += 1
        self.parent[self._root(one)] = self._root(other)

    def _root(self, member: int) -> int:
        while self.parent[member] != member:
            self.parent[member] = self.parent[self.parent[member]]
            member = self.parent[member]
        return member


def _verified(
    signatures: NDArray[np.uint8], rows: NDArray[np.int64], candidates: _Candidates
) -> tuple[int, list[tuple[int, float]]]:
    one = signatures[rows[candidates.first]].astype(np.float32)
    other = signatures[rows[candidates.second]].astype(np.float32)
    one = np.where(candidates.mirrored[:, None, None], one[:, :, ::-1], one)
    return verify(one, other, scale=candidates.scale)


def _equals(rows: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[NDArray[np.int64], list[Pair]]:
    """The first of each set of equal rows, in an order that follows from the rows alone."""
    first: dict[bytes, int] = {}
    pairs = []
    for index, row in enumerate(rows):
        digest = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
        original = first.setdefault(digest, index)
        if original != index:
            pairs.append(Pair(first=original, second=index, score=1.0, mirrored=False))
    return np.asarray([first[digest] for digest in sorted(first)], dtype=np.int64), pairs


def _pair(one: np.int64, other: np.int64, score: float, *, mirrored: bool) -> Pair:
    return Pair(
        first=int(min(one, other)),
        second=int(max(one, other)),
        score=round(float(np.clip(score, 0, 1)), 4),
        mirrored=mirrored,
    )


def _sorted(pairs: list[Pair]) -> list[Pair]:
    """One pair per two photos: of a symmetric photo and its copy, the better of both ways."""
    best: dict[tuple[int, int], Pair] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.score, pair.mirrored)):
        best.setdefault((pair.first, pair.second), pair)
    return [best[key] for key in sorted(best)]


def _unit(shapes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Flat, of unit length."""
    flat = shapes.reshape(len(shapes), FREQUENCIES**2)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(lengths, 1e-6), dtype=np.float32)
