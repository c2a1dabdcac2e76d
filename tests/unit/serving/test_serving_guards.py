"""Who may ask, and what browsers may do with an answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lineament.serving.guards import CONTENT_POLICY, HEADERS

TOKEN = "a-secret-of-32-characters-length"
BEARER = {"authorization": f"Bearer {TOKEN}"}
PATHS = (
    *("/", "/docs", "/healthz", "/metrics", "/openapi.json", "/readyz"),
    *("/v1/models", "/v1/models/model", "/v1/service", "/none"),
)
OPEN = ("/", "/docs", "/healthz", "/openapi.json", "/readyz", "/v1/service")


@pytest.fixture(scope="module")
def guarded(opened: Callable[..., Any]) -> Any:
    return opened(token=TOKEN)


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_tells_browsers_what_they_may_do(asked: Any, path: str) -> None:
    headers = asked.get(path).headers

    for name in HEADERS:
        assert name in headers, name
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "server" not in headers


def test_only_the_page_of_the_api_may_have_styles_in_its_elements(asked: Any) -> None:
    policies = {path: asked.get(path).headers["content-security-policy"] for path in PATHS}

    assert {path for path, policy in policies.items() if "unsafe" in policy} == {"/docs"}
    assert policies["/"] == CONTENT_POLICY


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.evil"])
def test_request_that_addresses_another_name_is_refused(asked: Any, host: str) -> None:
    response = asked.get("/v1/models", headers={"host": host})

    assert response.status_code == 421
    assert response.json()["detail"] == ("The request addresses a name that is not this service's.")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:8000", "[::1]"]
)
def test_request_to_this_machine_is_answered(asked: Any, host: str) -> None:
    assert asked.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9", "file://", "http://[", "x", ""],
)
def test_page_of_another_site_cannot_send_a_photo(asked: Any, origin: str) -> None:
    response = asked.post(
        "/v1/predict", content=b"x", headers={"content-type": "image/jpeg", "origin": origin}
    )

    assert response.status_code == 403
    assert "access-control-allow-origin" not in response.headers


def test_own_page_may_send_a_photo(asked: Any, photo_files: list[Path]) -> None:
    response = asked.post(
        "/v1/predict",
        content=photo_files[0].read_bytes(),
        headers={
            "content-type": "image/png",
            "origin": "http://localhost:8000",
            "host": "localhost:8000",
        },
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": "Bearer "},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": TOKEN},
        {"sec-websocket-protocol": "lineament.v1, token.AAAA"},
        {"sec-websocket-protocol": "token.*"},
    ],
)
def test_without_the_token_nothing_that_matters_is_told(
    guarded: Any, headers: dict[str, str]
) -> None:
    closed = [path for path in PATHS if path not in OPEN]
    assert len(closed) == 4
    for path in closed:
        response = guarded.get(path, headers=headers)

        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
    assert guarded.post("/v1/predict", headers=headers).status_code == 401


def test_with_the_token_everything_is_told(guarded: Any) -> None:
    told = {path: guarded.get(path, headers=BEARER).status_code for path in PATHS}

    assert told == {**dict.fromkeys(PATHS, 200), "/none": 404}


@pytest.mark.parametrize("path", OPEN)
def test_page_that_asks_for_the_token_needs_none(guarded: Any, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/v1/service/", "/page/../v1/models", "//v1/models", "/docs/x"])
def test_path_beside_an_open_one_tells_nothing(guarded: Any, path: str) -> None:
    response = guarded.get(path)

    assert response.status_code in (401, 404)
    assert "classes" not in response.text


def test_token_is_named_nowhere(guarded: Any) -> None:
    for path in PATHS:
        assert TOKEN not in guarded.get(path, headers=BEARER).text


def test_description_says_that_a_token_is_needed_and_where_not(guarded: Any, asked: Any) -> None:
    described = guarded.get("/openapi.json").json()

    assert described["security"] == [{"token": []}]
    assert described["paths"]["/v1/service"]["get"]["security"] == []
    assert "security" not in asked.get("/openapi.json").json()


def test_only_known_methods_and_routes_are_counted(asked: Any) -> None:
    for number in range(5):
        asked(f"ODD{number}", f"/odd/{number}")
    counted = [
        line
        for line in asked.get("/metrics").text.splitlines()
        if line.startswith("lineament_requests_total")
    ]

    assert not any("ODD" in line or "/odd" in line for line in counted)
    assert any('method="other",route="none"' in line for line in counted)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/v1/predict", 405), ("GET", "/v1/predict", 405), ("GET", "/../../etc/passwd", 404)],
)
def test_paths_and_methods_that_are_not_known_are_refused_in_the_same_form(
    asked: Any, method: str, path: str, status: int
) -> None:
    response = asked(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["fix"] == "`/docs` lists the paths."
    assert ("allow" in response.headers) == (status == 405)
