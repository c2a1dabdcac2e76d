"""The graph of a frozen backbone is exported once, and what is read is what was exported."""

import importlib.metadata
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch

from lineament.core.errors import UsageError
from lineament.core.files import cache_folder
from lineament.core.progress import QUIET, Quiet
from lineament.models import stored_graph as module
from lineament.models.backbones import Backbone, create_backbone
from lineament.models.stored_graph import stored_graph

Usage = namedtuple("Usage", ["total", "used", "free"])
Change = Callable[[Backbone], object]


class Listening(Quiet):
    """A listener that remembers."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def note(self, text: str) -> None:
        self.heard.append(text)


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[Backbone]:
    """What is exported, in place of exporting it, which takes seconds."""
    asked: list[Backbone] = []

    def export(backbone: Backbone) -> onnx.ModelProto:
        asked.append(backbone)
        return onnx.helper.make_model(
            onnx.helper.make_graph([], f"graph {len(asked)}", [], []), producer_name="test"
        )

    monkeypatch.setattr(module, "backbone_graph", export)
    return asked


def files() -> list[Path]:
    return sorted((cache_folder() / "graphs").glob("*"))


def only_file() -> Path:
    (path,) = files()
    return path


def given(backbone: Backbone, *, progress: Quiet = QUIET, cache: bool = True) -> bytes:
    graph: bytes = stored_graph(backbone, progress=progress, cache=cache).SerializeToString()
    return graph


def test_graph_read_has_the_bytes_of_the_graph_exported(tiny: Backbone) -> None:
    plain = given(tiny, cache=False)

    cold, warm = given(tiny), given(tiny)

    assert len(files()) == 1
    assert plain == cold == warm


def test_second_run_exports_nothing(tiny: Backbone, exported: list[Backbone]) -> None:
    first, second = given(tiny), given(tiny)

    assert first == second
    assert len(exported) == 1


def test_same_backbone_made_again_is_the_same_file(exported: list[Backbone]) -> None:
    for _ in range(2):
        given(create_backbone("test_resnet", "none", size_px=32, seed=11))

    assert len(exported) == 1


@pytest.mark.parametrize(
    "settings",
    [{"fit": "crop"}, {"crop_fraction": 0.8}],
    ids=lambda settings: next(iter(settings)),
)
def test_preprocessing_is_not_in_a_backbones_graph(
    settings: dict[str, object], tiny: Backbone, exported: list[Backbone]
) -> None:
    given(tiny)

    given(create_backbone("test_resnet", "none", size_px=32, seed=11, **settings))  # type: ignore[arg-type]

    assert len(exported) == 1


def test_whether_a_network_trains_is_not_in_its_graph(
    tiny: Backbone, exported: list[Backbone]
) -> None:
    given(tiny.eval())

    given(tiny.train().requires_grad_(False).to(memory_format=torch.channels_last))

    assert len(exported) == 1


def one_bit(backbone: Backbone) -> None:
    weight = next(backbone.parameters())
    weight.data.view(torch.int32).view(-1)[0] ^= 1


def statistics(backbone: Backbone) -> None:
    next(each for name, each in backbone.named_buffers() if "running_mean" in name)[0] += 1


def arithmetic(backbone: Backbone) -> None:
    backbone.double()


def stride(backbone: Backbone) -> None:
    next(each for each in backbone.modules() if isinstance(each, torch.nn.Conv2d)).stride = (1, 1)


def name(backbone: Backbone) -> None:
    backbone.name = "other"


def table(backbone: Backbone) -> None:
    """A buffer that no weights file would hold."""
    backbone.network.register_buffer("positions", torch.zeros(3), persistent=False)


@pytest.mark.parametrize("change", [one_bit, statistics, arithmetic, stride, name, table])
def test_other_backbone_is_another_file(
    change: Change, tiny: Backbone, exported: list[Backbone]
) -> None:
    given(tiny)
    change(tiny)

    given(tiny)

    assert len(exported) == 2
    assert len(files()) == 2


def test_other_input_size_is_another_file(tiny: Backbone, exported: list[Backbone]) -> None:
    given(tiny)

    given(create_backbone("test_resnet", "none", size_px=40, seed=11))

    assert len(exported) == 2


@pytest.mark.parametrize("maker", module.MAKERS)
def test_other_version_of_what_writes_graphs_is_another_file(
    maker: str, tiny: Backbone, exported: list[Backbone], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(tiny)
    version = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda each: "0" if each == maker else version(each)
    )

    given(tiny)

    assert len(exported) == 2


@pytest.mark.parametrize("name", ["FORMAT", "OPSET", "__version__"])
def test_other_version_of_lineament_is_another_file(
    name: str, tiny: Backbone, exported: list[Backbone], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(tiny)
    monkeypatch.setattr(module, name, "other")

    given(tiny)

    assert len(exported) == 2


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def longer(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def empty(path: Path) -> None:
    os.truncate(path, 0)


def changed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("damage", [cut, longer, empty, changed])
def test_damaged_file_is_made_again(
    damage: Callable[[Path], None], tiny: Backbone, exported: list[Backbone]
) -> None:
    given(tiny)
    damage(only_file())

    given(tiny)
    assert len(exported) == 2
    given(tiny)
    assert len(exported) == 2


def test_nothing_is_kept_or_found_where_that_is_asked_for(
    tiny: Backbone, exported: list[Backbone]
) -> None:
    given(tiny, cache=False)
    assert files() == []
    given(tiny)

    given(tiny, cache=False)

    assert len(exported) == 3


@pytest.mark.usefixtures("exported")
def test_export_is_announced_and_reading_is_not(tiny: Backbone) -> None:
    progress = Listening()

    given(tiny, progress=progress)
    given(tiny, progress=progress)

    assert progress.heard == ["writing the graph of test_resnet"]


@pytest.mark.usefixtures("exported")
def test_full_disk_means_that_the_graph_is_not_kept(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "50")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 10**12, 10))
    progress = Listening()

    graph = given(tiny, progress=progress)

    assert graph
    assert progress.heard[1:] == [
        f"The graph is not kept: {cache_folder() / 'graphs'} has 1 MB free, 1 MB are needed. Make "
        "room there, or let `LINEAMENT_CACHE` name a folder on another disk."
    ]
    assert files() == []


@pytest.mark.usefixtures("exported")
def test_folder_that_may_not_be_made_means_that_the_graph_is_not_kept(
    tiny: Backbone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LINEAMENT_CACHE", str(tmp_path / "file"))
    progress = Listening()

    assert given(tiny, progress=progress)
    assert progress.heard[1].startswith("The graph is not kept: ")


def test_limit_that_is_no_number_is_said_before_the_export(
    tiny: Backbone, exported: list[Backbone], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAMENT_CACHE_GB", "all")

    with pytest.raises(UsageError):
        given(tiny)

    assert exported == []
