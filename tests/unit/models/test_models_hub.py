"""A hub that is away is said to be, at once, together with the way out."""

import pytest
import timm

from lineament.core.errors import ArtifactError, LineamentError
from lineament.models import hub
from lineament.models.backbones import create_backbone


def test_unreachable_hub_names_the_packaged_choices(hub_is_away: list[float]) -> None:
    with pytest.raises(ArtifactError) as caught:
        create_backbone("resnet18", None)

    assert str(caught.value) == (
        "The weights of `resnet18` are on a hub that cannot be reached.\n"
        "  fix: Use a backbone whose weights come with a package (efficientnet_lite0, "
        "efficientnet_lite1, efficientnet_lite2, mobilenetv2_100, sface), `--weights file:PATH`, "
        "or `--mode scratch`."
    )


def test_unreachable_hub_is_not_waited_for(hub_is_away: list[float]) -> None:
    with pytest.raises(ArtifactError):
        create_backbone("resnet18", "hub")

    assert hub_is_away == []


def test_hub_that_answers_and_does_not_deliver_names_the_packaged_choices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> object:
        raise ConnectionResetError("the hub hung up")

    monkeypatch.setattr(hub, "can_fetch", lambda name: True)
    monkeypatch.setattr(timm, "create_model", refused)

    with pytest.raises(ArtifactError) as caught:
        create_backbone("resnet18", "hub")

    assert str(caught.value) == (
        "The weights of `resnet18` could not be fetched from the hub (ConnectionResetError).\n"
        "  fix: Use a backbone whose weights come with a package (efficientnet_lite0, "
        "efficientnet_lite1, efficientnet_lite2, mobilenetv2_100, sface), `--weights file:PATH`, "
        "or `--mode scratch`."
    )


def test_network_that_the_hub_has_no_weights_for_is_not_blamed_on_the_hub(
    hub_is_away: list[float],
) -> None:
    assert not timm.models.get_pretrained_cfg("test_maxvit").has_weights

    with pytest.raises(LineamentError) as caught:
        create_backbone("test_maxvit", "hub")

    assert "reached" not in caught.value.what
    assert "fetched" not in caught.value.what
