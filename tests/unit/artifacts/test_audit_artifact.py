from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineament.artifacts.audit import (
    ALIKE,
    CONFLICT,
    DIFFERENT,
    DROP,
    DUPLICATE,
    FINDINGS,
    KEEP,
    NEAR,
    SUSPECT,
    UNREADABLE,
    Decisions,
    Finding,
    findings_text,
    read_audit,
    read_decisions,
    read_findings,
    write_audit,
)
from lineament.artifacts.table import printable
from lineament.core.errors import ArtifactError, DataError
from lineament.core.version import __version__

HEADER = "filename,finding,partner,score,decision\n"
FINDINGS_FIX = "  fix: Write one with `lineament audit`, and edit the column `decision` alone."
DECISIONS_FIX = (
    "  fix: Write `keep`, `drop`, `label:NAME`, for near duplicates also `different`, or leave "
    "the cell empty."
)
FOUND = [
    Finding(filename="cat/a.jpg", kind=NEAR, partner="cat/b.jpg", score=0.91234),
    Finding(filename="cat/c.jpg", kind=SUSPECT, partner="dog", score=0.03, decision="label:dog"),
    Finding(filename="cat/d.jpg", kind=UNREADABLE, partner="empty file", decision=DROP),
]


def _table(tmp_path: Path, rows: str) -> Path:
    path = tmp_path / "audit.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def test_the_table_has_one_line_for_each_finding() -> None:
    assert findings_text(FOUND) == (
        HEADER + "cat/a.jpg,near_duplicate,cat/b.jpg,0.9123,\n"
        "cat/c.jpg,label_suspect,dog,0.0300,label:dog\n"
        "cat/d.jpg,unreadable,empty file,,drop\n"
    )


def test_a_table_without_findings_has_its_header() -> None:
    assert findings_text([]) == HEADER


def test_what_was_written_reads_back_with_four_decimals(tmp_path: Path) -> None:
    write_audit(tmp_path / "audit", FOUND, {"n_photos": 3})
    findings, document = read_audit(tmp_path / "audit")
    rounded = Finding(filename="cat/a.jpg", kind=NEAR, partner="cat/b.jpg", score=0.9123)
    assert findings == [rounded, *FOUND[1:]]
    assert document == {
        "kind": "audit",
        "schema_version": 1,
        "lineament": __version__,
        "n_photos": 3,
    }


@given(
    st.lists(
        st.builds(
            Finding,
            filename=st.text(),
            kind=st.sampled_from(FINDINGS),
            partner=st.text(),
            score=st.none() | st.integers(0, 10_000).map(lambda n: n / 10_000),
            decision=st.text().map(str.strip),
        )
    )
)
def test_any_names_read_back(
    tmp_path_factory: pytest.TempPathFactory, findings: list[Finding]
) -> None:
    path = tmp_path_factory.mktemp("any") / "audit.csv"
    path.write_bytes(findings_text(findings).encode())
    assert read_findings(path) == findings


def test_a_name_that_is_not_utf_8_is_spelt_out(tmp_path: Path) -> None:
    odd = "caf\udce9.jpg"
    write_audit(tmp_path, [Finding(filename=odd, kind="dark")], {})
    assert [each.filename for each in read_findings(tmp_path / "audit.csv")] == [printable(odd)]


def test_an_audit_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        read_audit(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not an audit: it has no audit.json.\n"
        "  fix: Name the folder of an audit that Lineament wrote."
    )


def test_another_kind_of_document_is_refused(tmp_path: Path) -> None:
    write_audit(tmp_path, [], {"kind": "dataset"})
    with pytest.raises(ArtifactError) as caught:
        read_audit(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not an audit but a dataset.\n  fix: Name an audit that Lineament wrote."
    )


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write_audit(tmp_path, [], {"schema_version": 2})
    with pytest.raises(ArtifactError) as caught:
        read_audit(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} has audit schema 2; this Lineament {__version__} reads 1 to 1.\n"
        "  fix: Install the version of Lineament that wrote it, or a newer one."
    )


