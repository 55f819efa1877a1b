"""One case put to one target: what every check is handed, and how it calls foreign code."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import Any, TypeVar

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands, can_be_exact
from conv_reference.quantities import FIRST_ORDER, QUANTITIES, Operator
from conv_reference.verification import accelerator
from conv_reference.verification.model.case import Case, Layout, Values
from conv_reference.verification.model.domain import OutsideError
from conv_reference.verification.model.judgement import Judgement, Quantity
from conv_reference.verification.target import lines
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.judge import Expected, can_transform, growth, judge
from conv_reference.verification.trial.levels import entered, undone
from conv_reference.verification.trial.values import arrange, case_operands

Question = TypeVar("Question")


class TargetRaised(Exception):  # noqa: N818 (an observation, not an error of ours)
    """The target threw where it should have answered; the cause is its own error."""

    def __init__(self, error: BaseException, quantity: str | Quantity) -> None:
        super().__init__(f"{type_name(error)}: {message_of(error)}")
        self.error = error
        self.quantity = str(quantity)
        self.mapped = quantity if isinstance(quantity, Quantity) else None
        self.observed: dict[str, Any] = {}  # what it had answered before
        self.left = ""  # what it had left entered, which is undone
        self.under = ""  # the circumstances, where they are no ordinary ones: see ``under``
        self.others: list[TargetRaised] = []  # that other questions of its case raised


class LeftEnteredError(RuntimeError):
    """A call has changed how torch works for all that comes later."""


def _nobody(_: str) -> None:
    """Nobody is told."""


_reported: Callable[[str], None] = _nobody


def report_requests(reported: Callable[[str], None]) -> None:
    """Before each call of the target from now on, what it is to compute: "Y", "dX dK"."""
    global _reported  # noqa: PLW0603 (a process has one target)
    _reported = reported


@contextmanager
def target_code(quantity: str | Quantity, *others: str) -> Iterator[None]:
    """Around every call into foreign code: what it throws is an observation, not our fault.

    Args:
        quantity: what was requested, for the report.
        *others: what the same call computes, too.

    Raises:
        TargetRaised: in place of whatever was thrown, ``SystemExit`` and what else is no
            ``Exception`` included; but a user's interrupt stays one. And where a mode or a level
            was left entered, which is undone: the judge's own numbers would be made under it.
    """
    before, trace = entered(), lines.tracer()
    _reported(" ".join((str(quantity), *others)))
    raised = None
    if trace is not None:
        sys.settrace(trace)
    try:
        yield
        accelerator.wait()  # what went wrong there is this call's, and no later one's
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raised = TargetRaised(error, quantity)
        raise raised from error
    finally:
        if trace is not None:
            sys.settrace(None)
        left = undone(before)
        if raised is not None:
            raised.left = left
    if left:
        raise TargetRaised(LeftEnteredError(left), quantity)


@contextmanager
def each_asked() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Around several questions of one case: what raises in one hides no answer to another.

    Yields:
        What stands around one question.

    Raises:
        TargetRaised: at the end, the first that was raised, with the others; one of the judge's own
            refusals only where there is no other.
    """
    raised: list[TargetRaised] = []

    @contextmanager
    def one() -> Iterator[None]:
        try:
            yield
        except TargetRaised as error:
            raised.append(error)

    yield one
    if raised:
        raised.sort(key=lambda each: isinstance(each.error, OutsideError))
        first, *first.others = raised
        raise first


@contextmanager
def under(circumstances: str) -> Iterator[None]:
    """Around calls under circumstances that are no ordinary ones: what they raise names them."""
    try:
        yield
    except TargetRaised as raised:
        raised.under = raised.under or circumstances
        raise


