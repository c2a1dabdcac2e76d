"""A dataset's photos are explained whole or not at all, and what does not fit is refused first."""

import json
from pathlib import Path

import pytest

from lineament.artifacts.dataset import Dataset
from lineament.artifacts.explanation import Explanation, read_explanation
from lineament.artifacts.run import Run
from lineament.core.errors import ArtifactError, DataError, UsageError
from lineament.core.progress import Quiet
from lineament.training.recipe import TrainConfig
from lineament.training.train import train
from lineament.workflow.explaining import ExplainDatasetConfig, explain_dataset


class Notes(Quiet):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


QUICK = ExplainDatasetConfig(faithfulness=4, hiding=9, per_class=1, surest=2, borderline=1)


@pytest.fixture(scope="module")
def folder(
    small_run: Run, drawn_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("explained") / "out"
    explain_dataset(small_run.root, drawn_dataset, out, config=QUICK)
    return out


@pytest.fixture(scope="module")
def explanation(folder: Path) -> Explanation:
    return read_explanation(folder)


def test_explanation_holds_page_figures_and_photos(folder: Path, explanation: Explanation) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "explanation.html",
        "explanation.json",
        "photos",
    ]
    shown = {each.photo for gallery in explanation.galleries for each in gallery.shown}
    assert all((folder / name).is_file() for name in shown)
    assert (explanation.n_images, explanation.split) == (30, "test")


def test_page_needs_no_other_file(folder: Path) -> None:
    page = (folder / "explanation.html").read_text(encoding="utf-8")

    for reach in ('src="photos', 'src="http', "@import", "<link", "<script"):
        assert reach not in page


def test_what_was_asked_for_is_measured_and_nothing_else(explanation: Explanation) -> None:
    assert explanation.faithfulness is not None
    assert explanation.faithfulness.photos == 4
    assert explanation.hiding is not None
    assert explanation.hiding.photos == 9
    assert explanation.localisation is None
    assert explanation.sanity == ()


def test_photos_are_drawn_evenly_over_the_classes(explanation: Explanation) -> None:
    assert explanation.hiding is not None
    assert explanation.hiding.chance == pytest.approx(1 / 3)


def test_bundle_is_explained_as_its_run_is(
    explanation: Explanation, small_bundle: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    of_bundle = explain_dataset(small_bundle, drawn_dataset, tmp_path / "out", config=QUICK)

    assert of_bundle.galleries == explanation.galleries
    assert of_bundle.hiding == explanation.hiding


def test_methods_are_measured_beside_the_one_that_is_shown(
    drawn_dataset: Dataset, tmp_path: Path
) -> None:
    recipe = TrainConfig(mode="scratch", backbone="custom_cnn", size_px=64, epochs=1)
    run = train(drawn_dataset, tmp_path / "run", config=recipe)
    config = ExplainDatasetConfig(
        beside=("occlusion", "grad-cam"), faithfulness=2, hiding=0, per_class=0, sanity=3
    )

    found = explain_dataset(run.root, drawn_dataset, tmp_path / "out", config=config)

    assert found.faithfulness is not None
    titles = [each.title for each in found.faithfulness.methods]
    assert titles == [
        "class activation map (Zhou et al. 2016)",
        "occlusion (Zeiler and Fergus 2014)",
        "Grad-CAM (Selvaraju et al. 2017)",
    ]
    assert [each.title for each in found.sanity] == ["Grad-CAM (Selvaraju et al. 2017)"]


def test_maps_of_one_cell_have_no_order_and_the_rest_is_kept(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    notes = Notes()
    config = ExplainDatasetConfig(faithfulness=0, hiding=3, per_class=0, sanity=3)

    found = explain_dataset(
        small_run.root, drawn_dataset, tmp_path / "out", config=config, progress=notes
    )

    assert found.sanity == ()
    assert notes.said == [
        "Random weights were not tried: 0 of 3 photos have a map with an order; two or more are "
        "needed."
    ]


def test_regions_are_of_the_photos_that_have_one(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    samples = drawn_dataset.samples("test")[:5]
    rows = "".join(f"{each.filename},0,0,20,20\n" for each in samples)
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(f"filename,left,top,right,bottom\n{rows}", encoding="utf-8")
    config = ExplainDatasetConfig(regions=str(boxes), faithfulness=0, hiding=0, per_class=0)

    found = explain_dataset(small_run.root, drawn_dataset, tmp_path / "out", config=config)

    assert found.localisation is not None
    assert (found.localisation.photos, found.localisation.region) == (5, "boxes.csv")


def test_random_weights_of_a_bundle_are_refused(
    small_bundle: Path, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        explain_dataset(
            small_bundle, drawn_dataset, tmp_path / "out", config=ExplainDatasetConfig(sanity=5)
        )

    assert str(caught.value) == (
        f"`sanity` makes the weights of a network random, and {small_bundle} is a bundle.\n"
        "  fix: Name the run that it was exported from."
    )
    assert not (tmp_path / "out").exists()


def test_regions_that_are_not_there_are_found_before_anything_is_answered(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    config = ExplainDatasetConfig(regions=str(tmp_path / "nowhere.csv"))

    with pytest.raises(ArtifactError):
        explain_dataset(small_run.root, drawn_dataset, tmp_path / "out", config=config)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("beside", [("cam",), ("class-activation",), ("occlusion", "occlusion")])
def test_methods_beside_it_are_others_each_once(beside: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        ExplainDatasetConfig(beside=beside)

    assert str(caught.value) == (
        "`beside` must name other methods than `method`, each once; got "
        f"`{beside[0]}`.\n"
        "  fix: The methods are class-activation, occlusion, grad-cam, grad-cam++, "
        "integrated-gradients."
    )


def test_what_stands_in_the_way_stays(folder: Path, small_run: Run, drawn_dataset: Dataset) -> None:
    before = json.loads((folder / "explanation.json").read_text(encoding="utf-8"))

    with pytest.raises(ArtifactError):
        explain_dataset(small_run.root, drawn_dataset, folder, config=QUICK)

    assert json.loads((folder / "explanation.json").read_text(encoding="utf-8")) == before


def test_photo_that_is_gone_leaves_nothing(
    small_run: Run, drawn_dataset: Dataset, tmp_path: Path
) -> None:
    import shutil

    copied = tmp_path / "data"
    shutil.copytree(drawn_dataset.root, copied)
    (copied / drawn_dataset.samples("test")[0].filename).unlink()

    with pytest.raises((ArtifactError, DataError)):
        explain_dataset(small_run.root, copied, tmp_path / "out", config=QUICK)

    assert not (tmp_path / "out").exists()
