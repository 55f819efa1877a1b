"""Exchanging one part of a right convolution, and giving the result its place in the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conv_reference.verification.faults import direct, line, transposed
from conv_reference.verification.faults.direct import Parts

Planted = Callable[..., Any]
#: What a guard can be about.
SUBJECTS = (
    "groups", "stride", "dilation", "padding", "batch", "kernel", "channels", "plane", "layout",
    "float16", "bfloat16", "float32", "float64", "bias", "output_padding",
)  # fmt: skip

#: What a fault can be planted in: by the operator's name, a right one with parts exchanged.
_MADE: dict[str, Callable[..., Planted]] = {
    "conv2d": lambda **parts: direct.convolution(Parts(**parts)),
    "conv_transpose2d": transposed.convolution,
    "conv1d": line.convolution,
}
_PART = {"Y": "forward", "dX": "grad_input", "dK": "grad_weight", "db": "grad_bias"}
_ROOM = __name__.replace("planting", "collection")


@dataclass(frozen=True)
class Mutant:
    """One planted fault."""

    name: str  # attribute of `collection`, by which it is a target
    fault_class: str
    kind: str  # what its class has in common, in words
    quantity: str  # Y, dX, dK, db, or what else is wrong
    guard: str  # where it is wrong, in words; then how, after a colon, where that is not plain
    thread: str  # the public thread that it follows; empty where it is only plausible
    blind: int  # of the first, second, ... lot written without a look at the checks; else 0
    function: Planted  # called as conv2d is; or a layer's class
    about: tuple[str, ...] = ()  # the subjects of its guard; none where it is a state, as of a call
    operator: str = "conv2d"  # what it should compute
    observed: str = ""  # the observation that a report makes of it, where nobody promises otherwise

    @property
    def target(self) -> str:
        """Its name as ``verify`` takes it."""
        operator = "" if self.asked is None else f"@{self.asked}"
        return f"{_ROOM}:{self.name}{operator}"

    @property
    def asked(self) -> str | None:
        """The operator as which it is to be read; None where that is the usual one."""
        return None if self.operator == "conv2d" else self.operator


@dataclass(frozen=True)
class FaultClass:
    """A class of faults; a decorator that plants one of them."""

    name: str
    kind: str
    operator: str = "conv2d"  # in which its faults are planted
    mutants: dict[str, Mutant] = field(default_factory=dict)

    def __call__(
        self,
        quantity: str,
        guard: str,
        *,
        part: str = "",
        thread: str = "",
        blind: int = 0,
        about: str = "",
        observed: str = "",
        **others: Any,
    ) -> Callable[[Callable[..., Any]], Planted]:
        """Put the decorated function in the place of a part; by default the quantity's own.

        Args:
            quantity: that is wrong.
            guard: where, in words.
            part: of the convolution, in whose place the function is put.
            thread: the public one that it follows.
            blind: see ``Mutant``.
            about: the subjects of the guard, of ``SUBJECTS``: "groups stride".
            observed: see ``Mutant``.
            **others: further parts.
        """

        def plant(function: Callable[..., Any]) -> Planted:
            exchanged: dict[str, Any] = {part or _PART[quantity]: function, **others}
            mutant = _MADE[self.operator](**exchanged)
            return self._planted(
                function.__name__, quantity, guard, thread, blind, about, mutant, observed
            )

        return plant

    def whole(
        self, quantity: str, guard: str, *, thread: str = "", blind: int = 0, about: str = ""
    ) -> Callable[[Planted], Planted]:
        """Plant the decorated function, or layer, as it is."""

        def plant(function: Planted) -> Planted:
            name = function.__name__
            return self._planted(name, quantity, guard, thread, blind, about, function)

        return plant

    def _planted(
        self,
        name: str,
        quantity: str,
        guard: str,
        thread: str,
        blind: int,
        about: str,
        function: Planted,
        observed: str = "",
    ) -> Planted:
        assert name not in self.mutants, f"two mutants are called {name}"
        subjects = tuple(about.split())
        assert {*subjects} <= {*SUBJECTS}, f"{name} is about {about}"
        function.__name__ = function.__qualname__ = name
        function.__module__ = _ROOM  # where targets name it
        self.mutants[name] = Mutant(
            name, self.name, self.kind, quantity, guard, thread, blind, function, subjects,
            self.operator, observed,
        )  # fmt: skip
        return function
