"""``lineament train``: how recipe, `--set` and flags become one recipe, and what is said after."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lineament.training.recipe import TrainConfig
from lineament.training.recipes import recipe_names

if TYPE_CHECKING:
    from lineament.artifacts.dataset import Dataset
    from lineament.artifacts.run import Run

Called = tuple[int, str, str]
FAST = ("--backbone", "test_resnet", "--set", "size_px=32", "--set", "threads=1")


class Asked:
    """What stands in the place of training and notes what it was asked for."""

    def __init__(self, answer: "Run") -> None:
        self.answer = answer
        self.recipe = TrainConfig()
        self.overwrite = self.resume = False

    def train(
        self,
        _: object,
        out: Path,
        *,
        config: TrainConfig,
        overwrite: bool,
        resume: bool,
        **__: object,
    ) -> "Run":
        self.recipe, self.overwrite, self.resume = config, overwrite, resume
        return self.answer


@pytest.fixture
def asked(
    call: Callable[..., Called],
    small_run: "Run",
    drawn_dataset: "Dataset",
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Asked]:
    """Give ``asked("--mode", "scratch")``: what training is asked for, without training."""

    def asked(*flags: object) -> Asked:
        stand_in = Asked(small_run)
        monkeypatch.setattr("lineament.training.train.train", stand_in.train)
        code, _, err = call("train", drawn_dataset.root, "--out", "run", *flags)
        assert code == 0, err
        return stand_in

    return asked


def test_nothing_asked_for_is_every_default(asked: Callable[..., Asked]) -> None:
    assert asked().recipe == TrainConfig()


def test_recipe_lies_under_set_and_set_under_flags(asked: Callable[..., Asked]) -> None:
    recipe = asked(
        *("--recipe", "baseline", "--set", "batch_size=16", "--set", "epochs=4"),
        *("--epochs", 7, "--backbone", "resnet18", "--seed", 5),
    ).recipe

    assert (recipe.mode, recipe.optimiser) == ("finetune", "adam")  # the recipe's
    assert recipe.batch_size == 16  # of 64 in the recipe
    assert (recipe.epochs, recipe.backbone, recipe.seed) == (7, "resnet18", 5)


def test_recipe_of_a_file_is_taken(asked: Callable[..., Asked], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: baseline\nflip: true\n", encoding="utf-8")

    recipe = asked("--recipe", "mine.yaml").recipe

    assert (recipe.flip, recipe.optimiser) == (True, "adam")


def test_word_for_no_limit_in_a_recipe_stays(asked: Callable[..., Asked]) -> None:
    assert asked("--recipe", "baseline").recipe.clip_norm is None


def test_time_budget_takes_the_place_of_the_epochs_of_a_recipe(
    asked: Callable[..., Asked],
) -> None:
    recipe = asked("--recipe", "baseline", "--time-budget", "20s").recipe

    assert (recipe.time_budget, recipe.epochs) == ("20s", None)


def test_epochs_take_the_place_of_the_time_budget_of_a_recipe(
    asked: Callable[..., Asked], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("mode: scratch\ntime_budget: 20m\n", encoding="utf-8")

    recipe = asked("--recipe", "mine.yaml", "--epochs", 3).recipe

    assert (recipe.time_budget, recipe.epochs) == (None, 3)


def test_resume_and_overwrite_are_handed_on(asked: Callable[..., Asked]) -> None:
    plain, both = asked(), asked("--resume", "--overwrite")

    assert (plain.resume, plain.overwrite, both.resume, both.overwrite) == (
        False,
        False,
        True,
        True,
    )


def test_json_is_one_document_with_the_card(
    call: Callable[..., Called], asked: Callable[..., Asked], drawn_dataset: "Dataset"
) -> None:
    asked()

    code, out, err = call("train", drawn_dataset.root, "--out", "run", "--json")

    said = json.loads(out)
    assert (code, said["run"], said["mode"]) == (0, "run", "head")
    assert f"next: lineament evaluate run {drawn_dataset.root} --out report" in err


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (
            ["--recipe", "basline"],
            "error: There is no recipe `basline`. Did you mean `baseline`?\n"
            f"  fix: Use {', '.join(recipe_names())}, or name a file that ends in .yaml.\n",
        ),
        (
            ["--recipe", "absent.yaml"],
            "error: The recipe absent.yaml cannot be read: No such file or directory.\n"
            f"  fix: Name a file that is there, or one of {', '.join(recipe_names())}.\n",
        ),
        (
            ["--mode", "scratch", "--epochs", "3", "--time-budget", "20s"],
            "error: Both `epochs` and `time_budget` say how long to train.\n"
            "  fix: Give one of them.\n",
        ),
        (
            ["--mode", "scratch", "--time-budget", "soon"],
            "error: `time_budget` must be a duration such as 45s, 20m or 1.5h, got 'soon'.\n"
            "  fix: Give a number above 0 and s, m or h.\n",
        ),
        (
            ["--find-lr"],
            "error: `--mode head` has no rate to find.\n"
            "  fix: Use `--mode finetune` or `--mode scratch`.\n",
        ),
    ],
    ids=["recipe", "file", "both", "duration", "rate of a head"],
)
def test_mistake_is_said_and_nothing_is_written(
    flags: list[str],
    text: str,
    call: Callable[..., Called],
    drawn_dataset: "Dataset",
    tmp_path: Path,
) -> None:
    assert call("train", drawn_dataset.root, "--out", "run", *flags) == (2, "", text)
    assert list(tmp_path.iterdir()) == []


def test_recipe_of_a_file_is_named_with_its_line(
    call: Callable[..., Called], drawn_dataset: "Dataset", tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("mode: scratch\nepoch: 3\n", encoding="utf-8")

    assert call("train", drawn_dataset.root, "--out", "run", "--recipe", "mine.yaml") == (
        2,
        "",
        "error: mine.yaml: there is no field `epoch`. Did you mean `epochs`?\n"
        "  at:  line 2\n"
        "  fix: `lineament recipe show default` has every field and says what it may be.\n",
    )


def test_range_test_ends_with_the_same_training_at_the_rate_that_it_proposes(
    call: Callable[..., Called], drawn_dataset: "Dataset", tmp_path: Path
) -> None:
    asked = ("--mode", "scratch", *FAST, "--set", "batch_size=10")

    code, out, err = call("train", drawn_dataset.root, "--out", "rates", *asked, "--find-lr")

    assert code == 0
    rate = out.removeprefix("rates/range.png: a rate to begin with is ").strip()
    assert 1e-8 <= float(rate) <= 0.1
    assert err.splitlines()[-1] == (
        f"next: lineament train {drawn_dataset.root} --out run {' '.join(asked[:4])} "
        f"{' '.join(asked[4:])} --set learning_rate={rate}"
    )
    assert sorted(path.name for path in (tmp_path / "rates").iterdir()) == [
        "range.csv",
        "range.png",
    ]


def test_range_test_as_json_holds_rates_and_losses(
    call: Callable[..., Called], drawn_dataset: "Dataset"
) -> None:
    _, out, _ = call(
        *("train", drawn_dataset.root, "--out", "rates", "--mode", "scratch", *FAST),
        *("--find-lr", "--json"),
    )

    said = json.loads(out)
    assert len(said["rates"]) == len(said["losses"]) > 10
    assert said["rate"] in [pytest.approx(rate / 10) for rate in said["rates"]]


@pytest.fixture
def interrupted(call: Callable[..., Called], drawn_dataset: "Dataset") -> Callable[..., Called]:
    """Give ``interrupted(*flags)``: train where a training of 5 epochs was interrupted."""
    from lineament.training.fitting.checkpoints import Checkpoints

    recipe = TrainConfig(mode="scratch", backbone="test_resnet", epochs=5)
    identity = {
        "recipe": recipe.as_dict(),
        "dataset": drawn_dataset.fingerprint,
        "processes": 1,
    }
    Checkpoints(Path("run"), identity).save({})
    asked = ("train", drawn_dataset.root, "--out", "run", "--mode", "scratch")

    return lambda *flags: call(*asked, "--backbone", "test_resnet", *flags)


def test_interrupted_training_is_not_thrown_away_unasked(
    interrupted: Callable[..., Called],
) -> None:
    assert interrupted("--epochs", 5) == (
        2,
        "",
        "error: .run.training holds a training that was interrupted.\n"
        "  fix: Go on with `--resume`, or start anew with `--overwrite`.\n",
    )


def test_another_training_cannot_be_resumed(interrupted: Callable[..., Called]) -> None:
    assert interrupted("--epochs", 6, "--set", "flip=false", "--resume") == (
        2,
        "",
        "error: .run.training holds another training than the one to be resumed.\n"
        "  at:  epochs: 5 then, 6 now, flip: True then, False now\n"
        "  fix: Give the same dataset and recipe, or start anew with `--overwrite`.\n",
    )
