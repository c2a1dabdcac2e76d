"""Refusing: why a bundle is not exported in a faster arithmetic, with the layers to blame."""

from collections.abc import Sequence

from lineament.artifacts.precision import Precision
from lineament.core.errors import GateError
from lineament.exporting.quantising import Harm

BLAMED = 5  # layers that are named
# With less of the multiplications between integers a bundle is not what "int8" says.
LEAST_SHARE = 0.5


def require_accuracy(found: Precision, *, blamed: Sequence[Harm]) -> None:
    """Refuse what costs too much.

    Args:
        found: What it costs, and may cost.
        blamed: Layers, most harmful first; empty where no layer was chosen.

    Raises:
        GateError: More accuracy is lost than may be.
    """
    if found.drop <= found.max_drop:
        return
    raise GateError(
        f"The bundle was not exported in {found.arithmetic}: that costs {found.drop:.2f} points of "
        f"accuracy on {found.photos:,} validation photos (from {100 * found.exact_accuracy:.2f} to "
        f"{100 * found.accuracy:.2f} %), more than `max_drop` allows ({found.max_drop:g}).",
        at=_named(blamed),
        fix="Export it in fp32, or allow more with `--max-drop`.",
    )


def require_agreement(
    wrong: Sequence[str], found: Precision, *, allowed: float, blamed: Sequence[Harm]
) -> None:
    """Refuse what engines do not answer alike.

    Args:
        wrong: Golden photos that an engine answers otherwise, and by which.
        found: What was measured.
        allowed: The largest that a probability may differ.
        blamed: Layers, most harmful first; empty where no layer was chosen.

    Raises:
        GateError: There is one.
    """
    if not wrong:
        return
    kept = f", also with {len(found.kept)} of {len(blamed)} layers in float32" if blamed else ""
    raise GateError(
        f"The bundle was not exported in {found.arithmetic}: engines answer the golden photos "
        f"differently, by more than {allowed:g} in a probability{kept}.",
        at=[*wrong, *_named(blamed)],
        fix="Export it in fp32.",
    )


def require_share(share: float, harms: Sequence[Harm], n_kept: int) -> None:
    """Refuse what would hardly multiply integers.

    Args:
        share: Part of the backbone's multiplications that is between integers, 0 to 1.
        harms: Of all layers, most harmful first.
        n_kept: How many of them stay in float32.

    Raises:
        GateError: It is less than `LEAST_SHARE`.
    """
    if share >= LEAST_SHARE:
        return
    raise GateError(
        f"The bundle was not exported in int8: only {100 * share:.0f} % of its backbone's "
        f"multiplications would be between integers, less than {100 * LEAST_SHARE:.0f} %; "
        f"{n_kept} of {len(harms)} layers would stay in float32.",
        at=_named(harms[:n_kept]),
        fix="Export it in fp32.",
    )


def _named(harms: Sequence[Harm]) -> list[str]:
    return [
        f"{harm.layer} (moves embeddings by {100 * harm.difference:.0f} %)"
        for harm in harms[:BLAMED]
    ]