def test_other_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_text("filename,decision\na.jpg,drop\n", encoding="utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_findings(path)
    assert str(caught.value) == (
        f"{path} has other columns than filename,finding,partner,score,decision.\n{FINDINGS_FIX}"
    )


def test_scores_that_are_no_numbers_are_all_named(tmp_path: Path) -> None:
    path = _table(tmp_path, 'a.jpg,dark,,0.1,\nb.jpg,dark,,"0,1",\nc.jpg,dark,,nan,\n')
    with pytest.raises(DataError) as caught:
        read_findings(path)
    assert str(caught.value) == (
        f"{path} has scores that are no numbers.\n  at:  row 3 (0,1), row 4 (nan)\n{FINDINGS_FIX}"
    )


def test_a_table_as_written_decides_nothing(tmp_path: Path) -> None:
    path = _table(tmp_path, "a.jpg,near_duplicate,b.jpg,0.9000,\n")
    assert read_decisions(path) == Decisions()


def test_each_word_is_obeyed(tmp_path: Path) -> None:
    path = _table(
        tmp_path,
        "a.jpg,dark,,0.1, drop \n"
        "b.jpg,dark,,0.1,keep\n"
        "c.jpg,label_suspect,dog,0.1,label:dog\n"
        "d.jpg,label_suspect,dog,0.1,label: a dog\n"
        "z.jpg,near_duplicate,e.jpg,0.9,different\n"
        "f.jpg,alike,g.jpg,0.9,different\n"
        "h.jpg,label_conflict,i.jpg,0.9,different\n",
    )
    assert read_decisions(path) == Decisions(
        dropped=frozenset({"a.jpg"}),
        relabelled={"c.jpg": "dog", "d.jpg": "a dog"},
        different=frozenset({("e.jpg", "z.jpg"), ("f.jpg", "g.jpg"), ("h.jpg", "i.jpg")}),
    )


def test_the_same_decision_twice_is_one(tmp_path: Path) -> None:
    path = _table(
        tmp_path,
        "a.jpg,dark,,,drop\na.jpg,blurred,,,drop\nb.jpg,dark,,,label:x\nb.jpg,tiny,,,label:x\n",
    )
    decided = Decisions(dropped=frozenset({"a.jpg"}), relabelled={"b.jpg": "x"})
    assert read_decisions(path) == decided


def test_a_photo_may_be_kept_and_relabelled(tmp_path: Path) -> None:
    path = _table(tmp_path, "a.jpg,dark,,,keep\na.jpg,label_suspect,x,,label:x\n")
    assert read_decisions(path) == Decisions(relabelled={"a.jpg": "x"})


def test_every_file_that_was_decided_about_is_counted() -> None:
    decisions = Decisions(
        dropped=frozenset({"a"}), relabelled={"b": "x"}, different=frozenset({("c", "d")})
    )
    assert decisions.files == {"a", "b", "c", "d"}


def _refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_decisions(path)
    whole = str(caught.value)
    first = f"{path} has decisions that cannot be followed; nothing was written.\n  at:  "
    assert whole.startswith(first)
    assert whole.endswith(f"\n{DECISIONS_FIX}")
    return whole.removeprefix(first).removesuffix(f"\n{DECISIONS_FIX}")


def test_a_misspelt_decision_is_refused_with_the_nearest_word(tmp_path: Path) -> None:
    path = _table(tmp_path, "a.jpg,dark,,,Drop\nb.jpg,dark,,,yes\n")
    assert _refused(path) == "row 2 (Drop) Did you mean `drop`?, row 3 (yes)"


@pytest.mark.parametrize("kind", [each for each in FINDINGS if each not in (NEAR, ALIKE)])
def test_different_is_for_near_duplicates_alone(tmp_path: Path, kind: str) -> None:
    path = _table(tmp_path, f"a.jpg,{kind},b.jpg,,{DIFFERENT}\n")
    assert _refused(path) == "row 2 (different, but it is no near duplicate)"


def test_a_label_without_a_class_is_refused(tmp_path: Path) -> None:
    path = _table(tmp_path, "a.jpg,label_suspect,dog,,label: \n")
    assert _refused(path) == "row 2 (label: without a class)"


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (KEEP, DROP, "keep and drop"),
        (DROP, "label:dog", "drop and label"),
        ("label:cat", "label:dog", "two classes"),
    ],
)
def test_decisions_that_contradict_each_other_are_refused(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    path = _table(tmp_path, f"a.jpg,{DUPLICATE},b.jpg,,{first}\na.jpg,{CONFLICT},b.jpg,,{second}\n")
    assert _refused(path) == f"a.jpg ({words})"


def test_all_that_cannot_be_followed_is_in_one_error(tmp_path: Path) -> None:
    path = _table(
        tmp_path,
        "b.jpg,dark,,,keep\nb.jpg,tiny,,,drop\na.jpg,dark,,,keep\na.jpg,tiny,,,drop\n"
        "c.jpg,dark,,,?\n",
    )
    assert _refused(path) == "row 6 (?), a.jpg (keep and drop), b.jpg (keep and drop)"
