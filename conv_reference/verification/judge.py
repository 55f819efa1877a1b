"""Observation against oracle: the verdict on one quantity, with the element that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.checks.gradients import Expected, Raised
from conv_reference.verification.result import Verdict


@dataclass(frozen=True)
class Judgement:
    """The verdict on one quantity of one call."""

    verdict: Verdict
    effective_bits: float | None = None  # None where every element is exact, or wrong
    index: tuple[int, ...] = ()  # the first element that differs; () for a whole tensor
    expected: str = ""
    actual: str = ""
    explanation: str = ""


def judge(quantity: str, actual: Any, expected: Expected) -> Judgement:
    """Exact, rounded or wrong.

    Rounded means that each element keeps the componentwise bound of a direct algorithm,
    |error| ≤ γ_n · Σ|products| with γ_n = n·u / (1 - n·u) for n products and the dtype's
    unit roundoff u (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, §3.1).
    A NaN equals nothing, and a tensor of another shape, dtype or kind is wrong.

    Args:
        quantity: Y, dX, dK or db.
        actual: what the implementation answered; None is a missing gradient.
        expected: what the oracle says.
    """
    if isinstance(actual, Raised):
        return _raised(actual.error, expected)
    if not isinstance(actual, Tensor):
        found = "no gradient" if actual is None and quantity != "Y" else type(actual).__name__
        return _whole(f"a tensor {_kind(expected.value, expected.dtype)}", found)
    if actual.shape != expected.value.shape or actual.dtype != expected.dtype:
        return _whole(_kind(expected.value, expected.dtype), _kind(actual, actual.dtype))
    value = actual.detach().to("cpu", torch.float64)
    if torch.equal(value, expected.value):
        return Judgement(Verdict.EXACT)
    error = (value - expected.value).abs()
    unit = expected.terms * torch.finfo(expected.dtype).eps / 2
    scale = expected.scale()
    bound = unit / (1 - unit) * scale if unit < 1 else torch.full_like(error, torch.inf)
    if bool((error <= bound).all()):
        relative = (error / scale).nan_to_num().max()
        return Judgement(Verdict.ROUNDED, effective_bits=-float(relative.log2()))
    return _elementwise(value, expected, outside=~(error <= bound))


def _kind(tensor: Tensor, dtype: torch.dtype) -> str:
    return f"of shape {tuple(tensor.shape)} and {dtype}"


def _raised(error: BaseException, expected: Expected) -> Judgement:
    message = " ".join(f"{type(error).__name__}: {error}".split())
    unsupported = isinstance(error, NotImplementedError)
    return Judgement(
        Verdict.UNSUPPORTED if unsupported else Verdict.RAISED,
        expected=f"a tensor {_kind(expected.value, expected.dtype)}",
        actual=message,
        explanation=f"raised {message}",
    )


def _whole(expected: str, actual: str) -> Judgement:
    return Judgement(
        Verdict.WRONG,
        expected=expected,
        actual=actual,
        explanation=f"should be {expected}, is {actual}",
    )


def _elementwise(value: Tensor, expected: Expected, outside: Tensor) -> Judgement:
    indices = outside.nonzero()
    index = tuple(int(i) for i in indices[0])
    should, found = float(expected.value[index]), float(value[index])
    return Judgement(
        Verdict.WRONG,
        index=index,
        expected=f"{should:.17g}",
        actual=f"{found:.17g}",
        explanation=(
            f"{len(indices)} of {value.numel()} elements wrong; "
            f"the first should be {should:.17g}, is {found:.17g}"
        ),
    )
