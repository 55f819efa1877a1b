"""Observation against oracle: the verdict on one quantity, with the element that shows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import largest_exact_integer
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import NO_GRADIENT, Judgement, exact
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import Odd, looked_at
from conv_reference.verification.trial.same_numbers import same_numbers

COMPONENTWISE = "componentwise"
NORMWISE = "normwise"
# How much more than a direct algorithm a transform may lose, relative to the greatest element
# of |X|*|K|, in units of roundoff. In exact terms of its matrices A, G, B a Winograd algorithm
# amplifies a rounding by up to max |A'|(|G||k| ⊙ |B'||x|) / (|x|*|k|) in each dimension (Barabasz,
# Anderson, Soodhalter and Gregg, "Error Analysis and Improving the Accuracy of Winograd
# Convolution for Deep Neural Networks", 2020): for 3×3 kernels of one tap that is 2^4 for
# F(2×2), 2^9.7 for F(4×4), 2^10.6 for F(6×6). Measured over Y on 1500 geometries, over dX and dK
# on 500, with reals, positive numbers, integers and impulses, in float32: F(2×2) 2^4.1,
# F(4×4) 2^6.5, F(6×6) 2^8.5, FFT 2^3.8, NNPACK 2^8.9 (in Y alone); ten-bit arithmetic on
# operands that err in one direction (`checks/precision.py`) lies between 2^13.1 and 2^13.5 for
# any number of channels. In half precision only F(2×2, 3×3) is used (Lavin and Gray, "Fast
# Algorithms for Convolutional Neural Networks", 2016).
_GROWTH = {torch.float64: 2.0**11, torch.float32: 2.0**11}
_HALF_GROWTH = 2.0**3
# Of the probabilistic bound. Rounding errors are at most u, of deviation about 0.4 u, and n of
# them of random signs add up to 0.4·√n·u: 2·√n·u is some five deviations.
_LAMBDA = 2.0
# Bound before a target could replace them.
_subtract, _absolute = torch.sub, torch.abs


@dataclass(frozen=True)
class Expected:
    """What the oracle says of one quantity, in float64."""

    value: Tensor  # exact, or with an error far below that of the dtype judged
    scale: Callable[[], Tensor]  # the sum of absolute products behind each element
    terms: int  # the most products behind one element, at least 1
    dtype: torch.dtype  # that the implementation should answer in
    device: torch.device
    # The greatest product that elements of the two operands could make.
    product: Callable[[], float] = lambda: 0.0
    transform: bool = True  # whether a transform-domain algorithm could be used in this dtype
    # Where none is: so many units of roundoff of each sum of absolute products, over integers.
    roundings: float = 1.0


def growth(dtype: torch.dtype) -> float:
    """The growth factor of the normwise bound: 2^11 in float32 and float64, else 2^3."""
    return _GROWTH.get(dtype, _HALF_GROWTH)


def can_transform(geometry: Geometry, dtype: torch.dtype) -> bool:
    """Whether a transform-domain algorithm is in use for such sizes in this dtype.

    In half precision only F(2×2, 3×3) is: for 3×3 kernels with stride and dilation 1.
    """
    steps = (*geometry.stride, *geometry.dilation)
    return dtype in _GROWTH or (geometry.kernel_size == (3, 3) and set(steps) == {1})


def full_bits(dtype: torch.dtype) -> int:
    """The bits of the dtype's significand: 24 in float32."""
    return largest_exact_integer(dtype).bit_length() - 1


