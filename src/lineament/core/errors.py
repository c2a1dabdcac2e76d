"""Errors that a person can act on: what happened, where, and the way out.

The tree, with exit code and HTTP status::

    LineamentError            1  500
    ├── UsageError            2  400   a flag, field or combination that cannot be
    ├── DataError             3  422   photos or labels that cannot be used
    │   └── ImageError        3  422   one image cannot be decoded
    ├── ArtifactError         4  409   an artifact that is absent, damaged or in the way
    ├── MissingExtraError     5  501   a verb needs an extra that is not installed
    └── GateError             6  409   a check that was asked for did not pass

Anything else that is raised is a bug: it is not caught, and the process ends with a traceback and
exit code 1.
"""

from collections.abc import Sequence

SHOWN_PLACES = 10  # more would push the way out off a terminal's first screen


class LineamentError(Exception):
    """A failure with its place and the way out.

    Args:
        what: What happened, one sentence.
        at: Where, one place each (a file with its reason, a field, a flag).
        fix: What the reader can do about it.

    Example:
        >>> print(UsageError("`size` must be 1 or more, got 0.", fix="Give a size in pixels."))
        `size` must be 1 or more, got 0.
          fix: Give a size in pixels.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, what: str, *, at: Sequence[str] = (), fix: str = "") -> None:
        self.what = what
        self.at = tuple(at)
        self.fix = fix
        super().__init__(what)

    def __str__(self) -> str:
        """The whole text, as the command line prints it after ``error: ``."""
        lines = [self.what]
        if self.at:
            shown = ", ".join(self.at[:SHOWN_PLACES])
            hidden = len(self.at) - SHOWN_PLACES
            lines.append(f"  at:  {shown}" + (f" and {hidden} more" if hidden > 0 else ""))
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)

    def as_dict(self) -> dict[str, object]:
        """The same, for ``--json`` and the HTTP service."""
        return {
            "error": type(self).__name__,
            "what": self.what,
            "at": list(self.at),
            "fix": self.fix,
            "exit_code": self.exit_code,
        }

    def __reduce__(self) -> tuple[object, ...]:
        """Keep every part when the error crosses a process border."""
        return (_rebuild, (type(self), self.what, self.at, self.fix))


def _rebuild(
    kind: type[LineamentError], what: str, at: tuple[str, ...], fix: str
) -> LineamentError:
    return kind(what, at=at, fix=fix)


class UsageError(LineamentError):
    """A flag, field or combination that cannot be."""

    exit_code = 2
    http_status = 400


class DataError(LineamentError):
    """Photos or labels that cannot be used as they are."""

    exit_code = 3
    http_status = 422


class ImageError(DataError):
    """One image cannot be decoded; ``what`` is the short reason, such as ``truncated``."""


class ArtifactError(LineamentError):
    """An artifact is absent, damaged, of another kind, or in the way."""

    exit_code = 4
    http_status = 409


class MissingExtraError(LineamentError):
    """A verb needs packages of an extra that is not installed."""

    exit_code = 5
    http_status = 501


class GateError(LineamentError):
    """A check that guards an artifact did not pass, so the artifact was not made."""

    exit_code = 6
    http_status = 409
