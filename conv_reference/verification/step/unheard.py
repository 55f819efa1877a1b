"""What a network computes around the convolutions of torch's that are heard in it.

A layer may compute its convolution without the dispatcher's, or write its own gradients around it:
of both a certificate knows nothing, and says so.
"""

from __future__ import annotations

from collections import Counter
from threading import get_ident
from typing import Any

from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.nn.modules.conv import _ConvNd

from conv_reference.verification.step.apart import modes_entered

AROUND = "what its autograd.Function, or torch.compile's, does around torch's convolution"


class Unheard:
    """Looks at each module when its forward pass ends, and lists what was not judged in it."""

    def __init__(self, not_judged: Counter[str]) -> None:
        self.listening = False  # to the dispatcher: else nothing can be missed
        self._not_judged = not_judged
        self._heard: set[tuple[int, str]] = set()  # in which thread, and where
        self._first: dict[str, str] = {}  # where each kind was met first

    def entered(self, path: str) -> None:
        """A module's forward pass begins."""
        self._heard.discard((get_ident(), path))

    def heard(self, path: str) -> None:
        """A convolution was carried out in this module."""
        self._heard.add((get_ident(), path))

    def kin(self, operator: str, path: str) -> None:
        """An operator is met that carries out a convolution by another name, in a module or ""."""
        self._count(operator, path, f"{operator} in module" if path else operator)

    def left(self, path: str, module: nn.Module, output: Any) -> None:
        """A module's forward pass has ended."""
        if not self.listening:
            return
        is_heard = (get_ident(), path) in self._heard
        if is_heard and is_hand_written(output):
            self.hand_written(f"module {path}")
        elif isinstance(module, _ConvNd) and not is_heard:
            # A thread that was begun within the block has no mode of its own.
            elsewhere = modes_entered() == 0
            how = "in another thread" if elsewhere else "without a convolution of torch's"
            kind = f"{type(module).__name__} {how}, as module"
            self._count(kind, path, kind)

    def _count(self, kind: str, path: str, said: str) -> None:
        first = self._first.setdefault(kind, path)
        self._not_judged[f"{said} {first}".strip()] += 1

    def hand_written(self, where: str) -> None:
        """The gradients of this convolution, "module" and its path, are not torch's own."""
        self._not_judged[f"{where}: {AROUND}"] = 1


def is_hand_written(output: Any) -> bool:
    """Whether a tensor comes straight out of an ``autograd.Function`` in Python."""
    return isinstance(output, Tensor) and isinstance(output.grad_fn, BackwardCFunction)
