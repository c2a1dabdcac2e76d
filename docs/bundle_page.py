"""The reference of the bundle: every field of its file, and how a port of it is proved.

What a field means comes from the docstring of its dataclass, and the types from its annotations;
what no dataclass holds is listed here. A test walks the cards of the stored bundles and of new ones
and refuses a field that the page does not list, one that no bundle has, and another type.
"""

import contextlib
import dataclasses
import io
import shutil
import tempfile
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lineament.artifacts.bundle import FAMILIARITY, INPUT, METADATA_KEY, SCHEMA_VERSION, BundleCard
from lineament.artifacts.decisions import Decisions
from lineament.artifacts.precision import Precision
from lineament.artifacts.run import ValidationFigures
from lineament.artifacts.tested import FiguresOnTest
from lineament.imaging.preprocess import Preprocessing
from lineament.measure.intervals import Interval
from lineament.models.nodes import OPSET

STORED = "tests/contract/bundle-schema-1-fp32.onnx"
Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]
Meanings = Callable[[type], Mapping[str, str]]
HEADER = ("field", "type", "since", "meaning")

# In which state a field is, beside the schema version that has it.
LATER = "1, later"  # bundles of schema 1 that were written before lack it
SOME = "1, some"  # only where there is something to say
EARLY = "1, early"  # no longer written
NAMES = {str: "text", float: "number", int: "whole number", bool: "true or false"}
NESTED = (Preprocessing, Decisions, Precision, FiguresOnTest, ValidationFigures, Interval)
# What of the dataclasses was not there when the first bundles of schema 1 were written.
ADDED = (
    *("preprocessing.crop_fraction", "preprocessing.rounded"),
    *("decisions", "precision", "tested", "content_sha256", "backbone_sha256"),
)

GRAPH = (
    (
        INPUT,
        "input",
        "uint8",
        "N, H, W, 3",
        "RGB pixels, upright, of any height and width. `N` photos of one size.",
    ),
    (
        "probabilities",
        "output",
        "float32",
        "N, C",
        "Calibrated; each row sums to 1; columns in the order of `classes`.",
    ),
    (
        "embedding",
        "output",
        "float32",
        "N, D",
        "The backbone's features, averaged over the photo. `D` depends on the backbone.",
    ),
    (
        "activation",
        "output",
        "float32",
        "N, C, h, w",
        "Evidence for each class at each place; its mean over `h, w` is the class's logit, before "
        "`temperature`. `h, w` depend on the backbone alone.",
    ),
    (
        FAMILIARITY,
        "output",
        "float32",
        "N",
        "How like the training photos it is, 0 to 1; half of the known photos lie above 0.5. The "
        "first bundles of schema 1 lack it.",
    ),
)

