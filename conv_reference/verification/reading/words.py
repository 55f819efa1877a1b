"""A convention in words, as ``--as`` takes it and a report says it; read without torch.

``input=NHWC weight=HWIO integers=stride,padding`` names how X and K are taken and which options
are one integer for both axes; what is not named is found by trial.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from conv_reference.verification.reading.nearest import meant

INPUTS = ("NCHW", "NHWC", "CHW", "HWC", "NHW", "HW", "N1HW", "HW-HWC", "HW-CHW", "CHW-HW", "HWC-HW")
WEIGHTS = (
    "OIHW",
    "HWIO",
    "OHWI",
    "IOHW",
    "matrix",
    "columns",
    "HW",
    "OHW",
    "CHW",
    "HWC",
    "HWC1",
    "C1HW",
)  # matrix: (o, c·kh·kw), columns: (c·kh·kw, o)
_FIRST = ("input", "weight")
_WHOLES = ("ihw", "hwio", "oihw", "ohwi")  # the kernel's shape, where a constructor takes it whole
# Four sides in one value, flat by their first letters, or ((top, bottom), (left, right)).
_PADDING = ("tblr", "lrtb", "tlbr", "pairs")
_BIAS = ("optional", "required")
_BACKWARD = ("own", "none")
_INTEGERS = ("kernel_size", "stride", "padding", "dilation")
ACCEPTED = (
    f"accepted is input={'|'.join(INPUTS)} weight={'|'.join(WEIGHTS)} first={'|'.join(_FIRST)} "
    f"bias={'|'.join(_BIAS)} integers={','.join(_INTEGERS)} (or none) "
    f"padding={'|'.join(_PADDING)} kernel_size={'|'.join(_WHOLES)} backward={'|'.join(_BACKWARD)}"
)
_CHOICES = {
    "input": INPUTS,
    "weight": WEIGHTS,
    "first": _FIRST,
    "bias": _BIAS,
    "padding": _PADDING,
    "kernel_size": _WHOLES,
    "backward": _BACKWARD,
}


_KEYS = (*_CHOICES, "integers")


@dataclass(frozen=True)
class Words:
    """What a user fixes of a convention; None of what is left to a trial."""

    input: str | None = None
    weight: str | None = None
    first: str | None = None
    bias: str | None = None
    integers: frozenset[str] | None = None
    padding: str | None = None  # the order of four sides in one value
    kernel_size: str | None = None  # its whole shape in this order
    # "none": a target that is forward only, of which no gradient is requested.
    backward: str | None = None
    text: str = field(default="", compare=False)  # as it was given

    @property
    def fixes_a_call(self) -> bool:
        """Whether it says how the target is called, and not only what may be asked of it."""
        return replace(self, backward=None) != Words()


def parse(text: str) -> Words:
    """Read a convention.

    >>> parse("input=NHWC integers=stride").input
    'NHWC'

    Raises:
        ValueError: when a word is none that is accepted; one line with the word.
    """
    given: dict[str, Any] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if key == "integers" and equals:
            names = frozenset(() if value == "none" else value.split(","))
            if not names <= {*_INTEGERS}:
                other = min(names - {*_INTEGERS})
                raise ValueError(_refusal(word, meant(other, _INTEGERS)))
            given["integers"] = names
        elif value in _CHOICES.get(key, ()):
            given[key] = value
        else:
            hint = meant(value, _CHOICES[key]) if key in _CHOICES else meant(key, _KEYS)
            raise ValueError(_refusal(word, hint))
    if not text.strip():
        raise ValueError(f"a convention must not be empty; {ACCEPTED}")
    return Words(**given, text=" ".join(text.split()))


def _refusal(word: str, hint: str) -> str:
    return f"not a convention: {word!r}{hint or ';'} {ACCEPTED}"
