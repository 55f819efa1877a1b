"""Convolutions with one known fault each, written on the oracle; autograd gives their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry, Pair
from conv_reference.padding_modes import MODES
from conv_reference.quantities import LETTERS, Operator
from conv_reference.verification.model.case import Layout
from conv_reference.verification.trial.trial import Trial
from conv_reference.verification.trial.values import arrange

Forward = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Candidate:
    """A known fault, and the convolution that has it."""

    words: str
    forward: Forward  # of (X, K, b), for one geometry
    forward_only: bool = False  # whether nobody has it in the backward pass alone


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
    for words, mistaken in mistaken_geometries(trial):
        forward_only = words in {_AS_SAME, _HALF, _HALF_UP}
        yield Candidate(words, _cropped(operator, mistaken, g), forward_only=forward_only)
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
    yield from _of_the_end(operator, g, plain)
    yield Candidate(
        "a ReLU is applied to the result: what is negative becomes zero",
        lambda X, K, b: plain(X, K, b).relu(),
    )
    yield from _layout_candidates(trial, plain)


def _of_the_end(operator: Operator, g: Geometry, plain: Forward) -> Iterator[Candidate]:
    if any(g.remainder) and operator.is_convolution:
        yield Candidate(
            "what the stride leaves over of the input is lost, as by an output padding of 0",
            lambda X, K, b: plain(_without_remainder(X, g), K, b),
        )
    for axis, words in ((2, "row"), (3, "column")):
        yield Candidate(
            f"the last {words} of the output is left out",
            lambda X, K, b, axis=axis: _masked(plain(X, K, b), axis),  # type: ignore[misc]  # mypy infers no type for its default
        )


def _without_remainder(X: Tensor, g: Geometry) -> Tensor:
    (h, w), (rows, columns) = g.input_size, g.remainder
    kept = X.clone()
    kept[:, :, h - rows :], kept[:, :, :, w - columns :] = 0, 0
    return kept


_AS_SAME = "the padding is TensorFlow's SAME, whatever is asked for"
_WHATEVER = "is padded on each side, whatever is asked for and whatever the stride"
_HALF, _HALF_UP = f"half the kernel {_WHATEVER}", f"half the kernel, rounded up, {_WHATEVER}"


def _other_geometries(g: Geometry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same call with one argument mistaken."""
    # First: where one axis has a stride, it is as likely as that the other's is used for both.
    yield "the stride is ignored", {"stride": (1, 1)}
    for name in ("stride", "dilation", "padding"):
        value = getattr(g, name)
        yield f"the {name}'s two axes are exchanged", {name: (value[1], value[0])}
        yield f"the {name} of the height is used for both axes", {name: (value[0], value[0])}
        yield f"the {name} of the width is used for both axes", {name: (value[1], value[1])}
    yield "the dilation is ignored", {"dilation": (1, 1)}
    if max(g.dilation) > 1:
        twice = (g.dilation[0] ** 2, g.dilation[1] ** 2)
        yield "the kernel is dilated twice", {"dilation": twice}
    yield "the padding is ignored", {"padding": ((0, 0), (0, 0))}
    if g.padding_mode != "zeros":
        for mode in (mode for mode in MODES if mode != g.padding_mode):
            said = f"the padding is of mode {mode!r}, whatever is asked for"
            yield said, {"padding_mode": mode}
    yield "stride and dilation are exchanged", {"stride": g.dilation, "dilation": g.stride}
    for axis, words in ((0, "height"), (1, "width")):
        sides = [*g.padding]
        first, second = sides[axis]
        if first + second:
            sides[axis] = (0, first + second)
            yield f"all padding of the {words} is put on one side", {"padding": tuple(sides)}
    yield from _one_sided(g)
    yield _AS_SAME, {"padding": _same(g)}
    yield _HALF, {"padding": tuple(((span - 1) // 2,) * 2 for span in g.span)}
    yield _HALF_UP, {"padding": tuple((span // 2,) * 2 for span in g.span)}


def _one_sided(g: Geometry) -> Iterator[tuple[str, dict[str, Any]]]:
    """The padding of both axes on one side of the image, the whole of it or that side's own."""
    if not any(map(sum, g.padding)):
        return
    (top, bottom), (left, right) = g.padding
    whole = (top + bottom, left + right)
    for words, first, second in (
        ("all padding is put behind the image, none before its first row and column", 0, 1),
        ("all padding is put before the image, none behind its last row and column", 1, 0),
    ):
        yield words, {"padding": tuple((first * each, second * each) for each in whole)}
    yield (
        "the image is padded behind its last row and column alone",
        {"padding": ((0, bottom), (0, right))},
    )
    yield (
        "the image is padded before its first row and column alone",
        {"padding": ((top, 0), (left, 0))},
    )


def _same(g: Geometry) -> tuple[tuple[int, int], ...]:
    """What TensorFlow's SAME pads: to ⌈size / stride⌉ outputs, what is odd at the end."""
    sides = []
    for axis in (0, 1):
        size, stride = g.input_size[axis], g.stride[axis]
        span = g.dilation[axis] * (g.kernel_size[axis] - 1) + 1
        total = max(0, (-(-size // stride) - 1) * stride + span - size)
        sides.append((total // 2, total - total // 2))
    return tuple(sides)


def mistaken_geometries(trial: Trial) -> Iterator[tuple[str, Geometry]]:
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
    found = replace(g, input_size=(height, width), **changes)
    if found.output_size != g.output_size:  # a smaller stride reaches the rows that were kept
        raise ValueError(f"no input of {g} with {changes} has an output of {g.output_size}")
    return found


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
    for role, layout in trial.case.layouts.items():
        if role == "grad_output" or layout in {Layout.CONTIGUOUS, Layout.EXPANDED}:
            continue
        tensor = getattr(arranged, role)
        places = torch.as_strided(
            tensor, tensor.shape, _contiguous_strides(tensor), tensor.storage_offset()
        )
        if role == "input":
            forward = lambda X, K, b, at=places: plain(_taken(X, at), K, b)  # noqa: E731 (one of two, side by side)
        else:
            forward = lambda X, K, b, at=places: plain(X, _taken(K, at), b)  # noqa: E731 (one of two, side by side)
        yield Candidate(f"the strides of {LETTERS[role]} are ignored", forward)


def _numbered(tensor: Tensor) -> Tensor:
    """Each element its place: a wrong element then shows from where it was read."""
    return torch.arange(tensor.numel(), dtype=torch.float64).reshape(tensor.shape)


def _taken(tensor: Tensor, places: Tensor) -> Tensor:
    """The elements at these places; NaN where the place is NaN, a gap beside a view."""
    found = tensor.flatten()[places.detach().nan_to_num(0).long()]
    return torch.where(places.isnan(), torch.nan, found)


def _contiguous_strides(tensor: Tensor) -> tuple[int, ...]:
    return torch.empty(tensor.shape, device="meta").stride()
