"""Compare: runs, bundles, reports and studies side by side, on the same photos or not at all."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lineament.artifacts.bundle import read_bundle, with_card
from lineament.artifacts.dataset import Dataset
from lineament.artifacts.ledger import LEDGER, read_ledger
from lineament.artifacts.run import Run
from lineament.artifacts.study import Study, write_study
from lineament.artifacts.study_row import BROKEN, DONE, TRIAL, StudyRow
from lineament.artifacts.verdicts import read_comparison
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.preparation.build import PrepareConfig, prepare
from lineament.training.recipe import TrainConfig
from lineament.training.train import train
from lineament.workflow.comparing import CompareConfig, compare
from lineament.workflow.contending import contenders_of, models_of
from lineament.workflow.evaluating import EvaluateConfig, evaluate

QUICK = CompareConfig(rounds=1)
FREE = CompareConfig(cost=False)


class Heard:
    """A progress that keeps what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def start(self, task: str, total: int | None) -> None:
        """Nothing."""

    def advance(self, steps: int = 1) -> None:
        """Nothing."""

    def finish(self) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals are tested elsewhere."""
    monkeypatch.setattr("lineament.evaluation.comparing.RESAMPLES", 20)


@pytest.fixture(scope="module")
def dataset(drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A copy whose ledger is this module's own."""
    root = tmp_path_factory.mktemp("compared") / "dataset"
    shutil.copytree(drawn_dataset.root, root, ignore=shutil.ignore_patterns(LEDGER))
    return Dataset.open(root)


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Two seeds of one recipe, and another recipe."""
    root = tmp_path_factory.mktemp("trained")
    config = TrainConfig(backbone="test_resnet", weights="none", size_px=32)
    return {
        "net-s0": train(dataset, root / "net-s0", config=config),
        "net-s1": train(dataset, root / "net-s1", config=dataclasses.replace(config, seed=1)),
        "larger": train(dataset, root / "larger", config=dataclasses.replace(config, size_px=48)),
    }


@pytest.fixture(scope="module")
def judged(
    trained: dict[str, Run], dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Their reports."""
    root = tmp_path_factory.mktemp("judged")
    config = EvaluateConfig(slices=False)
    for name, run in trained.items():
        evaluate(run.root, dataset, root / name, config=config)
    return {name: root / name for name in trained}


@pytest.fixture
def study(trained: dict[str, Run], judged: dict[str, Path], tmp_path: Path) -> Study:
    """A study of these runs, a broken one and a trial."""

    net = StudyRow(
        name="net-s0",
        configuration="net",
        dataset="shapes",
        recipe={"seed": 0, "backbone": "test_resnet", "mode": "head"},
        identity="ab",
        status=DONE,
        validation_accuracy=0.9,
        validation_loss=0.2,
    )
    larger = dataclasses.replace(net, name="larger", configuration="larger")
    rows = (
        net,
        dataclasses.replace(net, name="net-s1"),
        larger,
        dataclasses.replace(larger, name="worse", status=BROKEN, reason="no memory"),
        dataclasses.replace(larger, name="tried", configuration="tried", role=TRIAL),
    )
    root = tmp_path / "study"
    for name, run in trained.items():
        shutil.copytree(run.root, root / "runs" / name)
        shutil.copytree(judged[name], root / "reports" / name)
    study = Study(root=root, description="", plan={}, rows=rows)
    write_study(study)
    return study


def names(sources: list[Path]) -> dict[str, tuple[int, ...]]:
    """Contenders with their seeds."""
    models = models_of(sources, study_dataset=None, progress=Heard())
    return {name: tuple(model.seed for model in lot) for name, lot in contenders_of(models).items()}


def test_runs_are_measured_and_what_is_stored_is_what_is_returned(
    trained: dict[str, Run], tmp_path: Path
) -> None:
    sources = [trained["net-s0"].root, trained["larger"].root]

    report = compare(sources, tmp_path / "out", config=QUICK)

    assert read_comparison(tmp_path / "out") == report
    assert sorted(each.name for each in report.contenders) == ["larger", "net-s0"]
    assert report.n_images == 30
    for each in report.contenders:
        assert each.cost.milliseconds is not None
        assert each.cost.parameters is not None


def test_measuring_is_an_opening_in_the_ledger(
    trained: dict[str, Run], dataset: Dataset, tmp_path: Path
) -> None:
    before = len(read_ledger(dataset.root).openings)

    report = compare(
        [trained["net-s0"].root, trained["larger"].root], tmp_path / "out", config=FREE
    )

    opened = read_ledger(dataset.root).openings[before:]
    assert [(each.split, each.path) for each in opened] == [
        ("test", str(trained["net-s0"].root)),
        ("test", str(trained["larger"].root)),
    ]
    assert report.dataset["openings"] == before + 2


