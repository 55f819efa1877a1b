"""One thing to try: a geometry, and everything else that can vary, with a text form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import torch

from conv_reference.geometry import Geometry
from conv_reference.operands import Role
from conv_reference.quantities import LETTERS, ROLES
from conv_reference.verification import options

CERTIFICATE = "certificate"  # the check that every geometry is put to


class Layout(StrEnum):
    """How an operand lies in memory; gaps around and between its elements hold NaN."""

    CONTIGUOUS = "contiguous"
    CHANNELS_LAST = "channels_last"
    OFFSET = "offset"  # contiguous, behind one more sample: `larger[1:]`
    TRANSPOSED = "transposed"  # height and width exchanged
    SLICED = "sliced"  # out of a larger tensor, with a storage offset
    SLICED_CHANNELS_LAST = "sliced_channels_last"  # the first channels of such a tensor
    STRIDED = "strided"  # every second row and column of a larger tensor
    CHUNK = "chunk"  # the first channels of a larger tensor: dense planes, as `chunk` makes them
    LAST_CHUNK = "last_chunk"  # the last channels: what the backward pass of `cat` hands on
    ROWS = "rows"  # the first rows of a larger tensor, dense but for what is cut off
    COLUMNS = "columns"  # the first columns
    SAMPLES = "samples"  # every second sample
    CHANNELS_LAST_OFFSET = "channels_last_offset"  # behind one more sample
    CHANNELS_LAST_COLUMNS = "channels_last_columns"  # columns cut off
    CHANNELS_LAST_ROWS = "channels_last_rows"  # every second row, from the first to the last
    IMAGE = "image"  # h, w, c in memory, made a batch by `unsqueeze(0)`; of several channels_last
    EXCHANGED = "exchanged"  # samples and channels exchanged, as of weights that are tied
    EXPANDED = "expanded"  # with strides of 0, as `.sum()` and `.sum((2, 3))` make their G


class Values(StrEnum):
    """How the operands' elements are chosen."""

    BALANCED = "balanced"  # dense integers, the range shared evenly: gives the miss bound
    HEAVY_INPUT = "heavy_input"  # X carries so many bits that a downcast of it shows
    HEAVY_WEIGHT = "heavy_weight"
    HEAVY_GRAD_OUTPUT = "heavy_grad_output"
    SPARSE = "sparse"  # few elements of ±1: for sums too long for dense integers
    ONES = "ones"
    COUNTING = "counting"  # 1, 2, 3, ... through each operand
    REAL = "real"  # of varied scale; sums round

    @property
    def heavy(self) -> Role | None:
        """The operand that carries more bits than the others."""
        return _HEAVY.get(self)


