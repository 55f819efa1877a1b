"""PyTensor alone: the tangent of what does not depend on an argument has another dtype.

Exits 1 where it is, 0 where the defect does not show.
"""

from __future__ import annotations

import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import pullback, pushforward

THROUGH = {"by pullback, the default": False, "by the operators' own": True}


def main() -> int:
    print("pytensor", pytensor.__version__, "with floatX", pytensor.config.floatX)
    X, G, V = (pt.tensor(name, dtype="float32", shape=(None, None)) for name in "XGV")
    b = pt.tensor("b", dtype="float32", shape=(None,))
    db = pullback(X + b, b, G)  # the sum of G, in which X takes no part
    wrong = False
    for name, own in THROUGH.items():
        tangent = pushforward(db, X, V, disconnected_outputs="ignore", use_op_pushforward=own)
        given = np.ones((2, 3), np.float32)
        ask = pytensor.function(
            [X, b, G, V], [db, tangent], mode="FAST_COMPILE", on_unused_input="ignore"
        )
        found, moved = ask(given, given[0], given, given)
        print(f"{name}: db is in {found.dtype}, its tangent is {moved} in {moved.dtype}")
        wrong |= moved.dtype != found.dtype
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
