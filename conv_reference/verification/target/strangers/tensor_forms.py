"""The forms in which strangers take a convolution's tensors, each as a way there and back.

A form permutes or drops dimensions of X and K; the way back is that of Y, which strangers return
as they take X. All are views or reshapings, so that autograd goes through them. So X and K are laid
out anew for a form of another order: what is contiguous for torch is to be contiguous for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from torch import Tensor

_PLAIN = (0, 1, 2, 3)
_LAST = (0, 2, 3, 1)


@dataclass(frozen=True)
class InputForm:
    """How X is taken, and Y returned."""

    name: str
    word: str  # as ``--as`` calls it
    there: Callable[[Tensor], Tensor]
    back: Callable[[Tensor], Tensor]
    written: tuple[str, str]  # the same in Python, behind a tensor's name
    dimensions: int  # of Y, as it is returned
    channels: bool = True  # whether it has a dimension of channels
    batch: bool = True  # whether it has one of samples
    one_channel: bool = False  # whether X has none, and Y has
    one_output: bool = False  # whether X has some, and Y has none
    order: tuple[int, ...] = _PLAIN  # of n, c, h and w in X, and in Y


@dataclass(frozen=True)
class WeightForm:
    """How K is taken."""

    name: str
    word: str  # as ``--as`` calls it
    there: Callable[[Tensor], Tensor]
    written: str  # the same in Python
    # The shape (o, c, kh, kw) of a kernel of this form's shape; None where it is not determined.
    shape: Callable[[tuple[int, ...]], tuple[int, ...] | None]
    channels: bool = True
    order: tuple[int, ...] = _PLAIN  # of o, c, kh and kw
    depthwise: bool = False  # whether it has one kernel for each input channel, and no sum of them


@dataclass(frozen=True)
class BiasForm:
    """How b is taken."""

    name: str
    there: Callable[[Tensor], Tensor]
    written: str  # the same in Python


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
    def fixed(self) -> dict[str, int]:
        """The fields of Geometry that it settles."""
        if self.input.one_output:
            return {"out_channels": 1, "groups": 1}
        return {"in_channels": 1, "groups": 1} if self.input.one_channel else {}

    @property
    def where(self) -> str:
        """The sizes that it can have; empty where these are all."""
        return "g == c and o == c" if self.weight.depthwise else ""

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


NCHW = InputForm("NCHW", "NCHW", _same, _same, ("", ""), 4)
OIHW = WeightForm("OIHW", "OIHW", _same, "", lambda s: s if len(s) == 4 else None)
INPUTS = (
    NCHW,
    InputForm(
        "NHWC",
        "NHWC",
        lambda X: X.permute(0, 2, 3, 1),
        lambda Y: Y.permute(0, 3, 1, 2),
        (".permute(0, 2, 3, 1)", ".permute(0, 3, 1, 2)"),
        4,
        order=_LAST,
    ),
    InputForm("CHW", "CHW", lambda X: X[0], lambda Y: Y[None], ("[0]", "[None]"), 3, batch=False),
    InputForm(
        "HWC",
        "HWC",
        lambda X: X[0].permute(1, 2, 0),
        lambda Y: Y.permute(2, 0, 1)[None],
        ("[0].permute(1, 2, 0)", ".permute(2, 0, 1)[None]"),
        3,
        batch=False,
        order=_LAST,
    ),
)


def _permuted(*order: int) -> Callable[[tuple[int, ...]], tuple[int, ...] | None]:
    """The shape's sizes in another order, where it has four."""
    return lambda shape: tuple(shape[i] for i in order) if len(shape) == 4 else None


WEIGHTS = (
    OIHW,
    WeightForm(
        "HWIO",
        "HWIO",
        lambda K: K.permute(2, 3, 1, 0),
        ".permute(2, 3, 1, 0)",
        _permuted(3, 2, 0, 1),
        order=(2, 3, 1, 0),
    ),
    WeightForm(
        "OHWI",
        "OHWI",
        lambda K: K.permute(0, 2, 3, 1),
        ".permute(0, 2, 3, 1)",
        _permuted(0, 3, 1, 2),
        order=(0, 2, 3, 1),
    ),
    WeightForm(
        "IOHW",
        "IOHW",
        lambda K: K.permute(1, 0, 2, 3),
        ".permute(1, 0, 2, 3)",
        _permuted(1, 0, 2, 3),
        order=(1, 0, 2, 3),
    ),
    WeightForm("(o, c·kh·kw)", "matrix", lambda K: K.flatten(1), ".flatten(1)", lambda _: None),
    WeightForm(
        "(c·kh·kw, o)",
        "columns",
        lambda K: K.flatten(1).t(),
        ".flatten(1).t()",
        lambda _: None,
        order=(1, 2, 3, 0),
    ),
)
# Of one input channel, which X and K do not have; Y has its channels behind, or before.
_SINGLE = tuple(
    InputForm(
        f"HW, Y as {name}",
        f"HW-{name}",
        lambda X: X[0, 0],
        back,
        ("[0, 0]", written),
        3,
        batch=False,
        one_channel=True,
        order=order,
    )
    for name, back, written, order in (
        ("HWC", lambda Y: Y.permute(2, 0, 1)[None], ".permute(2, 0, 1)[None]", _LAST),
        ("CHW", lambda Y: Y[None], "[None]", _PLAIN),
    )
)
_FILTERS = WeightForm("(o, kh, kw)", "OHW", lambda K: K[:, 0], "[:, 0]", lambda _: None)
# One kernel over all input channels, which has them as X has; Y is one plane.
_OVER_CHANNELS = (
    (
        InputForm(
            "CHW, Y as HW",
            "CHW-HW",
            lambda X: X[0],
            lambda Y: Y[None, None],
            ("[0]", "[None, None]"),
            2,
            batch=False,
            one_output=True,
        ),
        WeightForm("(c, kh, kw)", "CHW", lambda K: K[0], "[0]", lambda _: None),
    ),
    (
        InputForm(
            "HWC, Y as HW",
            "HWC-HW",
            lambda X: X[0].permute(1, 2, 0),
            lambda Y: Y[None, None],
            ("[0].permute(1, 2, 0)", "[None, None]"),
            2,
            batch=False,
            one_output=True,
            order=_LAST,
        ),
        WeightForm(
            "(kh, kw, c)",
            "HWC",
            lambda K: K[0].permute(1, 2, 0),
            "[0].permute(1, 2, 0)",
            lambda _: None,
            order=_LAST,
        ),
    ),
)


