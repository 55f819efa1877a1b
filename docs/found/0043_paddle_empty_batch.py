"""Paddle alone: the second order of a convolution over an empty batch kills the process.

Exits 1 where it does, 0 where the defect does not show.
"""

from __future__ import annotations

import subprocess
import sys

import paddle
from paddle.nn.functional import conv2d


def main() -> int:
    print("paddle", paddle.__version__)
    found = {n: subprocess.run([sys.executable, __file__, str(n)], check=False) for n in (1, 0)}
    for n, done in found.items():
        print(f"a batch of {n}: status {done.returncode}, expected 0")
    return int(found[0].returncode != 0)


def second_order(n: int) -> None:
    paddle.set_device("cpu")
    X, K, G = (paddle.ones(shape) for shape in ([n, 1, 1, 1], [1, 1, 1, 1], [n, 1, 1, 1]))
    for tensor in (X, K, G):
        tensor.stop_gradient = False
    dX, dK = paddle.grad([conv2d(X, K)], [X, K], grad_outputs=[G], create_graph=True)
    print("dX", dX.shape, "dK", dK.tolist(), flush=True)
    paddle.grad([dX, dK], [X, K, G], grad_outputs=[G, K])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        second_order(int(sys.argv[1]))
    else:
        sys.exit(main())