def test_reports_are_compared_without_measuring_again(
    judged: dict[str, Path], dataset: Dataset, tmp_path: Path
) -> None:
    before = len(read_ledger(dataset.root).openings)

    compare([judged["net-s0"], judged["larger"]], tmp_path / "out", config=FREE)

    assert len(read_ledger(dataset.root).openings) == before


def test_runs_and_their_reports_give_the_same_figures(
    trained: dict[str, Run], judged: dict[str, Path], tmp_path: Path
) -> None:
    of_runs = compare([run.root for run in trained.values()], tmp_path / "runs", config=FREE)
    of_reports = compare(list(judged.values()), tmp_path / "reports", config=FREE)

    assert of_reports.verdicts == of_runs.verdicts
    assert of_reports.contenders == of_runs.contenders


def test_runs_that_differ_in_their_seed_are_one_contender(trained: dict[str, Run]) -> None:
    assert names([run.root for run in trained.values()]) == {"net": (0, 1), "larger": (0,)}


def test_a_run_and_its_report_are_one_model(
    trained: dict[str, Run], judged: dict[str, Path]
) -> None:
    heard = Heard()
    run, report = trained["larger"].root, judged["larger"]

    (model,) = models_of([run, report], study_dataset=None, progress=heard)

    assert (model.path, model.report_path) == (run, report)
    assert heard.notes == [f"{report} is the same model as {run}; it is compared once."]


