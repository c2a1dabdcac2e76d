"""``predict --video`` and ``--camera``: a row per frame, a line per change, a marked video."""

import contextlib
import csv
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.run import Run
from lineament.cli import filming
from lineament.core.errors import DataError
from lineament.exporting.heads import export_head
from lineament.runtime.video import Frame, VideoFile
from lineament.runtime.video_writing import VideoWriter

pytest.importorskip("cv2", reason="OpenCV is not installed: videos were not tried")

Call = Callable[..., tuple[int, str, str]]
DrawPhoto = Callable[..., NDArray[np.uint8]]
KINDS = (0,) * 12 + (1,) * 12


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, draw_photo: DrawPhoto) -> Path:
    """A second of one drawing, and a second of another."""
    path = tmp_path_factory.mktemp("clip") / "clip.avi"
    with VideoWriter(path, fps=12, overwrite=False, flag="--out-video") as writer:
        for kind in KINDS:
            writer.write(draw_photo(3, 96, 128, kind=kind))
    return path


def test_each_frame_is_a_row(call: Call, small_bundle: Path, clip: Path, tmp_path: Path) -> None:
    code, said, talked = call(
        *("predict", small_bundle, "--video", clip, "--smooth", 0, "--never-unknown"),
        *("--csv", tmp_path / "o.csv", "--jsonl", tmp_path / "o.jsonl"),
    )

    assert code == 0
    with (tmp_path / "o.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in rows] == list(range(24))
    assert [float(row["seconds"]) for row in rows] == pytest.approx(np.arange(24) / 12, abs=2e-3)
    assert {row["filename"] for row in rows} == {str(clip)}
    lines = (tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [row["label"] for row in rows]
    assert [json.loads(line)["label"] for line in lines] == labels
    changes = [0] + [at for at in range(1, 24) if labels[at] != labels[at - 1]]
    assert [line.split("\t")[:2] for line in said.splitlines()] == [
        [f"00:{at / 12:06.3f}", labels[at]] for at in changes
    ]
    assert "24 frames in " in talked
    assert f"next: lineament predict {small_bundle} PHOTO...\n" in talked


def test_frames_are_answered_as_photos_are(
    call: Call, small_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    from lineament.runtime.predictor import Predictor

    _, said, _ = call("predict", small_bundle, "--video", clip, "--smooth", 0, "--json")

    document = json.loads(said)
    frames = [frame.pixels for frame in VideoFile(clip).frames()]
    answers = list(Predictor(small_bundle).predict(frames))
    assert [row["nearest"] for row in document["predictions"]] == [each.label for each in answers]
    assert [row["confidence"] for row in document["predictions"]] == pytest.approx(
        [each.confidence for each in answers], abs=2e-3
    )
    assert (document["source"], document["fps"]) == (str(clip), 12)


def test_smoothing_lags_behind(call: Call, small_bundle: Path, clip: Path) -> None:
    def confidences(smooth: float) -> list[float]:
        _, said, _ = call("predict", small_bundle, "--video", clip, "--smooth", smooth, "--json")
        return [row["confidence"] for row in json.loads(said)["predictions"]]

    at_once, slow = confidences(0), confidences(2)

    assert np.abs(np.diff(slow)).max() < np.abs(np.diff(at_once)).max()


def test_marked_video_has_all_frames(
    call: Call, small_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "marked.mp4"

    code, _, talked = call("predict", small_bundle, "--video", clip, "--out-video", out)

    frames = list(VideoFile(out).frames())
    plain = list(VideoFile(clip).frames())
    assert code == 0
    summary, shares = talked.splitlines()[-2:]
    assert summary.endswith(f": {out}")
    assert re.fullmatch(
        r"time: \d+ % reading, \d+ % answering, \d+ % drawing, \d+ % writing", shares
    )
    assert len(frames) == 24
    corner = (slice(-20, None), slice(0, 30))
    apart = np.abs(frames[0].pixels.astype(int) - plain[0].pixels)
    assert apart[corner].mean() > 5 * apart[:40].mean()


def test_it_ends_after_so_many_seconds(call: Call, small_bundle: Path, clip: Path) -> None:
    _, said, _ = call("predict", small_bundle, "--video", clip, "--seconds", 0.5, "--json")

    assert len(json.loads(said)["predictions"]) == 6


def test_rows_also_say_what_a_frame_says_by_itself(
    call: Call, small_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    def rows(smooth: float) -> list[dict[str, object]]:
        _, said, _ = call("predict", small_bundle, "--video", clip, "--smooth", smooth, "--json")
        predictions: list[dict[str, object]] = json.loads(said)["predictions"]
        return predictions

    plain, smooth = rows(0), rows(1)

    assert [(row["frame_label"], row["frame_confidence"]) for row in smooth] == [
        (row["label"], row["confidence"]) for row in plain
    ]
    assert [row["confidence"] for row in smooth] != [row["confidence"] for row in plain]


def test_video_that_was_cut_off_is_answered_as_far_as_it_goes_and_ends_with_3(
    call: Call, small_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.avi"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])

    code, _, talked = call("predict", small_bundle, "--video", cut, "--csv", tmp_path / "o.csv")

    n_rows = len((tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()) - 1
    assert code == 3
    assert 0 < n_rows < 24
    assert talked.endswith(
        f"error: {cut} was cut off or is damaged: of 24 frames that it says it has, {n_rows} could "
        "be read and were answered.\n"
        "  fix: Copy or record it again.\n"
    )


def test_of_a_video_that_is_interrupted_nothing_is_left(
    call: Call, small_bundle: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filming, "captioned", _interrupted)

    code, _, _ = call(
        *("predict", small_bundle, "--video", clip, "--csv", tmp_path / "o.csv"),
        *("--out-video", tmp_path / "o.mp4"),
    )

    assert code == 130
    assert list(tmp_path.iterdir()) == []


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_camera_that_is_lost_ends_with_3_and_what_was_written_is_complete(
    call: Call, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unplugged(FakeCamera):
        def frames(self) -> Iterator[Frame]:
            with contextlib.suppress(KeyboardInterrupt):
                yield from super().frames()

        def shortfall(self) -> DataError | None:
            return DataError("camera 0 gave no more pictures.", fix="Look.")

    monkeypatch.setattr(filming, "Camera", Unplugged)

    code, _, talked = call("predict", small_bundle, "--camera", 0, "--csv", tmp_path / "o.csv")

    assert code == 3
    assert re.search(r"^time: \d+ % waiting, \d+ % answering, \d+ % writing$", talked, re.MULTILINE)
    assert talked.endswith("error: camera 0 gave no more pictures.\n  fix: Look.\n")
    assert len((tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()) == 4


def test_several_heads_answer_each_frame(
    call: Call, small_run: Run, small_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    for name in ("who", "mood"):
        export_head(small_run, tmp_path / f"{name}.head")

    code, said, _ = call(
        *("predict", tmp_path / "who.head", tmp_path / "mood.head", "--backbone", small_bundle),
        *("--video", clip, "--seconds", 0.2, "--csv", tmp_path / "o.csv"),
        *("--out-video", tmp_path / "o.avi"),
    )

    assert code == 0
    assert "\twho: " in said
    header = (tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "frame,seconds,filename,error," + ",".join(
        f"{head}_{name}"
        for head in ("who", "mood")
        for name in (
            *("label", "confidence", "familiarity", "nearest"),
            *("frame_label", "frame_confidence"),
        )
    )


class FakeCamera:
    """A camera of three pictures, and then Ctrl-C."""

    fps = 30.0

    def __init__(self, number: int) -> None:
        self.number = number

    def frames(self) -> Iterator[Frame]:
        for number in range(3):
            pixels = np.full((48, 64, 3), 60 * number, dtype=np.uint8)
            yield Frame(number=number, seconds=number / 10, pixels=pixels)
        raise KeyboardInterrupt

    def shortfall(self) -> DataError | None:
        return None

    def close(self) -> None:
        pass


def test_camera_is_left_with_ctrl_c_and_what_was_written_is_complete(
    call: Call, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filming, "Camera", FakeCamera)

    code, _, talked = call(
        *("predict", small_bundle, "--camera", 1, "--out-video", tmp_path / "o.mp4"),
        *("--csv", tmp_path / "o.csv"),
    )

    assert code == 0
    assert "3 frames in " in talked
    assert len((tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()) == 4
    assert len(list(VideoFile(tmp_path / "o.mp4").frames())) == 7  # 0.2 s of 30 a second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.csv", "o.mp4"]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--video", "a.mp4", "--camera", "0"), "`--video` and `--camera` were both given."),
        (("--video", "a.mp4", "b.jpg"), "`--video` was given, and b.jpg as well."),
        (("--smooth", "1", "b.jpg"), "`--smooth` is for frames, and no video was named."),
        (("--out-video", "o.mp4", "b.jpg"), "`--out-video` is for frames, and no video was named."),
        (
            ("--camera", "0", "--parquet", "o.parquet"),
            "`--parquet` is for photos, and `--camera` was given.",
        ),
        (("--video", "a.mp4", "--seconds", "0"), "`--seconds` must be above 0, got 0."),
        (("--video", "a.mp4", "--smooth", "-1"), "`--smooth` must be 0 or more seconds, got -1."),
    ],
)
def test_flags_that_mean_nothing_together_are_refused(
    call: Call, small_bundle: Path, flags: tuple[str, ...], text: str
) -> None:
    code, _, talked = call("predict", small_bundle, *flags)

    assert code == 2
    assert talked.splitlines()[0] == f"error: {text}"


def test_without_opencv_the_extra_is_named(
    call: Call, small_bundle: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    code, _, talked = call("predict", small_bundle, "--video", clip)

    assert code == 5
    assert "lineament[video]" in talked
