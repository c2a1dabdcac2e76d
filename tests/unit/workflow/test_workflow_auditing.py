"""An audit of a source, or of a dataset: what it writes, finds, and never touches."""

import csv
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lineament.artifacts.audit import Finding, read_audit
from lineament.artifacts.dataset import Dataset
from lineament.core.errors import (
    ArtifactError,
    LineamentError,
    MissingExtraError,
    UsageError,
)
from lineament.core.executor import Executor
from lineament.core.progress import Progress
from lineament.imaging.decode import decode
from lineament.preparation.build import prepare
from lineament.preparation.config import PrepareConfig
from lineament.preparation.inspection.near import Pair
from lineament.workflow import auditing
from lineament.workflow.auditing import Audit, AuditConfig, audit

pytest.importorskip("jinja2")

FAST = AuditConfig(check_labels="off")


def hashes(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def source(photo_folders: Callable[..., Path]) -> Path:
    """Two classes with a copy, a conflict, an unreadable file and a note."""
    root = photo_folders({"disc": 8, "square": 8}, suffix=".png")
    (root / "disc" / "copy.png").write_bytes((root / "disc" / "000.png").read_bytes())
    (root / "square" / "disc.png").write_bytes((root / "disc" / "001.png").read_bytes())
    (root / "square" / "bad.jpg").write_bytes(b"")
    (root / "notes.txt").write_text("x")
    return root


def found(audited: Audit) -> set[tuple[str, str, str]]:
    return {(each.kind, each.filename, each.partner) for each in audited.findings}


EXPECTED = {
    ("unreadable", "square/bad.jpg", "empty file"),
    ("exact_duplicate", "disc/copy.png", "disc/000.png"),
    ("label_conflict", "square/disc.png", "disc/001.png"),
}


def test_an_audit_is_a_table_a_document_and_a_page(source: Path, tmp_path: Path) -> None:
    audited = audit(source, tmp_path / "audit", config=FAST)
    assert sorted(path.name for path in (tmp_path / "audit").iterdir()) == [
        "audit.csv",
        "audit.html",
        "audit.json",
    ]
    findings, document = read_audit(tmp_path / "audit")
    assert [each.filename for each in findings] == [each.filename for each in audited.findings]
    assert document["n_photos"] == 18
    assert document["n_scanned"] == 20


def test_what_is_wrong_in_a_source_is_found(source: Path, tmp_path: Path) -> None:
    assert found(audit(source, tmp_path / "audit", config=FAST)) >= EXPECTED


def test_the_source_is_not_changed(source: Path, tmp_path: Path) -> None:
    before = hashes(source)
    audit(source, tmp_path / "audit", config=FAST)
    assert hashes(source) == before


def test_the_same_source_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        audit(source, tmp_path / name, config=FAST)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_the_table_without_decisions_is_obeyed_by_prepare(source: Path, tmp_path: Path) -> None:
    audit(source, tmp_path / "audit", config=FAST)
    config = PrepareConfig(decisions=str(tmp_path / "audit" / "audit.csv"), unreadable="skip")
    with_table = prepare(source, tmp_path / "with", config=config)
    without = prepare(source, tmp_path / "without", config=PrepareConfig(unreadable="skip"))
    assert with_table.fingerprint == without.fingerprint


def test_decisions_of_a_person_are_obeyed_by_prepare(source: Path, tmp_path: Path) -> None:
    audit(source, tmp_path / "audit", config=FAST)
    table = tmp_path / "audit" / "audit.csv"
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    decided = {"unreadable": "drop", "exact_duplicate": "drop", "label_conflict": "label:disc"}
    for row in rows:
        row["decision"] = decided.get(row["finding"], "")
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    dataset = prepare(source, tmp_path / "out", config=PrepareConfig(decisions=str(table)))
    counts = dict(dataset.document)["counts"]
    assert isinstance(counts, dict)
    assert (counts["kept"], counts["left_out_by_decision"], counts["rejected"]) == (17, 2, 1)
    assert counts["per_class"] == {"disc": 9, "square": 8}
    again, _ = read_audit(tmp_path / "out")
    assert "label_conflict" not in {each.kind for each in again}


def test_a_class_without_a_readable_photo_is_still_audited(source: Path, tmp_path: Path) -> None:
    (source / "star").mkdir()
    (source / "star" / "a.jpg").write_bytes(b"")
    audited = audit(source, tmp_path / "audit", config=FAST)
    assert ("unreadable", "star/a.jpg", "empty file") in found(audited)


def test_one_class_is_still_audited(photo_folders: Callable[..., Path], tmp_path: Path) -> None:
    audited = audit(photo_folders({"disc": 3}), tmp_path / "audit", config=FAST)
    assert audited.document["classes"] == {"disc": 3}


def test_photos_without_labels_are_audited(source: Path, tmp_path: Path) -> None:
    audited = audit(
        source, tmp_path / "audit", preparation=PrepareConfig(unlabelled=True), config=FAST
    )
    assert {kind for kind, _, _ in found(audited)} >= {"unreadable", "exact_duplicate"}
    assert "label_conflict" not in {kind for kind, _, _ in found(audited)}
    assert audited.document["classes"] == {}


def test_a_dataset_s_own_findings_are_taken_up(source: Path, tmp_path: Path) -> None:
    prepare(source, tmp_path / "dataset", config=PrepareConfig(unreadable="skip"))
    before = hashes(tmp_path / "dataset")
    audited = audit(tmp_path / "dataset", tmp_path / "audit", config=FAST)
    assert found(audited) >= EXPECTED
    assert hashes(tmp_path / "dataset") == before
    of_source = audit(source, tmp_path / "other", config=FAST)
    assert found(audited) == found(of_source)
    assert audited.document["counts"] == of_source.document["counts"]


def test_a_changed_photo_of_a_dataset_is_refused(source: Path, tmp_path: Path) -> None:
    dataset = prepare(source, tmp_path / "dataset", config=PrepareConfig(unreadable="skip"))
    dataset.path(dataset.samples("train")[0]).write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"^1 photo of .* is not the one that was prepared\."):
        audit(tmp_path / "dataset", tmp_path / "audit", config=FAST)


