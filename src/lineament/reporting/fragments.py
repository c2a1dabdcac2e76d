"""Fragments: parts of pages made so that several stand on one page, each id once."""

import re
from collections.abc import Mapping
from html import unescape

from lineament.reporting.template import render

# Attributes that name an id of the same page, or are one.
NAMING = re.compile(r'( (?:id|aria-labelledby|aria-controls|for|xlink:href|href)=")(#?)([^"]+)"')
URL = re.compile(r"url\(#([^)]+)\)")
HEADING = re.compile(r"(</?h)([2-5])\b")


def fragment(
    template: str, values: Mapping[str, object], *, prefix: str, css: str, deeper: int = 0
) -> str:
    """Render a part of a page.

    Args:
        template: Its file.
        values: What it names.
        prefix: What its ids begin with; must differ between the fragments of a page.
        css: The class of the element around it, below which its rules are nested.
        deeper: How many levels its headings go down.

    Raises:
        MissingExtraError: Jinja2 is not installed.
    """
    html = render(template, values, purpose="A report's page")
    html = NAMING.sub(lambda found: _named(found, prefix), html)
    html = URL.sub(rf"url(#{prefix}\1)", html)
    if deeper:
        html = HEADING.sub(lambda found: f"{found[1]}{int(found[2]) + deeper}", html)
    return f'<div class="{css}">\n{html}</div>\n'


def _named(found: "re.Match[str]", prefix: str) -> str:
    attribute, hash_sign, name = found.groups()
    if "href" in attribute and not hash_sign:
        return found.group()  # a link to elsewhere
    names = " ".join(f"{prefix}{each}" for each in name.split())
    return f'{attribute}{hash_sign}{names}"'


def contents(html: str, *, level: int = 2) -> list[tuple[str, str]]:
    """Give the sections of a page: id and title of each heading of a level, in order.

    Example:
        >>> contents('<h2 id="data">The <b>data</b></h2>')
        [('data', 'The data')]
    """
    found = re.findall(rf'<h{level}[^>]* id="([^"]+)"[^>]*>(.*?)</h{level}>', html, re.DOTALL)
    return [(name, _plain(title)) for name, title in found]


def _plain(title: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", title)).strip()
