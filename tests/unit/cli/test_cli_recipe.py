"""``lineament recipe``: what it prints, what it refuses, and that it needs no torch to look."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from lineament.core.config import resolve
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import read_recipe, recipe_names

if TYPE_CHECKING:
    from lineament.artifacts.dataset import Dataset

Called = tuple[int, str, str]


def test_list_names_each_recipe_with_what_it_is_for(call: Callable[..., Called]) -> None:
    code, out, err = call("recipe", "list")

    assert [line.split()[0] for line in out.splitlines()] == list(recipe_names())
    assert "baseline      Plain fine-tuning without augmentation: the figure" in out
    assert (code, err) == (0, "next: lineament recipe show default\n")


def test_list_as_json_is_one_document(call: Callable[..., Called]) -> None:
    _, out, _ = call("recipe", "list", "--json")

    said = json.loads(out)["recipes"]
    assert [each["name"] for each in said] == list(recipe_names())
    assert all(each["description"] for each in said)


@pytest.mark.parametrize("name", ["default", "augmented", "custom-cnn"])
def test_what_show_prints_is_the_same_recipe(name: str, call: Callable[..., Called]) -> None:
    code, out, err = call("recipe", "show", name)

    Path("mine.yaml").write_text(out, encoding="utf-8")
    assert resolve(TrainConfig, read_recipe("mine.yaml"), {}) == resolve(
        TrainConfig, read_recipe(name), {}
    )
    assert (code, err) == (0, f"next: lineament train DATASET --out run --recipe {name}\n")


def test_show_prints_again_what_it_printed(call: Callable[..., Called]) -> None:
    _, first, _ = call("recipe", "show", "emotion")
    Path("mine.yaml").write_text(first, encoding="utf-8")

    assert call("recipe", "show", "mine.yaml")[1] == first


def test_show_takes_settings_and_hands_them_on(call: Callable[..., Called]) -> None:
    _, out, err = call("recipe", "show", "baseline", "--set", "epochs=9", "--set", "flip=true")

    assert "\nepochs: 9\n" in out
    assert "\nflip: true\n" in out
    assert err == (
        "next: lineament train DATASET --out run --recipe baseline --set epochs=9 --set flip=true\n"
    )


def test_show_as_json_holds_every_field(call: Callable[..., Called]) -> None:
    _, out, _ = call("recipe", "show", "baseline", "--json")

    said = json.loads(out)
    assert (said["recipe"], said["fields"]["clip_norm"]) == ("baseline", None)
    assert set(said["fields"]) == set(TrainConfig().as_dict())


def test_misspelt_recipe_is_a_mistake_of_usage(call: Callable[..., Called]) -> None:
    assert call("recipe", "show", "basline") == (
        2,
        "",
        "error: There is no recipe `basline`. Did you mean `baseline`?\n"
        f"  fix: Use {', '.join(recipe_names())}, or name a file that ends in .yaml.\n",
    )


def test_misspelt_action_gets_a_suggestion(call: Callable[..., Called]) -> None:
    assert call("recipe", "shw", "default") == (
        2,
        "",
        "error: `lineament recipe` cannot `shw`. Did you mean `show`?\n"
        "  fix: It can list, show, preview.\n",
    )


def test_misspelt_flag_gets_a_suggestion(call: Callable[..., Called]) -> None:
    assert call("recipe", "show", "default", "--sett", "epochs=1") == (
        2,
        "",
        "error: `lineament recipe show` has no flag `--sett`. Did you mean `--set`?\n"
        "  fix: See `lineament recipe show --help`.\n",
    )


def test_recipe_alone_shows_what_it_can(call: Callable[..., Called]) -> None:
    code, out, _ = call("recipe")

    assert code == 0
    assert out.startswith("Usage: lineament recipe ")
    actions = out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in actions if line.strip()] == ["list", "show", "preview"]


@pytest.mark.parametrize("action", ["list", "show", "preview"])
def test_each_action_takes_json(action: str, call: Callable[..., Called]) -> None:
    assert "--json" in call("recipe", action, "--help")[1]


def test_preview_draws_a_sheet(call: Callable[..., Called], drawn_dataset: "Dataset") -> None:
    code, out, err = call(
        *("recipe", "preview", "augmented", drawn_dataset.root, "--out", "sheet.png"),
        *("--rows", 3, "--columns", 4, "--set", "size_px=96", "--set", "rotation=0"),
    )

    assert (code, out) == (
        0,
        "sheet.png: in each row a photo of the train split, then what training may make of it\n",
    )
    assert err == (
        f"next: lineament train {drawn_dataset.root} --out run --recipe augmented "
        "--set size_px=96 --set rotation=0\n"
    )
    with Image.open("sheet.png") as sheet:
        assert (sheet.width > 4 * 96, sheet.height > 3 * 96) == (True, True)


def test_preview_of_one_seed_is_always_the_same(
    call: Callable[..., Called], drawn_dataset: "Dataset"
) -> None:
    def pixels(seed: int) -> bytes:
        name = f"{seed}.png"
        call(
            *("recipe", "preview", "augmented", drawn_dataset.root, "--out", name, "--overwrite"),
            *("--rows", 2, "--columns", 2, "--set", "size_px=32", "--seed", seed),
        )
        with Image.open(name) as sheet:
            return np.asarray(sheet).tobytes()

    assert pixels(1) == pixels(1)
    assert pixels(1) != pixels(2)


def test_preview_under_another_name_is_refused(
    call: Callable[..., Called], drawn_dataset: "Dataset"
) -> None:
    assert call("recipe", "preview", "augmented", drawn_dataset.root, "--out", "sheet.jpg") == (
        2,
        "",
        "error: A preview's name ends in .png, got sheet.jpg.\n  fix: Use `--out sheet.png`.\n",
    )


def test_preview_is_not_overwritten(
    call: Callable[..., Called], drawn_dataset: "Dataset", tmp_path: Path
) -> None:
    (tmp_path / "sheet.png").write_bytes(b"mine")

    assert call("recipe", "preview", "augmented", drawn_dataset.root, "--out", "sheet.png") == (
        4,
        "",
        "error: sheet.png exists; nothing was written.\n"
        "  fix: Name another `--out`, or run again with `--overwrite` to replace it.\n",
    )
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"


def test_list_and_show_need_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'torchvision', 'timm', 'sklearn', 'onnx'):\n"
        "    sys.modules[name] = None\n"
        "from lineament.cli.application import run\n"
        "sys.exit(run(['recipe', 'list']) + run(['recipe', 'show', 'emotion']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "\nbackbone: sface\n" in done.stdout
