"""Guards: what every request passes before the application sees it, and every answer after it.

Who may ask (the name that is addressed, the page that asks, the token), what browsers may do with
an answer (headers), and the count of it all. A guard speaks ASGI itself, so that a refusal costs
little.
"""

import base64
import hmac
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lineament.core.errors import LineamentError
from lineament.serving.config import ServeConfig
from lineament.serving.metrics import Metrics
from lineament.serving.problems import ProblemError, problem_bytes, problem_headers

CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; "
    "script-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'"
)
# Swagger UI writes styles into its elements.
API_PAGE_POLICY = CONTENT_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
API_PAGE = "/docs"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}
# What tells nobody anything: the page, the description of the API, and the signs of life.
OPEN_PATHS = ("/", "/v1/service", "/healthz", "/readyz", "/openapi.json", "/favicon.ico", API_PAGE)
OPEN_FOLDERS = ("/page/", f"{API_PAGE}/")
HARMLESS = ("GET", "HEAD", "OPTIONS")
SUBPROTOCOL, TOKEN_PROTOCOL = "lineament.v1", "token."
NO_ROUTE = "none"
DENIAL = "websocket.http.response"  # the extension of ASGI that refuses with an answer


class Guards:
    """The application, guarded.

    Args:
        app: The application.
        config: Names and token.
        metrics: Who counts.
    """

    def __init__(self, app: ASGIApp, *, config: ServeConfig, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._names = config.host_names
        self._token = None if config.token is None else config.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", f"{DENIAL}.start"):
                status = message["status"]
                _dress(message, scope["path"])
            await send(message)

        try:
            self._require_welcome(scope)
        except LineamentError as error:
            await _refuse(scope, receive, dressed, error)
        else:
            await self._app(scope, receive, dressed)
        if scope["type"] == "http":
            # By its pattern, not its path: a stranger could make as many paths as they like.
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            seconds = time.perf_counter() - began
            self._metrics.request(route, _known(scope["method"]), status, seconds)

    def _require_welcome(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = _without_port(host).lower()
        if self._names is not None and name not in self._names:
            raise ProblemError(
                421,
                "The request addresses a name that is not this service's.",
                fix="Ask 127.0.0.1 or localhost, or start the service with `--allow-host NAME`.",
            )
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in HARMLESS
        if origin is not None and changes and not _is_same(origin, host):
            raise ProblemError(
                403,
                "The request comes from the page of another site.",
                fix="Ask from the service's own page, or from a program.",
            )
        path = scope["path"]
        if path in OPEN_PATHS or path.startswith(OPEN_FOLDERS):
            return
        if self._token is not None and not hmac.compare_digest(_brought(headers), self._token):
            raise ProblemError(
                401,
                "The request brings no token, or not the right one.",
                fix="Send the header `Authorization: Bearer TOKEN`.",
                headers={"www-authenticate": "Bearer"},
            )


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isdecimal() else host


def _is_same(origin: str, host: str) -> bool:
    try:
        asked = urlsplit(origin)
    except ValueError:
        return False
    return asked.scheme in ("http", "https") and asked.netloc.lower() == host.lower()


def _brought(headers: Headers) -> bytes:
    """The token of a request; a browser's websocket can bring it as a subprotocol alone."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip().encode()
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        protocol = offered.strip()
        if protocol.startswith(TOKEN_PROTOCOL):
            text = protocol.removeprefix(TOKEN_PROTOCOL)
            try:
                return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
            except ValueError:
                return b""
    return b""


def _known(method: str) -> str:
    return method if method in (*HARMLESS, "POST", "PUT", "PATCH", "DELETE") else "other"


def _dress(message: Message, path: str) -> None:
    is_api_page = path == API_PAGE or path.startswith(f"{API_PAGE}/")
    own = {
        "content-security-policy": API_PAGE_POLICY if is_api_page else CONTENT_POLICY,
        **HEADERS,
    }
    stated = {name.lower() for name, _ in message["headers"]}
    message["headers"] = [
        *message["headers"],
        *(
            (name.encode(), text.encode())
            for name, text in own.items()
            if name.encode() not in stated
        ),
    ]


async def _refuse(scope: Scope, receive: Receive, send: Send, error: LineamentError) -> None:
    if scope["type"] == "websocket":
        await receive()  # the wish to connect
        if DENIAL not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": 1008, "reason": error.what})
            return
    kind = DENIAL if scope["type"] == "websocket" else "http.response"
    headers = [(name.encode(), text.encode()) for name, text in problem_headers(error).items()]
    body = problem_bytes(error)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": f"{kind}.start", "status": error.http_status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