def refused(kind: type[LineamentError], source: Path, out: Path, *, overwrite: bool = False) -> str:
    with pytest.raises(kind) as caught:
        audit(source, out, config=FAST, overwrite=overwrite)
    return str(caught.value)


def test_an_audit_may_not_lie_in_its_source_or_dataset(source: Path, tmp_path: Path) -> None:
    fix = "\n  fix: Name an `--out` beside the source, not in or around it."
    before = hashes(source)
    assert refused(UsageError, source, source / "audit") == (
        f"`--out` {source / 'audit'} lies in the source {source}.{fix}"
    )
    assert hashes(source) == before
    prepare(source, tmp_path / "dataset", config=PrepareConfig(unreadable="skip"))
    assert refused(UsageError, tmp_path / "dataset", tmp_path / "dataset", overwrite=True) == (
        f"The source and `--out` are the same folder, {tmp_path / 'dataset'}.{fix}"
    )
    Dataset.open(tmp_path / "dataset").verify()


def test_a_dataset_is_never_replaced_by_an_audit(source: Path, tmp_path: Path) -> None:
    prepare(source, tmp_path / "dataset", config=PrepareConfig(unreadable="skip"))
    assert refused(ArtifactError, source, tmp_path / "dataset", overwrite=True) == (
        f"{tmp_path / 'dataset'} was not replaced: it holds no audit.html, so it is not what this "
        "command writes.\n"
        "  fix: Name another `--out`, or remove it yourself."
    )
    Dataset.open(tmp_path / "dataset").verify()


def test_an_audit_is_replaced_when_asked(source: Path, tmp_path: Path) -> None:
    audit(source, tmp_path / "audit", config=FAST)
    assert refused(ArtifactError, source, tmp_path / "audit").startswith(
        f"{tmp_path / 'audit'} exists; nothing was written.\n"
    )
    audit(source, tmp_path / "audit", config=FAST, overwrite=True)


def test_an_interrupted_audit_leaves_nothing(source: Path, tmp_path: Path) -> None:
    class Interrupted:
        def map(self, function: object, items: object) -> object:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(source, tmp_path / "audit", config=FAST, executor=Interrupted())  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir() if "audit" in path.name] == []


