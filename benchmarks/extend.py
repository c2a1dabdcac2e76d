"""A head of many people, and one person more from some photos: what becomes of old and new ones.

    python benchmarks/extend.py LFW [--people 40] [--more 5] [--photos 5 20]

LFW is a folder of a folder per person. The people with the most photos but some are learned
(`lineament train`, head), the others are added one at a time to the same head, by their own photos
alone (`lineament extend`), the rest of which is never seen. Prints a Markdown table.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from lineament import HeadedPredictor, PrepareConfig, export, export_head, extend, prepare, train
from lineament.artifacts.dataset import Dataset
from lineament.core.machine import machine, versions

SPLIT = (0.7, 0.15, 0.15)


def folders(source: Path, count: int) -> list[Path]:
    """The people with the most photos."""
    people = [each for each in source.iterdir() if each.is_dir()]
    return sorted(people, key=lambda each: (-len(list(each.iterdir())), each.name))[:count]


def linked(people: list[Path], to: Path, *, most: int | None = None) -> Path:
    """Folders of some people, with at most so many photos each."""
    for person in people:
        (to / person.name).mkdir(parents=True)
        for photo in sorted(person.iterdir())[:most]:
            shutil.copy(photo, to / person.name)
    return to


def judged(heads: list[Path], bundle: Path, photos: list[tuple[Path, str]]) -> list[list[int]]:
    """By head, how many answers are right, and how many are called unknown."""
    answers = list(HeadedPredictor(heads, bundle).predict([path for path, _ in photos]))
    names = [name for _, name in photos]
    return [
        [
            sum(each[at].label == name for each, name in zip(answers, names, strict=True)),
            sum(each[at].is_unknown for each in answers),
        ]
        for at in range(len(heads))
    ]


def main() -> None:
    """Train, add, measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--more", type=int, default=5)
    parser.add_argument("--photos", type=int, nargs="+", default=[5, 20])
    options = parser.parse_args()
    people = folders(options.source, options.people + options.more)
    # Every eighth is new, so that they are neither those with the most photos nor the fewest.
    new = people[4 :: len(people) // options.more][: options.more]
    old = [each for each in people if each not in new]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        data = prepare(
            linked(old, work / "old"), work / "dataset", config=PrepareConfig(split=SPLIT)
        )
        run = train(data, work / "run")
        bundle, head, small = work / "b.onnx", work / "a.head", work / "small.head"
        export(run, bundle)
        export_head(run, head)
        export_head(run, small, with_unknown=False)
        print(machine()["processor"], versions()["lineament"], f"{len(old)} people learned")
        sizes = (bundle, head, small)
        print({each.name: f"{each.stat().st_size / 1e3:,.0f} kB" for each in sizes})
        print("| photos | seconds | old right | old unknown | new right | new unknown |")
        print("|--:|--:|--:|--:|--:|--:|")
        for count in options.photos:
            row(count, data, new, work / str(count), head, bundle)


def row(count: int, data: Dataset, new: list[Path], work: Path, head: Path, bundle: Path) -> None:
    """Add each person by so many photos, and print what became of the answers."""
    test = [(data.path(each), each.class_name) for each in data.samples("test")]
    seconds, heads, found = [], [head], [0, 0, 0]
    for person in new:
        photos = linked([person], work / person.name / "photos", most=count + 1)
        # One more than are learned: a validation split has at least one.
        share = 1.01 / (count + 1)
        config = PrepareConfig(split=(1 - share, share, 0.0), one_class=True)
        dataset = prepare(photos, work / person.name / "dataset", config=config)
        heads.append(work / f"{person.name}.head")
        began = time.perf_counter()
        extend(head, dataset, heads[-1], backbone=bundle)
        seconds.append(time.perf_counter() - began)
        rest = [(photo, person.name) for photo in sorted(person.iterdir())[count + 1 :]]
        ((right, unknown),) = judged(heads[-1:], bundle, rest)
        found = [found[0] + right, found[1] + unknown, found[2] + len(rest)]
    before, *after = judged(heads, bundle, test)
    rights = [each[0] / len(test) for each in after]
    unknowns = [each[1] / len(test) for each in after]
    print(
        f"| {count} | {statistics.median(seconds):.1f} | {statistics.mean(rights):.1%} (before "
        f"{before[0] / len(test):.1%}, n = {len(test)}) | {statistics.mean(unknowns):.1%} (before "
        f"{before[1] / len(test):.1%}) | {found[0] / found[2]:.1%} (n = {found[2]}) | "
        f"{found[1] / found[2]:.1%} |"
    )


if __name__ == "__main__":
    main()
