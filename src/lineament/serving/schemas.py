"""Schemas: what is sent, for the description of the API."""

from pydantic import BaseModel, ConfigDict, Field

from lineament.serving.problems import MEDIA_TYPE as PROBLEM_TYPE
from lineament.serving.uploads import BYTES, JSON, MULTIPART, PART, PhotosInJson


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Ranked(_Sent):
    """A class with its probability."""

    label: str
    confidence: float = Field(ge=0, le=1)


class SaidAnswer(_Sent):
    """What a model says to a photo."""

    name: str = Field(description="What the request called the photo.")
    label: str | None = Field(
        description='The class, or "unknown"; null where the photo cannot be read.'
    )
    nearest: str | None = Field(description="The most probable class, also of an unknown photo.")
    confidence: float | None = Field(description="The probability of `nearest`.", ge=0, le=1)
    familiarity: float | None = Field(
        description="How like the training photos it is; null where the model does not say.",
        ge=0,
        le=1,
    )
    is_unknown: bool = Field(description="Whether it is too unlike the training photos.")
    message: str | None = Field(description="The sentence that goes with the class.")
    top: list[Ranked] = Field(description="The most probable classes.")
    error: str | None = Field(description="Why the photo cannot be read.")
    seconds: float = Field(description="Of one core that it took.", ge=0)


class SaidAnswers(_Sent):
    """Answers, in the order of the photos."""

    model: str
    sha256: str = Field(description="Identity of the graph that answered.")
    answers: list[SaidAnswer]


class SaidExplanation(_Sent):
    """An answer with a picture of what spoke for it."""

    model: str
    sha256: str
    answer: SaidAnswer
    shown_class: str
    overlay_jpeg_base64: str


class Summary(_Sent):
    """A model that is served."""

    name: str
    sha256: str
    classes: list[str]
    backbone: str
    licence: str
    messages: dict[str, str]
    says_unknown: bool
    size_px: int
    engine: str


class Models(_Sent):
    """The models that are served."""

    models: list[Summary]


class Limits(_Sent):
    """What a request may bring."""

    max_bytes: int
    max_pixels: int
    max_photos: int


class Service(_Sent):
    """What the service is, for its page."""

    name: str
    version: str
    needs_token: bool
    collects: bool
    limits: Limits
    default_model: str


class Kept(_Sent):
    """Where a photo was kept."""

    kept: str


class Sign(_Sent):
    """A sign of life."""

    status: str


class Problem(_Sent):
    """What went wrong, where, and the way out (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    at: list[str]
    fix: str


REASONS = {
    400: "The request is not what was expected.",
    401: "No token, or not the right one.",
    403: "Asked from the page of another site.",
    404: "There is no such model.",
    405: "The path knows another method.",
    408: "The request came too slowly.",
    409: "What was kept before cannot be used.",
    413: "Too large, or too many photos.",
    415: "Of a type that is not understood.",
    421: "Addressed to another name.",
    422: "No photo can be read.",
    429: "Too many wait already; see Retry-After.",
    500: "A bug of the service.",
    503: "Not begun in time; see Retry-After.",
}
OF_EVERY = (400, 401, 403, 421, 500)
OF_WORK = (*OF_EVERY, 404, 408, 413, 415, 422, 429, 503)


def refusals(statuses: tuple[int, ...]) -> dict[int | str, dict[str, object]]:
    """The problems that a path may answer with."""
    return {
        status: {
            "description": REASONS[status],
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(statuses)
    }


_FILE = {"type": "string", "format": "binary"}


def photo_bodies(most: int) -> dict[str, object]:
    """The bodies in which photos come, at most so many."""
    schema = PhotosInJson.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    schema["properties"]["photos"]["maxItems"] = most
    parts = {
        "type": "object",
        "properties": {PART: {"type": "array", "items": _FILE, "minItems": 1, "maxItems": most}},
        "required": [PART],
        "additionalProperties": False,
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                MULTIPART: {"schema": parts},
                "image/*": {"schema": _FILE},
                BYTES: {"schema": _FILE},
                JSON: {"schema": schema},
            },
        }
    }


def collection_body() -> dict[str, object]:
    """The form in which a photo comes that is to be kept."""
    text = {"type": "string"}
    properties = {
        PART: _FILE,
        "label": {
            **text,
            "minLength": 1,
            "maxLength": 80,
            "pattern": "\\S",
            "description": "The true class.",
        },
        "kind": {**text, "enum": ["feedback", "capture"]},
        "consent": {**text, "enum": ["yes"], "description": "Whoever is in the photo agrees."},
        "session": {
            **text,
            "pattern": "^[A-Za-z0-9_-]{1,64}$",
            "description": "What belongs together: photos of a session stay in one split.",
        },
        "condition": {**text, "pattern": "^[a-z0-9_-]{0,32}$", "description": "Such as `dim`."},
        "said": {**text, "maxLength": 80, "description": "What the model said."},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "model": {**text, "description": "Which model said it; the first where none is named."},
    }
    form = {
        "type": "object",
        "properties": properties,
        "required": [PART, "label", "kind", "consent", "session"],
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {MULTIPART: {"schema": form}}}}
