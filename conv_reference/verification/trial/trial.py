"""One case put to one target: what every check is handed, and how it calls foreign code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import Any, TypeVar

import torch
from torch import Tensor

from conv_reference import functional
from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.verification.model.case import Case, Values
from conv_reference.verification.model.judgement import Quantity
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.judge import (
    Expected,
    Judgement,
    can_transform,
    growth,
    judge,
)
from conv_reference.verification.trial.values import arrange, case_operands

FIRST_ORDER = ("Y", "dX", "dK", "db")
Question = TypeVar("Question")


class TargetRaised(Exception):  # noqa: N818 (an observation, not an error of ours)
    """The target threw where it should have answered; the cause is its own error."""

    def __init__(self, error: BaseException, quantity: str | Quantity) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error
        self.quantity = str(quantity)
        self.mapped = quantity if isinstance(quantity, Quantity) else None
        self.observed: dict[str, Any] = {}  # what it had answered before


@contextmanager
def target_code(quantity: str | Quantity) -> Iterator[None]:
    """Around every call into foreign code: what it throws is an observation, not our fault.

    Args:
        quantity: what was asked for, for the report.

    Raises:
        TargetRaised: in place of whatever was thrown, ``SystemExit`` and what else is no
            ``Exception`` included; but a user's interrupt stays one. And where torch's default
            device was changed, which is put back: the judge's own tensors would be made there.
    """
    before = _default_device()
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise TargetRaised(error, quantity) from error
    finally:
        after = _default_device()
        if after != before:
            torch.set_default_device(None)
    if after != before:
        raise TargetRaised(RuntimeError(f"torch's default device was set to {after}"), quantity)


def _default_device() -> torch.device:
    return torch.empty(0).device  # in a fifth of the time that torch.get_default_device takes


@dataclass(frozen=True)
class Trial:
    """One case put to one target."""

    target: Target
    case: Case
    seed: int  # of the run
    device: torch.device
    allowed_bits: int | None = None  # the precision that the user allows
    brief: bool = False  # whether many cases are to come, each asked a few of its questions

    def some(self, questions: Iterable[Question], about: str = "") -> list[Question]:
        """All of them; where the trial is brief, one, drawn anew for each case.

        Args:
            questions: in a fixed order.
            about: tells one choice from the next.
        """
        every = list(questions)
        if not self.brief or not every:
            return every
        return [Random(f"{self.key} {about}").choice(every)]

    @property
    def key(self) -> str:
        """What choices among questions are drawn from: over other values they are the same."""
        return f"{self.seed} {replace(self.case, values=Values.BALANCED)}"

    def judge(
        self, row: str, quantity: str, actual: Any, expected: Expected, *, real: bool = False
    ) -> Judgement:
        """Exact, rounded or wrong, to the precision that the user allows; see ``judge``.

        Args:
            row: of the report, that the judgement belongs to.
            quantity: Y, dX, dK, db or another name.
            actual: what the target answered; None is a missing gradient.
            expected: what the oracle says.
            real: whether the operands are real, so that rounding is no flaw.
        """
        return judge(row, quantity, actual, expected, allowed_bits=self.allowed_bits, real=real)

    @property
    def normwise_allowance(self) -> float:
        """The error that a transform may make, relative to the greatest sum of products."""
        dtype = self.case.dtype
        factor = growth(dtype) if can_transform(self.case.geometry, dtype) else 1.0
        own = torch.finfo(dtype).eps / 2 * factor
        return own if self.allowed_bits is None else max(own, 2.0 ** (1 - self.allowed_bits))

    @cached_property
    def operands(self) -> Operands:
        """The judge's private copies: contiguous, on the CPU, never shown to the target."""
        return case_operands(self.case, self.seed)

    def call(self, operands: Operands | None = None, **changes: Any) -> Call:
        """A call on fresh copies, arranged as the case says.

        Args:
            operands: in place of the case's own; contiguous, on the CPU.
            **changes: of the case, such as another layout or ``requires_grad``.

        Raises:
            TargetRaised: when a layer cannot be constructed.
        """
        case = replace(self.case, **changes) if changes else self.case
        arranged = arrange(self.operands if operands is None else operands, case, self.device)
        self.target.about_to(case)
        with target_code("Y"):
            return self.target.prepare(case, arranged)

    def expect(
        self, operands: Operands | None = None, *, only: tuple[str, ...] = FIRST_ORDER
    ) -> dict[str, Expected]:
        """The oracle's Y, dX, dK and db, in the target's own shapes, as float64 on the CPU.

        Args:
            operands: in place of the case's own.
            only: those of the four that are wanted.
        """
        given = self.operands if operands is None else operands
        geometry, target = self.case.geometry, self.target
        X, K, b, G = (
            tensor.to(torch.float64)
            for tensor in (given.input, given.weight, given.bias, given.grad_output)
        )
        bias = b if self.case.bias else None
        shapes = own_shapes(target, geometry)
        terms = term_counts(geometry)

        return {
            name: Expected(
                value=_quantity(name, X, K, bias, G, geometry).reshape(shapes[name]),
                scale=partial(_scale, name, X, K, bias, G, geometry, shapes[name]),
                terms=terms[name],
                dtype=self.case.dtype,
                device=self.device,
                product=partial(greatest_product, _factors(name, X, K, G)),
                # db is a plain sum, which nobody transforms.
                transform=name != "db" and can_transform(geometry, self.case.dtype),
            )
            for name in only
            if name != "db" or bias is not None
        }


def own_shapes(target: Target, geometry: Geometry) -> dict[str, tuple[int, ...]]:
    """The shapes that Y, dX, dK and db have for this target."""
    return {
        "Y": target.own_shape(geometry.output_shape),
        "dX": target.own_shape(geometry.input_shape),
        "dK": target.weight_shape(geometry),
        "db": (geometry.out_channels,),
    }


def term_counts(geometry: Geometry) -> dict[str, int]:
    """The most products behind one element of each quantity, at least 1."""
    (group_in, group_out), (kh, kw) = geometry.group_channels, geometry.kernel_size
    positions = max(1, geometry.batch * geometry.output_size[0] * geometry.output_size[1])
    return {
        "Y": group_in * kh * kw + 1,
        "dX": group_out * kh * kw,
        "dK": positions,
        "db": positions,
    }


def greatest_product(tensors: Iterable[Tensor]) -> float:
    """The greatest absolute product of two elements, each of another tensor (or of one alone)."""
    greatest = sorted(float(t.abs().max()) if t.numel() else 0.0 for t in tensors)
    return math.prod(greatest[-2:])


def _factors(name: str, X: Tensor, K: Tensor, G: Tensor) -> tuple[Tensor, ...]:
    return {"Y": (X, K), "dX": (G, K), "dK": (G, X), "db": (G,)}[name]


def _scale(
    name: str,
    X: Tensor,
    K: Tensor,
    b: Tensor | None,
    G: Tensor,
    geometry: Geometry,
    shape: tuple[int, ...],
) -> Tensor:
    """The sum of the absolute products behind each element."""
    absolute = None if b is None else b.abs()
    return _quantity(name, X.abs(), K.abs(), absolute, G.abs(), geometry).reshape(shape)


def _quantity(
    name: str, X: Tensor, K: Tensor, b: Tensor | None, G: Tensor, geometry: Geometry
) -> Tensor:
    if name == "Y":
        Y = functional.output(X, K, geometry)
        return Y if b is None else Y + b[:, None, None]
    if name == "dX":
        return functional.grad_input(G, K, geometry)
    if name == "dK":
        return functional.grad_weight(G, X, geometry)
    return functional.grad_bias(G)
