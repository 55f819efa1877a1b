"""PyTensor alone, FAST_COMPILE: `vectorize_graph` of dX where one image meets several kernels.

Exits 1 where it raises or is wrong, 0 where the defect does not show.
"""

from __future__ import annotations

import sys
from itertools import chain, combinations
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.gradient import pullback
from pytensor.graph.replace import vectorize_graph
from pytensor.tensor.signal import convolve2d

SHAPES = {"X": (2, 4, 3), "K": (5, 2, 2), "G": (2, 5, 3, 2)}  # 2 images, 5 kernels
MAPPED = 3


def symbol(name: str, rank: int) -> Any:
    return pt.tensor(name, dtype="float64", shape=(None,) * rank)


def answered(over: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What is answered, and what each sample by itself gives, by the same graph."""
    rng = np.random.default_rng(0)
    one = {name: symbol(name, len(shape)) for name, shape in SHAPES.items()}
    Y = convolve2d(one["X"][:, None], one["K"], mode="valid")
    (dX,) = pullback([Y], [one["X"]], [one["G"]])
    many = {name: symbol(name, len(SHAPES[name]) + 1) for name in over}
    given = {
        name: rng.integers(-3, 4, (MAPPED,) * (name in over) + shape).astype(float)
        for name, shape in SHAPES.items()
    }
    plain = pytensor.function([*one.values()], dX, mode="FAST_COMPILE", on_unused_input="ignore")
    each = np.stack(
        [
            plain(*(given[name][i] if name in over else given[name] for name in one))
            for i in range(MAPPED)
        ]
    )
    mapped = vectorize_graph(dX, {one[name]: many[name] for name in over})
    symbols = [many.get(name, one[name]) for name in one]
    ask = pytensor.function(symbols, mapped, mode="FAST_COMPILE", on_unused_input="ignore")
    return ask(*given.values()), each


def main() -> int:
    print("pytensor", pytensor.__version__)
    wrong = 0
    for over in chain.from_iterable(combinations(SHAPES, n) for n in (1, 2, 3)):
        try:
            found, each = answered(over)
            said = "right" if np.array_equal(found, each) else "WRONG"
        except ValueError as error:
            said = f"ValueError: {error}".splitlines()[0]
        print(f"dX mapped over {', '.join(over)}: {said}")
        wrong += said != "right"
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
