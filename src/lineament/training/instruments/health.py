"""Health: which layers learn nothing and which are torn, from an epoch and its watched step.

What is compared is each layer's *pull*, the length of its gradient times the length of its weights:
by how many nats the loss would change, to first order, if the layer were changed by its own length.
Unlike a gradient it stays the same when one layer is scaled up and the next one down. Layers were
compared by their gradients by Glorot & Bengio (2010), and a step to the length of the weights by
You, Gitman & Ginsburg (2017).

Only matrices and filters count: a bias before batch norm never has a gradient, and a token that
begins at 0 is moved far by any step. The figures that the bounds were drawn from are in
docs/concepts/instruments.md.
"""

from collections.abc import Mapping, Sequence

from lineament.artifacts.histograms import LayerValues

# What the third of the layers next to the input gets at most of the pull of the others where
# gradients vanish. Networks that are trained as usual: 0.009 and more.
VANISHED = 3e-4
# Pull of half of the layers where gradients explode, in nats: a thousandth of a layer's length
# changes the loss by one. Networks that are trained as usual: 100 and less.
EXPLODED = 1e3
# What a step moves half of the layers by where steps are too long, as a part of their length: seven
# steps could write them anew. Trainings that go well: 0.1 and less.
TORN = 0.15
# What a step could change the loss by through one layer where it is too long, in nats. Trainings
# that go well: 2.2 and less.
OVERSHOT = 10.0
# How many times as long as before the epoch half of the layers are where its steps were too long,
# also if the last one was not: what is long is moved little. Trainings that go well: 1.4 and less.
GROWN = 4.0

FEWEST = 4  # layers, of which a third is something

Figures = Mapping[str, float]  # by layer, from input to output


def ailments(
    rows: Sequence[LayerValues],
    before: Sequence[LayerValues],
    sizes: Mapping[str, int],
    growths: Figures,
) -> dict[str, str]:
    """Say what is wrong with the layers of an epoch, a sentence of each kind.

    Args:
        rows: Of the epoch, parameters and gradients.
        before: Of the epoch before; empty if there was none.
        sizes: How many values the trained matrices and filters have, from input to output.
        growths: How many times as long as before the epoch layers are, where they had a length.

    Returns:
        Sentences by ``vanishing``, ``exploding``, ``steps`` or ``dead``; empty if all is well.
        Where no step of the epoch was watched only growth is known.
    """
    gradients = {row.layer: row for row in rows if row.kind == "gradient"}
    weights = {row.layer: row for row in rows if row.kind == "parameter"}
    pulls = {
        layer: gradients[layer].rms * weights[layer].rms * size
        for layer, size in sizes.items()
        if layer in gradients
    }
    ratios = {layer: ratio for layer in pulls if (ratio := weights[layer].update_ratio) is not None}
    grown = {layer: growths[layer] for layer in sizes if layer in growths}
    # Once is no sign: where residual branches begin at 0, so do their first gradients.
    silent = {row.layer for row in before if row.kind == "gradient" and _is_silent(row)}
    dead = [layer for layer in pulls if layer in silent and _is_silent(gradients[layer])]
    said = {
        "vanishing": _vanishing(pulls),
        "exploding": _exploding(pulls),
        "steps": _torn(ratios) or _overshooting(pulls, ratios) or _grown(grown),
        "dead": _dead(dead, pulls),
    }
    return {kind: sentence for kind, sentence in said.items() if sentence}


def _vanishing(pulls: Figures) -> str:
    names, third = list(pulls), len(pulls) // 3
    if len(names) < FEWEST:
        return ""
    early, late = (max(pulls[name] for name in part) for part in (names[:third], names[third:]))
    # Where nothing at all arrives, they are not far from the head but dead.
    if not 0 < early < VANISHED * late:
        return ""
    worst = min(names[:third], key=lambda name: pulls[name])
    return (
        f"vanishing gradients: the pull of {_share(third, names)}, next to the input, is at most "
        f"{early / late:.0e} of that of the others, {worst} the least; put batch norm or "
        "shortcuts between them, use ReLU, or begin with pretrained weights"
    )


def _exploding(pulls: Figures) -> str:
    wild = [name for name, pull in pulls.items() if not pull < EXPLODED]  # or it is no number
    if not pulls or 2 * len(wild) < len(pulls):
        return ""
    worst = max(wild, key=lambda name: pulls[name])
    return (
        f"exploding gradients: in {_share(len(wild), pulls)} a thousandth of the weights could "
        f"change the loss by 1 or more, in {worst} by {pulls[worst] / 1000:.2g}; put batch norm "
        "between them, begin with smaller weights, or lower the rate"
    )


def _torn(ratios: Figures) -> str:
    torn = [name for name, ratio in ratios.items() if not ratio < TORN]
    # A head alone may be short, and its own rate right for it.
    if len(ratios) < 2 or 2 * len(torn) < len(ratios):
        return ""
    worst = max(torn, key=lambda name: ratios[name])
    return (
        f"exploding steps: one step moves {_share(len(torn), ratios)} by {TORN:.0%} of their "
        f"length or more, {worst} by {ratios[worst]:.0%}; lower the rate to a tenth, or let "
        "`--find-lr` propose one"
    )


def _overshooting(pulls: Figures, ratios: Figures) -> str:
    reach = {name: pulls[name] * ratio for name, ratio in ratios.items()}
    far = [name for name, change in reach.items() if not change < OVERSHOT]
    if not far:
        return ""
    worst = max(far, key=lambda name: reach[name])
    return (
        f"exploding steps: through {_share(len(far), reach)} one step could change the loss by "
        f"{OVERSHOT:.0f} or more, through {worst} by {reach[worst]:.2g}; lower the rate to a "
        "tenth, or let `--find-lr` propose one"
    )


def _grown(growths: Figures) -> str:
    grown = [name for name, growth in growths.items() if not growth < GROWN]
    if len(growths) < 2 or 2 * len(grown) < len(growths):
        return ""
    worst = max(grown, key=lambda name: growths[name])
    return (
        f"exploding steps: within an epoch {_share(len(grown), growths)} grew to {GROWN:.0f} times "
        f"their length or more, {worst} to {growths[worst]:.2g} times; lower the rate to a tenth, "
        "or let `--find-lr` propose one"
    )


def _dead(dead: Sequence[str], layers: Figures) -> str:
    if not dead:
        return ""
    return (
        f"dead layers: {_share(len(dead), layers)} got no gradient at all at the end of two "
        f"epochs, the first of them {dead[0]}; begin anew with a lower rate, or put batch norm "
        "before each ReLU"
    )


def _share(count: int, layers: Sequence[str] | Mapping[str, object]) -> str:
    return f"{count} of {len(layers)} layers"


def _is_silent(gradient: LayerValues) -> bool:
    return gradient.low == gradient.high == gradient.rms == 0.0
