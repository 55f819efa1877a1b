from __future__ import annotations

from analytic import Geometry, Names
from analytic.calculus.definition import definition
from analytic.calculus.tensors import Tensors


def test_the_chapters_case() -> None:
    geometry = Geometry((2, 3), (1, 2))
    tensors = Tensors.make(geometry, Names())
    Y = definition(geometry, tensors.X, tensors.K, None)
    written = {index: str(expression) for index, expression in Y.items()}
    assert written == {
        (0, 0, 0, 0): "K_{0,0}*X_{0,0} + K_{0,1}*X_{0,1}",
        (0, 0, 0, 1): "K_{0,0}*X_{0,1} + K_{0,1}*X_{0,2}",
        (0, 0, 1, 0): "K_{0,0}*X_{1,0} + K_{0,1}*X_{1,1}",
        (0, 0, 1, 1): "K_{0,0}*X_{1,1} + K_{0,1}*X_{1,2}",
    }


def test_what_only_padding_meets_has_no_term() -> None:
    geometry = Geometry(1, 1, padding=1)
    tensors = Tensors.make(geometry, Names())
    Y = definition(geometry, tensors.X, tensors.K, None)
    assert [index for index, expression in Y.items() if expression != 0] == [(0, 0, 1, 1)]
    assert len(Y) == 9


def test_the_bias_of_its_channel_is_added_last() -> None:
    geometry = Geometry(1, 1, out_channels=2, bias=True)
    tensors = Tensors.make(geometry, Names())
    Y = definition(geometry, tensors.X, tensors.K, tensors.b)
    assert tensors.b is not None
    assert Y[0, 1, 0, 0].args[-1] is tensors.b[1,]
