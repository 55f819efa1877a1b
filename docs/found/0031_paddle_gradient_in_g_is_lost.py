"""Paddle: the gradient in the upstream gradient is lost where dK alone was asked for."""

import sys

import paddle
from paddle.incubate.autograd import jvp
from paddle.nn.functional import conv2d


def main() -> int:
    print("paddle", paddle.__version__)
    lost = {asked: second_order(asked) != 3.0 for asked in ("K", "XK")}  # dK = X·G, X = 3
    X, K, W = (paddle.full([1, 1, 1, 1], value) for value in (3.0, 2.0, 7.0))
    pushed = jvp(lambda kernel: conv2d(X, kernel), [K], [W])[1].item()
    print(f"jvp along K: expected 21.0, is {pushed}")
    return int(any(lost.values()) or pushed != 21.0)


def second_order(asked: str) -> float | None:
    """The gradient of dK in G, where the gradients in these leaves were asked for."""
    leaves = {name: paddle.full([1, 1, 1, 1], value) for name, value in (("X", 3.0), ("K", 2.0))}
    G = paddle.full([1, 1, 1, 1], 5.0)
    for tensor in (*leaves.values(), G):
        tensor.stop_gradient = False
    Y = conv2d(leaves["X"], leaves["K"])
    found = paddle.grad(Y, [leaves[n] for n in asked], grad_outputs=[G], create_graph=True)
    (second,) = paddle.grad(found[-1], [G], allow_unused=True)
    told = None if second is None else second.item()
    print(f"asked for {asked}: dK = {found[-1].item()}, its gradient in G: expected 3.0, is {told}")
    return told


if __name__ == "__main__":
    sys.exit(main())
