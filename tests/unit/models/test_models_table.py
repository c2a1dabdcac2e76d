"""The table says of timm's networks what timm says, and of each where its weights come from."""

import pytest
import timm

from lineament.models.backbones import create_backbone
from lineament.models.packaged import PACKAGED
from lineament.models.table import DEFAULT_BACKBONE, TABLE

OF_TIMM = [name for name, entry in TABLE.items() if entry.timm_name]


@pytest.mark.parametrize("name", OF_TIMM)
def test_input_is_what_timm_states_of_the_tagged_weights(name: str) -> None:
    entry, stated = TABLE[name], timm.get_pretrained_cfg(TABLE[name].timm_name)

    assert stated is not None
    assert stated.input_size == (3, entry.size_px, entry.size_px)
    assert (stated.mean, stated.std) == (entry.mean, entry.std)
    assert stated.interpolation == entry.interpolation


@pytest.mark.parametrize("name", OF_TIMM)
def test_tag_and_licence_are_those_of_the_hub(name: str) -> None:
    entry, stated = TABLE[name], timm.get_pretrained_cfg(TABLE[name].timm_name)

    assert stated is not None
    assert stated.hf_hub_id == entry.tag
    assert stated.license == entry.licence.lower()


def test_packaged_weights_come_first_where_there_are_any() -> None:
    first = {name for name, entry in TABLE.items() if entry.kinds[0] == "packaged"}

    assert first == set(PACKAGED)


def test_default_backbone_comes_first_and_is_packaged() -> None:
    assert next(iter(TABLE)) == DEFAULT_BACKBONE
    assert DEFAULT_BACKBONE in PACKAGED


@pytest.mark.parametrize("name", TABLE)
def test_every_backbone_can_start_from_random_weights_and_from_a_file(name: str) -> None:
    assert {"none", "file:PATH"} <= set(TABLE[name].kinds)


@pytest.mark.parametrize("name", TABLE)
def test_parameters_are_counted_without_a_head(name: str) -> None:
    backbone = create_backbone(name, "none")

    n_parameters = sum(parameter.numel() for parameter in backbone.parameters())

    assert TABLE[name].million_parameters == round(n_parameters / 1e6, 1)
