"""DeZero alone: the gradient of dK cannot be differentiated, for it takes dK in place of its own.

Exits 1 where it shows, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import dezero
import numpy as np
from dezero import Variable
from dezero.functions_conv import conv2d


def main() -> int:
    print("dezero", dezero.__version__)
    X, K, G = (Variable(np.full((1, 1, 1, 1), value)) for value in (3.0, 2.0, 5.0))
    Y = conv2d(X, K)
    Y.grad = G
    Y.backward(create_graph=True)
    dK = K.grad
    for variable in (X, K, G):
        variable.cleargrad()
    dK.grad = Variable(np.full((1, 1, 1, 1), 7.0))
    print("dK", dK.data.item(), "its gradients in X and G, expected 35.0 21.0")
    try:
        dK.backward()
    except TypeError as error:
        print("raised TypeError", error)
        return 1
    found = (X.grad.data.item(), G.grad.data.item())
    print("actual", *found)
    return int(found != (35.0, 21.0))


if __name__ == "__main__":
    sys.exit(main())
