"""A guess at the cause: which known fault would have given just this answer.

Each candidate is a convolution with one fault in it, written on the oracle. Its gradients come
from autograd, so that a fault in the backward pass alone is met as well. A guess is made only
where the candidate gives every element that the implementation gave, on dense values; of
several, it is the one that fits most of the other failing cases, and one that fits none of
them is not made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry, Pair
from conv_reference.operands import Operands
from conv_reference.quantities import Operator
from conv_reference.verification.model.case import Layout, Values
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised, Trial
from conv_reference.verification.trial.values import arrange

Forward = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Candidate:
    """A known fault, and the convolution that has it."""

    words: str
    forward: Forward  # of (X, K, b), for one geometry


def guess(trial: Trial, quantity: str, others: Sequence[Trial] = ()) -> str:
    """The known fault that fits, as a sentence; empty where none or no answer does.

    Args:
        trial: the smallest failing case, which many faults fit.
        quantity: Y, dX, dK or db.
        others: further failing cases, which fewer fit.
    """
    fitting = _fitting(trial, quantity)
    if not fitting:
        return ""
    votes = [met for other in others if (met := _fitting(other, quantity)) is not None]
    best = max(fitting, key=lambda words: sum(words in met for met in votes))
    return f"Perhaps {best}." if not votes or any(best in met for met in votes) else ""


def _fitting(trial: Trial, quantity: str) -> list[str] | None:
    """The known faults that fit, in words; None where the case does not show the fault."""
    dense = _dense(trial)
    value = _answer(dense, quantity)
    if value is None:
        return None
    expected = dense.expect(only=(quantity,))[quantity].value
    if value.numel() == 0 or expected.numel() == 0:
        return None  # every fault fits what has no element
    if value.shape != expected.shape:
        return list(_of_another_shape(dense, quantity, value))
    if torch.equal(value, expected):
        return None
    return list(_of_this_shape(dense, quantity, value, expected))


def _answer(trial: Trial, quantity: str) -> Tensor | None:
    try:
        actual = observe(trial.call()).get(quantity)
    except TargetRaised:
        return None
    return actual.detach().to("cpu", torch.float64) if isinstance(actual, Tensor) else None


def _of_this_shape(trial: Trial, quantity: str, value: Tensor, expected: Tensor) -> Iterator[str]:
    for words, fits in _patterns(trial, quantity, value, expected):
        if fits:
            yield words
    has_kernel = trial.target.operator.place("weight") == "weight"
    for candidate in candidates(trial) if has_kernel else ():
        if _fits(trial, quantity, candidate, value):
            yield candidate.words
    # An infinity is what overflows; what fills fresh memory is none.
    if bool((value.isnan() | (value.isfinite() & (value.abs() > 1e30))).any()):
        yield "memory is read that was never written, or a gap beside a view"


def _of_another_shape(trial: Trial, quantity: str, value: Tensor) -> Iterator[str]:
    """Which mistaken argument gives Y just this shape, and these values."""
    if quantity != "Y":
        return
    o = trial.operands
    X, K, b = (t.to(torch.float64) for t in (o.input, o.weight, o.bias))
    given = {"input": X, "weight": K} | ({"bias": b} if trial.case.bias else {})
    for words, changes in _mistaken_geometries(trial):
        try:
            Y = trial.target.operator.first("Y", given, changes)
        except ValueError:  # no such convolution
            continue
        if Y.numel() == value.numel() and torch.equal(Y.reshape(value.shape), value):
            yield words


def _dense(trial: Trial) -> Trial:
    case = trial.case
    if trial.has_room and not case.values.heavy:
        case = replace(case, values=Values.BALANCED)
    return replace(trial, case=case)


def _patterns(
    trial: Trial, quantity: str, value: Tensor, expected: Tensor
) -> Iterator[tuple[str, bool]]:
    """Faults that the answer itself tells, without a convolution that has them."""
    yield "the result is never computed: it is zero throughout", bool((value == 0).all())
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
    for words, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        yield (
            f"operands are rounded to {words} on the way",
            trial.case.dtype != dtype and _downcast(trial, quantity, value, dtype),
        )
    yield (
        "operands are rounded to ten bits on the way, as TF32 does",
        trial.case.dtype == torch.float32 and _downcast(trial, quantity, value, None),
    )


def _of_ones(trial: Trial, quantity: str) -> Tensor:
    G = torch.ones_like(trial.operands.grad_output)
    operands = replace(trial.operands, grad_output=G)
    return trial.expect(operands, only=(quantity,))[quantity].value


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


def _downcast(trial: Trial, quantity: str, value: Tensor, dtype: torch.dtype | None) -> bool:
    def lower(tensor: Tensor) -> Tensor:
        if dtype is None:
            bits = tensor.to(torch.float32).view(torch.int32)
            return ((bits + 0xFFF + ((bits >> 13) & 1)) & -0x2000).view(torch.float32)
        return tensor.to(dtype)

    o = trial.operands
    lowered = Operands(
        input=lower(o.input).to(o.input.dtype),
        weight=lower(o.weight).to(o.input.dtype),
        bias=o.bias,
        grad_output=lower(o.grad_output).to(o.input.dtype),
    )
    return torch.equal(trial.expect(lowered, only=(quantity,))[quantity].value, value)


def candidates(trial: Trial) -> Iterator[Candidate]:
    """Every fault that can be had on the trial's geometry."""
    g = trial.case.geometry

    operator = trial.target.operator

    def plain(X: Tensor, K: Tensor, b: Tensor | None) -> Tensor:
        given = {"input": X, "weight": K} | ({} if b is None else {"bias": b})
        return operator.first("Y", given, g)

    yield Candidate(
        "the kernel is flipped: a true convolution in place of the cross-correlation",
        lambda X, K, b: plain(X, K.flip(2, 3), b),
    )
    if g.kernel_size[0] == g.kernel_size[1]:
        yield Candidate(
            "the kernel's height and width are exchanged",
            lambda X, K, b: plain(X, K.transpose(2, 3), b),
        )
    if g.group_channels[0] == g.group_channels[1]:
        yield Candidate(
            "the kernel's input and output channels are exchanged",
            lambda X, K, b: plain(X, _exchanged(K, g), b),
        )
    for words, mistaken in _mistaken_geometries(trial):
        yield Candidate(words, _cropped(operator, mistaken, g))
    if g.groups > 1:
        yield Candidate(
            "every group reads the first group's channels",
            lambda X, K, b: plain(_first_group(X, g.groups), K, b),
        )
    if g.batch > 1:
        yield Candidate(
            "every sample is taken for the first one",
            lambda X, K, b: plain(X[:1].expand_as(X), K, b),
        )
        yield Candidate("the last sample is left out", lambda X, K, b: _masked(plain(X, K, b), 0))
    if trial.case.bias:
        yield Candidate("the bias is not added", lambda X, K, _: plain(X, K, None))
        yield Candidate(
            "the bias is added twice",
            lambda X, K, b: plain(X, K, None if b is None else 2 * b),
        )
    for words, tap in (("first", 0), ("last", -1)):
        yield Candidate(
            f"the kernel's {words} tap is left out",
            lambda X, K, b, tap=tap: plain(X, _without_tap(K, tap), b),  # type: ignore[misc]  # mypy infers no type for its default
        )
    for axis, words in ((2, "row"), (3, "column")):
        yield Candidate(
            f"the last {words} of the output is left out",
            lambda X, K, b, axis=axis: _masked(plain(X, K, b), axis),  # type: ignore[misc]  # mypy infers no type for its default
        )
    yield from _layout_candidates(trial, plain)