TOP = (
    ("kind", "text", "1", "`bundle`."),
    ("schema_version", "whole number", "1", f"{SCHEMA_VERSION}; see Versions and promises."),
    ("lineament", "text", "1", "The version of Lineament that wrote the file."),
)
OLD = (
    (
        "unknown_threshold",
        "null",
        EARLY,
        "Always null; what was meant stands in `decisions.unknown_threshold` now.",
    ),
)
DECODING = (
    ("decoding", "object", "1", "How a file becomes the pixels that the graph takes."),
    ("decoding.colour", "text", "1", "What is done to make 8-bit RGB of other kinds of pixels."),
    ("decoding.orientation", "text", "1", "What is done to turn the photo upright."),
    ("decoding.jpeg_scale", "text", "1", "At what scale a JPEG is decoded."),
    ("decoding.jpeg_short_side_px", "whole number", "1", "The length that this rule is about."),
    (
        "decoding.reduced_above_pixels",
        "whole number",
        LATER,
        "Width times height above which photos of other formats are averaged first.",
    ),
    ("decoding.reduced", "text", LATER, "How they are averaged."),
    ("decoding.max_pixels", "whole number", "1", "Width times height above which none is read."),
    ("decoding.max_side_px", "whole number", LATER, "Length of a side above which none is read."),
)
VALIDATION = "What the graph reached on the photos that chose it."
VERSIONS = "Versions of Python and of every library that had a part, by name."
PROVENANCE = (
    ("provenance.mode", "text", "1", "`head`, `finetune` or `scratch`."),
    ("provenance.backbone", "object", "1", "The network below the head."),
    ("provenance.backbone.name", "text", "1", "Its name."),
    ("provenance.backbone.weights", "text", "1", "Where they came from: `packaged`, `none` ..."),
    ("provenance.backbone.tag", "text", "1", "Which weights these are."),
    (
        "provenance.backbone.sha256",
        "text or null",
        "1",
        "Of the file of the weights; null where they were random.",
    ),
    (
        "provenance.backbone.licence",
        "text or null",
        "1",
        "Of the weights, as their publisher states it; null where none is stated.",
    ),
    (
        "provenance.backbone.trained_on",
        "text or null",
        LATER,
        "The photos that the weights come from; null where that is not stated.",
    ),
    ("provenance.backbone.input_px", "whole number", LATER, "The side that they were made for."),
    ("provenance.head", "object", LATER, "What tells the classes apart: `kind`, and how made."),
    (
        "provenance.mirrored_view",
        "true or false",
        LATER,
        "Whether an answer is the mean of a photo's and its mirror image's; both in the graph.",
    ),
    ("provenance.dataset", "object", "1", "What it was trained on."),
    ("provenance.dataset.fingerprint", "text", "1", "sha256 of photos, classes and splits."),
    ("provenance.dataset.name", "text", "1", "Name of its folder."),
    ("provenance.dataset.photos", "object", "1", "How many there were, by split."),
    ("provenance.dataset.photos.*", "whole number", "1", "Of `train`, `validation`, `test`."),
    ("provenance.seed", "whole number", "1", "Of everything random."),
    ("provenance.recipe", "object", "1", "The training's resolved configuration."),
    ("provenance.chosen", "object", "1", "What validation chose, with its losses there, in nats."),
    ("provenance.trained_with", "object", "1", VERSIONS),
    ("provenance.trained_with.*", "text", "1", "A version."),
    ("provenance.exported_with", "object", "1", "The same of the export."),
    ("provenance.exported_with.*", "text", "1", "A version."),
    (
        "provenance.graph_sha256",
        "text",
        LATER,
        "Of the graph that was measured: the run's own or, in int8, this file's. By it a report is "
        "told to be of this model.",
    ),
    (
        "provenance.int8_share",
        "number",
        SOME,
        "In int8, the part of the backbone's multiplications that is between integers, 0 to 1.",
    ),
)
PROOF = (
    ("largest_difference", "number", "Largest difference in any probability of any photo."),
    ("photos", "object", "The largest of each golden photo."),
    ("photos.*", "number", "By the photo's name."),
    ("familiarity", "object", "The difference in familiarity of each golden photo."),
    ("familiarity.*", "number", "By the photo's name."),
)
GOLDEN = (
    ("golden", "list of objects", "1", "Photos with the answers that are right."),
    ("golden[].name", "text", "1", "What is special about it; no two are called alike."),
    (
        "golden[].data_base64",
        "text",
        "1",
        "The file in base64 (RFC 4648); of those that are drawn, JPEG or PNG.",
    ),
    (
        "golden[].probabilities",
        "list of numbers",
        "1",
        "PyTorch's answer in float32; of a bundle in int8, that of ONNX Runtime.",
    ),
    (
        "golden[].familiarity",
        "number or null",
        LATER,
        "The same of `familiarity`; null where the graph has no such output.",
    ),
)

