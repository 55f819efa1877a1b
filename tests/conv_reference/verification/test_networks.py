from __future__ import annotations

from conv_reference.verification.networks import NETWORKS, network_geometries


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
