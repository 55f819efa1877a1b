"""What is at one place of an answer, element by element, held against what rounding explains.

A combination shows at which pixel or tap an answer is off the most. All elements there, over
samples and channels, are computed once more from the definition, in float64, each with the sum of
the absolute products behind it, and each is judged by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from conv_reference import pointwise
from conv_reference.combination import Equation
from conv_reference.pointwise import Mapped
from conv_reference.verification.step.dispatched import Answer, Face, Form, given
from conv_reference.verification.trial.judge import can_transform, gamma, growth

# An element that errs so many times as much as the others at its place is none of rounding's, where
# the algorithm is direct. Rounding errors of sums are normally distributed: 32 medians are over
# twenty deviations.
OUTLYING = 32.0
FEWEST = 8  # elements at a place, below which none is taken to stand out
SPARED = (
    0.5  # the share of exact elements at a place, from which on the others' errors are no noise
)
# Of the unit roundoff, by the root of the number of terms: sixteen of it, the least that stands
# out, are six deviations of a sum in one turn.
_GROWING = 1 / 8
_LEAST_MEDIAN = 0.5  # of the errors at a place, in units of the usual one
# Rounding errors of one and the same product, added again and again, have one sign. So many of the
# products behind an element may be the same, of so many numbers that are looked at.
_MOST_ALIKE, _LOOKED_AT = 0.02, 4096


@dataclass(frozen=True)
class Place:
    """The element that is off the most at the worst place of an answer."""

    index: tuple[int, ...]
    expected: float
    actual: float
    bits: float  # effective, relative to the sum of the absolute products; inf where exact
    is_outside: bool  # of the bound on rounding errors
    times: float  # how many times as much as the median of the others it errs; 0 with too few
    limit: float  # the smallest error that would be reported, relative to the greatest element
    # Which elements are wrong; where none is, which are not exact.
    off: Tensor | None = field(default=None, compare=False, repr=False)
    spared: float = 0.0  # the share of those with products that are exact; 0 with too few

    @property
    def stands_out(self) -> bool:
        """Whether it errs far more than all others at its place."""
        return self.times >= OUTLYING


def ratios(equation: Equation) -> Tensor:
    """The residual at each place relative to its spread: in proportion to the unit roundoff.

    Args:
        equation: with its spread.
    """
    assert equation.spread is not None
    # Where almost nothing is to be summed the estimate says little: a part of the average is added.
    floor = 0.1 * float(equation.spread.square().mean().sqrt())
    relative = equation.residual.abs() / torch.hypot(
        equation.spread, torch.full_like(equation.spread, floor)
    )
    return relative.nan_to_num(nan=math.inf, posinf=math.inf).where(
        equation.residual != 0, torch.zeros_like(relative)
    )


def relative(limit: Tensor | float, numbers: Tensor) -> float:
    """The smallest error that would be reported, relative to the greatest of some numbers.

    0 where nothing is left to rounding, infinite where all numbers are zero and something is.
    """
    greatest = float(numbers.abs().max())
    if limit == 0:
        return 0.0
    return float(limit) / greatest if greatest else math.inf


def worst(equation: Equation) -> tuple[int, ...]:
    """The pixel or tap at which the residual is the greatest, for its spread; () of a number."""
    plane = ratios(equation)
    if plane.dim() == 0:
        return ()
    place = int(plane.argmax())
    return place // plane.shape[1], place % plane.shape[1]


def inspect(
    answer: Answer,
    place: tuple[int, ...],
    *,
    direct: bool = False,
    allowed_bits: int | None = None,
) -> Place:
    """The elements of an answer at one place.

    Args:
        answer: what was computed, with its operands.
        place: a pixel or tap; () of a bias.
        direct: whether the algorithm is known to be direct. Then a transform's allowance is not
            made, and one element that errs far more than all others is not rounding's.
        allowed_bits: the precision that is allowed in place of the dtype's, of the greatest sum of
            absolute products.
    """
    form, dtype = answer.form, answer.value.dtype
    if answer.face in {Face.OUTPUT, Face.INPUT}:  # K is read as a whole, three times
        form = replace(form, weight=form.weight.to(torch.float64))
    actual = value_at(answer.value, place)
    expected = elements(form, answer.face, place)
    scale = elements(form, answer.face, place, torch.abs)
    squares = elements(form, answer.face, place, torch.square)
    error = (actual - expected).abs().nan_to_num(nan=math.inf, posinf=math.inf)
    # Where the products alone pass the dtype's range a sum may, in whatever order it is taken.
    error = error.where(actual.isfinite() | (scale <= torch.finfo(dtype).max), 0)
    unit = usual_unit = torch.finfo(dtype).eps / 2
    allowed = gamma(_terms(form, answer.face) + 1, unit) * scale
    if not direct:
        allowed = allowed.clamp(min=_factor(answer) * unit * float(scale.max()))
    if allowed_bits is not None:
        allowed = allowed.clamp(min=2.0 ** (1 - allowed_bits) * float(scale.max()))
        usual_unit = max(unit, 2.0 ** -(allowed_bits + 1))
    allowed = allowed + torch.finfo(dtype).tiny
    outside = error > allowed
    usual = _usual_error(form, answer.face, usual_unit, expected, squares, scale)
    usual = usual.clamp(min=torch.finfo(dtype).tiny)
    normal = error / usual
    index = _position(torch.where(outside, error / allowed, 0) if outside.any() else normal)
    median = max(float(normal.median()), _LEAST_MEDIAN)
    few = normal.numel() < FEWEST or _repeats_itself(answer, index)
    limits = allowed if few or not direct else torch.minimum(allowed, OUTLYING * median * usual)
    return Place(
        index=(*index, *place),
        expected=float(expected[index]),
        actual=float(actual[index]),
        bits=_bits(float((error / scale.clamp(min=1e-300)).max())),
        is_outside=bool(outside.any()),
        times=0.0 if few or not direct else float(normal[index]) / median,
        limit=relative(limits.max() if scale.any() else 0.0, expected),
        off=outside if outside.any() else error != 0,
        spared=_share_exact(error[scale != 0]),
    )


def _usual_error(
    form: Form, face: Face, unit: float, expected: Tensor, squares: Tensor, scale: Tensor
) -> Tensor:
    """What rounding makes of each element at a place, about.

    A sum that grows by terms of one sign errs by its size so far at each of them: of the elements
    at one place some are such sums, and the others' median says nothing of them.
    """
    growing = _GROWING * math.sqrt(_terms(form, face)) * scale
    return unit * torch.maximum(squares.sqrt() + expected.abs(), growing)


def least_told(answer: Answer, *, direct: bool, allowed_bits: int | None) -> float:
    """Of a tap or a bias about the smallest error that ``inspect`` would not take for rounding's.

    Estimated from a part of the operands: the taps themselves are computed once more only where
    something is suspect.

    Args:
        answer: what was computed.
        direct: as of ``inspect``.
        allowed_bits: as of ``inspect``.
    """
    kernel = answer.form.geometry.kernel_size if answer.face == Face.WEIGHT else (1,)
    elements_there = answer.value.numel() // math.prod(kernel)
    index = (0, 0) if answer.face == Face.WEIGHT else (0,)
    stands_out = direct and elements_there >= FEWEST and not _repeats_itself(answer, index)
    terms, unit = _terms(answer.form, answer.face), torch.finfo(answer.value.dtype).eps / 2
    scale = float(terms)
    if answer.face != Face.INPUT_BIAS:
        scale *= _usual(given(answer.form.grad_output))
    if answer.face != Face.BIAS:
        scale *= _usual(given(answer.form.input))
    if stands_out:
        return _LEAST_MEDIAN * OUTLYING * _GROWING * math.sqrt(terms) * unit * scale
    shares = [gamma(terms + 1, unit), 0.0 if direct else _factor(answer) * unit]
    if allowed_bits is not None:
        shares.append(2.0 ** (1 - allowed_bits))
    return max(shares) * scale


def _usual(tensor: Tensor) -> float:
    """The mean absolute value, of some samples and channels."""
    n, c = tensor.shape[:2]
    some = tensor[:: -(-n // 2) or 1, :: -(-c // 8)]
    return float(some.to(torch.float64).abs().mean()) if some.numel() else 0.0


def _share_exact(errors: Tensor) -> float:
    return float((errors == 0).double().mean()) if errors.numel() >= FEWEST else 0.0


def _repeats_itself(answer: Answer, index: tuple[int, ...]) -> bool:
    """Whether many products behind an element are the same, as of a mean's constant G.

    Then its rounding errors add up in one direction, and it may err far more than others do.
    """
    form, (first, *rest) = answer.form, index
    channel = rest[0] if rest else 0
    summed: tuple[Tensor, ...]
    match answer.face:
        case Face.OUTPUT:
            summed = given(form.input)[first], form.weight[channel]
        case Face.INPUT:
            summed = given(form.grad_output)[first], _kernel_of(form, channel)
        case Face.WEIGHT:
            read = _input_of(form, first, channel)
            summed = given(form.grad_output)[:, first], given(form.input)[:, read]
        case Face.BIAS:
            summed = (given(form.grad_output)[:, first],)
        case Face.INPUT_BIAS:
            summed = (given(form.input)[:, first],)
    return math.prod(map(_share_alike, summed)) > _MOST_ALIKE


def _kernel_of(form: Form, channel: int) -> Tensor:
    """The part of K by which an input channel is read."""
    g = form.geometry
    group, within = divmod(channel, g.group_channels[0])
    first = group * g.group_channels[1]
    return form.weight[first : first + g.group_channels[1], within]


def _input_of(form: Form, output: int, within: int) -> int:
    """The input channel that an output's kernel reads as one of its own."""
    group_in, group_out = form.geometry.group_channels
    return output // group_out * group_in + within


