"""Chainer alone: the gradient in K of dX, and of `deconvolution_2d`, where it is asked for alone.

Exits 1 where it raises, 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import chainer
import numpy as np
from chainer import functions


def variable(*numbers: float) -> chainer.Variable:
    return chainer.Variable(np.array(numbers, np.float64).reshape(-1, 1, 1, 1))


def of_dx(*, with_upstream: bool) -> float:
    """Of one pixel and one tap: dX is G K, and so <dX, V> has the gradient G V in K."""
    X, K, G, V = variable(2), variable(7), variable(3), variable(5)
    (dX,) = chainer.grad([functions.convolution_2d(X, K)], [X], [G], enable_double_backprop=True)
    return float(chainer.grad([dX], [G, K] if with_upstream else [K], [V])[-1].array.item())


def of_deconvolution() -> float:
    """Of an image that is an array, as a network's first layer has it."""
    K = variable(7)
    y = functions.deconvolution_2d(np.array([[[[3.0]]]]), K)
    return float(chainer.grad([y], [K], [variable(5)])[0].array.item())


def raises(name: str, asked: Callable[[], float]) -> bool:
    try:
        print(f"{name}: expected 15, got {asked():g}")
    except (TypeError, ValueError) as error:
        print(f"{name}: expected 15, {type(error).__name__}: {error}")
        return True
    return False


def main() -> int:
    print("chainer", chainer.__version__)
    raises("of dX, in G and K", lambda: of_dx(with_upstream=True))
    wrong = [
        raises("of dX, in K alone", lambda: of_dx(with_upstream=False)),
        raises("of deconvolution_2d, in K alone", of_deconvolution),
    ]
    return int(any(wrong))


if __name__ == "__main__":
    sys.exit(main())