HASHING = """\
import hashlib
from pathlib import Path


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def without_metadata(data):
    kept, at = [], 0
    while at < len(data):
        begin = at
        tag, at = varint(data, at)
        if tag & 7 == 2:  # a length, then as many bytes
            length, at = varint(data, at)
            at += length
        elif tag & 7 == 0:  # a number
            _, at = varint(data, at)
        else:
            at += {1: 8, 5: 4}[tag & 7]
        if tag >> 3 != 14:  # ModelProto.metadata_props
            kept.append(data[begin:at])
    return b"".join(kept)


print(hashlib.sha256(without_metadata(Path("model.onnx").read_bytes())).hexdigest())
"""
PROVING = """\
import base64
import io
import json

import numpy as np
import onnxruntime
from PIL import Image

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
card = json.loads(session.get_modelmeta().custom_metadata_map["lineament"])
rule = card["decoding"]


def decode(data):
    image = Image.open(io.BytesIO(data))
    kind, mode, side = image.format, image.mode, rule["jpeg_short_side_px"]
    if kind == "JPEG":  # at 1/8, 1/4, 1/2 or 1, and never below that side
        image.draft(None, (side, side))
    turn = TURNS.get(image.getexif().get(0x0112))
    if mode == "I;16":  # grey of 16 bits
        image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    factor = min(image.size) // side
    if kind != "JPEG" and factor > 1 and image.width * image.height > rule["reduced_above_pixels"]:
        image = image.reduce(factor)
    return f"{kind} {mode}", np.asarray(image if turn is None else image.transpose(turn))


print("name           file          H x W        mean R G B    probabilities      familiarity")
for golden in card["golden"]:
    file, pixels = decode(base64.b64decode(golden["data_base64"]))
    outputs = session.run(["probabilities", "familiarity"], {"image": pixels[None]})
    probabilities, familiarity = outputs[0][0], outputs[1][0]
    difference = np.abs(probabilities - golden["probabilities"]).max()
    assert difference <= card["parity"]["allowed"], (golden["name"], difference)
    height, width, _ = pixels.shape
    mean = " ".join(f"{value:3.0f}" for value in pixels.mean(axis=(0, 1)))
    answer = " ".join(f"{value:.3f}" for value in probabilities)
    size = f"{height} x {width}"
    print(f"{golden['name']:14} {file:13} {size:12} {mean:13} {answer:18} {familiarity:.3f}")
"""


