"""Study: many trainings, what was planned, how far it has come and what was found.

On disk: ``study.json`` (the plan, one row per run, the winners); ``table.csv`` (one line per
configuration, over its seeds); ``runs/<name>`` and ``reports/<name>``, a run and its report;
``logs/<name>.log``, what was said on the way. The first two are written anew after every run.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from lineament.artifacts.comparison import COLUMNS, Line, compared, sentence, winners
from lineament.artifacts.schema import check_stamp, field, stamp
from lineament.artifacts.study_row import BROKEN, WAITING, StudyRow
from lineament.artifacts.table import table_text
from lineament.core.files import json_text, read_json, write_text

KIND = "study"
SCHEMA_VERSION = 1
DOCUMENT = "study.json"
TABLE = "table.csv"
RUNS, REPORTS, LOGS = "runs", "reports", "logs"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """An opened study.

    Attributes:
        root: Its folder.
        description: What it is for.
        plan: What its figures depend on beside each row's recipe: the datasets by name with path,
            fingerprint and photos; whether runs are judged on test; the search.
        rows: One per run, in the order of the plan, which is not the order in which they are done.
    """

    root: Path
    description: str
    plan: Mapping[str, object]
    rows: tuple[StudyRow, ...]

    def run_path(self, row: StudyRow) -> Path:
        """Where the run of a row stands when it is done."""
        return self.root / RUNS / row.name

    def report_path(self, row: StudyRow) -> Path:
        """Where its report stands."""
        return self.root / REPORTS / row.name

    def log_path(self, row: StudyRow) -> Path:
        """What was said while it was trained."""
        return self.root / LOGS / f"{row.name}.log"

    @property
    def lines(self) -> tuple[Line, ...]:
        """One line per configuration, over its seeds."""
        return compared(self.rows)

    @property
    def winning(self) -> dict[str, Line]:
        """The winner on each dataset, by validation alone."""
        return winners(self.lines)

    @property
    def sentences(self) -> tuple[str, ...]:
        """For each dataset, what won there and what the test photos leave open."""
        return tuple(sentence(winner, self.lines) for winner in self.winning.values())

    @property
    def broken(self) -> tuple[StudyRow, ...]:
        """The runs without figures that will not be tried again."""
        return tuple(row for row in self.rows if row.status == BROKEN)

    @property
    def waiting(self) -> tuple[StudyRow, ...]:
        """The runs that are not done yet."""
        return tuple(row for row in self.rows if row.status == WAITING)

    def find(self, name: str) -> StudyRow | None:
        """The row of a run, if there is one."""
        return next((row for row in self.rows if row.name == name), None)

    def without(self, name: str) -> "Study":
        """The same study without the row of a run."""
        return dataclasses.replace(self, rows=tuple(row for row in self.rows if row.name != name))

    def with_row(self, row: StudyRow) -> "Study":
        """The same study with another row of that name; a new name goes to the end."""
        known = any(each.name == row.name for each in self.rows)
        rows = tuple(row if each.name == row.name else each for each in self.rows)
        return dataclasses.replace(self, rows=rows if known else (*rows, row))

    def as_dict(self) -> dict[str, object]:
        """What ``study.json`` holds."""
        lines = self.lines
        return {
            "description": self.description,
            "plan": dict(self.plan),
            "rows": [row.as_dict() for row in self.rows],
            "table": [dict(zip(COLUMNS, line.cells(), strict=True)) for line in lines],
            "winners": {
                dataset: {
                    "configuration": winner.configuration,
                    "run": winner.best and winner.best.name,
                    "sentence": sentence(winner, lines),
                }
                for dataset, winner in self.winning.items()
            },
        }

    @classmethod
    def open(cls, root: Path) -> "Study":
        """Open a study, finished or not.

        Raises:
            ArtifactError: It is no study, is of a newer schema, or is damaged.
        """
        document = read_json(root / DOCUMENT, kind=KIND)
        name = str(root)
        check_stamp(document, kind=KIND, schema_version=SCHEMA_VERSION, name=name)
        rows: list[object] = field(document, "rows", list, name=name)
        return cls(
            root=root,
            description=field(document, "description", str, name=name),
            plan=field(document, "plan", dict, name=name),
            rows=tuple(
                StudyRow.from_dict(field({"row": row}, "row", dict, name=name), name=name)
                for row in rows
            ),
        )


def write_study(study: Study) -> None:
    """Write ``study.json`` and ``table.csv``, each whole or not at all."""
    document = {**stamp(KIND, SCHEMA_VERSION), **study.as_dict()}
    write_text(study.root / DOCUMENT, json_text(document), overwrite=True)
    write_text(
        study.root / TABLE,
        table_text(COLUMNS, [line.cells() for line in study.lines]),
        overwrite=True,
    )
