"""A sentence per class is read from a file, or it is said what is wrong with the file."""

from pathlib import Path

import pytest

from lineament.artifacts.messages import LONGEST, read_messages
from lineament.core.errors import UsageError

CLASSES = ("happy", "sad")


def test_sentences_are_read_by_class(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text('happy: "Keep smiling!!"\nsad: Fuß 犬\n', encoding="utf-8")

    assert read_messages(tmp_path / "m.yaml", classes=CLASSES) == {
        "happy": "Keep smiling!!",
        "sad": "Fuß 犬",
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("- happy\n", "does not hold a sentence per class."),
        ("happy: 7\n", "does not hold a sentence per class."),
        ("", "does not hold a sentence per class."),
        ("happy: [\n", "cannot be read as YAML."),
        ("happy: !!python/object:os.system x\n", "cannot be read as YAML."),
        (f"happy: {'x' * (LONGEST + 1)}\n", f"has sentences of more than {LONGEST} characters."),
    ],
)
def test_file_that_holds_something_else_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "m.yaml").write_text(text)

    with pytest.raises(UsageError) as caught:
        read_messages(tmp_path / "m.yaml", classes=CLASSES)

    assert caught.value.what == f"{tmp_path / 'm.yaml'} {what}"


def test_class_that_there_is_not_is_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("hapy: x\n")

    with pytest.raises(UsageError) as caught:
        read_messages(tmp_path / "m.yaml", classes=CLASSES)

    assert str(caught.value) == (
        "There is a message for hapy, which is no class. Did you mean `happy`?\n"
        "  fix: The classes are happy, sad."
    )
