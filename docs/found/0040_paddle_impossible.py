"""Paddle alone: a kernel larger than its input is answered, and a depthwise dX has no second order.

Exits 1 where one of them shows, 0 where none does.
"""

from __future__ import annotations

import sys

import paddle
from paddle.nn.functional import conv2d


def main() -> int:
    print("paddle", paddle.__version__)
    return int(impossible() | depthwise())


def impossible() -> bool:
    try:
        Y = conv2d(paddle.ones((1, 1, 1, 1)), paddle.ones((1, 1, 2, 2)))
    except ValueError as error:
        print("a kernel of 2x2 over 1x1: refused,", str(error).strip().splitlines()[-1])
        return False
    print("a kernel of 2x2 over 1x1: expected a refusal, is of shape", tuple(Y.shape))
    return True


def depthwise() -> bool:
    X, K, G = paddle.ones((1, 2, 1, 1)), paddle.ones((2, 1, 1, 1)), paddle.ones((1, 2, 1, 1))
    for tensor in (X, K, G):
        tensor.stop_gradient = False
    (dX,) = paddle.grad(conv2d(X, K, groups=2), [X], grad_outputs=[G], create_graph=True)
    try:
        (second,) = paddle.grad(dX, [G])
    except RuntimeError as error:
        print(
            "depthwise, dX in G: expected [1.0, 1.0], raised", str(error).strip().splitlines()[-1]
        )
        return True
    print("depthwise, dX in G: expected [1.0, 1.0], is", second.flatten().tolist())
    return second.flatten().tolist() != [1.0, 1.0]


if __name__ == "__main__":
    sys.exit(main())
