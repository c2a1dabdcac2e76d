"""A record in Weights & Biases: online where there is a key and a network, else beside the run."""

import http.client
import math
import os
import re
import shlex
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import wandb

from lineament.artifacts.histograms import LayerValues
from lineament.artifacts.watching import Memory
from lineament.tracking.contents import (
    CLASS_COLUMNS,
    HISTORY_STEP,
    Judgement,
    curves,
    layer_curves,
)
from lineament.tracking.record import Opening

REACHING_S = 10.0  # a server that has not answered by then is taken for out of reach
INIT_TIMEOUT_S = 30.0
FINISH_TIMEOUT_S = 120.0  # what is not uploaded by then is on disk, and `wandb sync` takes it
QUIETLY: Mapping[str, object] = {  # unless the environment says otherwise
    "silent": True,  # the notes say where to look
    "console": "off",
    "disable_git": True,  # the folder where the command was typed has nothing to do with it
    "init_timeout": INIT_TIMEOUT_S,
    "finish_timeout": FINISH_TIMEOUT_S,
    "finish_timeout_raises": True,
}
NOT_IN_PROJECTS = re.compile(r"[/\\#?%:]")
NOT_IN_ARTIFACTS = re.compile(r"[^A-Za-z0-9_.-]")
LONGEST_NAME = 128


def open_record(opening: Opening) -> "WandbRecord":
    """Open the run that is remembered, or a new one."""
    return WandbRecord(opening)