def _share_alike(tensor: Tensor) -> float:
    """Of its numbers but zeros, which round nothing, the share of the most frequent one."""
    flat = tensor.reshape(-1)
    some = flat[:: max(1, flat.numel() // _LOOKED_AT)]
    some = some[some != 0]
    if not some.numel():
        return 0.0
    return int(some.unique(return_counts=True)[1].max()) / some.numel()


def are_finite(answer: Answer) -> bool:
    """Whether all that an answer is computed from is finite."""
    form = answer.form
    operands = {
        Face.OUTPUT: (form.input, form.weight, form.bias),
        Face.INPUT: (form.grad_output, form.weight, form.bias),
        Face.WEIGHT: (form.grad_output, form.input),
        Face.BIAS: (form.grad_output,),
        Face.INPUT_BIAS: (form.input,),
    }[answer.face]
    return all(bool(tensor.isfinite().all()) for tensor in operands if tensor is not None)


def extent(answer: Answer, place: Place, *, places: int = 0, of: int = 0) -> str:
    """Where else an answer is off, in words that follow the element's.

    Args:
        answer: what was computed.
        place: with an element that is off.
        places: of its pixels or taps, how many are off; 0 where that is not known.
        of: how many there are.
    """
    assert place.off is not None
    number, total = int(place.off.sum()), place.off.numel()
    kind = "tap" if answer.face == Face.WEIGHT else "pixel"
    at = f" at this {kind}" if len(place.index) > 2 else ""
    said = f", with {number - 1:,} of {total - 1:,} others{at}" if number > 1 else f", alone{at}"
    alike = [
        str(place.index[axis]) if len(hit) == 1 else ":" for axis, hit in enumerate(_hit(place.off))
    ]
    if number > 1 and {*alike} != {":"}:
        said += f", all in {answer.name}[{','.join(alike)}]"
    if places > 1 and at:
        said += f"; {places:,} of {of:,} {kind}s are off"
    return said


def _hit(off: Tensor) -> Iterator[set[int]]:
    """The indices at which something is wrong, axis by axis."""
    for column in off.nonzero().T.tolist():
        yield {*column}


def _bits(relative: float) -> float:
    if relative == 0:
        return math.inf
    return max(0.0, -math.log2(relative)) if math.isfinite(relative) else 0.0


def value_at(value: Tensor, place: tuple[int, ...]) -> Tensor:
    """The elements of an answer at one place, in float64."""
    there = value if not place else value[..., place[0], place[1]]
    return there.to(torch.float64)


def _position(values: Tensor) -> tuple[int, ...]:
    flat = int(values.argmax())
    index: list[int] = []
    for size in reversed(values.shape):
        flat, at = divmod(flat, size)
        index.append(at)
    return tuple(reversed(index))


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def elements(form: Form, face: Face, place: tuple[int, ...], mapped: Mapped = _as_it_is) -> Tensor:
    """What should be at one place, over all samples and channels, in float64.

    Args:
        form: with its operands.
        face: which answer is computed.
        place: a pixel or tap; () of a bias.
        mapped: applied to both operands, and the bias, before they are multiplied.
    """
    geometry, K, b = form.geometry, form.weight, form.bias
    if face in {Face.BIAS, Face.INPUT_BIAS}:
        summed = given(form.grad_output if face == Face.BIAS else form.input)
        return mapped(summed.to(torch.float64)).sum((0, 2, 3))
    row, column = place
    pixel = row, column
    if face == Face.OUTPUT:
        return pointwise.output_at(given(form.input), K, b, geometry, pixel, mapped=mapped)
    G = given(form.grad_output)
    if face == Face.WEIGHT:
        return pointwise.grad_weight_at(G, given(form.input), geometry, pixel, mapped=mapped)
    found = pointwise.grad_input_at(G, K, geometry, pixel, mapped=mapped)
    return found if b is None else found + mapped(b.to(torch.float64))


def _terms(form: Form, face: Face) -> int:
    """The most products behind one element."""
    g = form.geometry
    (group_in, group_out), (kh, kw) = g.group_channels, g.kernel_size
    outputs = g.batch * g.output_size[0] * g.output_size[1]
    inputs = g.batch * g.input_size[0] * g.input_size[1]
    return {
        Face.OUTPUT: group_in * kh * kw + 1,
        Face.INPUT: group_out * kh * kw + 1,
        Face.WEIGHT: outputs,
        Face.BIAS: outputs,
        Face.INPUT_BIAS: inputs,
    }[face]


def _factor(answer: Answer) -> float:
    """The growth that the normwise bound allows a transform; 1 where none is in use."""
    dtype, geometry = answer.value.dtype, answer.form.geometry
    transforms = answer.face in {Face.OUTPUT, Face.INPUT, Face.WEIGHT}
    return growth(dtype) if transforms and can_transform(geometry, dtype) else 1.0
