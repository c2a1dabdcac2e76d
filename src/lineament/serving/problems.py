"""Problems: every failure as the same document, with the words of the command line.

RFC 9457, "Problem Details for HTTP APIs": ``type`` names the kind, ``detail`` says what happened,
``at`` where and ``fix`` the way out.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus

from lineament.core.errors import LineamentError

SHOWN = 200  # characters of what a stranger said
MEDIA_TYPE = "application/problem+json"


class ProblemError(LineamentError):
    """A request that cannot be answered, with a status of HTTP of its own.

    Args:
        status: Of HTTP, 400 to 599.
        what: What happened, one sentence.
        fix: What the caller can do about it.
        headers: To send beside it, such as ``Retry-After``.
    """

    def __init__(
        self, status: int, what: str, *, fix: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(what, fix=fix)
        self.http_status = status
        self.headers = dict(headers or {})


def shown(text: str) -> str:
    """What a stranger said, in one line and without signs that a terminal obeys.

    Example:
        >>> shown("a\\x1b[31m.jpg")
        'a?[31m.jpg'
    """
    return "".join(each if each.isprintable() else "?" for each in text[:SHOWN])


def problem(error: LineamentError) -> dict[str, object]:
    """The document of an error."""
    kind = "Request" if isinstance(error, ProblemError) else type(error).__name__
    return {
        "type": f"urn:lineament:{kind}",
        "title": HTTPStatus(error.http_status).phrase,
        "status": error.http_status,
        "detail": error.what,
        "at": list(error.at),
        "fix": error.fix,
    }


def problem_bytes(error: LineamentError) -> bytes:
    """The same, as it is sent."""
    return json.dumps(problem(error), ensure_ascii=False).encode()


def problem_headers(error: LineamentError) -> dict[str, str]:
    """Headers to send beside it."""
    headers = error.headers if isinstance(error, ProblemError) else {}
    return {"content-type": MEDIA_TYPE, **headers}
