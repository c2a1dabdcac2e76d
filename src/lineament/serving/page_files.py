"""Page files: the page as it lies in this package, for the service and for a static copy."""

from importlib.resources import files

MEDIA_TYPES = {  # stated here: what a machine thinks of a suffix differs from one to the next
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
INDEX = "index.html"


def page_files() -> dict[str, bytes]:
    """The page's files by name; `INDEX` is the page itself."""
    folder = files("lineament.serving") / "page"
    return {
        each.name: each.read_bytes()
        for each in sorted(folder.iterdir(), key=lambda found: found.name)
        if each.name.endswith(tuple(MEDIA_TYPES))
    }


def media_type(name: str) -> str:
    """The type of a file of the page, by its suffix."""
    return MEDIA_TYPES[name[name.rindex(".") :]]