def _of_each_channel(
    name: str,
    word: str,
    there: Callable[[Tensor], Tensor],
    written: str,
    order: tuple[int, ...] = _PLAIN,
) -> WeightForm:
    """A form of one kernel for each input channel, each of which makes one output channel."""
    said = f"{name}, one kernel for each channel"
    return WeightForm(said, word, there, written, lambda _: None, order=order, depthwise=True)


_AT_THE_END = (2, 3, 0, 1)
# As TensorFlow has it, whose images have their channels last, and as torch has it.
_DEPTHWISE = (
    *product(
        (form for form in INPUTS if form.order == _LAST),
        (
            _of_each_channel(
                "(kh, kw, c)",
                "HWC",
                lambda K: K[:, 0].permute(1, 2, 0),
                "[:, 0].permute(1, 2, 0)",
                _AT_THE_END,
            ),
            _of_each_channel(
                "(kh, kw, c, 1)",
                "HWC1",
                lambda K: K.permute(*_AT_THE_END),
                ".permute(2, 3, 0, 1)",
                _AT_THE_END,
            ),
        ),
    ),
    *product(
        (form for form in INPUTS if form.order == _PLAIN),
        (
            _of_each_channel("(c, 1, kh, kw)", "C1HW", _same, ""),
            _of_each_channel("(c, kh, kw)", "CHW", lambda K: K[:, 0], "[:, 0]"),
        ),
    ),
)
FLAT = BiasForm("(o,)", _same, "")
BIASES = (
    FLAT,
    BiasForm("(o, 1)", lambda b: b[:, None], "[:, None]"),
    BiasForm("(1, o)", lambda b: b[None], "[None]"),
    BiasForm("(1, o, 1, 1)", lambda b: b[None, :, None, None], "[None, :, None, None]"),
    BiasForm("(1, 1, 1, o)", lambda b: b[None, None, None], "[None, None, None]"),
)
# Of one channel, whose X comes as (N, H, W) and whose K as (kh, kw).
_PLANES = (
    InputForm("NHW", "NHW", _same, _same, ("", ""), 3, channels=False),
    InputForm(
        "HW",
        "HW",
        lambda X: X[0],
        lambda Y: Y[None],
        ("[0]", "[None]"),
        2,
        channels=False,
        batch=False,
    ),
    InputForm(
        "NCHW of one channel",
        "N1HW",
        lambda X: X[:, None],
        lambda Y: Y[:, 0] if Y.shape[1] == 1 else Y,
        ("[:, None]", "[:, 0]"),
        4,
        channels=False,
    ),
)
_PLANE = WeightForm(
    "(kh, kw)",
    "HW",
    _same,
    "",
    lambda s: (1, 1, *s) if len(s) == 2 else None,
    channels=False,
)

TORCHS = Form(NCHW, OIHW)
FORMS: tuple[Form, ...] = tuple(
    Form(x, k, exchanged)
    for exchanged in (False, True)
    for x, k in (
        *product(INPUTS, WEIGHTS),
        *((x, _PLANE) for x in _PLANES),
        *((x, _FILTERS) for x in _SINGLE),
        *_OVER_CHANNELS,
        *_DEPTHWISE,
    )
)
# Those that most strangers take.
_USUAL = {
    ("NCHW", "OIHW"), ("NHWC", "HWIO"), ("CHW", "OIHW"), ("HWC", "HWIO"), ("NHW", "HW"),
    ("HW", "HW"),
}  # fmt: skip
USUAL = tuple(f for f in FORMS if not f.exchanged and (f.input.word, f.weight.word) in _USUAL)


def laid_out(tensor: Tensor, order: tuple[int, ...]) -> Tensor:
    """The same values, which lie in this order where they are contiguous; in any other layout, it.

    What is part of a larger memory, behind an offset or before a gap, is in a layout of its own.
    """
    if order == _PLAIN or not tensor.is_contiguous():
        return tensor
    if tensor.untyped_storage().nbytes() != tensor.numel() * tensor.element_size():
        return tensor
    if len(tensor) == 1:  # at its own step torch's backward pass raises: docs/found/0052
        order = (0, *(dim for dim in order if dim != 0))
    back = [order.index(dim) for dim in _PLAIN]
    return tensor.permute(order).contiguous().permute(back)


def first_tensor(answer: Any) -> Any:
    """The answer, or the first of a tuple of results, whose others are a cache."""
    if isinstance(answer, tuple | list) and answer and isinstance(answer[0], Tensor):
        return answer[0]
    return answer
