"""Exchanging one part of a right convolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import direct
from direct import Parts
from torch import Tensor

_PART = {"Y": "forward", "dX": "grad_input", "dK": "grad_weight", "db": "grad_bias"}


@dataclass(frozen=True)
class Mutant:
    """One planted fault."""

    name: str  # attribute of ``mutants``, and of the module of its class
    fault_class: str
    quantity: str  # Y, dX, dK, db, or what else is wrong
    guard: str  # where it is wrong, in words
    function: Callable[..., Tensor]


@dataclass(frozen=True)
class FaultClass:
    """A class of faults; a decorator that plants one of them."""

    name: str
    mutants: dict[str, Mutant] = field(default_factory=dict)

    def __call__(
        self, quantity: str, guard: str, *, part: str = "", **others: Any
    ) -> Callable[[Callable[..., Any]], Callable[..., Tensor]]:
        """Put the decorated function in the place of a part; by default the quantity's own."""

        def plant(function: Callable[..., Any]) -> Callable[..., Tensor]:
            name: str = function.__name__
            assert name not in self.mutants, f"two mutants are called {name}"
            exchanged: dict[str, Any] = {part or _PART[quantity]: function, **others}
            mutant = direct.convolution(Parts(**exchanged))
            mutant.__name__ = mutant.__qualname__ = name
            mutant.__module__ = "mutants"  # where targets name it
            self.mutants[name] = Mutant(name, self.name, quantity, guard, mutant)
            return mutant

        return plant
