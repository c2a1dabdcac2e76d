"""Description: the API in the words of OpenAPI."""

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from lineament.serving.config import ServeConfig
from lineament.serving.schemas import Problem
from lineament.serving.uploads import PhotoInJson

WITHOUT_TOKEN = ("/v1/service", "/healthz", "/readyz")


def api_description(app: FastAPI, config: ServeConfig) -> dict[str, object]:
    """Describe the API, as OpenAPI.

    FastAPI knows the paths and what they answer; which bodies they take and how they refuse is
    stated by `lineament.serving.schemas`.
    """
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        parts = made.setdefault("components", {}).setdefault("schemas", {})
        parts.pop("HTTPValidationError", None)
        parts.pop("ValidationError", None)
        for each in (Problem, PhotoInJson):
            parts[each.__name__] = each.model_json_schema()
        for path in made["paths"].values():
            for operation in path.values():
                # FastAPI states it for every parameter; here it is a problem with status 400.
                told = operation["responses"].get("422", {})
                if "application/json" in told.get("content", {}):
                    operation["responses"].pop("422")
        if config.token is not None:
            made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"token": []}]
            for path in WITHOUT_TOKEN:
                made["paths"][path]["get"]["security"] = []
        app.openapi_schema = made
    return app.openapi_schema
