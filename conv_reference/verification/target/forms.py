"""The forms in which strangers take a convolution's tensors, each as a way there and back.

A form permutes or drops dimensions of X and K; the way back is that of Y, which strangers return
as they take X. All are views or reshapings, so that autograd goes through them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class InputForm:
    """How X is taken, and Y returned."""

    name: str
    there: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    dimensions: int  # of Y, as it is returned
    channels: bool = True  # whether it has a dimension of channels
    batch: bool = True  # whether it has one of samples


@dataclass(frozen=True)
class WeightForm:
    """How K is taken."""

    name: str
    there: Callable[[Tensor], Tensor]
    channels: bool = True


@dataclass(frozen=True)
class Form:
    """How the tensors of a convolution are taken."""

    input: InputForm
    weight: WeightForm
    exchanged: bool = False  # the kernel before the input

    @property
    def has_channels(self) -> bool:
        """Whether the kernel has channels; without, X is (N, H, W) and K (kh, kw)."""
        return self.weight.channels

    @property
    def is_torchs(self) -> bool:
        """Whether it is torch's own."""
        return self == TORCHS

    def described(self) -> list[str]:
        """What is otherwise than in torch, in the field's letters."""
        taken = (("X", self.input, NCHW), ("K", self.weight, OIHW))
        said = [f"{letter} as {form.name}" for letter, form, own in taken if form != own]
        return [*said, *(["the kernel before the input"] if self.exchanged else [])]


def _same(tensor: Tensor) -> Tensor:
    return tensor


NCHW = InputForm("NCHW", _same, _same, 4)
OIHW = WeightForm("OIHW", _same)
INPUTS = (
    NCHW,
    InputForm("NHWC", lambda X: X.permute(0, 2, 3, 1), lambda Y: Y.permute(0, 3, 1, 2), 4),
    InputForm("CHW", lambda X: X[0], lambda Y: Y[None], 3, batch=False),
    InputForm("HWC", lambda X: X[0].permute(1, 2, 0), lambda Y: Y.permute(2, 0, 1)[None], 3,
              batch=False),
)  # fmt: skip
WEIGHTS = (
    OIHW,
    WeightForm("HWIO", lambda K: K.permute(2, 3, 1, 0)),
    WeightForm("OHWI", lambda K: K.permute(0, 2, 3, 1)),
    WeightForm("IOHW", lambda K: K.permute(1, 0, 2, 3)),
    WeightForm("(o, c·kh·kw)", lambda K: K.flatten(1)),
)
# Of one channel, whose X comes as (N, H, W) and whose K as (kh, kw).
_PLANES = (
    InputForm("NHW", _same, _same, 3, channels=False),
    InputForm("HW", lambda X: X[0], lambda Y: Y[None], 2, channels=False, batch=False),
    InputForm("NCHW of one channel", lambda X: X[:, None], lambda Y: Y[:, 0], 4, channels=False),
)
_PLANE = WeightForm("(kh, kw)", _same, channels=False)

TORCHS = Form(NCHW, OIHW)
FORMS: tuple[Form, ...] = tuple(
    Form(x, k, exchanged)
    for exchanged in (False, True)
    for x, k in (*product(INPUTS, WEIGHTS), *((x, _PLANE) for x in _PLANES))
)


def first_tensor(answer: Any) -> Any:
    """The answer, or the first of a tuple of results, whose others are a cache."""
    if isinstance(answer, tuple | list) and answer and isinstance(answer[0], Tensor):
        return answer[0]
    return answer
