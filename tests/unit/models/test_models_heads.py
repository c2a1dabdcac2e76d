"""Heads score embeddings, margins make training harder and nothing else, and angles are safe."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lineament.core.errors import ArtifactError, UsageError
from lineament.models.heads import KINDS, MARGINS, Head, create_head, head_from_dict
from lineament.training.recipe import HEADS

COSINES = sorted(MARGINS)


@pytest.fixture(autouse=True)
def same_start() -> None:
    torch.manual_seed(0)


def embeddings(count: int = 5, width: int = 8) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(1))


def aligned(kind: str, cosine: float, margin: float | None = None) -> tuple[Head, Tensor]:
    """A head of two classes in the plane, and an embedding with that cosine to the first."""
    head = create_head(kind, 2, 2, scale=1.0, margin=margin).train()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 0.5]]))
    sine = math.sqrt(max(0.0, 1 - cosine**2))
    return head, torch.tensor([[2 * cosine, 2 * sine]], requires_grad=True)


def margin_logit(kind: str, cosine: float, *, margin: float | None = None) -> float:
    head, embedding = aligned(kind, cosine, margin)
    return float(head(embedding, torch.tensor([0]))[0, 0].detach())


def test_recipe_knows_the_heads_that_there_are() -> None:
    assert HEADS == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_head_gives_a_logit_per_class(kind: str) -> None:
    assert create_head(kind, 8, 3)(embeddings()).shape == (5, 3)


def test_linear_head_is_stored_under_the_names_of_older_runs() -> None:
    assert list(create_head("linear", 8, 3).state_dict()) == ["weight", "bias"]


def test_linear_head_starts_as_a_linear_layer_does() -> None:
    torch.manual_seed(4)
    head = create_head("linear", 8, 3)
    torch.manual_seed(4)
    layer = nn.Linear(8, 3)

    assert torch.equal(head(embeddings()), layer(embeddings()))


def test_mlp_is_two_layers_with_relu_between() -> None:
    head = create_head("mlp", 8, 3, hidden=6).eval()
    spec = head.spec()
    assert spec.hidden_weight is not None
    assert spec.hidden_bias is not None
    assert spec.bias is not None
    given = embeddings().numpy()

    hidden = np.maximum(given @ spec.hidden_weight.T + spec.hidden_bias, 0)
    expected = hidden @ spec.weight.T + spec.bias

    assert np.allclose(head(embeddings()).detach().numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("kind", COSINES)
def test_cosine_head_scores_by_the_angle_alone(kind: str) -> None:
    head = create_head(kind, 8, 3, scale=10.0)
    cosine = nn.functional.cosine_similarity(embeddings()[:, None], head.weight[None], dim=2)

    assert torch.allclose(head(embeddings()), 10 * cosine, atol=1e-5)
    assert torch.allclose(head(embeddings() * 7), head(embeddings()), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_change_nothing_outside_training(kind: str) -> None:
    head = create_head(kind, 8, 3).eval()
    labels = torch.tensor([0, 1, 2, 0, 1])

    assert torch.equal(head(embeddings(), labels), head(embeddings()))


@pytest.mark.parametrize("kind", COSINES)
def test_no_margin_without_labels(kind: str) -> None:
    head = create_head(kind, 8, 3)

    assert torch.equal(head.train()(embeddings()), head.eval()(embeddings()))


@pytest.mark.parametrize("kind", COSINES)
def test_margin_is_asked_of_the_right_class_alone(kind: str) -> None:
    head = create_head(kind, 8, 3).train()
    labels = torch.tensor([0, 1, 2, 0, 1])

    harder = (head(embeddings()) - head(embeddings(), labels)).detach()

    right = nn.functional.one_hot(labels, 3).bool()
    assert (harder[right] > 0).all()
    assert (harder[~right] == 0).all()


def test_cosface_takes_its_margin_off_the_cosine() -> None:
    assert margin_logit("cosface", 0.6) == pytest.approx(0.6 - 0.35)
    assert margin_logit("cosface", 0.6, margin=0.1) == pytest.approx(0.5)


@given(angle=st.floats(0.01, math.pi - 0.01), margin=st.floats(0.0, 1.5))
def test_arcface_adds_its_margin_to_the_angle_up_to_half_a_turn(
    angle: float, margin: float
) -> None:
    logit = margin_logit("arcface", math.cos(angle), margin=margin)

    if angle + margin < math.pi - 1e-3:
        assert logit == pytest.approx(math.cos(angle + margin), abs=1e-4)
    elif angle + margin > math.pi + 1e-3:
        assert logit == pytest.approx(math.cos(angle) - margin * math.sin(margin), abs=1e-4)
        assert logit < math.cos(math.pi) + 1e-4


@pytest.mark.parametrize("margin", [0.1, 0.5, 1.5])
def test_arcface_never_rewards_a_larger_angle(margin: float) -> None:
    angles = np.linspace(0.01, math.pi - 0.01, 300)

    logits = [margin_logit("arcface", math.cos(angle), margin=margin) for angle in angles]

    assert (np.diff(logits) < 0).all()


@pytest.mark.parametrize("cosine", [1.0, -1.0, 1 - 1e-7, -1 + 1e-7, 0.0])
@pytest.mark.parametrize("kind", COSINES)
def test_gradient_is_finite_where_embedding_and_class_are_one_line(
    kind: str, cosine: float
) -> None:
    head, embedding = aligned(kind, cosine)

    nn.functional.cross_entropy(
        32 * head(embedding, torch.tensor([0])), torch.tensor([0])
    ).backward()  # type: ignore[no-untyped-call]  # torch's own

    for gradient in (embedding.grad, head.weight.grad):
        assert gradient is not None
        assert torch.isfinite(gradient).all()
        assert gradient.abs().max() < 100


@pytest.mark.parametrize("kind", COSINES)
def test_embedding_of_nothing_gives_finite_logits_and_gradients(kind: str) -> None:
    head = create_head(kind, 8, 3).train()
    embedding = torch.zeros(2, 8, requires_grad=True)

    logits = head(embedding, torch.tensor([0, 1]))
    logits.sum().backward()

    assert embedding.grad is not None
    assert torch.isfinite(logits).all()
    assert torch.isfinite(embedding.grad).all()


@pytest.mark.parametrize("kind", COSINES)
def test_cosine_head_computes_in_float32_under_autocast(kind: str) -> None:
    head = create_head(kind, 8, 3).train()
    labels = torch.tensor([0, 1, 2, 0, 1])
    plain = head(embeddings(), labels)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = head(embeddings(), labels)

    assert cast.dtype == torch.float32
    assert torch.equal(plain, cast)


def test_arcface_is_learned_by_gradient_descent() -> None:
    classes = torch.eye(8)[:3].repeat_interleave(20, dim=0)
    photos = classes + 0.3 * torch.randn(60, 8, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(3).repeat_interleave(20)
    head = create_head("arcface", 8, 3).train()
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)

    for _ in range(100):
        optimiser.zero_grad()
        nn.functional.cross_entropy(head(photos, labels), labels).backward()  # type: ignore[no-untyped-call]  # torch's own
        optimiser.step()

    assert (head.eval()(photos).argmax(dim=1) == labels).float().mean() > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_is_of_training_alone(kind: str) -> None:
    head = create_head(kind, 8, 3, dropout=0.5)

    assert torch.equal(head.eval()(embeddings()), head(embeddings()))
    assert not torch.equal(head.train()(embeddings()), head(embeddings()))


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns(kind: str) -> None:
    head = create_head(kind, 8, 3).train()

    head(embeddings(), torch.tensor([0, 1, 2, 0, 1])).square().sum().backward()

    assert all(parameter.grad is not None for parameter in head.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_spec_tells_widths_and_shares_no_memory_with_the_head(kind: str) -> None:
    head = create_head(kind, 8, 3, hidden=5)
    spec = head.spec()
    before = spec.weight.copy()

    with torch.no_grad():
        head.weight.add_(1)

    assert (spec.kind, spec.n_features, spec.n_classes) == (kind, 8, 3)
    assert (spec.weight == before).all()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("linear", {"kind": "linear", "dropout": 0.25}),
        ("mlp", {"kind": "mlp", "dropout": 0.25, "hidden": 5}),
        ("cosface", {"kind": "cosface", "dropout": 0.25, "margin": 0.35, "scale": 16.0}),
        ("arcface", {"kind": "arcface", "dropout": 0.25, "margin": 0.5, "scale": 16.0}),
    ],
)
def test_head_says_how_it_was_made_and_is_made_again(
    kind: str, expected: dict[str, object]
) -> None:
    head = create_head(kind, 8, 3, hidden=5, dropout=0.25, scale=16.0)

    again = head_from_dict(head.as_dict(), 8, n_classes=3)

    assert head.as_dict() == again.as_dict() == expected
    again.load_state_dict(head.state_dict())
    assert torch.equal(again.eval()(embeddings()), head.eval()(embeddings()))


def test_unknown_kind_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        create_head("arkface", 8, 3)

    assert str(caught.value) == (
        "There is no head `arkface`. Did you mean `arcface`?\n"
        "  fix: Use linear, mlp, cosface, arcface."
    )


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "capsule"},
        {"kind": None},
        {"kind": ["mlp"]},
        {"kind": "linear", "dropout": "half"},
        {"kind": "linear", "dropout": 2.0},
        {"kind": "mlp", "hidden": 2.5},
        {"kind": "mlp", "hidden": -1},
        {"kind": "arcface", "scale": "large"},
        {"kind": "linear", "newer": 1},
    ],
)
def test_description_that_makes_no_head_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ArtifactError) as caught:
        head_from_dict(document, 8, n_classes=3)

    assert str(caught.value) == (
        f"The artifact states a head that this version does not know: {document}.\n"
        "  fix: Use the version of Lineament that made it, or a newer one."
    )