def judge(
    check: str,
    quantity: str,
    actual: Any,
    expected: Expected,
    *,
    allowed_bits: int | None = None,
    real: bool = False,
) -> Judgement:
    """Exact, rounded or wrong.

    Rounded means that one of two bounds is kept. Componentwise, as a direct algorithm does:
    |error| ≤ γ_n · Σ|products| for each element, γ_n = n·u / (1 - n·u), n products, the dtype's
    unit roundoff u (Higham, "Accuracy and Stability of Numerical Algorithms", 2002, §3.1), and
    one more u for the rounding of the result. Where n·u ≥ 1/4, in half precision alone, γ_n would
    pass a zero: there it is λ·√n·u with λ = 2 (Higham and Mary, "A New Approach to Probabilistic
    Rounding Error Analysis", 2019). Normwise, as Winograd and FFT do: the greatest
    error relative to the greatest Σ|products|, at most u times ``growth``.
    A NaN equals nothing, and a tensor of another kind (see ``kind_mismatch``) is wrong.

    Args:
        check: the row of the report that the judgement belongs to.
        quantity: Y, dX, dK, db or another name.
        actual: what the implementation answered; None is a missing gradient.
        expected: what the oracle says.
        allowed_bits: the precision that the user allows in place of the dtype's, at least 1.
        real: whether the operands are real. Over integers that are exact in any order a direct
            algorithm does not round at all, so there γ_n is cut at the normwise factor.
    """
    mismatch = kind_mismatch(check, quantity, actual, expected)
    if mismatch is not None:
        return mismatch
    value = actual.detach().cpu()
    if same_numbers(value, expected.value):
        return exact(check, quantity)
    # Not every dtype can be subtracted from another: float8 cannot.
    error = _absolute(_subtract(value.to(torch.float64), expected.value))
    if float(error.max()) == 0:
        said = "unequal, with a difference that is computed as zero: torch itself was changed"
        return whole(check, quantity, "the oracle's numbers", "others", said)
    scale = expected.scale()
    # Where little is to be summed a transform leaves the noise of what it has mixed in.
    largest = max(float(scale.max()), expected.product())
    unit = torch.finfo(expected.dtype).eps / 2
    tiny = torch.finfo(expected.dtype).tiny
    # What is smaller than any normal number is noise, and of an empty sum no part at all.
    relative = float(torch.where(error <= tiny, 0.0, error / scale).nan_to_num(nan=0.0).max())
    bits = float(full_bits(expected.dtype)) if relative == 0 else -math.log2(relative)
    direct = gamma(expected.terms + 1, unit)
    factor = growth(expected.dtype) if expected.transform else 1.0
    if not real:
        direct = min(direct, unit * (factor if expected.transform else expected.roundings))
    bound = direct * scale + tiny
    if bool((error <= bound).all()):
        return Judgement(check, quantity, Verdict.ROUNDED, bits, COMPONENTWISE)
    allowed = unit * factor
    if allowed_bits is not None:
        allowed = max(allowed, 2.0 ** (1 - allowed_bits))
    normwise = float(error.max()) / largest if largest > 0 else math.inf
    if normwise <= allowed:  # False for NaN
        bits = math.inf if normwise == 0 else -math.log2(normwise)
        return Judgement(check, quantity, Verdict.ROUNDED, bits, NORMWISE)
    return _elementwise(check, quantity, value, expected, error, bound)


def kind_mismatch(check: str, quantity: str, actual: Any, expected: Expected) -> Judgement | None:
    """What is wrong with the answer as a whole: no tensor, or another shape, dtype or device.

    A subclass of Tensor is wrong, too, ``nn.Parameter`` aside.

    Args:
        check: the row of the report.
        quantity: Y, dX, dK, db or another name.
        actual: what the implementation answered, of any type; None is a missing gradient.
        expected: of which shape, dtype and device it should be.

    Returns:
        A wrong judgement; None where nothing of this is wrong.
    """
    seen = looked_at(actual)
    if type(seen) is Tensor and _described(seen) == (
        expected.value.shape,
        expected.dtype,
        expected.device,
    ):
        return None  # nearly always, and quickly
    wanted = _kind(tuple(expected.value.shape), expected.dtype, expected.device)
    if seen is None:
        return _missing(check, quantity, wanted, expected.value)
    if isinstance(seen, Odd):
        what = f"a tensor {wanted}" if seen.expected == "a tensor" else seen.expected
        return whole(check, quantity, what, seen.found)
    kind = _kind(tuple(seen.shape), seen.dtype, seen.device)
    if kind != wanted:
        return replace(whole(check, quantity, wanted, kind), unlike=_unlike(seen, expected))
    return None