def bundle_page(mark: str, table: Table, meanings: Meanings) -> str:
    """Render the page.

    Args:
        mark: The line that says that the page is generated.
        table: Makes a Markdown table of a header and rows.
        meanings: Gives what the docstring of a dataclass says of its fields.
    """
    hashed, proved = _run(HASHING, PROVING)
    top = meanings(BundleCard)
    parts = {
        "The card": (*TOP, *_own(top, "classes", "temperature", "messages"), *OLD),
        "Photo to pixels": (*_fields(Preprocessing, "preprocessing", top, meanings), *DECODING),
        "Decisions": _fields(Decisions, "decisions", top, meanings),
        "Precision": _fields(Precision, "precision", top, meanings),
        "How good it is": _fields(FiguresOnTest, "tested", top, meanings),
        "Where it comes from": (
            *_own(top, "provenance"),
            *PROVENANCE,
            *_fields(ValidationFigures, "provenance.validation", {}, meanings),
        ),
        "What engines answered": _parity(top),
        "Golden photos": GOLDEN,
        "Hashes": _own(top, "content_sha256", "backbone_sha256"),
    }
    shown = {title: table(HEADER, map(_quoted, rows)) for title, rows in parts.items()}
    return "\n\n".join(
        [
            "# Bundle",
            mark,
            "A bundle is one ONNX file, from the pixels of a photo of any size to calibrated "
            "probabilities, with all that a stranger needs to use it and to prove that it is used "
            "rightly. This page is for who reads or runs it without Lineament; for who has it, "
            "[Export and predict](../how-to/ship.md). `lineament card FILE` prints what is below "
            "for people, `lineament card FILE --json` all of it but the golden photos.",
            "## The file",
            table(
                ("what", "is"),
                [
                    ("format", "ONNX, a protobuf message `ModelProto`; no data in other files"),
                    ("operators", f"of the default domain alone, opset {OPSET}; no functions"),
                    ("`producer_name`", "`lineament`; `producer_version` is its version"),
                    (
                        "`metadata_props`",
                        f"one entry; key `{METADATA_KEY}`, value the card: one JSON object in "
                        "UTF-8. Others may be added and are passed over",
                    ),
                ],
            ),
            "A run's `graph.onnx` is the same without the entry. `export --format torchscript` "
            "puts the same card into a TorchScript, as its extra file `lineament.json`; "
            "`content_sha256` is then that of the ONNX graph.",
            "## Inputs and outputs",
            table(
                ("name", "", "type", "shape", "meaning"),
                [
                    (f"`{name}`", way, f"`{kind}`", f"`{shape}`", said)
                    for name, way, kind, shape, said in GRAPH
                ],
            ),
            "Resizing, normalisation, temperature and softmax are in the graph: do not resize or "
            "normalise before it. Ask for outputs by name; an engine then computes no others.",
            "## The card",
            "A dot goes into an object, `*` stands for any name, `[]` for each entry of a list. "
            "All fractions are 0 to 1. *Since* is the schema version that has the field:",
            table(
                ("since", "meaning"),
                [
                    ("1", "in every bundle of schema 1; inside an object, wherever that is"),
                    (LATER, "added within schema 1: bundles that were written before lack it"),
                    (SOME, "only where there is something to say"),
                    (EARLY, "in bundles of before the first release alone; no longer written"),
                ],
            ),
            shown["The card"],
            "### Photo to pixels",
            "`preprocessing` is done inside the graph and stated for people. `decoding` is what "
            "the graph cannot hold and a port must do: the sentences are for programmers, and the "
            "listing under [Prove a port](#prove-a-port) follows them.",
            shown["Photo to pixels"],
            "### Decisions",
            "With these a program decides: a photo whose `familiarity` is below "
            "`unknown_threshold` is unknown, whatever its probabilities.",
            shown["Decisions"],
            "### Precision",
            shown["Precision"],
            "### How good it is",
            "Stated where the bundle was exported with `--report`; refused there where the report "
            "is of another graph or of other photos than test photos.",
            shown["How good it is"],
            "### Where it comes from",
            shown["Where it comes from"],
            "### What engines answered",
            "The certificate of the export. `lineament verify FILE` makes it anew on another "
            "machine.",
            shown["What engines answered"],
            "### Golden photos",
            shown["Golden photos"],
            "## Prove a port",
            "The graph is the same everywhere; what a port writes anew is the decoding. It is "
            "right where every golden photo is answered with no probability further off than "
            "`parity.allowed`. This is all of it in Python, with `onnxruntime`, `numpy` and "
            "`Pillow`, for a bundle that is called `model.onnx`:",
            _fenced(PROVING, "python"),
            f"Of the bundle `{STORED}` of Lineament's repository it prints the following. `H x W` "
            "and the mean colour of the decoded photo tell which step of a port goes wrong: the "
            "scale of `large` and `strip`, the turn of `turned-jpeg`, the white below "
            "`palette-alpha`. Another JPEG decoder than libjpeg's gives slightly other pixels; the "
            "PNG files show whether the rest is right. Prove a port with a bundle in float32: one "
            "in int8 allows 0.25, since engines round integers each in their own way, and hides "
            "small errors.",
            _fenced(proved),
            "Lineament also takes an orientation from an EXIF block that is damaged elsewhere, and "
            "refuses what exceeds `decoding.max_pixels` or `decoding.max_side_px`.",
            "## Hashes",
            shown["Hashes"],
            "`content_sha256` is exactly this: the file is a protobuf message, that is, parts one "
            "after the other, each a tag and its content. Leave out the parts with field number 14 "
            "(`metadata_props`); keep every byte of the others, tags and lengths included, in the "
            "order in which they stand; the sha256 of what is kept, in lower-case hexadecimal. "
            "Lineament writes the metadata last, so what is kept is the beginning of the file. In "
            "Python, without any package:",
            _fenced(HASHING, "python"),
            _fenced(hashed),
            "It tells a changed graph, not a forged one: who changes the graph on purpose can "
            "change the hash. `backbone_sha256` is the identity of what computes `embedding`: "
            "operators, attributes, wiring and weights, without names. It is compared when a head "
            "is laid on the bundle and needs no port; `lineament.models.identity` computes it.",
            "## Versions and promises",
            _listed(
                "Within a schema version fields and outputs are added, and none is taken away or "
                "given another meaning. A reader passes over what it does not know, and takes an "
                "absent field as the table above says.",
                "What would be answered otherwise by a reader that knows no better gets a new "
                "schema version. A reader refuses a schema version that is newer than it knows; "
                "Lineament says then what to install.",
                "Lineament reads every schema version from 1 on. A bundle of each, one in float32 "
                "and one in int8 are kept in its repository (`tests/contract`), with their answers "
                "as numbers, and must load and answer so in every version to come.",
                "Names, types and shapes of the input and of the outputs stay what they are.",
                "Not promised: names of nodes and constants, the opset, the order of fields, which "
                "fields `provenance.recipe` has (those of the version that trained), and that two "
                "exports are the same bytes.",
            ),
        ]
    )


def _own(top: Mapping[str, str], *names: str) -> Iterator[tuple[str, str, str, str]]:
    """Rows of fields of the card itself."""
    annotations = typing.get_type_hints(BundleCard)
    for name in names:
        since = LATER if name in ADDED else "1"
        yield name, _type(annotations[name]), since, top[name]
        if name == "messages":
            yield f"{name}.*", "text", SOME, "By class."