_HEAVY: dict[Values, Role] = {
    Values.HEAVY_INPUT: "input",
    Values.HEAVY_WEIGHT: "weight",
    Values.HEAVY_GRAD_OUTPUT: "grad_output",
}
EXACT_VALUES = (
    Values.BALANCED,
    Values.HEAVY_INPUT,
    Values.HEAVY_WEIGHT,
    Values.HEAVY_GRAD_OUTPUT,
)
ALL_LEAVES = "XKb"
#: The fields of a case that say how its operands lie, by role.
LAYOUT_FIELDS: Mapping[Role, str] = MappingProxyType({role: f"{role}_layout" for role in ROLES})
_FLAGS = {"bias": True, "nobias": False}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing to try.

    The text form, ``str(case)``, parses back; only what is not the default is written:

    >>> case = Case.parse("certificate float32 h2 w3 k1x2 X=sliced grad=XK nobias")
    >>> case.input_layout, case.requires_grad
    (<Layout.SLICED: 'sliced'>, 'XK')
    >>> str(case)
    'certificate float32 n1 c1 h2 w3 o1 k1x2 s1 p0 d1 g1 X=sliced grad=XK nobias'

    Raises:
        ValueError: when ``requires_grad`` is no part of ``"XKb"``.
    """

    check: str  # the name of the function in `checks` that judges it
    geometry: Geometry
    dtype: torch.dtype = torch.float32
    values: Values = Values.BALANCED
    input_layout: Layout = Layout.CONTIGUOUS
    weight_layout: Layout = Layout.CONTIGUOUS
    grad_output_layout: Layout = Layout.CONTIGUOUS
    requires_grad: str = ALL_LEAVES  # which of X, K and b, in this order
    bias: bool = True

    def __post_init__(self) -> None:
        if self.requires_grad not in SUBSETS:
            raise ValueError(
                f"requires_grad must be a part of {ALL_LEAVES!r}, got {self.requires_grad!r}"
            )

    @property
    def arguments(self) -> str:
        """The letters of a call's arguments: "XKb", without a bias "XK"."""
        return ALL_LEAVES if self.bias else ALL_LEAVES[:-1]

    @property
    def layouts(self) -> dict[Role, Layout]:
        """How each operand lies."""
        return {role: getattr(self, field) for role, field in LAYOUT_FIELDS.items()}

    @property
    def layouts_by_letter(self) -> dict[str, Layout]:
        """The same by the operands' letters, as the text form has them."""
        return {LETTERS[role]: layout for role, layout in self.layouts.items()}

    @property
    def layout(self) -> str:
        """The layouts that are not contiguous, or "contiguous"."""
        return _not_contiguous(self.layouts)

    @property
    def shown_layout(self) -> str:
        """The same by the operands' letters: "X=sliced K=strided"."""
        return _not_contiguous(self.layouts_by_letter)

    @property
    def question(self) -> str:
        """What is asked of the target: the text form without the check."""
        return str(self).removeprefix(f"{self.check} ")

    def __str__(self) -> str:
        words = [self.check, dtype_name(self.dtype), str(self.geometry)]
        for letter, layout in self.layouts_by_letter.items():
            if layout != Layout.CONTIGUOUS:
                words.append(f"{letter}={layout}")
        if self.values != Values.BALANCED:
            words.append(f"values={self.values}")
        if self.requires_grad != ALL_LEAVES:
            words.append(f"grad={self.requires_grad}")
        return " ".join(words if self.bias else [*words, "nobias"])

    @classmethod
    def parse(cls, text: str) -> Case:
        """Read the text form; the check and the dtype come first.

        Raises:
            ValueError: when the text is no case; says which part.
        """
        check, _, rest = text.strip().partition(" ")
        dtype, _, rest = rest.strip().partition(" ")
        if not dtype:
            raise ValueError(f"not a case: {text!r}; {_ACCEPTED}")
        if dtype not in DTYPES:
            raise ValueError(
                f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r} in the case {text!r}; "
                f"{_ACCEPTED}"
            )
        changes: dict[str, Any] = {}
        sizes = []
        for word in rest.split():
            key, equals, value = word.partition("=")
            if word in _FLAGS:
                changes["bias"] = _FLAGS[word]
            elif equals and key in _FIELDS:
                name, kind = _FIELDS[key]
                changes[name] = _member(kind, value, text)
            else:
                sizes.append(word)
        return cls(
            check=check,
            dtype=DTYPES[dtype],
            geometry=Geometry.parse(" ".join(sizes)),
            **changes,
        )

    def on(self, geometry: Geometry) -> Case:
        """The same case with another geometry."""
        return replace(self, geometry=geometry)

    def laid_out(self, layouts: Mapping[Role, Layout]) -> Case:
        """The same case with other layouts of these operands."""
        fields: dict[str, Any] = {LAYOUT_FIELDS[role]: layout for role, layout in layouts.items()}
        return replace(self, **fields) if fields else self

    def contiguous(self) -> Case:
        """The same case with every operand contiguous."""
        return self.laid_out(dict.fromkeys(ROLES, Layout.CONTIGUOUS))

    def without(self, layout: Layout) -> Case:
        """The same case, contiguous where an operand lies in this layout."""
        found = {role: Layout.CONTIGUOUS for role, own in self.layouts.items() if own == layout}
        return self.laid_out(found)


_ACCEPTED = "accepted is a check, a dtype and a geometry, like 'certificate float32 h2 w3 k1x2'"
SUBSETS = ("", "X", "K", "b", "XK", "Xb", "Kb", "XKb")
_FIELDS: dict[str, tuple[str, Any]] = {
    **{LETTERS[role]: (field, Layout) for role, field in LAYOUT_FIELDS.items()},
    "values": ("values", Values),
    "grad": ("requires_grad", str),
}
DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in options.DTYPES}


def dtype_name(dtype: torch.dtype) -> str:
    """``float32`` for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def dtype_named(name: str) -> torch.dtype:
    """The floating dtype of this name.

    Raises:
        ValueError: when it is none of ``DTYPES``.
    """
    if name not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {name!r}")
    return DTYPES[name]


def _member(kind: Any, value: str, text: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise ValueError(f"not one of {', '.join(kind)}: {value!r} in the case {text!r}") from None


def _not_contiguous(layouts: Mapping[Any, Layout]) -> str:
    parts = [f"{name}={layout}" for name, layout in layouts.items() if layout != Layout.CONTIGUOUS]
    return " ".join(parts) or Layout.CONTIGUOUS.value
