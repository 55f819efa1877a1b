from __future__ import annotations

from random import Random

import pytest

from conv_reference.geometry import Geometry
from conv_reference.verification.plan.networks import NETWORKS, miniature, network_geometries

MINIATURES = [miniature(random) for random in [Random(0)] for _ in range(1000)]


def test_every_layer_of_every_network_is_a_geometry_of_its_own() -> None:
    found = list(network_geometries())
    assert len(found) == len(set(found)) == sum(map(len, NETWORKS.values()))


def test_the_layers_are_those_of_the_papers() -> None:
    by_name = {name: layers[0] for name, layers in NETWORKS.items()}
    # The one that starts each of them, as its paper gives it; height and width are cut.
    assert by_name["ResNet"].split()[3:] == ["o64", "k7", "s2", "p3"]
    assert by_name["AlexNet"].split()[3:] == ["o64", "k11", "s4", "p2"]
    assert by_name["ViT"].split()[3:] == ["o192", "k16", "s16"]
    depthwise = [g for g in network_geometries() if g.groups == g.in_channels]
    assert {g.kernel_size for g in depthwise} == {(3, 3), (5, 5), (7, 7)}
    assert max(max(g.dilation) for g in network_geometries()) == 24


@pytest.mark.parametrize(
    ("least", "met"),
    [
        pytest.param(200, lambda g: g.kernel_size == (3, 3), id="3×3"),
        pytest.param(
            150,
            lambda g: g.kernel_size == (1, 1) and max(g.stride) == 1 and g.groups == 1,
            id="pointwise",
        ),
        pytest.param(100, lambda g: g.groups == g.in_channels > 1, id="depthwise"),
        pytest.param(200, lambda g: g.output_size == g.input_size, id="same"),
        pytest.param(
            30,
            lambda g: (
                g.kernel_size == (1, 1) and g.stride == (2, 2) and not any(map(any, g.padding))
            ),
            id="a shortcut that halves the image",
        ),
        pytest.param(100, lambda g: max(g.dilation) > 1, id="dilated"),
        pytest.param(
            50, lambda g: min(g.kernel_size) >= 7 and max(g.stride) == 1, id="a large kernel"
        ),
    ],
)
def test_miniatures_are_like_layers_of_networks(least: int, met: object) -> None:
    assert callable(met)
    assert sum(bool(met(geometry)) for geometry in MINIATURES) >= least


def test_miniatures_are_small() -> None:
    assert max(max(g.input_size) for g in MINIATURES) <= 24
    assert max(g.in_channels for g in MINIATURES) <= 18
    assert all(min(g.output_size) >= 1 for g in MINIATURES)
    assert len(set(MINIATURES)) > 900


def test_the_same_seed_draws_the_same_miniature() -> None:
    drawn: list[Geometry] = [miniature(Random(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