def test_a_run_and_its_bundle_are_two_contenders(
    small_run: Run, small_bundle: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    copy = tmp_path / "dataset"
    shutil.copytree(drawn_dataset.root, copy)

    report = compare([small_run.root, small_bundle], tmp_path / "out", data=copy, config=FREE)

    assert [each.name for each in report.contenders] == ["run", "model"]
    assert (report.verdicts[0].only_first, report.verdicts[0].only_second) == (0, 0)


def test_equal_names_are_told_apart_by_their_folders(
    trained: dict[str, Run], tmp_path: Path
) -> None:
    for folder, name in (("a", "net-s0"), ("b", "larger")):
        shutil.copytree(trained[name].root, tmp_path / folder / "run")

    assert list(names([tmp_path / "a/run", tmp_path / "b/run"])) == ["a/run", "b/run"]


def test_a_report_whose_run_is_gone_is_compared_without_its_cost(
    trained: dict[str, Run], judged: dict[str, Path], dataset: Dataset, tmp_path: Path
) -> None:
    run = tmp_path / "gone"
    shutil.copytree(trained["larger"].root, run)
    evaluate(run, dataset, tmp_path / "left", config=EvaluateConfig(slices=False))
    shutil.rmtree(run)

    report = compare([tmp_path / "left", judged["net-s0"]], tmp_path / "out", config=QUICK)

    known = {each.name: each.cost.milliseconds is not None for each in report.contenders}
    assert known == {"left": False, "net-s0": True}


def test_a_study_is_compared_by_its_configurations(study: Study, tmp_path: Path) -> None:
    heard = Heard()

    report = compare([study.root], tmp_path / "out", config=FREE, progress=heard)

    assert {each.name: each.seeds for each in report.contenders} == {"net": (0, 1), "larger": (0,)}
    assert heard.notes[0] == (
        f"{study.root}: 3 runs are compared; left out: 1 broken, 1 tried by its search alone."
    )


def test_a_study_over_several_datasets_needs_a_choice(study: Study, tmp_path: Path) -> None:
    other = dataclasses.replace(study.rows[2], dataset="faces")
    write_study(study.with_row(other))

    with pytest.raises(UsageError) as caught:
        compare([study.root], tmp_path / "out", config=FREE)

    assert str(caught.value) == (
        f"{study.root} has runs on 2 datasets, and models are compared on the same photos.\n"
        "  at:  shapes, faces\n"
        "  fix: Choose one, as in `--study-dataset shapes`."
    )


def test_an_unknown_dataset_of_a_study_is_refused(study: Study, tmp_path: Path) -> None:
    config = CompareConfig(study_dataset="shape")

    with pytest.raises(UsageError) as caught:
        compare([study.root], tmp_path / "out", config=config)

    assert str(caught.value) == (
        f"{study.root} has no dataset `shape`. Did you mean `shapes`?\n"
        "  fix: Its datasets are shapes."
    )


def test_a_study_without_finished_runs_is_refused(study: Study, tmp_path: Path) -> None:
    write_study(dataclasses.replace(study, rows=study.rows[3:4]))

    with pytest.raises(DataError) as caught:
        compare([study.root], tmp_path / "out", config=FREE)

    assert str(caught.value) == (
        f"{study.root} has no finished runs that could be compared.\n"
        "  fix: Go on with `lineament study ... --resume`."
    )


def test_one_model_alone_is_refused(trained: dict[str, Run], tmp_path: Path) -> None:
    sources = [trained["net-s0"].root, trained["net-s1"].root]

    with pytest.raises(UsageError) as caught:
        compare(sources, tmp_path / "out", config=FREE)

    assert str(caught.value) == (
        "A comparison needs two models or more, and this is one: net, with 2 seeds.\n"
        "  fix: Name another run, bundle or report."
    )
    assert not (tmp_path / "out").exists()


def test_reports_of_another_split_are_named(judged: dict[str, Path], tmp_path: Path) -> None:
    sources = [judged["net-s0"], judged["larger"]]

    with pytest.raises(DataError) as caught:
        compare(sources, tmp_path / "out", config=CompareConfig(split="validation"))

    assert str(caught.value) == (
        "These reports are not of the validation split.\n"
        f"  at:  {sources[0]} (test), {sources[1]} (test)\n"
        "  fix: Give `--split test`."
    )


def test_reports_of_another_dataset_are_named(
    trained: dict[str, Run],
    judged: dict[str, Path],
    write_kinds: Callable[..., Path],
    tmp_path: Path,
) -> None:
    other = prepare(
        write_kinds(tmp_path / "source", per_class=16),
        tmp_path / "other",
        config=PrepareConfig(split=(0.5, 0.25, 0.25)),
    )
    odd = tmp_path / "odd"
    evaluate(trained["larger"].root, other, odd, config=EvaluateConfig(slices=False))

    with pytest.raises(DataError) as caught:
        compare([judged["net-s0"], odd], tmp_path / "out", config=FREE)

    assert str(caught.value) == (
        "Models are compared on the same photos, and these reports are of another dataset than "
        f"{judged['net-s0']}.\n"
        f"  at:  {odd}\n"
        "  fix: Evaluate all models on the same dataset, or name runs and `--data DATASET`."
    )


def test_bundles_alone_need_a_dataset(small_bundle: Path, tmp_path: Path) -> None:
    copies = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    for number, copy in enumerate(copies):
        # Another card makes it another file; another graph would be refused.
        graph, card = read_bundle(small_bundle)
        messages = {"disc": f"a disc, {number}"}
        copy.write_bytes(with_card(graph, dataclasses.replace(card, messages=messages)))

    with pytest.raises(UsageError) as caught:
        compare(copies, tmp_path / "out", config=FREE)

    assert str(caught.value) == (
        "2 of 2 models have no report, and there is no dataset to measure them on.\n"
        f"  at:  {copies[0]}, {copies[1]}\n"
        "  fix: Name it with `--data DATASET`."
    )


def test_runs_of_several_datasets_need_one_to_be_named(
    trained: dict[str, Run], small_run: Run, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(small_run.root, moved)
    document = json.loads((moved / "run.json").read_text(encoding="utf-8"))
    document["dataset"] |= {"fingerprint": "00", "path": "elsewhere"}
    (moved / "run.json").write_text(json.dumps(document), encoding="utf-8")
    stated = trained["larger"].card.dataset["path"]

    with pytest.raises(DataError) as caught:
        compare([trained["larger"].root, moved], tmp_path / "out", config=FREE)

    assert str(caught.value) == (
        "These models are of 2 datasets, and none was named to compare them on.\n"
        f"  at:  {stated}, elsewhere\n"
        "  fix: Name one with `--data DATASET`."
    )


def test_a_model_of_another_dataset_is_warned_of(
    trained: dict[str, Run], small_run: Run, dataset: Dataset, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(small_run.root, moved)
    document = json.loads((moved / "run.json").read_text(encoding="utf-8"))
    document["dataset"]["fingerprint"] = "00"
    (moved / "run.json").write_text(json.dumps(document), encoding="utf-8")

    report = compare([trained["larger"].root, moved], tmp_path / "out", data=dataset, config=FREE)

    assert report.warnings[-1] == (
        "moved was trained on another dataset: whether any of these photos was among those cannot "
        "be known from here."
    )


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        compare([tmp_path / "absent"], tmp_path / "out")

    assert str(caught.value) == (
        f"{tmp_path / 'absent'} does not exist.\n  fix: Name runs, bundles, reports or a study."
    )


def test_a_folder_that_is_no_artifact_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        compare([tmp_path], tmp_path / "out")

    assert str(caught.value) == (
        f"{tmp_path} is neither a run nor a report nor a study.\n"
        "  fix: Name folders that `train`, `evaluate` or `study` wrote, or bundles."
    )


def test_what_stands_in_the_way_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    with pytest.raises(ArtifactError) as caught:
        compare([tmp_path / "absent"], tmp_path / "out")

    assert str(caught.value) == (
        f"{tmp_path / 'out'} exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it."
    )