def _missing(check: str, quantity: str, wanted: str, value: Tensor) -> Judgement:
    if quantity == "Y":
        return whole(check, quantity, f"a tensor {wanted}", "NoneType")
    if bool(value.any()) or not value.numel():
        return whole(check, quantity, f"a tensor {wanted}", NO_GRADIENT)
    said = f"should be zeros {wanted}, is {NO_GRADIENT}: zero is right, and None was returned"
    zeros = whole(check, quantity, f"zeros {wanted}", NO_GRADIENT, said)
    return replace(zeros, of_zeros=True)


def _unlike(seen: Tensor, expected: Expected) -> tuple[str, ...]:
    """Which of its shape, dtype and device are not as they should be."""
    pairs = {
        "shape": (seen.shape, expected.value.shape),
        "dtype": (seen.dtype, expected.dtype),
        "device": (seen.device, expected.device),
    }
    return tuple(name for name, (is_, should) in pairs.items() if is_ != should)


def _described(tensor: Tensor) -> tuple[torch.Size, torch.dtype, torch.device]:
    return tensor.shape, tensor.dtype, tensor.device


def whole(
    check: str,
    quantity: str,
    expected: str,
    actual: str,
    explanation: str = "",
    *,
    of_numbers: bool = False,
) -> Judgement:
    """A wrong answer that no single element shows: no number is wrong, or a sum of many is.

    Args:
        check: the row of the report.
        quantity: Y, dX, dK, db or another name; empty for none.
        expected: in words, to be read after "should be".
        actual: in words, to be read after "is".
        explanation: one line; both of these where it is empty.
        of_numbers: whether numbers are wrong, and not a shape, a graph or the memory.
    """
    return Judgement(
        check,
        quantity,
        Verdict.WRONG,
        expected=expected,
        actual=actual,
        explanation=explanation or f"should be {expected}, is {actual}",
        of_numbers=of_numbers,
    )


def _kind(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> str:
    where = "" if device.type == "cpu" else f" on {device}"
    return f"of shape {shape} and {dtype}{where}"


def gamma(terms: int, unit: float) -> float:
    """The bound for a sum: γ_n, or where that is large enough to pass a zero, λ·√n·u.

    Args:
        terms: that are added up.
        unit: the unit roundoff.
    """
    if terms * unit < 0.25:
        return terms * unit / (1 - terms * unit)
    return _LAMBDA * math.sqrt(terms) * unit


def _elementwise(
    check: str,
    quantity: str,
    value: Tensor,
    expected: Expected,
    error: Tensor,
    bound: Tensor,
) -> Judgement:
    outside = ~(error <= bound)  # so that a NaN is outside
    indices = outside.nonzero()
    index = tuple(int(i) for i in indices[0])
    should, found = float(expected.value[index]), float(value[index])
    return Judgement(
        check,
        quantity,
        Verdict.WRONG,
        index=index,
        expected=digits(should),
        actual=digits(found),
        explanation=(
            f"{_counted(len(indices), value.numel())} should be {digits(should)}, "
            f"is {digits(found)}"
        ),
    )


def _counted(wrong: int, elements: int) -> str:
    """How many elements are wrong, up to the subject of what the first of them should be."""
    if elements == 1:
        return "the only element is wrong: it"
    if wrong == 1:
        return f"1 of {elements} elements is wrong: it"
    return f"{wrong} of {elements} elements are wrong; the first"


__all__ = [
    "COMPONENTWISE",
    "NORMWISE",
    "Expected",
    "can_transform",
    "full_bits",
    "growth",
    "judge",
    "kind_mismatch",
    "whole",
]