@dataclass(frozen=True)
class Trial:
    """One case put to one target."""

    target: Target
    case: Case
    seed: int  # of the run
    device: torch.device
    allowed_bits: int | None = None  # the precision that the user allows
    strict: bool = False  # whether a refusal on purpose is a failure
    # Where in its code the target's backward pass was seen to refuse a layout of G.
    refused_at: frozenset[str] = frozenset()
    brief: bool = False  # whether many cases are to come, each asked a few of its questions
    # Of a check that makes calls of several kinds before its own: those that it makes, in this
    # order; all of its kinds where empty.
    before: tuple[str, ...] = ()

    def some(self, questions: Iterable[Question], about: str = "") -> list[Question]:
        """All of them; where the trial is brief, one, drawn anew for each case.

        Args:
            questions: in a fixed order.
            about: distinguishes one choice from the next.
        """
        every = list(questions)
        if not self.brief or not every:
            return every
        return [Random(f"{self.key} {about}").choice(every)]

    @property
    def key(self) -> str:
        """What choices among questions are drawn from: over other values they are the same."""
        return f"{self.seed} {replace(self.case, values=Values.BALANCED)}"

    def writable(self) -> Trial:
        """The trial without expanded operands, whose elements cannot be written one by one."""
        return replace(self, case=self.case.without(Layout.EXPANDED))

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

    @property
    def has_room(self) -> bool:
        """Whether there are integers for which Y and its gradients are exact here."""
        return can_be_exact(self.case.geometry, self.case.dtype, self.target.operator)

    @cached_property
    def operands(self) -> Operands:
        """The judge's private copies: contiguous, on the CPU, never shown to the target."""
        return case_operands(self.case, self.seed, self.target.operator)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Those of Y, dX, dK and db, as the target has them."""
        return own_shapes(self.target, self.case.geometry)

    def call(self, operands: Operands | None = None, **changes: Any) -> Call:
        """A call on fresh copies, arranged as the case says.

        Args:
            operands: in place of the case's own; contiguous, on the CPU.
            **changes: of the case, such as another layout or ``requires_grad``.

        Raises:
            TargetRaised: when a layer cannot be constructed.
            OutsideError: when the case is outside of the target's domain.
        """
        if "requires_grad" in changes:
            changes["requires_grad"] = self.target.handed(changes["requires_grad"])
        case = replace(self.case, **changes) if changes else self.case
        if case.geometry not in self.target.domain:
            raise OutsideError(f"{case.geometry}")
        arranged = arrange(self.operands if operands is None else operands, case, self.device)
        self.target.about_to(case)
        if accelerator.is_another(self.device):  # the processor's allocator does it by itself
            shapes = own_shapes(self.target, case.geometry).values()
            accelerator.soil(shapes, case.dtype, self.device)
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
        geometry, operator = self.case.geometry, self.target.operator
        own = given.by_role(torch.float64)
        if not self.case.bias:
            del own["bias"]
        shapes = self.shapes
        return {
            name: Expected(
                value=_shaped(operator.first(name, own, geometry), shapes[name]),
                scale=partial(_scale, operator, name, own, geometry, shapes[name]),
                terms=operator.terms(name, geometry),
                dtype=self.case.dtype,
                device=self.device,
                product=partial(greatest_product, [own[r] for r in QUANTITIES[name].factors]),
                # db is a plain sum, which nobody transforms.
                transform=name != "db" and can_transform(geometry, self.case.dtype),
            )
            for name in only
            if name != "db" or self.case.bias
        }


def own_shapes(target: Target, geometry: Geometry) -> dict[str, tuple[int, ...]]:
    """The shapes that Y, dX, dK and db have for this target."""
    return {name: target.own_shape(q.of, geometry) for name, q in QUANTITIES.items()}


def _shaped(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """In the target's own shape, which nearly always is the oracle's: a view would cost more."""
    return tensor if tensor.shape == shape else tensor.reshape(shape)


def greatest_product(tensors: Iterable[Tensor]) -> float:
    """The greatest absolute product of two elements, each of another tensor (or of one alone)."""
    greatest = sorted(float(t.abs().max()) if t.numel() else 0.0 for t in tensors)
    return math.prod(greatest[-2:])


def _scale(
    operator: Operator,
    name: str,
    operands: Mapping[str, Tensor],
    geometry: Geometry,
    shape: tuple[int, ...],
) -> Tensor:
    """The sum of the absolute products behind each element."""
    absolute = {role: tensor.abs() for role, tensor in operands.items()}
    return operator.first(name, absolute, geometry).reshape(shape)
