"""API page: Swagger UI on the description of the API, from a package, without a network."""

from importlib.resources import files

from lineament.serving.guards import API_PAGE

TITLE = "Lineament: API"
_PAGE = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{TITLE}</title>
<link rel="stylesheet" href="{API_PAGE}/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="{API_PAGE}/swagger-ui-bundle.js"></script>
<script src="{API_PAGE}/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
"""
HTML, SCRIPT, STYLE = "text/html; charset=utf-8", "text/javascript", "text/css"


def api_page_files() -> dict[str, tuple[bytes, str]]:
    """The page's files by path, each with its type."""
    folder = files("fastapi_swagger") / "resources"
    return {
        API_PAGE: (_PAGE.encode(), HTML),
        f"{API_PAGE}/start.js": (_START.encode(), SCRIPT),
        f"{API_PAGE}/swagger-ui-bundle.js": (
            (folder / "swagger-ui-bundle.js").read_bytes(),
            SCRIPT,
        ),
        f"{API_PAGE}/swagger-ui.css": ((folder / "swagger-ui.css").read_bytes(), STYLE),
    }
