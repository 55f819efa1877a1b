"""Faults that an answer shows by itself, without a convolution that has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from conv_reference.geometry import Role
from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS, QUANTITIES
from conv_reference.verification.model.case import Layout, dtype_name
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial

UNWRITTEN = "memory is read that was never written, or a gap beside a view"
_HUGE = 1e30  # what fills fresh memory is larger, see `work/starting`; an infinity overflowed


def patterns(
    trial: Trial, quantity: str, value: Tensor, expected: Tensor
) -> Iterator[tuple[str, bool]]:
    """Faults that the answer itself shows, without a convolution that has them.

    Args:
        trial: the question.
        quantity: Y, dX, dK or db.
        value: what was answered, of the shape of ``expected``, in float64.
        expected: what the oracle says, in float64.

    Yields:
        Words for a fault, and whether the answer shows it.
    """
    yield "the result is never computed: it is zero throughout", bool((value == 0).all())
    for words, factor in _factors(trial):
        yield f"the result is {words}", _is_nearly(value, expected * factor, trial.case.dtype)
    yield "the sign is wrong", torch.equal(value, -expected)
    yield (
        "the result is added twice, or to a buffer that already held it",
        torch.equal(value, 2 * expected),
    )
    yield (
        "the upstream gradient is taken for ones, as that of .sum() is",
        (quantity != "Y" and torch.equal(value, _of_ones(trial, quantity))),
    )
    wrong = value != expected
    zero = bool((value[wrong] == 0).all())
    last = wrong.clone()
    if value.dim() == 4 and zero and value.shape[0] > 1:
        last[-1] = False
        yield "the last sample or channel is left out", not bool(last.any())
    for rows, columns, words in _SHIFTS:
        if value.dim() >= 2 and quantity in {"Y", "dX"}:
            yield (
                f"the result is shifted by one {words}",
                _is_shifted(value, expected, rows, columns),
            )
    of_conv2d = trial.target.operator.place("input") == "input" and quantity == "dX"
    if of_conv2d and any(map(any, trial.case.geometry.padding)):
        yield (
            "the padding in front is not cut off the gradient of the padded input",
            torch.equal(value, _of_the_corner(trial)),
        )
    for dtype in _NARROWER:
        if torch.finfo(dtype).bits < torch.finfo(trial.case.dtype).bits or _are_halves(
            dtype, trial
        ):
            lower = partial(Tensor.to, dtype=dtype)
            yield from _rounded(trial, quantity, value, lower, dtype_name(dtype))
    yield (
        "the result is computed in float32: no number of it has more bits",
        trial.case.dtype == torch.float64 and _is_of_float32(value, expected),
    )
    yield (
        "the products are summed in float32: without the bias no number of the result has more "
        "bits",
        trial.case.dtype == torch.float64
        and quantity == "Y"
        and _is_of_float32(*(_without_bias(tensor, trial) for tensor in (value, expected))),
    )
    yield (
        "operands are rounded to ten bits on the way, as TF32 does",
        trial.case.dtype in {torch.float32, torch.float64}
        and any(
            _lowered(trial, quantity, value, lower) for lower in (_ten_bits_to_even, _ten_bits_away)
        ),
    )


def is_of_padding(trial: Trial, wrong: Tensor) -> bool:
    """Whether no element is wrong that reads none, where the padding holds numbers of the image.

    Args:
        trial: the question.
        wrong: which elements of Y are.
    """
    geometry = trial.case.geometry
    if geometry.padding_mode == "zeros":
        return False
    ones = {role: torch.ones_like(t) for role, t in trial.operands.by_role(torch.float64).items()}
    del ones["bias"]
    taps = trial.target.operator.first("Y", ones, replace(geometry, padding_mode="zeros"))
    inside = taps == math.prod(geometry.weight_shape[1:])
    return not bool(wrong.reshape(inside.shape)[inside].any())


_NARROWER = (torch.float32, torch.bfloat16, torch.float16)


def _are_halves(dtype: torch.dtype, trial: Trial) -> bool:
    """Whether it is the other of two that have as many bits, and fewer for some numbers."""
    return {dtype, trial.case.dtype} == {torch.bfloat16, torch.float16}


def _rounded(
    trial: Trial, quantity: str, value: Tensor, lower: Callable[[Tensor], Tensor], name: str
) -> Iterator[tuple[str, bool]]:
    """Whether one of the operands is rounded, or both, or the result: the least first."""
    both = QUANTITIES[quantity].factors
    for role in both if len(both) > 1 else ():  # what one explains is not laid to the other, too
        said = f"{LETTERS[role]} is rounded to {name} on the way"
        yield said, _lowered(trial, quantity, value, lower, (role,))
    yield f"operands are rounded to {name} on the way", _lowered(trial, quantity, value, lower)
    yield (
        f"the result is rounded to {name}",
        _result_lowered(trial, quantity, value, lower, trial.operands),
    )
    yield (
        f"operands and result are rounded to {name}: all is computed in it",
        len(both) > 1 and _all_lowered(trial, quantity, value, lower),
    )


def _is_of_float32(value: Tensor, expected: Tensor) -> bool:
    """Whether the answer has no more bits than float32, what is right has, and both are near."""
    held, right = (torch.equal(t, t.float().to(t.dtype)) for t in (value, expected))
    near = (value - expected).abs().max() <= 2.0**-16 * expected.abs().max()
    return held and not right and bool(near)


def _without_bias(Y: Tensor, trial: Trial) -> Tensor:
    """Y less the bias, where there is one and a dimension for it."""
    if not trial.case.bias or Y.dim() != 4:
        return Y
    return Y - trial.operands.bias.to(Y.dtype).view(1, -1, 1, 1)


def _of_ones(trial: Trial, quantity: str) -> Tensor:
    G = torch.ones_like(trial.operands.grad_output)
    operands = replace(trial.operands, grad_output=G)
    return trial.expect(operands, only=(quantity,))[quantity].value


def _of_the_corner(trial: Trial) -> Tensor:
    """The gradient of the padded input, as far as the input is large: from its first element."""
    g = trial.case.geometry
    height, width = g.input_size
    padded = replace(g, input_size=g.padded_size, padding=((0, 0), (0, 0)))
    given = {"grad_output": trial.operands.grad_output, "weight": trial.operands.weight}
    wide = {role: tensor.to(torch.float64) for role, tensor in given.items()}
    return trial.target.operator.first("dX", wide, padded)[:, :, :height, :width]


_SHIFTS = (
    (1, 0, "row, downwards"),
    (-1, 0, "row, upwards"),
    (0, 1, "column, to the right"),
    (0, -1, "column, to the left"),
)


def _is_shifted(value: Tensor, expected: Tensor, rows: int, columns: int) -> bool:
    """Whether it is what it should be, one place on, with zeros behind."""
    moved = torch.zeros_like(expected)
    height, width = expected.shape[-2:]
    moved[
        ...,
        max(rows, 0) : height + min(rows, 0),
        max(columns, 0) : width + min(columns, 0),
    ] = expected[
        ...,
        max(-rows, 0) : height + min(-rows, 0),
        max(-columns, 0) : width + min(-columns, 0),
    ]
    return bool(moved.any()) and torch.equal(value, moved)


def _lowered(
    trial: Trial,
    quantity: str,
    value: Tensor,
    lower: Callable[[Tensor], Tensor],
    roles: Sequence[Role] = ("input", "weight", "grad_output"),
) -> bool:
    """Whether it is what comes of operands that were rounded so."""
    o = trial.operands
    rounded = {role: lower(getattr(o, role)).to(o.input.dtype) for role in roles}
    lowered = replace(o, **rounded)
    return torch.equal(trial.expect(lowered, only=(quantity,))[quantity].value, value)


def _all_lowered(
    trial: Trial, quantity: str, value: Tensor, lower: Callable[[Tensor], Tensor]
) -> bool:
    """The same, and the result rounded as well."""
    o, dtype = trial.operands, trial.case.dtype
    rounded = {role: lower(tensor).to(dtype) for role, tensor in o.by_role().items()}
    return _result_lowered(trial, quantity, value, lower, replace(o, **rounded))


def _result_lowered(
    trial: Trial,
    quantity: str,
    value: Tensor,
    lower: Callable[[Tensor], Tensor],
    operands: Operands,
) -> bool:
    """Whether it is what is right for these operands, rounded: with the bias, or before that."""
    has_bias = quantity == "Y" and trial.case.bias and value.dim() == 4
    results = []
    for bias in (operands.bias, torch.zeros_like(operands.bias)):
        exact = trial.expect(replace(operands, bias=bias), only=(quantity,))[quantity].value
        result = lower(exact).to(trial.case.dtype)
        if has_bias and bias is not operands.bias:
            result = result + trial.operands.bias[:, None, None]
        results.append(result.double())
    return any(torch.equal(result, value) for result in results)


def _ten_bits_to_even(tensor: Tensor) -> Tensor:
    mantissa, exponent = torch.frexp(tensor)
    return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)


def _ten_bits_away(tensor: Tensor) -> Tensor:
    """A tie goes away from zero."""
    mantissa, exponent = torch.frexp(tensor)
    rounded = ((mantissa.abs() * 2**11 + 0.5).floor() / 2**11).copysign(mantissa)
    return torch.ldexp(rounded, exponent)


def _is_nearly(value: Tensor, wanted: Tensor, dtype: torch.dtype) -> bool:
    """Up to the rounding of a few quotients: a third is no number of the dtype."""
    allowed = 16 * torch.finfo(dtype).eps * wanted.abs().max()
    return bool(((value - wanted).abs() <= allowed).all())


def _factors(trial: Trial) -> Iterator[tuple[str, float]]:
    """Counts by which a mean is mistaken for a sum, and the other way round."""
    g = trial.case.geometry
    counts = {
        "kh·kw": g.kernel_size[0] * g.kernel_size[1],
        "the number of samples": g.batch,
        "the number of output positions": g.output_size[0] * g.output_size[1],
        "the number of groups": g.groups,
        "the number of input channels": g.in_channels,
        "the number of output channels": g.out_channels,
    }
    for name, count in counts.items():
        if count > 1:
            yield f"multiplied by {name}", float(count)
            yield f"divided by {name}", 1.0 / count


def reads_foreign_memory(trial: Trial, quantity: str, value: Tensor) -> bool:
    """Fresh memory is filled with huge numbers; gaps beside views with NaN, which formulas make."""
    if bool((value.isfinite() & (value.abs() > _HUGE)).any()):
        return True
    gaps = {*trial.case.layouts.values()}
    if not bool(value.isnan().any()) or gaps <= {Layout.CONTIGUOUS, Layout.EXPANDED}:
        return False
    try:
        answer = observe(replace(trial, case=trial.case.contiguous()).call()).get(quantity)
    except TargetRaised:
        return False
    return isinstance(answer, Tensor) and not bool(answer.isnan().any())
