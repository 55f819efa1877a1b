"""The modes that a call is made in: each may have buffers, casts and kept kernels of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from conv_reference.operands import Operands
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.integers import Integers
from conv_reference.verification.trial.trial import Trial, target_code, under

LOW = torch.bfloat16  # what torch.autocast chooses on a CPU


@dataclass(frozen=True)
class Mode:
    """How a call is made."""

    said: str  # in words; empty where there is nothing to say
    entered: tuple[Callable[[], AbstractContextManager[Any]], ...] = ()
    autocast: bool = False
    evaluates: bool = False  # whether a layer is in eval()
    leaves: bool = True  # whether the operands ask for gradients

    @property
    def changes(self) -> dict[str, Any]:
        """Of a case that is put in this mode."""
        return {} if self.leaves else {"requires_grad": ""}

    @contextmanager
    def lasting(self, call: Call) -> Iterator[None]:
        """Around several calls: a layer stays in eval(), for what it keeps there goes with that."""
        with ExitStack() as stack:
            if self.evaluates and call.layer is not None:
                stack.enter_context(_in_evaluation(call))
            yield

    @contextmanager
    def of(self, call: Call) -> Iterator[None]:
        """Around one call: torch's autocast keeps its casts until its outermost context is left."""
        with self.lasting(call), ExitStack() as stack:
            if self.said:
                stack.enter_context(under(self.said))
            if self.autocast:
                stack.enter_context(torch.autocast(call.X.device.type, LOW))
            for enter in self.entered:
                stack.enter_context(enter())
            yield

    def operands(self, trial: Trial) -> Operands | None:
        """The trial's; under autocast such as are exact there, or None without room."""
        if not self.autocast:
            return trial.operands
        integers = Integers.of(trial, terms=1, dtype=LOW)
        return None if integers is None else integers.operands()


@contextmanager
def _in_evaluation(call: Call) -> Iterator[None]:
    assert call.layer is not None  # or there is no such mode
    if not call.layer.training:  # it is in it already
        yield
        return
    with target_code("Y"):
        call.layer.eval()
    try:
        yield
    finally:
        with target_code("Y"):
            call.layer.train()


PLAIN = Mode("", leaves=False)
TRAINING = Mode("with gradients")
_WITHOUT_GRADIENTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "torch.no_grad": torch.no_grad,
    "torch.inference_mode": torch.inference_mode,
}
_UNDER_AUTOCAST = Mode("under autocast", autocast=True)
_OF_ALL = (
    PLAIN,
    TRAINING,
    *(Mode(f"under {name}", (enter,)) for name, enter in _WITHOUT_GRADIENTS.items()),
    _UNDER_AUTOCAST,
    *(
        replace(_UNDER_AUTOCAST, said=f"under autocast and {name}", entered=(enter,))
        for name, enter in _WITHOUT_GRADIENTS.items()
    ),
)


def modes_of(trial: Trial) -> tuple[Mode, ...]:
    """Those of the target: over arrays torch has none, and only a layer has a mode of evaluation.

    Args:
        trial: whose target it is.
    """
    if trial.target.over_arrays or trial.target.offer is not None:
        return (PLAIN,)
    if not trial.target.is_module:
        return _OF_ALL
    evaluated = (
        replace(mode, said=f"in eval() {mode.said}".rstrip(), evaluates=True)
        for mode in _OF_ALL
        if mode is not _UNDER_AUTOCAST
    )
    return (*_OF_ALL, *evaluated)


def without_gradients_under_autocast(trial: Trial) -> tuple[Mode, ...]:
    """Those of them in which a trained network answers in mixed precision."""
    return tuple(mode for mode in modes_of(trial) if mode.autocast and mode.entered)
