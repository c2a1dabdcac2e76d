"""Shelf: the models that are served, by name, which can be exchanged while they answer."""

import dataclasses
import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from lineament.artifacts.bundle import BundleCard
from lineament.artifacts.messages import read_messages
from lineament.core.errors import LineamentError, UsageError
from lineament.core.suggest import did_you_mean
from lineament.runtime.engines import Engine
from lineament.runtime.predictor import Predictor
from lineament.serving.problems import ProblemError, shown


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """A model that answers.

    Attributes:
        name: What requests call it: the file's name without its ending.
        path: Where it was opened.
        predictor: What answers.
        sha256: Identity of the graph that answers.
        engine: The engine that answers where no map is asked for.
        messages: A sentence per class for a person who was answered.
    """

    name: str
    path: Path
    predictor: Predictor
    sha256: str
    engine: Engine
    messages: Mapping[str, str]

    @functools.cached_property
    def card(self) -> dict[str, object]:
        """What the model says about itself, without its golden photos."""
        card = self.predictor.card
        return card.without_photos() if isinstance(card, BundleCard) else card.as_dict()

    @functools.cached_property
    def summary(self) -> dict[str, object]:
        """What a caller wants to know first."""
        backbone = self.predictor.provenance.get("backbone")
        made_of = backbone if isinstance(backbone, dict) else {}
        return {
            "name": self.name,
            "sha256": self.sha256,
            "classes": list(self.predictor.classes),
            "backbone": str(made_of.get("name", "not stated")),
            "licence": str(made_of.get("licence") or "not stated"),
            "messages": dict(self.messages),
            "says_unknown": self.predictor.unknown_threshold is not None,
            "size_px": self.predictor.preprocessing.size_px,
            "engine": self.engine.title,
        }


class Shelf:
    """Opens models and finds them by name; may be asked by threads.

    Args:
        paths: Bundles or runs; the first is the one that is meant where none is named.
        engine: ``auto``, ``onnxruntime`` or ``openvino``.
        threads: Photos at once; ``None`` is one per core.
        messages: A YAML file of sentences that go before those of the bundles.

    Raises:
        ArtifactError: One is absent, damaged, or neither bundle nor run.
        GateError: The engine that was asked for answers otherwise than was proved.
        UsageError: Two have one name, or a message is for a class that none has.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        engine: str,
        threads: int | None,
        messages: Path | None = None,
    ) -> None:
        names = [_name(path) for path in paths]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(
                f"Two models are called {twice[0]}, and requests could not tell them apart.",
                fix="Rename one of the files.",
            )
        self._engine, self._threads = engine, threads
        self._messages: dict[str, str] = {}
        self._loading = threading.Lock()
        self._states = {name: _state(path) for name, path in zip(names, paths, strict=True)}
        self._models = {
            name: self._opened(name, path) for name, path in zip(names, paths, strict=True)
        }
        if messages is not None:
            classes = {name: None for each in self.models for name in each.predictor.classes}
            self._messages = read_messages(messages, classes=tuple(classes))
            self._models = {name: self._speaking(each) for name, each in self._models.items()}
        self.default = names[0]

    @property
    def models(self) -> list[Served]:
        """The models, in the order in which they were named."""
        return list(self._models.values())

    def find(self, name: str | None) -> Served:
        """The model of that name; ``None`` is the first.

        Raises:
            ProblemError: There is none (404).
        """
        found = self._models.get(self.default if name is None else name)
        if found is None:
            raise ProblemError(
                404,
                f"There is no model `{shown(str(name))}`."
                f"{did_you_mean(str(name), list(self._models))}",
                fix=f"The models are {', '.join(self._models)}.",
            )
        return found

    def reload(self, *, only_changed: bool = False) -> tuple[list[str], list[LineamentError]]:
        """Open the files again; a model is exchanged when its new one is ready.

        Requests that are being answered end with the model that they began with. A file that cannot
        be used leaves the model that is there.

        Args:
            only_changed: Leave alone the files that have the size and time that they had.

        Returns:
            Names of the models that were exchanged, and what went wrong with others.
        """
        exchanged, failed = [], []
        with self._loading:
            for name, before in list(self._models.items()):
                state = _state(before.path)
                if state == ("absent", 0) and only_changed:
                    continue  # it is just being replaced
                if state == self._states[name] and only_changed:
                    continue
                self._states[name] = state
                try:
                    made = self._opened(name, before.path)
                except LineamentError as error:
                    failed.append(error)
                    continue
                self._models = {**self._models, name: made}
                exchanged.append(name)
        return exchanged, failed

    def _opened(self, name: str, path: Path) -> Served:
        predictor = Predictor(path, engine=self._engine, threads=self._threads)
        made = Served(
            name=name,
            path=path,
            predictor=predictor,
            sha256=predictor.graph_sha256,
            engine=predictor.stream_engine(),
            messages={},
        )
        return self._speaking(made)

    def _speaking(self, served: Served) -> Served:
        """The model with its own sentences, and before them those that were given."""
        predictor = served.predictor
        own = predictor.card.messages if isinstance(predictor.card, BundleCard) else {}
        said = {**own, **self._messages}
        known = {each: said[each] for each in predictor.classes if each in said}
        return dataclasses.replace(served, messages=known)


def _name(path: Path) -> str:
    return path.resolve().name if path.is_dir() else path.stem


def _state(path: Path) -> tuple[str, int]:
    """What changes when a file is replaced: its number, time and size."""
    try:
        found = (path / "run.json" if path.is_dir() else path).stat()
    except OSError:
        return ("absent", 0)
    return (f"{found.st_ino} {found.st_mtime_ns}", found.st_size)
