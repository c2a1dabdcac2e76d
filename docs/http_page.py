"""The reference of the HTTP service: what it says of itself in OpenAPI, as a page.

The service is opened with the bundle that the tests keep, so the page cannot list a path that is
not there.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from lineament.serving.app import make_app
from lineament.serving.config import ServeConfig
from lineament.serving.server import open_rooms

STORED = Path(__file__).parents[1] / "tests/contract/bundle-schema-1-fp32.onnx"
Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]
METHODS = ("get", "post")


def http_page(mark: str, table: Table) -> str:
    """Every path with its parameters, bodies and answers, and every document."""
    described = _described()
    schemas = described["components"]["schemas"]
    parts = [
        "# HTTP service",
        mark,
        f"{described['info']['description']} The same stands at `/docs` and, as OpenAPI "
        f"{described['openapi']}, at `/openapi.json` of a running service "
        "([serve](../how-to/serve.md)). "
        "With a token every path but `/v1/service`, `/healthz` and `/readyz` needs it.",
    ]
    for path, operations in described["paths"].items():
        for method in METHODS:
            if method in operations:
                parts += _operation(path, method, operations[method], table)
    parts += [
        "## WebSocket /v1/live",
        "Parameters `model`, `map=1` for a map of what spoke for the answer, and `smooth_s`, the "
        "seconds over which answers are smoothed (0.5; 0 does not). Offer the subprotocol "
        "`lineament.v1` and, where there is a token, `token.` with the token in base64 (URL-safe, "
        "without padding). Each binary message is the file of a frame; each is answered by one "
        'text of JSON: `{"number": 0, "answer": SaidAnswer, "map": null}`, or `{"number": 0, '
        '"problem": Problem}`. A map has `height`, `width`, `values` row by row from 0 to 1, and '
        "`window`: which part of the frame it covers, in fractions of its sides.",
        "# Documents",
    ]
    for name, schema in sorted(schemas.items()):
        parts += [f"## {name}", *([schema["description"]] if "description" in schema else [])]
        parts.append(table(["field", "type", "meaning"], _fields(schema)))
    return "\n\n".join(parts)


def _described() -> dict[str, Any]:
    app = make_app(open_rooms((STORED,), ServeConfig(engine="onnxruntime")))

    async def ask() -> dict[str, Any]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            told: dict[str, Any] = (await client.get("/openapi.json")).json()
            return told

    return asyncio.run(ask())


def _operation(path: str, method: str, said: Mapping[str, Any], table: Table) -> Iterator[str]:
    yield f"## {method.upper()} {path}"
    yield str(said["summary"])
    parameters = [
        [f"`{each['name']}`", each["in"], _kind(each["schema"]), each.get("description", "")]
        for each in said.get("parameters", [])
    ]
    if parameters:
        yield table(["parameter", "in", "type", "meaning"], parameters)
    bodies = said.get("requestBody", {}).get("content", {})
    if bodies:
        rows = []
        for media, body in bodies.items():
            fields = list(_fields(body["schema"]))
            if not fields:
                rows.append([f"`{media}`", "", _kind(body["schema"]), "the photo"])
            rows += [[f"`{media}`", *field] for field in fields]
        yield table(["body", "field", "type", "meaning"], rows)
    answers = []
    for status, answer in said["responses"].items():
        content = answer.get("content", {})
        shown = ", ".join(
            f"`{media}` {_kind(body['schema'])}".strip() for media, body in content.items()
        )
        answers.append([status, answer["description"], shown])
    yield table(["status", "meaning", "content"], answers)


def _fields(schema: Mapping[str, Any]) -> Iterator[list[str]]:
    needed = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        kind = _kind(field) + ("" if name in needed else ", may be absent")
        yield [f"`{name}`", kind, field.get("description", "")]


def _kind(schema: Mapping[str, Any]) -> str:
    """What a schema allows, in a few words."""
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        most = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
        return f"list of {_kind(schema['items'])}{most}"
    bounds = [
        f"{word} {schema[key]:g}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in schema
    ]
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    shown = "bytes" if schema.get("format") == "binary" else names.get(kind, kind)
    return " ".join([shown, *bounds])
