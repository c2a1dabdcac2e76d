"""Template: fill one of the package's own page templates, everything escaped."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib import resources

from lineament.core.extras import require


def render(name: str, values: Mapping[str, object], *, purpose: str) -> str:
    """Fill a template.

    Args:
        name: Its file in this package; it may include others.
        values: What it names. Texts are escaped; a name that the template uses and that is not
            here is a bug and raises.
        purpose: What needs the library, as the error begins.

    Returns:
        The page.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    jinja2 = require("jinja2", extra="report", purpose=purpose)
    markup = require("markupsafe", extra="report", purpose=purpose)
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(package_text),
    )
    environment.filters["code"] = lambda text: markup.Markup(with_code(str(text)))
    return str(environment.get_template(name).render(values))


def with_code(text: str) -> str:
    """Escape a sentence, and set what stands between backticks as code.

    Example:
        >>> with_code("`a < b` & `c")
        '<code>a &lt; b</code> &amp; `c'
    """
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def package_text(name: str) -> str:
    """Read a file of this package."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def as_json(document: Mapping[str, object]) -> str:
    """Write JSON that can stand in a page: neither ``</script>`` nor ``<!--`` can occur in it."""
    written = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return written.replace("<", "\\u003c")


def script_hash(script: str) -> str:
    """Give the hash by which a page's content security policy allows its one script."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
