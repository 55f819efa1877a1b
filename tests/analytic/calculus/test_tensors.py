from __future__ import annotations

from analytic import Geometry, Names
from analytic.calculus.tensors import Tensors

LAYER = Geometry(
    (5, 4), (3, 2), stride=2, batch=2, in_channels=4, out_channels=6, groups=2, bias=True
)


def test_shapes_are_those_of_a_layer() -> None:
    tensors = Tensors.make(LAYER, Names())
    assert tensors.X.shape == (2, 4, 5, 4)
    assert tensors.K.shape == (6, 2, 3, 2)
    assert tensors.Y.shape == tensors.G.shape == (2, 6, 2, 2)
    assert tensors.b is not None
    assert tensors.b.shape == (6,)


def test_without_a_bias_there_is_none() -> None:
    assert Tensors.make(Geometry(3, 2), Names()).b is None


def test_letters_and_indices_are_the_users() -> None:
    names = Names(input="A", upstream="D", bias="cs", all_indices=True)
    tensors = Tensors.make(Geometry(3, 2, bias=True), names)
    assert str(tensors.X[0, 0, 1, 2]) == "A_{0,0,1,2}"
    assert str(tensors.G[0, 0, 1, 1]) == "D_{0,0,1,1}"
    assert tensors.b is not None
    assert str(tensors.b[0,]) == "cs_{0}"