def _other_geometries(g: Geometry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same call with one argument mistaken."""
    for name in ("stride", "dilation", "padding"):
        value = getattr(g, name)
        yield f"the {name}'s two axes are exchanged", {name: (value[1], value[0])}
        yield f"the {name} of the height is used for both axes", {name: (value[0], value[0])}
        yield f"the {name} of the width is used for both axes", {name: (value[1], value[1])}
    yield "the dilation is ignored", {"dilation": (1, 1)}
    yield "the padding is ignored", {"padding": ((0, 0), (0, 0))}
    yield "stride and dilation are exchanged", {"stride": g.dilation, "dilation": g.stride}
    for axis, words in ((0, "height"), (1, "width")):
        sides = [*g.padding]
        first, second = sides[axis]
        if first + second:
            sides[axis] = (0, first + second)
            yield f"all padding of the {words} is put on one side", {"padding": tuple(sides)}


def _mistaken_geometries(trial: Trial) -> Iterator[tuple[str, Geometry]]:
    """The same, X and K in the same shapes; without those of which there is no convolution."""
    g, operator = trial.case.geometry, trial.target.operator
    transposed = operator.place("input") == "grad_output"
    for words, changes in _other_geometries(g):
        with suppress(ValueError):
            yield words, _with_output(g, changes) if transposed else replace(g, **changes)
    with suppress(ValueError):
        if transposed and any(g.remainder):
            yield "the output padding is ignored", _with_output(g, {}, remainder=(0, 0))


def _with_output(g: Geometry, changes: dict[str, Any], remainder: Pair | None = None) -> Geometry:
    """A geometry with the changes, whose input is such that the output keeps its size.

    Raises:
        ValueError: where there is none.
    """
    kept = g.remainder if remainder is None else remainder
    names = ("stride", "padding", "dilation")
    stride, padding, dilation = (changes.get(name, getattr(g, name)) for name in names)
    height, width = (
        (g.output_size[a] - 1) * stride[a]
        + dilation[a] * (g.kernel_size[a] - 1)
        + 1
        + kept[a]
        - sum(padding[a])
        for a in (0, 1)
    )
    return replace(g, input_size=(height, width), **changes)


def _cropped(operator: Operator, mistaken: Geometry, g: Geometry) -> Forward:
    """The output of a mistaken geometry, cropped or filled with zeros to the right size."""
    height, width = operator.shape("grad_output", g)[2:]

    def forward(X: Tensor, K: Tensor, b: Tensor | None) -> Tensor:
        Y = operator.first("Y", {"input": X, "weight": K}, mistaken)
        Y = Y[:, :, :height, :width]
        Y = torch.nn.functional.pad(Y, (0, width - Y.shape[3], 0, height - Y.shape[2]))
        return Y if b is None else Y + b[:, None, None]

    return forward


def _exchanged(K: Tensor, g: Geometry) -> Tensor:
    groups, (_, group_out) = g.groups, g.group_channels
    split = K.reshape(groups, group_out, *K.shape[1:])
    return split.transpose(1, 2).reshape(K.shape)


def _first_group(X: Tensor, groups: int) -> Tensor:
    return X[:, : X.shape[1] // groups].repeat(1, groups, 1, 1)


def _masked(Y: Tensor, axis: int) -> Tensor:
    mask = torch.ones(Y.shape[axis], dtype=Y.dtype)
    mask[-1] = 0
    return Y * mask.reshape([-1 if place == axis else 1 for place in range(4)])


def _without_tap(K: Tensor, tap: int) -> Tensor:
    mask = torch.ones(K.shape[2] * K.shape[3], dtype=K.dtype)
    mask[tap] = 0
    return K * mask.reshape(K.shape[2:])


def _layout_candidates(trial: Trial, plain: Any) -> Iterator[Candidate]:
    """An operand's memory read as if it were contiguous."""
    o = trial.operands
    numbered = replace(o, input=_numbered(o.input), weight=_numbered(o.weight))
    arranged = arrange(numbered, trial.case, torch.device("cpu"))
    for role, letter in (("input", "X"), ("weight", "K")):
        if getattr(trial.case, f"{role}_layout") in {Layout.CONTIGUOUS, Layout.EXPANDED}:
            continue
        tensor = getattr(arranged, role)
        places = torch.as_strided(
            tensor, tensor.shape, _contiguous_strides(tensor), tensor.storage_offset()
        )
        if letter == "X":
            forward = lambda X, K, b, at=places: plain(_taken(X, at), K, b)  # noqa: E731 (one of two, side by side)
        else:
            forward = lambda X, K, b, at=places: plain(X, _taken(K, at), b)  # noqa: E731 (one of two, side by side)
        yield Candidate(f"the strides of {letter} are ignored", forward)


def _numbered(tensor: Tensor) -> Tensor:
    """Each element its place: what is then read elsewhere tells from where."""
    return torch.arange(tensor.numel(), dtype=torch.float64).reshape(tensor.shape)


def _taken(tensor: Tensor, places: Tensor) -> Tensor:
    """The elements at these places; NaN where the place is NaN, a gap beside a view."""
    found = tensor.flatten()[places.detach().nan_to_num(0).long()]
    return torch.where(places.isnan(), torch.nan, found)


def _contiguous_strides(tensor: Tensor) -> tuple[int, ...]:
    return torch.empty(tensor.shape, device="meta").stride()


def _fits(trial: Trial, quantity: str, candidate: Candidate, value: Tensor) -> bool:
    o = trial.operands
    X, K, b, G = (t.to(torch.float64) for t in (o.input, o.weight, o.bias, o.grad_output))
    leaves = [X.requires_grad_(), K.requires_grad_(), b.requires_grad_()]
    try:
        Y = candidate.forward(X, K, b if trial.case.bias else None)
    except (ValueError, RuntimeError):  # no such convolution
        return False
    if quantity == "Y":
        found = Y.detach()
    else:
        gradients = torch.autograd.grad(Y, leaves, G, allow_unused=True)
        gradient = dict(zip(("dX", "dK", "db"), gradients, strict=True))[quantity]
        if gradient is None:
            return False
        found = gradient
    found = found.reshape(value.shape)
    return bool(((found == value) | (found.isnan() & value.isnan())).all())
