"""Recipes are read strictly, lie over each other, and what is shown of one gives it again."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lineament.core.config import field_types, resolve
from lineament.core.errors import UsageError
from lineament.training.recipe import TrainConfig
from lineament.training.recipes import (
    FIELDS,
    LARGEST_BYTES,
    load_recipe,
    read_description,
    read_recipe,
    recipe_names,
    shown,
)

NAMES = (
    *("default", "augmented", "baseline", "custom-cnn", "emotion", "face-nonface", "identities"),
    *("my-face", "thorough"),
)
FIX_VALUE = "\n  fix: `lineament recipe show default` has every field and says what it may be."
FIX_FORM = (
    "\n  fix: Write one `field: value` per line; `lineament recipe show default` has all fields."
)

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Give ``write("epochs: 3")``: the name of a recipe that says so, in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes, name: str = "mine.yaml") -> str:
        data = content if isinstance(content, bytes) else content.encode("utf-8")
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)
        return name

    return write


def refusal(name: str) -> str:
    with pytest.raises(UsageError) as caught:
        read_recipe(name)
    return str(caught.value)


def resolved(name: str) -> TrainConfig:
    return resolve(TrainConfig, read_recipe(name), {})


# Built in


def test_built_in_recipes_are_the_ones_that_are_promised() -> None:
    assert recipe_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_built_in_recipe_is_a_valid_configuration(name: str) -> None:
    assert isinstance(resolved(name), TrainConfig)


@pytest.mark.parametrize("name", NAMES)
def test_built_in_recipe_says_what_it_is_for_in_one_line(name: str) -> None:
    assert 20 < len(read_description(name)) < 90


def test_default_is_what_train_does_without_a_recipe() -> None:
    assert resolved("default") == TrainConfig()


def test_augmented_is_the_baseline_and_more() -> None:
    baseline, augmented = resolved("baseline"), resolved("augmented")

    different = [name for name in FIELDS if getattr(baseline, name) != getattr(augmented, name)]
    assert set(different) == {
        *("dropout", "weight_decay"),
        *("flip", "rotation", "shift", "brightness", "contrast", "saturation"),
    }


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("baseline", {"mode": "finetune", "optimiser": "adam", "learning_rate": 1e-4}),
        ("baseline", {"batch_size": 64, "epochs": 5, "size_px": 224, "flip": False}),
        ("augmented", {"dropout": 0.5, "weight_decay": 1e-4}),
        ("custom-cnn", {"mode": "scratch", "backbone": "custom_cnn", "head": "mlp", "epochs": 5}),
        ("face-nonface", {"mode": "head", "head": "linear"}),
        ("my-face", {"backbone": "sface", "rotation": 15.0, "imbalance": "sampler", "patience": 3}),
        ("emotion", {"backbone": "sface", "rotation": 15.0, "imbalance": "sampler", "patience": 5}),
        ("identities", {"head": "cosface", "optimiser": "sgd", "schedule": "cosine"}),
        ("thorough", {"schedule": "onecycle", "label_smoothing": 0.1, "average": 0.998}),
    ],
)
def test_built_in_recipe_does_what_it_reproduces(name: str, facts: dict[str, object]) -> None:
    assert {field: getattr(resolved(name), field) for field in facts} == facts


# Files


def test_recipe_of_a_file_gives_its_fields_and_no_more(write: Write) -> None:
    name = write("# mine\ndescription: Mine\nepochs: 3\nflip: false\nwidths: [16, 32]\n")

    assert read_recipe(name) == {"epochs": 3, "flip": False, "widths": [16, 32]}


def test_path_object_is_taken_like_its_name(write: Write) -> None:
    assert read_recipe(Path(write("epochs: 3", "mine.yml"))) == {"epochs": 3}


def test_byte_order_mark_is_no_part_of_the_first_field(write: Write) -> None:
    assert read_recipe(write("\N{BYTE ORDER MARK}epochs: 3")) == {"epochs": 3}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1.0e-4", 1e-4),
        (".5", 0.5),
        ("1", 1),
    ],
)
def test_number_is_read_however_it_is_written(text: str, value: float, write: Write) -> None:
    assert read_recipe(write(f"learning_rate: {text}")) == {"learning_rate": value}


def test_leading_zero_makes_no_octal_number(write: Write) -> None:
    assert read_recipe(write("epochs: 010")) == {"epochs": 10}


def test_quoted_number_is_a_text(write: Write) -> None:
    assert read_recipe(write("backbone: '3'")) == {"backbone": "3"}


@pytest.mark.parametrize("text", ["none", "null", "~", ""])
def test_no_value_takes_a_limit_away(text: str, write: Write) -> None:
    assert resolved(write(f"clip_norm: {text}")).clip_norm is None


def test_weights_none_are_random_weights_and_not_no_value(write: Write) -> None:
    assert resolved(write("weights: none")).weights == "none"


# Laying over


def test_recipe_lies_over_what_it_extends(write: Write) -> None:
    name = write("extends: augmented\nepochs: 2\nlearning_rate: null\n")

    assert read_recipe(name) == {**read_recipe("augmented"), "epochs": 2, "learning_rate": None}


def test_extended_file_is_meant_from_the_folder_of_the_one_that_names_it(write: Write) -> None:
    write("epochs: 7\nseed: 1", "recipes/below.yaml")
    name = write("extends: below.yaml\nseed: 2", "recipes/above.yaml")

    assert read_recipe(name) == {"epochs": 7, "seed": 2}


def test_description_is_not_inherited(write: Write) -> None:
    assert read_description(write("extends: baseline")) == ""


def test_recipe_that_extends_itself_is_refused(write: Write) -> None:
    write("extends: b.yaml", "a.yaml")
    write("extends: ../here/c.yaml", "b.yaml")
    write("extends: ../b.yaml", "here/c.yaml")
    Path("b.yaml").write_text("extends: here/c.yaml")

    assert refusal("a.yaml") == (
        "The recipe a.yaml extends itself.\n"
        "  at:  b.yaml -> here/c.yaml -> b.yaml\n"
        "  fix: Take one `extends` out."
    )


def test_misspelt_name_that_is_extended_says_by_whom(write: Write) -> None:
    assert refusal(write("extends: basline")) == (
        "There is no recipe `basline`. Did you mean `baseline`?\n"
        "  at:  extended by mine.yaml\n"
        f"  fix: Use {', '.join(NAMES)}, or name a file that ends in .yaml."
    )


# Refusals


def test_misspelt_name_gets_a_suggestion() -> None:
    assert refusal("my-fase") == (
        "There is no recipe `my-fase`. Did you mean `my-face`?\n"
        f"  fix: Use {', '.join(NAMES)}, or name a file that ends in .yaml."
    )


def test_file_of_another_kind_is_no_recipe(write: Write) -> None:
    assert refusal(write("epochs: 3", "mine.txt")) == (
        "There is no recipe `mine.txt`.\n"
        f"  fix: Use {', '.join(NAMES)}, or name a file that ends in .yaml."
    )


def test_absent_file_is_refused() -> None:
    assert refusal("nowhere/mine.yaml") == (
        "The recipe nowhere/mine.yaml cannot be read: No such file or directory.\n"
        f"  fix: Name a file that is there, or one of {', '.join(NAMES)}."
    )


def test_folder_is_refused(write: Write, tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()

    assert refusal("folder.yaml") == (
        "The recipe folder.yaml cannot be read: Is a directory.\n"
        f"  fix: Name a file that is there, or one of {', '.join(NAMES)}."
    )


def test_all_wrong_lines_are_in_one_error(write: Write) -> None:
    name = write("lerning_rate: 1\nmode: head\nepochs: 0\nflip: no\n")

    assert refusal(name) == (
        "mine.yaml: there is no field `lerning_rate`. Did you mean `learning_rate`?; "
        "`epochs` must be an integer of at least 1, got 0; "
        "`flip` must be true or false, got 'no'.\n"
        "  at:  line 1, line 3, line 4" + FIX_VALUE
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("lr: 1", "there is no field `lr`."),
        ("extend: baseline", "there is no field `extend`. Did you mean `extends`?"),
        (
            "mode: fine-tune",
            "`mode` must be one of head, finetune, scratch, got 'fine-tune'. "
            "Did you mean `finetune`?",
        ),
        ("epochs: 1.5", "`epochs` must be an integer of at least 1, got 1.5."),
        ("epochs: [1]", "`epochs` must be an integer of at least 1, got [1]."),
        ("seed: " + "9" * 9000, "`seed` must be an integer of at least 0, got inf."),
        ("widths: 32", "`widths` must be a list of integers of at least 1, got 32."),
        ("flip:", "`flip` has no value."),
        ("extends: [baseline]", "`extends` must be a text, got ['baseline']."),
        ("description: 3", "`description` must be a text, got 3."),
    ],
)
def test_line_that_no_configuration_takes_is_refused(
    content: str, problem: str, write: Write
) -> None:
    assert refusal(write(content)) == f"mine.yaml: {problem}\n  at:  line 1{FIX_VALUE}"


@pytest.mark.parametrize(
    ("content", "reason", "at"),
    [
        ("", "it is empty", ""),
        ("- epochs", "it is not a mapping of fields to values", ""),
        ("epochs", "it is not a mapping of fields to values", ""),
        (b"description: \xe9", "it is not UTF-8", ""),
        (b"epochs: 3\0", "special characters are not allowed", ""),
        ("seed: 1\n\tepochs: 3", "found character '\\t' that cannot start any token", "line 2"),
        ("mode: head: x", "mapping values are not allowed here", "line 1"),
        ("seed: 1\n---\nseed: 2", "found another document", "line 2"),
        ("seed: 1\nepochs: 1\nseed: 2", "`seed` is given twice", "line 1, line 3"),
        ("seed: *x", "found undefined alias 'x'", "line 1"),
        ("model:\n  mode: head", "`model` is neither a value nor a list of values", "line 1"),
        ("widths: [[1], 2]", "`widths` is neither a value nor a list of values", "line 1"),
        ("<<: {seed: 1}", "`<<` is neither a value nor a list of values", "line 1"),
        ("{}: 3", "a field has no name", "line 1"),
        ("[" * 2000, "it is nested too deep", ""),
    ],
)
def test_file_that_is_no_list_of_fields_is_refused(
    content: str | bytes, reason: str, at: str, write: Write
) -> None:
    place = f"\n  at:  {at}" if at else ""

    assert refusal(write(content)) == f"mine.yaml is no recipe: {reason}.{place}{FIX_FORM}"


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!!int 3", "!x {}"])
def test_tags_are_not_obeyed(tag: str, write: Write) -> None:
    assert refusal(write(f"epochs: {tag}")) == (
        "mine.yaml is no recipe: `epochs` is neither a value nor a list of values.\n"
        "  at:  line 1" + FIX_FORM
    )


def test_references_that_multiply_are_refused_before_they_grow(write: Write) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 40):
        rows.append(f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]")

    assert refusal(write("\n".join(rows))) == (
        "mine.yaml is no recipe: `a1` is neither a value nor a list of values.\n"
        "  at:  line 2" + FIX_FORM
    )


def test_file_much_larger_than_any_recipe_is_not_read(write: Write) -> None:
    assert refusal(write("#" * (LARGEST_BYTES + 1))) == (
        "mine.yaml is no recipe: it has more than 32 kB.\n"
        "  fix: Name a YAML file of fields and values."
    )


# Shown


def words_of(name: str) -> st.SearchStrategy[object]:
    """Any value that a field of `TrainConfig` takes."""
    field = next(each for each in dataclasses.fields(TrainConfig) if each.name == name)
    kinds = str(field_types(TrainConfig)[name])
    low, high = field.metadata["minimum"], field.metadata["maximum"]
    values: st.SearchStrategy[object]
    if field.metadata["choices"]:
        values = st.sampled_from(field.metadata["choices"])
    elif "tuple" in kinds:
        values = st.lists(st.integers(low, 10**9)).map(tuple)
    elif "bool" in kinds:
        values = st.booleans()
    elif "float" in kinds:
        values = st.floats(low, 10**9 if high is None else high)
    elif "int" in kinds:
        values = st.integers(low, 10**9)
    else:
        values = st.text() | st.sampled_from(["none", "null", "yes", "1e3", "a: b", "#", "~", ""])
    return values | st.none() if "None" in kinds else values


configs = st.builds(TrainConfig, **{name: words_of(name) for name in FIELDS})


@settings(max_examples=25)  # each reads 50 fields in plain Python
@given(config=configs, description=st.text())
def test_what_is_shown_gives_the_same_configuration_again(
    tmp_path_factory: pytest.TempPathFactory, config: TrainConfig, description: str
) -> None:
    path = tmp_path_factory.mktemp("shown") / "shown.yaml"
    path.write_bytes(shown(config, description=description).encode("utf-8"))

    assert repr(resolved(str(path))) == repr(config)
    assert read_description(path) == description


@settings(max_examples=25)  # each reads 50 fields in plain Python
@given(config=configs)
def test_what_is_shown_is_the_same_to_a_reader_of_yaml_1_1(config: TrainConfig) -> None:
    read = yaml.safe_load(shown(config))

    expected = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in config.as_dict().items()
    }
    assert read == expected


def test_what_is_shown_has_each_field_once_in_its_group() -> None:
    text = shown(TrainConfig())

    titles = [line for line in text.splitlines() if line.startswith("## ")]
    fields = [line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()]
    assert titles == [
        "## The network: its backbone, its head, and what it is shown of a photo.",
        "## What is done to training photos at random, in the loop only.",
        "## What is learned, how fast, and against what.",
        "## How long, how much at once, and with what arithmetic.",
        "## Everything else.",
    ]
    assert fields == list(FIELDS)


def test_what_is_shown_says_what_a_field_means_and_which_words_it_takes() -> None:
    assert (
        "\n\n# how a photo becomes a square (squash, crop, letterbox)\nfit: squash\n\n"
    ) in shown(TrainConfig())


def test_comments_stay_within_a_line() -> None:
    assert max(map(len, shown(TrainConfig()).splitlines())) <= 100


def test_description_stands_above_the_fields() -> None:
    assert shown(TrainConfig(), description="mine").startswith("description: mine\n\n## ")


# From Python


def test_loaded_recipe_is_what_the_command_line_makes_of_it() -> None:
    loaded = load_recipe("augmented", changes={"dropout": 0.3, "clip_norm": None})

    assert loaded == resolve(
        TrainConfig, read_recipe("augmented"), {}, sets=("dropout=0.3", "clip_norm=none")
    )


def test_file_is_loaded_with_what_it_extends(write: Write) -> None:
    path = write("extends: augmented\nepochs: 10\n")

    assert load_recipe(path) == load_recipe("augmented", changes={"epochs": 10})


def test_change_of_an_unknown_field_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"has no field `droput`\. Did you mean `dropout`\?"):
        load_recipe("augmented", changes={"droput": 0.3})


# Without torch


def test_package_gives_a_recipe_where_torch_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['timm'] = None\n"
        "import lineament\n"
        "print(lineament.load_recipe('augmented') == lineament.TrainConfig())"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"


def test_recipes_are_read_where_torch_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['timm'] = None\n"
        "from lineament.training.recipes import read_recipe, recipe_names\n"
        "import json; print(json.dumps([read_recipe(name) for name in recipe_names()]))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [read_recipe(name) for name in NAMES]