def _fields(
    kind: type, path: str, top: Mapping[str, str], meanings: Meanings
) -> Iterator[tuple[str, str, str, str]]:
    """Rows of a dataclass and of those in its fields, depth first."""
    since = LATER if path in (*ADDED, "provenance.validation") else "1"
    optional = "" if path == "preprocessing" else " or null"
    yield path, f"object{optional}", since, top.get(path, VALIDATION)
    yield from _members(kind, path, meanings, since)


def _members(
    kind: type, path: str, meanings: Meanings, since: str
) -> Iterator[tuple[str, str, str, str]]:
    annotations, said = typing.get_type_hints(kind), meanings(kind)
    for each in dataclasses.fields(kind):
        place, annotation = f"{path}.{each.name}", annotations[each.name]
        here = LATER if place in ADDED else since
        yield place, _type(annotation), here, said[each.name]
        if annotation in NESTED:
            yield from _members(annotation, place, meanings, here)
        if typing.get_origin(annotation) is Mapping:
            inner = typing.get_args(annotation)[1]
            yield f"{place}.*", _type(inner), SOME, "By name."
            if inner in NESTED:
                yield from _members(inner, f"{place}.*", meanings, SOME)


def _parity(top: Mapping[str, str]) -> Iterator[tuple[str, str, str, str]]:
    against = "What the answers of the golden photos come from."
    allowed = "By how much a probability may differ; more is refused."
    yield "parity", "object", "1", top["parity"]
    yield "parity.against", "text", "1", against
    yield "parity.allowed", "number", "1", allowed
    for place in ("parity", "parity.exact"):
        if place != "parity":
            yield place, "object", SOME, "In int8, the same of the graph in float32 that it is of."
            yield f"{place}.against", "text", SOME, against
            yield f"{place}.allowed", "number", SOME, allowed
        for name, kind, said in PROOF[:3]:
            yield f"{place}.{name}", kind, SOME, said
        yield f"{place}.familiarity", "object", SOME, "The same of familiarity."
        yield (
            f"{place}.familiarity.allowed",
            "number",
            SOME,
            "By how much it may differ at the export.",
        )
        yield f"{place}.familiarity.photos", "object", SOME, "The difference of each golden photo."
        yield f"{place}.familiarity.photos.*", "number", SOME, "By the photo's name."
        yield f"{place}.engines", "object", SOME, "Every engine that was tried, by title."
        yield f"{place}.engines.*", "object", SOME, "What it answered."
        for name, kind, said in PROOF:
            yield f"{place}.engines.*.{name}", kind, SOME, said
    both = "parity.engines.*.validation"
    yield both, "object", SOME, "In int8, how far it is from ONNX Runtime on validation photos."
    yield f"{both}.agreement", "number", SOME, "Part of the photos that both answer alike."
    yield f"{both}.largest_difference", "number", SOME, "In any probability of any of them."
    for place in ("parity.unable", "parity.exact.unable"):
        yield place, "object", SOME, "Engines that cannot run the graph, by title."
        yield f"{place}.*", "text", SOME, "Why."


def _type(annotation: object) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (types.UnionType, typing.Union):
        kinds = [_type(each) for each in inner if each is not type(None)]
        return " or ".join([*kinds, *["null"][: len(inner) - len(kinds)]])
    if origin is tuple:
        return f"list of {_type(inner[0])}s"
    if isinstance(annotation, type):
        return NAMES.get(annotation, "object")
    return "object"


def _quoted(row: Sequence[str]) -> tuple[str, ...]:
    """A row of the page; JSON's word for what Python calls ``None``."""
    return (f"`{row[0]}`", *(cell.replace("`None`", "`null`") for cell in row[1:]))


def _listed(*sentences: str) -> str:
    return "\n".join(f"- {each}" for each in sentences)


def _fenced(text: str, language: str = "text") -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def _run(*listings: str) -> list[str]:
    """What listings print where the stored bundle is called ``model.onnx``."""
    printed = []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(Path(__file__).parents[1] / STORED, Path(folder) / "model.onnx")
        for listing in listings:
            said = io.StringIO()
            with contextlib.chdir(folder), contextlib.redirect_stdout(said):
                exec(compile(listing, "a listing", "exec"), {"__name__": "listing"})
            printed.append(said.getvalue())
    return printed