# with a model


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of a backbone: the colour in the middle of each photo."""
    features = pytest.importorskip("lineament.training.features")

    def middle(
        paths: Sequence[Path], *, executor: Executor, progress: Progress
    ) -> tuple[NDArray[np.float32], str]:
        rows = [decode(path)[20:28, 28:36].mean(axis=(0, 1)) for path in paths]
        return np.stack(rows).astype(np.float32), "the colour in the middle"

    monkeypatch.setattr(features, "default_features", middle)


@pytest.mark.usefixtures("colours")
def test_a_wrong_label_is_suspected(photo_folders: Callable[..., Path], tmp_path: Path) -> None:
    root = photo_folders({"disc": 20, "square": 20}, suffix=".png")
    (root / "disc" / "019.png").rename(root / "square" / "wrong.png")
    audited = audit(root, tmp_path / "audit", config=AuditConfig(check_labels="on"))
    (first, *_) = [each for each in audited.findings if each.kind == "label_suspect"]
    assert (first.filename, first.partner) == ("square/wrong.png", "disc")
    labels = audited.document["labels"]
    assert isinstance(labels, dict)
    assert labels["checked"] is True
    assert labels["backbone"] == "the colour in the middle"
    assert labels["accuracy"] > 0.9
    assert labels["n_suspects"] == sum(each.kind == "label_suspect" for each in audited.findings)


@pytest.mark.usefixtures("colours")
def test_photos_of_one_scene_are_named_unless_they_are_tied_already(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def alike(
        embeddings: NDArray[np.float32], *, threshold: float, progress: Progress
    ) -> list[Pair]:
        # In order of names: disc/000 to 007, disc/copy, square/000 to 007, square/disc.
        return [
            Pair(first=0, second=8, score=1.0, mirrored=False),
            Pair(first=2, second=3, score=threshold, mirrored=False),
        ]

    monkeypatch.setattr(auditing, "similar_embeddings", alike)
    config = AuditConfig(check_labels="off", embeddings=True, similarity=0.9)
    audited = audit(source, tmp_path / "audit", config=config)
    assert [each for each in audited.findings if each.kind == "alike"] == [
        Finding(filename="disc/002.png", kind="alike", partner="disc/003.png", score=0.9)
    ]
    counts = audited.document["counts"]
    assert isinstance(counts, dict)
    assert counts["alike"] == 1


def test_labels_that_were_not_checked_say_why(source: Path, tmp_path: Path) -> None:
    audited = audit(source, tmp_path / "audit", config=FAST)
    assert audited.document["labels"] == {"checked": False, "why": "it was switched off"}


def test_without_the_extra_labels_are_not_checked_by_default(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditing, "missing_modules", lambda extra: ["torch"])
    audited = audit(source, tmp_path / "audit")
    assert audited.document["labels"] == {
        "checked": False,
        "why": "torch are not installed; install with `pip install 'lineament[train]'`",
    }


def test_labels_that_are_to_be_checked_need_the_extra(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def require(extra: str, *, purpose: str) -> None:
        if extra == "train":
            raise MissingExtraError(f"{purpose} needs torch.", fix="Install it.")

    monkeypatch.setattr(auditing, "require_all", require)
    for config in (AuditConfig(check_labels="on"), AuditConfig(embeddings=True)):
        with pytest.raises(MissingExtraError, match=r"^Checking labels needs torch\."):
            audit(source, tmp_path / "audit", config=config)
    assert not (tmp_path / "audit").exists()


def test_photos_without_labels_have_none_to_check(source: Path, tmp_path: Path) -> None:
    audited = audit(source, tmp_path / "audit", preparation=PrepareConfig(unlabelled=True))
    assert audited.document["labels"] == {"checked": False, "why": "the photos have no labels"}


def test_copies_are_shown_on_the_page_as_one_picture(source: Path, tmp_path: Path) -> None:
    audit(source, tmp_path / "audit", config=FAST)
    page = (tmp_path / "audit" / "audit.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
    assert "square/bad.jpg" in page
