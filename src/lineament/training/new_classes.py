"""New classes: rows for a head that is trained, beside rows that stay as they are.

The old rows are not touched, so the old logits of a photo stay; what is learnt is when a new row is
to say more. The loss is that of logistic regression with the old logits held fixed,
every class of equal weight. It is regularised by how photos scatter within classes, as a linear
discriminant is: twenty photos do not tell a thousand features' weights.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from lineament.models.head_spec import HeadSpec

MAX_ITERATIONS = 300
# Of 0.0005 to 0.05, on 40 people and one to be added, and on cats and dogs and a third kind, 0.005
# kept most of the old answers and nearly all of the new.
STRENGTH = 5e-3
SHRINKAGE = 0.5  # of the covariance towards a sphere, as familiarity is learnt
LEAST_VARIANCE = 1e-8

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def with_rows(
    head: HeadSpec,
    embeddings: FloatArray,
    labels: IntArray,
    *,
    temperature: float,
    strength: float = STRENGTH,
) -> HeadSpec:
    """Give a head rows for further classes.

    Args:
        head: The trained head, of ``C`` classes.
        embeddings: ``float32 (N, D)``, of photos of every new class and of old ones.
        labels: ``int64 (N,)``; below ``C`` an old class, from ``C`` on a new one.
        temperature: What the head's logits are divided by.
        strength: The L2 weight, where the covariance within classes is 1.

    Returns:
        The head with as many rows more as there are new classes.
    """
    old = head.n_classes
    inputs = head.inputs(embeddings).astype(np.float64)
    counts = np.bincount(labels)
    weights = 1.0 / counts[labels]
    weights /= weights.sum()
    middle = weights @ inputs
    factor = _factor(inputs, labels, weights)
    features = solve_triangular(factor, (inputs - middle).T, lower=True).T
    kept = _log_sum_exp(head.logits(embeddings).astype(np.float64) / temperature)
    weight, bias = _solve(
        features, np.maximum(labels - old + 1, 0), kept, weights, len(counts) - old, strength
    )
    rows = solve_triangular(factor, weight.T, lower=True, trans="T").T
    # Temperature divides all logits alike, and here they were divided already.
    rows, offsets = temperature * rows, temperature * (bias - rows @ middle)
    layer_weight, layer_bias = head.layer()
    return dataclasses.replace(
        head,
        weight=np.concatenate([layer_weight, rows.astype(np.float32)]),
        bias=np.concatenate([layer_bias, offsets.astype(np.float32)]),
    )


def _factor(inputs: DoubleArray, labels: IntArray, weights: DoubleArray) -> DoubleArray:
    """Cholesky's factor ``L``, ``L L^T`` the shrunk covariance within classes."""
    sums = np.zeros((labels.max() + 1, inputs.shape[1]))
    np.add.at(sums, labels, inputs)
    apart = inputs - sums[labels] / np.bincount(labels)[labels][:, None]
    covariance = (weights[:, None] * apart).T @ apart
    sphere = max(float(np.trace(covariance)) / len(covariance), LEAST_VARIANCE)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * sphere * np.eye(len(covariance))
    return np.asarray(cholesky(shrunk, lower=True), dtype=np.float64)


def _solve(
    features: DoubleArray,
    choices: IntArray,
    kept: DoubleArray,
    weights: DoubleArray,
    n_new: int,
    strength: float,
) -> tuple[DoubleArray, DoubleArray]:
    """Minimise the loss of choosing among all old classes together, 0, and each new one."""
    own = np.arange(len(choices)), choices

    def loss(point: DoubleArray) -> tuple[float, DoubleArray]:
        table = point.reshape(n_new, -1)
        weight, bias = table[:, :-1], table[:, -1]
        scores = np.column_stack([kept, features @ weight.T + bias])
        total = _log_sum_exp(scores)
        residual = weights[:, None] * np.exp(scores - total[:, None])
        residual[own] -= weights
        slopes = residual[:, 1:]
        gradient = np.column_stack([slopes.T @ features + strength * weight, slopes.sum(axis=0)])
        value = weights @ (total - scores[own]) + 0.5 * strength * np.square(weight).sum()
        return float(value), gradient.ravel()

    start = np.zeros(n_new * (features.shape[1] + 1))
    result = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MAX_ITERATIONS})
    table = result.x.reshape(n_new, -1)
    return table[:, :-1], table[:, -1]


def _log_sum_exp(scores: DoubleArray) -> DoubleArray:
    largest = scores.max(axis=1)
    return np.asarray(largest + np.log(np.exp(scores - largest[:, None]).sum(axis=1)))
