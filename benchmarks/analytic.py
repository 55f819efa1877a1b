"""The derivation beside sympy's own Matrix.jacobian, and its growth with the non-zero entries.

python -m benchmarks.analytic

As a module: run as a script it would stand in the way of the package that it imports.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from math import exp, log
from statistics import linear_regression, median

from sympy import Matrix
from sympy.core.cache import clear_cache

from analytic import Geometry, derive
from analytic.calculus.definition import definition
from analytic.calculus.notation import Names, Tensor
from analytic.calculus.tensors import Tensors

KERNEL = 3
TARGET = 28
BUDGET = 60.0  # seconds: sympy's shapes grow until one takes longer
FITTED = 5  # the largest shapes, which say most about growth
SIDES = (16, 32, 64, 128)


def seconds(function: Callable[[], object]) -> float:
    """Processor time, from empty caches and, as in `timeit`, without garbage collection."""
    clear_cache()
    Tensor.make.cache_clear()
    gc.collect()
    gc.disable()
    start = time.process_time()
    function()
    took = time.process_time() - start
    gc.enable()
    return took


def everything(side: int) -> int:
    """All of the data: both orders, every check, the document, both matrices."""
    derivation = derive(Geometry(side, KERNEL))
    assert derivation.holds
    assert derivation.document.steps
    matrices = derivation.jacobian_kernel.matrix, derivation.jacobian_input.matrix
    assert all(matrix.shape[0] == len(derivation.Y) for matrix in matrices)
    return len(derivation.jacobian_kernel.entries) + len(derivation.jacobian_input.entries)


def by_sympy(side: int) -> float:
    """Seconds of Matrix.jacobian, by X and by K; writing Y down is not counted."""
    geometry = Geometry(side, KERNEL)
    tensors = Tensors.make(geometry, Names())
    Y = Matrix(list(definition(geometry, tensors.X, tensors.K, None).values()))
    variables = [list(tensor.symbols.values()) for tensor in (tensors.X, tensors.K)]
    return seconds(lambda: [Y.jacobian(symbols) for symbols in variables])


def compare() -> None:
    everything(KERNEL)  # the first call loads what is loaded once
    print("sympy.Matrix.jacobian by X and by K alone:")
    measured: list[tuple[int, float]] = []
    rounds: list[float] = []  # ours in between, so that both meet the same load
    side = KERNEL + 1
    while not measured or measured[-1][1] * 1.5 < BUDGET:
        took = by_sympy(side)
        rounds.append(seconds(lambda: everything(TARGET)))
        if took > BUDGET:
            break
        measured.append((side, took))
        print(f"  {side:>2}×{side:<2} {took:8.3f} s")
        side = max(side + 1, round(side * 1.12))
    ours = median(rounds)

    last = measured[-FITTED:]
    fit = linear_regression([log(side) for side, _ in last], [log(took) for _, took in last])
    predicted = [exp(fit.intercept) * side**fit.slope for side, _ in last]
    worst = max(abs(p / took - 1) for p, (_, took) in zip(predicted, last, strict=True))
    fitted = exp(fit.intercept) * TARGET**fit.slope
    print(
        f"  fit over the last {len(last)}: {exp(fit.intercept):.2e} s · side^{fit.slope:.2f}, "
        f"off by {worst:.0%} at most"
    )
    print(
        f"{TARGET}×{TARGET}, kernel {KERNEL}×{KERNEL}: all of our data in {ours:.2f} s "
        f"(median of {len(rounds)} in between)"
    )
    how = "within" if measured[-1][0] >= TARGET else "extrapolated"
    print(f"  {TARGET}×{TARGET} by the fit ({how}): {fitted:.0f} s, {fitted / ours:.0f} times ours")


def growth() -> None:
    print("\ngrowth with the entries of both Jacobians that are not zero:")
    each: list[float] = []
    for side in SIDES:
        entries = 0

        def run(side: int = side) -> None:
            nonlocal entries
            entries = everything(side)

        took = min(seconds(run) for _ in range(3 if side < 64 else 1))
        each.append(took / entries)
        print(
            f"  {side:>3}×{side:<3} {entries:>7} entries {took:6.2f} s {each[-1] * 1e6:.1f} µs each"
        )
    print(f"  an entry of the largest takes {each[-1] / each[0]:.2f} times one of the smallest")


if __name__ == "__main__":
    compare()
    growth()
