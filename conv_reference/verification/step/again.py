"""A call asked once more: on other numbers, or with another of the device's settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conv_reference.verification import accelerator
from conv_reference.verification.step import dispatched
from conv_reference.verification.step.certificate import Seen
from conv_reference.verification.step.dispatched import Dispatched
from conv_reference.verification.step.places import Place, inspect


@dataclass(frozen=True)
class Again:
    """One call at the dispatcher, with what it is to be asked on."""

    call: Dispatched  # as it was dispatched
    operator: Callable[..., Any]
    arguments: tuple[Any, ...]

    def dispatched(self) -> Dispatched:
        """What it answers now."""
        answered = self.operator(*self.arguments)
        read = dispatched.backward if self.call.backward else dispatched.forward
        return read(self.arguments, answered)

    def explained(self, said: str, name: str, place: Place, seen: Seen) -> str:
        """What is wrong, and where ten bits are to blame, the switch that they come from.

        Args:
            said: what is wrong.
            name: of the answer.
            place: where.
            seen: of the quantity; only its first finding is looked into.
        """
        weight = self.call.weight
        if seen.finding or not accelerator.may_use_tf32(weight.device, weight.dtype):
            return said
        with accelerator.cudnn_set({"allow_tf32": False}):
            answers = self.dispatched().answers
        answer = next(answer for answer in answers if answer.name == name)
        if inspect(answer, place.index[-2:] if len(place.index) > 2 else ()).is_outside:
            return said
        bits = accelerator.TF32_BITS
        switch = f"{accelerator.TF32} = False"
        return f"{said}: TF32, right with {switch}; allowed_bits={bits} accepts it"
