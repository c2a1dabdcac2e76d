"""TensorBoard's own reader finds in the event files what a training told."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from lineament.artifacts.run import Run
from lineament.tracking.trackers import add_report

Tell = Callable[..., SimpleNamespace]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., EventAccumulator]:
    def reader(name: str = "run") -> EventAccumulator:
        # 0 keeps every event; by default all but a few pictures and histograms are dropped.
        everything = dict.fromkeys(("scalars", "tensors", "images"), 0)
        events = EventAccumulator(str(tmp_path / "tensorboard" / name), size_guidance=everything)
        return events.Reload()

    return reader


def curve(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(each.step, each.value) for each in events.Scalars(name)]


def text(events: EventAccumulator, name: str) -> str:
    return str(events.Tensors(name)[-1].tensor_proto.string_val[0].decode())


def bins(events: EventAccumulator, name: str) -> list[tuple[int, list[list[float]]]]:
    from tensorboard.util.tensor_util import make_ndarray

    return [(each.step, make_ndarray(each.tensor_proto).tolist()) for each in events.Tensors(name)]


def test_numbers_of_history_are_curves_over_the_epoch(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    events = read()

    assert curve(events, "validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]
    assert curve(events, "train/loss") == [(1, 0.5), (2, 0.25)]


def test_sizes_of_layers_are_curves(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    events = read()

    assert curve(events, "gradient_rms/network.conv1.weight") == [(1, 0.25), (2, 0.25)]
    assert curve(events, "update_ratio/network.conv1.weight") == [(1, 0.125), (2, 0.125)]


@pytest.mark.parametrize("kind", ["parameter", "gradient"])
def test_bins_of_layers_are_histograms(kind: str, tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    assert bins(read(), f"{kind}/network.conv1.weight") == [
        (1, [[-1.0, 0.0, 1.0], [0.0, 1.0, 3.0]]),
        (2, [[-1.0, 0.0, 1.0], [0.0, 1.0, 4.0]]),
    ]


def test_configuration_is_a_table(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    lines = text(read(), "configuration").splitlines()

    assert lines[:3] == ["| field | value |", "| --- | --- |", "| mode | finetune |"]
    assert "| learning_rate | 0.001 |" in lines
    assert "| dataset.fingerprint | abc |" in lines


def test_configuration_can_be_compared_between_runs(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    content = read().SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    fields = HParamsPluginData.FromString(content).session_start_info.hparams

    assert fields["mode"].string_value == "finetune"
    assert fields["learning_rate"].number_value == 0.001


def test_confusion_matrix_is_a_table(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    assert text(read(), "judged_validation/confusion_counts").splitlines() == [
        '| truth, then answer | cat | dög, "x" &#124; y |',
        "| --- | --- | --- |",
        "| cat | 1 | 1 |",
        '| dög, "x" &#124; y | 0 | 2 |',
    ]


def test_confusion_matrix_is_a_picture(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    picture = read().Images("judged_validation/confusion_matrix")[0]

    assert picture.encoded_image_string[1:4] == b"PNG"
    assert picture.width == picture.height > 88


def test_each_class_has_its_figures(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    assert text(read(), "judged_validation/classes").splitlines()[2:] == [
        "| cat | 1 | 0.5 | 0.666667 | 2 |",
        '| dög, "x" &#124; y | 0.666667 | 1 | 0.8 | 2 |',
    ]


def test_what_was_chosen_is_told(tell: Tell, read: Tell) -> None:
    tell("tensorboard")

    events = read()

    assert "| chosen/epoch | 1 |" in text(events, "chosen").splitlines()
    assert curve(events, "judged_validation/accuracy") == [(2, 0.75)]


def test_small_files_of_the_run_lie_beside_the_events(tell: Tell, tmp_path: Path) -> None:
    tell("tensorboard")

    attached = tmp_path / "tensorboard" / "run" / "attached" / "run-run"
    assert sorted(p.relative_to(attached).as_posix() for p in attached.rglob("*.*")) == [
        "histograms.parquet",
        "history.csv",
        "predictions/validation.parquet",
        "run.json",
    ]


def test_note_says_how_to_look(tell: Tell, tmp_path: Path) -> None:
    assert tell("tensorboard").notes == [
        f"tensorboard: look with `tensorboard --logdir {tmp_path / 'tensorboard'}`"
    ]


def test_resumed_training_goes_on_in_the_same_record(
    tell: Tell, read: Tell, tmp_path: Path
) -> None:
    first = tell("tensorboard", last=1)
    tell("tensorboard", first=1, remembered=first.remembered)

    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == ["run"]
    assert curve(read(), "validation/loss") == [(0, 0.75), (1, 0.25), (2, 0.5)]


def test_another_training_of_the_same_name_is_another_record(tell: Tell, read: Tell) -> None:
    tell("tensorboard", last=1)
    tell("tensorboard")

    assert curve(read("run"), "train/loss") == [(1, 0.5)]
    assert curve(read("run-2"), "train/loss") == [(1, 0.5), (2, 0.25)]


def test_report_is_added_to_the_record_of_its_run(
    tell: Tell, read: Tell, report: Path, tmp_path: Path
) -> None:
    add_report(tell("tensorboard").run, report, ["tensorboard"])

    events = read()

    assert [path.name for path in (tmp_path / "tensorboard").iterdir()] == ["run"]
    assert curve(events, "judged_test/accuracy") == [(3, 0.75)]
    assert "| cat | 1 | 1 |" in text(events, "judged_test/confusion_counts")
    assert curve(events, "train/loss") == [(1, 0.5), (2, 0.25)]
    page = tmp_path / "tensorboard/run/attached/run-test-report/report.html"
    assert page.read_text(encoding="utf-8") == "<title>the page</title>"


def test_report_of_a_run_without_record_makes_one_with_its_past(
    untracked_run: Run, read: Tell, report: Path
) -> None:
    add_report(untracked_run, report, ["tensorboard"])

    events = read()

    assert curve(events, "train/loss") == [(1, 0.5), (2, 0.25)]
    assert [step for step, _ in bins(events, "gradient/network.conv1.weight")] == [1, 2]
    assert curve(events, "judged_validation/accuracy") == [(2, 0.75)]
    assert curve(events, "judged_test/accuracy") == [(3, 0.75)]
