"""A call made once more: on other numbers, or with another of the device's settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conv_reference.verification import accelerator
from conv_reference.verification.step import dispatched
from conv_reference.verification.step.dispatched import Answer, Dispatched
from conv_reference.verification.step.places import Place, inspect
from conv_reference.verification.step.rounded import as_if


@dataclass(frozen=True)
class Again:
    """One call at the dispatcher, with what it takes to make it once more."""

    call: Dispatched  # as it was dispatched
    operator: Callable[..., Any]
    arguments: tuple[Any, ...]

    def dispatched(self) -> Dispatched:
        """What it answers now."""
        answered = self.operator(*self.arguments)
        read = dispatched.backward if self.call.backward else dispatched.forward
        return read(self.arguments, answered)

    def cause(self, answer: Answer, place: Place) -> str:
        """Where too few bits are to blame, the switch that they come from, behind a colon.

        Args:
            answer: that is wrong.
            place: where.
        """
        pixel = place.index[-2:] if len(place.index) > 2 else ()
        why = self._of_tf32(answer.name, pixel) or as_if(answer, pixel)
        return why and f": {why}"

    def _of_tf32(self, name: str, pixel: tuple[int, ...]) -> str:
        """Whether a device's ten bits are to blame: then it is right without them."""
        weight = self.call.weight
        if not accelerator.may_use_tf32(weight.device, weight.dtype):
            return ""
        with accelerator.cudnn_set({"allow_tf32": False}):
            answers = self.dispatched().answers
        if inspect(next(answer for answer in answers if answer.name == name), pixel).is_outside:
            return ""
        bits = accelerator.TF32_BITS
        return f"TF32, right with {accelerator.TF32} = False; allowed_bits={bits} accepts it"