class WandbRecord:
    """A `Record` in W&B.

    Args:
        opening: What is told at the beginning.
    """

    def __init__(self, opening: Opening) -> None:
        self.is_new = not _is_known(opening.remembered)
        self._run, self._why_offline = _initialised(opening, is_new=self.is_new)
        self._folder = Path(self._run.dir).parent
        self._has_axis = False

    @property
    def memory(self) -> Memory:
        """What names the run, and where its files are."""
        if self._run.disabled:
            return {}
        return {
            "id": self._run.id,
            "project": self._run.project,
            "entity": self._run.entity,
            "folder": str(self._folder),
            "offline": self._run.offline,
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """The run's page, or why there is none and how to make it later."""
        if self._run.disabled:
            return ("wandb: switched off by its settings",)
        if not self._run.offline:
            return (f"wandb: look at {self._run.url}",)
        return (f"wandb: offline ({self._why_offline}); later: `{self._sync}`",)

    def log(self, step: int, row: Mapping[str, object], layers: Sequence[LayerValues]) -> None:
        """Add a row and its layers."""
        numbers: dict[str, object] = {**curves(row), **layer_curves(layers)}
        if HISTORY_STEP in row:
            if not self._has_axis:
                self._run.define_metric("*", step_metric=HISTORY_STEP)
                self._has_axis = True
            numbers[HISTORY_STEP] = step
        for each in layers:
            if math.isfinite(each.low):
                bins = (np.asarray(each.counts), np.asarray(each.edges))
                numbers[f"{each.kind}/{each.layer}"] = wandb.Histogram(np_histogram=bins)
        self._run.log(numbers, step=self._step(step))

    def summarise(self, figures: Mapping[str, float]) -> None:
        """Add figures to the summary."""
        self._run.summary.update(dict(figures))

    def judge(self, step: int, judgement: Judgement) -> None:
        """Add figures to the summary, the classes as a table, the matrix as W&B's own chart."""
        name = f"judged_{judgement.split}"
        self.summarise({f"{name}/{figure}": value for figure, value in judgement.figures.items()})
        told: dict[str, object] = {
            f"{name}/classes": wandb.Table(columns=[*CLASS_COLUMNS], data=judgement.class_rows)
        }
        if judgement.matrix is not None:
            cells = [
                [judgement.classes[row], judgement.classes[column], int(count)]
                for (row, column), count in np.ndenumerate(judgement.matrix)
            ]
            columns = ("Actual", "Predicted", "nPredictions")  # as the chart's own specification
            told[f"{name}/confusion_matrix"] = wandb.plot_table(
                vega_spec_name="wandb/confusion_matrix/v1",
                data_table=wandb.Table(columns=[*columns], data=cells),
                fields={column: column for column in columns},
                string_fields={"title": f"Confusion matrix, {judgement.split}"},
            )
        self._run.log(told, step=self._step(step))

    def attach(self, name: str, folder: Path, files: Sequence[Path]) -> None:
        """Keep files as a W&B artifact."""
        named = NOT_IN_ARTIFACTS.sub("-", name)[:LONGEST_NAME]
        artifact = wandb.Artifact(named, type=name.rpartition("-")[2])
        for file in files:
            artifact.add_file(str(file), name=file.relative_to(folder).as_posix())
        self._run.log_artifact(artifact)

    def close(self, *, failed: bool = False) -> tuple[str, ...]:
        """End the run; where uploading takes too long, leave the rest to `wandb sync`."""
        try:
            self._run.finish(exit_code=1 if failed else 0)
        except TimeoutError:
            return (f"wandb: not all of it is uploaded; later: `{self._sync}`",)
        return ()

    @property
    def _sync(self) -> str:
        if not self._run.offline:
            return shlex.join(("wandb", "sync", "--include-online", str(self._folder)))
        # A training that was resumed, or evaluated later, has a folder for each part.
        parts = sorted(map(str, self._folder.parent.glob(f"offline-run-*-{self._run.id}")))
        return shlex.join(("wandb", "sync", *parts))

    def _step(self, step: int) -> int:
        """The step, or the first one that W&B still takes: it ignores what lies before its own."""
        return max(step, self._run.step)


def _is_known(remembered: Memory) -> bool:
    """Whether there is a run to go on with; one that was offline is where its files are."""
    if not isinstance(remembered.get("id"), str):
        return False
    return not remembered.get("offline") or Path(str(remembered.get("folder"))).is_dir()


def _initialised(opening: Opening, *, is_new: bool) -> tuple[wandb.Run, str]:
    """Start the run, and say why it is offline, if it is."""
    silent = wandb.Settings(silent=True) if _is_ours("silent") else None
    settings = wandb.setup(settings=silent).settings
    if settings.mode != "online":
        return _init(opening, None, is_new=is_new), f"its mode is {settings.mode}"
    obstacle = _obstacle(settings.base_url)
    if obstacle:
        return _init(opening, "offline", is_new=is_new), obstacle
    try:
        return _init(opening, None, is_new=is_new), ""
    except wandb.Error as error:
        # Its service would go on waiting for the server, offline too (wandb/wandb#9865).
        wandb.teardown()
        return _init(opening, "offline", is_new=is_new), _reason(error)


def _init(opening: Opening, mode: Literal["offline"] | None, *, is_new: bool) -> wandb.Run:
    remembered = {} if is_new else opening.remembered
    # Folders are named by the second: a part that begins in the same one would overwrite the last.
    if time.strftime("%Y%m%d_%H%M%S") in str(remembered.get("folder")):
        time.sleep(1)
    return wandb.init(
        id=_text(remembered, "id"),
        resume=None if is_new else "allow",
        entity=_text(remembered, "entity"),
        project=_text(remembered, "project")
        or _unless_set("WANDB_PROJECT", NOT_IN_PROJECTS.sub("-", opening.project)[:LONGEST_NAME]),
        name=_unless_set("WANDB_NAME", opening.out.name) if is_new else None,
        dir=_unless_set("WANDB_DIR", str(opening.out.parent)),
        config=dict(opening.configuration) if is_new else None,
        mode=mode,
        reinit="create_new",  # other runs of the process are not ours
        settings={name: value for name, value in QUIETLY.items() if _is_ours(name)},
    )


def _text(remembered: Memory, key: str) -> str | None:
    return str(remembered[key]) if remembered.get(key) else None


def _is_ours(setting: str) -> bool:
    """Whether a setting is left to us by the environment."""
    return f"WANDB_{setting.upper()}" not in os.environ


def _unless_set(variable: str, value: str) -> str | None:
    """A value of ours, unless the environment has one of its own."""
    return None if os.environ.get(variable) else value


def _obstacle(host: str) -> str:
    """What keeps W&B from being online; empty where nothing is known to."""
    try:
        if not wandb.login(prompt=False, verify=False):
            return "no key, which `wandb login` asks for"
    except wandb.Error as error:
        return _reason(error)
    return "" if _answers(host) else f"{host} cannot be reached"


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ").partition("\n")[0]


def _answers(url: str) -> bool:
    """Whether a server says anything at all, be it that it knows no such page or no such caller."""
    heard = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=REACHING_S).close()
        except urllib.error.HTTPError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ssl.SSLError):
                return
        except (OSError, ValueError, http.client.HTTPException):
            return
        heard.set()

    # Looking up a name takes as long as the system pleases, so it is not waited for.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(REACHING_S)
    return heard.is_set()
