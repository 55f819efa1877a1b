"""A layer that convolves with another kernel than its parameter: one that it computes from it.

Of a standardised, normalised or quantised kernel neither Y nor dK is what the parameter says, and
each of them would be called wrong for it. With which kernel it does convolve shows over impulses,
every element of X one in a sample of its own: where that explains all of Y, and does not add up as
kernels do, it is computed. A kernel that is flipped, exchanged or scaled adds up: that is a fault.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.quantities import CONV2D
from conv_reference.verification.model.case import CERTIFICATE, Case
from conv_reference.verification.model.digits import digits
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code

_GEOMETRY = Geometry.parse("n1 c2 h5 w7 o3 k2x3")
_MOST_NUMBERS = 10_000_000  # of X
_ALIKE, _ADDS_UP = 1e-3, 3e-4  # relative to the greatest element; eight bits are finer than that


def computed_kernel(trial: Trial) -> str:
    """With what it convolves in place of its parameter, in a clause; empty where that is its own.

    Args:
        trial: of a layer, and of a case of impulses.
    """
    try:
        return _Asked(trial).said()
    except TargetRaised:  # a case that is judged will say so
        return ""


def why_not_judged(name: str, said: str) -> str:
    """Why a layer is not judged that computes its kernel.

    Args:
        name: of the target.
        said: of its kernel, see ``computed_kernel``.
    """
    return (
        f"cannot verify {name!r}: it convolves with another kernel than its parameter, one that it "
        f"computes from it (standardised, normalised or rounded, say): {said}; accepted is a "
        "function of the input and the kernel that it convolves with"
    )


def case_of_impulses(target: Target) -> Case | None:
    """A small case with as many samples as X has elements; None where the target takes none.

    Of a function the kernel is an argument: what else it convolves with is a fault.
    """
    if not target.holds_kernel or not target.operator.is_convolution:
        return None
    dtype = torch.float64 if target.over_arrays else torch.float32
    case = Case(check=CERTIFICATE, geometry=_GEOMETRY, dtype=dtype, requires_grad="", bias=False)
    found = target.restrict(case)
    count = math.prod(found.geometry.input_shape[1:])
    whole = replace(found, geometry=replace(found.geometry, batch=count))
    possible = target.restrict(whole) == whole and count**2 <= _MOST_NUMBERS
    return whole if possible and found.geometry.padding_mode == "zeros" else None


class _Asked:
    """What a layer makes of impulses."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._geometry = trial.case.geometry
        count = self._geometry.batch
        self._impulses = torch.eye(count, dtype=trial.case.dtype).reshape(
            self._geometry.input_shape
        )

    def said(self) -> str:
        """See ``computed_kernel``."""
        generator = torch.Generator().manual_seed(0)
        first, second = (self._drawn(generator) for _ in range(2))
        own = self._kernel(first)
        if own is None or _is(own, first, _ALIKE):
            return ""
        others = [self._kernel(kernel) for kernel in (second, first + second, first)]
        if any(other is None for other in others):
            return ""
        other, both, again = (kernel for kernel in others if kernel is not None)
        settled = _is(again, own, _ADDS_UP) and not _is(other, own, _ALIKE)
        if not settled or _is(both, own + other, _ADDS_UP) or not self._explains(own, first):
            return ""
        place = int((own - first).abs().argmax())
        was, became = float(first.flatten()[place]), float(own.flatten()[place])
        return f"where that is {digits(was)}, it convolves with {became:.6g}"

    def _drawn(self, generator: torch.Generator) -> Tensor:
        shape = self._geometry.weight_shape
        return torch.randint(1, 5, shape, generator=generator, dtype=self._trial.case.dtype)

    def _kernel(self, weight: Tensor) -> Tensor | None:
        """The kernel that explains its answer to impulses; None where none does."""
        Y = self._answer(self._impulses, weight)
        kernel = None if Y is None else _read_out(Y, self._geometry)
        if Y is None or kernel is None:
            return None
        return kernel if self._convolves(self._impulses, kernel, Y) else None

    def _explains(self, kernel: Tensor, weight: Tensor) -> bool:
        """Whether the kernel explains its answer to other numbers: Y may be what is computed of."""
        generator = torch.Generator().manual_seed(1)
        X = torch.randint(-4, 5, self._geometry.input_shape, generator=generator)
        X = X.to(self._trial.case.dtype)
        Y = self._answer(X, weight)
        return Y is not None and self._convolves(X, kernel, Y)

    def _convolves(self, X: Tensor, kernel: Tensor, Y: Tensor) -> bool:
        operands = {"input": X.double(), "weight": kernel}
        return _is(Y, CONV2D.first("Y", operands, self._geometry), _ADDS_UP)

    def _answer(self, X: Tensor, weight: Tensor) -> Tensor | None:
        """Y as the oracle has it; None where it is of another shape, or no tensor."""
        g, dtype = self._geometry, self._trial.case.dtype
        bias = torch.zeros(g.out_channels, dtype=dtype)
        operands = Operands(X, weight, bias, torch.zeros(g.output_shape, dtype=dtype))
        with target_code("Y"), torch.no_grad():
            Y = self._trial.call(operands).forward()
        if not isinstance(Y, Tensor) or Y.numel() != math.prod(g.output_shape):
            return None
        return Y.detach().to("cpu", torch.float64).reshape(g.output_shape)


def _read_out(Y: Tensor, g: Geometry) -> Tensor | None:
    """The kernel of a window that lies inside of the image; None where no window does."""
    places = [
        next((i for i in range(size) if 0 <= i * s - p[0] <= extent - d * (k - 1) - 1), None)
        for size, s, p, d, k, extent in zip(
            g.output_size, g.stride, g.padding, g.dilation, g.kernel_size, g.input_size, strict=True
        )
    ]
    if None in places:
        return None
    (y, x) = (place for place in places if place is not None)
    begins = [i * s - p[0] for i, s, p in zip((y, x), g.stride, g.padding, strict=True)]
    rows, columns = (
        torch.tensor([begin + tap * d for tap in range(k)])
        for begin, d, k in zip(begins, g.dilation, g.kernel_size, strict=True)
    )
    answers = Y[:, :, y, x].reshape(*g.input_shape[1:], g.out_channels)
    taps = answers[:, rows][:, :, columns].permute(3, 0, 1, 2)  # (o, c, kh, kw)
    per_group, channels = g.out_channels // g.groups, g.in_channels // g.groups
    parts = [
        taps[n * per_group : (n + 1) * per_group, n * channels : (n + 1) * channels]
        for n in range(g.groups)
    ]
    return torch.cat(parts)


def _is(found: Tensor, value: Tensor, tolerance: float) -> bool:
    value = value.double()
    return bool(((found - value).abs() <= tolerance * value.abs().max()).all())
