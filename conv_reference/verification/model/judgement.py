"""What is found of one case, as data: nothing downstream reads a sentence back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.model.result import Verdict

if TYPE_CHECKING:  # it needs torch, for which the command's --help does not wait
    from conv_reference.verification.model.case import Case

NO_GRADIENT = "no gradient"  # found in place of one
# In what is raised: dtypes, by whatever name, and sizes; not the line of a file.
_DTYPES = r"\b(?:torch\.)?(?:b?float|complex|u?int)\d+\b|\b(?:Half|BFloat16|Float|Double)\b"
_OF_A_CASE = re.compile(rf"{_DTYPES}|(?<!\.py:)(?<!\d)-?\d+(?:, ?-?\d+)*")


@dataclass(frozen=True)
class Quantity:
    """What is requested, where it is mapped over a further dimension (``torch.func.vmap``).

    >>> str(Quantity("Y", ("X", "K"), (1, 0)))
    'Y mapped over X (in_dims 1), K (in_dims 0)'
    """

    name: str  # Y, dX, dK or db
    mapped_over: tuple[str, ...] = ()  # letters of the operands
    in_dims: tuple[int, ...] = ()  # of each; empty where they are the first
    nested: bool = False  # whether one is mapped over around the next, not all at once

    @property
    def alike(self) -> Quantity:
        """Without the dimensions, which are drawn anew for each case."""
        return replace(self, in_dims=()) if self.in_dims else self

    def __str__(self) -> str:
        dims = [f" (in_dims {dim})" for dim in self.in_dims] or [""] * len(self.mapped_over)
        operands = [letter + dim for letter, dim in zip(self.mapped_over, dims, strict=True)]
        return f"{self.name} mapped over {(' around ' if self.nested else ', ').join(operands)}"


def without_what_differs(message: str) -> str:
    """A message without sizes and dtypes, which differ from case to case.

    >>> without_what_differs("no kernel of 3, 5 in torch.bfloat16 (at conv.py:12)")
    'no kernel of # in # (at conv.py:12)'
    """
    return _OF_A_CASE.sub("#", message)


@dataclass(frozen=True)
class Thrown:
    """What a target threw where it should have answered."""

    kind: str  # the exception's type: "ValueError"
    message: str  # cut where it is long
    place: str = ""  # the innermost line that is the target's own, "my_conv.py:12"; or empty
    refusal: bool = False  # whether it says that the target does not define what was asked

    @property
    def is_uncalled(self) -> bool:
        """Whether it was not called at all, for its kernel has an odd shape, or it has none."""
        return self.kind == TargetError.__name__

    @property
    def told(self) -> str:
        """What happened: "raised ValueError: no groups"."""
        return f"cannot be called: {self.message}" if self.is_uncalled else f"raised {self.said}"

    @property
    def said(self) -> str:
        """The type and the message; the type alone where there is none, no type of the judge's."""
        if self.is_uncalled:
            return self.message
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @property
    def alike(self) -> Thrown:
        """What is the same for all that one mistake throws: one line may have several messages."""
        return replace(self, message="" if self.place else self.pattern)

    @property
    def alike_in_words(self) -> Thrown:
        """What is the same where it is the message that counts, whatever line throws it."""
        return replace(self, message=self.pattern)

    @property
    def pattern(self) -> str:
        """The message without sizes and dtypes, which differ from case to case."""
        return without_what_differs(self.message)


@dataclass(frozen=True)
class Crash:
    """What became of a case that took its process along."""

    how: str  # "killed by SIGSEGV", "did not return within 20 s", "left with status 3"
    said: str = ""  # the end of what it wrote to standard error
    asked: str = ""  # the case that the target had last, where that is not the item itself
    quantity: str = ""  # what of that the target was to compute: "Y", "dX dK"; or empty
    hung: bool = False  # whether it did not return in time
    again: str = ""  # what came of it alone, in a new process, where that was something else
    left: bool = False  # whether it was left by a call that ends it, with a status


@dataclass(frozen=True)
class Judgement:
    """The verdict on one quantity of one case."""

    check: str  # the row of the report that it belongs to
    quantity: str  # as it is reported
    verdict: Verdict
    effective_bits: float | None = None  # None where every element is exact, or wrong
    bound: str | None = None  # the one that is kept, where rounded
    index: tuple[int, ...] = ()  # the element that shows it best; () for a whole tensor
    expected: str = ""
    actual: str = ""
    explanation: str = ""  # one line
    beneath: tuple[str, ...] = ()  # further lines of it: formulas, what torch made of an answer
    case: Case | None = None  # on which it failed, where the check made another of its own
    cause: str = ""  # a guess at why it is wrong, where the check itself can make one
    observation: str = ""  # what is noted in the report and judged neither right nor wrong
    warns: bool = False  # whether that is to be known before the verdict is read
    subject: str = ""  # of what, where other cases may answer otherwise: it precedes that
    unlike: tuple[str, ...] = ()  # which of the answer's shape, dtype and device are wrong
    of_zeros: bool = False  # whether a gradient is missing that is right as zeros
    of_numbers: bool = True  # False where a shape, a graph or the memory is what is wrong
    derived: str = ""  # whose like it is, where it is a derivative of those: Y, dX, dK or db
    mapped: Quantity | None = None  # the quantity in its parts, where it is mapped over something
    thrown: Thrown | None = None  # what it raised, if it did
    over: tuple[Quantity, ...] = ()  # all that raised so on its case, of what is mapped over
    crash: Crash | None = None  # how its process ended, if it did
    before: str = ""  # which kind of call came before, of a check that makes some
    setting: str = ""  # of the environment under which it failed, where that is not the run's own

    @property
    def lines(self) -> tuple[str, ...]:
        """The whole explanation."""
        return (self.explanation, *self.beneath)

    @property
    def observed(self) -> str:
        """The subject and what was observed of it; empty where nothing was."""
        return f"{self.subject} {self.observation}".strip()

    @property
    def of_another_kind(self) -> bool:
        """Whether the answer's shape, dtype or device is what is wrong."""
        return bool(self.unlike)

    @property
    def lacks_gradient(self) -> bool:
        """Whether there is no gradient at all where one was requested."""
        return self.actual == NO_GRADIENT

    @property
    def is_exact(self) -> bool:
        """Whether nothing at all differed."""
        return self.verdict == Verdict.EXACT

    def about(self, quantity: Quantity) -> Judgement:
        """The same, with the quantity in its parts."""
        return replace(self, quantity=str(quantity), mapped=quantity)

    def met_under(self, setting: str) -> Judgement:
        """The same, as it was met under a setting of the environment, which it says."""
        return replace(self, setting=setting, explanation=f"with {setting}: {self.explanation}")

    def derived_as(self, name: str) -> Judgement:
        """The same of a tangent or a second derivative, which the convolution of ``name`` gives.

        A derivative in K of whatever is a convolution of two other tensors with K's shape, a dK.
        """
        return self if self.is_exact else replace(self, derived=name)

    @property
    def like(self) -> str:
        """Which of Y, dX, dK and db it is, or is computed like."""
        return self.derived or self.quantity_name

    @property
    def quantity_alike(self) -> str:
        """What it says of the quantity in every case: not which dimensions were mapped over."""
        return self.quantity if self.mapped is None else str(self.mapped.alike)

    @property
    def quantity_name(self) -> str:
        """The quantity itself, whatever it is mapped over: a dK mapped over X is a dK."""
        return self.quantity if self.mapped is None else self.mapped.name


@cache
def exact(check: str, quantity: str) -> Judgement:
    """That nothing differed: nearly every judgement, and always the same object."""
    return Judgement(check, quantity, Verdict.EXACT)


@dataclass(frozen=True)
class Failure:
    """One judgement that is a fault, with its case."""

    case: Case
    judgement: Judgement
