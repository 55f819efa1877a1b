"""How a target is called in Python with its module and torch alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conv_reference.geometry import Geometry
from conv_reference.verification.model.case import Case, Layout
from conv_reference.verification.target import option_numbers


@dataclass(frozen=True)
class FunctionSpelling:
    """``attribute(X, K, options)``, or ``attribute.apply(X, K, options)``."""

    by_position: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    apply: bool = False  # of a ``torch.autograd.Function``


@dataclass(frozen=True)
class LayerSpelling:
    """``layer(X)``, of a layer whose parameters are replaced by K and b."""

    kernel: str  # the parameters' names, which may have dots in them
    bias: str  # empty where it has none
    constructor: tuple[str, ...] | None  # what its class is given; None for an instance
    by_init_inputs: bool = False  # of a class that is made with its module's get_init_inputs()


@dataclass(frozen=True)
class LayerOfNames:
    """A layer whose constructor has names of its own: how it is made, and its parameters."""

    kernel: str  # the parameters' names, which may have dots in them
    bias: str  # empty where it has none
    sides: tuple[str, str] | None = None  # parameters for a kernel's height and width
    is_instance: bool = False  # which is made already
    by_init_inputs: bool = False  # of a class that is made with its module's get_init_inputs()


@dataclass(frozen=True)
class StrangersSpelling:
    """A function whose convention was found by trial: called in its own forms and words."""

    names: Mapping[str, str]  # of conv2d's options: what it calls them
    integers: frozenset[str]  # those that are one integer for both axes
    optional: frozenset[str]  # those that are left out where they change nothing
    positional: tuple[tuple[str, str], ...]  # all its parameters with defaults, if by position
    input: str  # behind X: ".permute(0, 2, 3, 1)"
    weight: str  # behind K
    output: str  # behind the call
    bias: str = ""  # behind b
    exchanged: bool = False  # the kernel before the input
    apply: bool = False  # of a ``torch.autograd.Function``
    same: str = ""  # what means "padded as SAME does", and none, where padding is a word
    valid: str = ""
    layer: LayerOfNames | None = None  # None for a function
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # see ``Stranger``
    sides: str = ""  # the order of four sides in one value of padding
    labels: Mapping[str, str] = field(default_factory=dict)  # what it is called, by parameters

    def operands(self, case: Case) -> tuple[str, str]:
        """X and K in its forms: contiguous there, where they are that in torch's, as in a run."""
        X, K = "X" + self.input, "K" + self.weight
        plain = {letter for letter, it in case.layouts_by_letter.items() if it is Layout.CONTIGUOUS}
        if case.geometry.batch == case.geometry.out_channels == 1:
            plain -= {"K"}  # so written, torch's backward pass may raise: docs/found/0052
        return (
            _contiguous(X) if "X" in plain else X,
            _contiguous(K) if "K" in plain else K,
        )

    def options(self, geometry: Geometry) -> dict[str, str]:
        """What it is given for a geometry, by its own names, but for the bias."""
        plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
        (top, bottom), (left, right) = geometry.padding
        pairs: dict[str, Any] = {
            "stride": geometry.stride,
            "padding": (top, left) if (top, left) == (bottom, right) else geometry.padding,
            "dilation": geometry.dilation,
        }
        said: dict[str, Any] = {
            option: pair[0] if option in self.integers else pair
            for option, pair in pairs.items()
            if not (pair == plain[option] and option in self.optional)
        }
        if self.sides and "padding" in said:
            said["padding"] = option_numbers.in_order(self.sides, geometry.padding)
        if self.same and "padding" in self.names:
            is_padded = geometry.padding != ((0, 0), (0, 0))
            said["padding"] = repr(self.same if is_padded else self.valid)
        if not (geometry.groups == 1 and "groups" in self.optional):
            said["groups"] = str(geometry.groups)
        if geometry.padding_mode != "zeros":
            said["padding_mode"] = repr(geometry.padding_mode)
        if self.layer is not None:
            said |= self._sizes(geometry)
        given = option_numbers.named(self.names, self.several, said)
        named = {name: str(value) for name, value in given.items()}
        if self.layer is not None and self.layer.sides is not None:
            named |= dict(zip(self.layer.sides, map(str, geometry.kernel_size), strict=True))
        return {**self.labels, **named}

    def _sizes(self, geometry: Geometry) -> dict[str, str]:
        """What a constructor is given besides, by the names of conv2d."""
        pair = geometry.kernel_size
        return {
            "in_channels": str(geometry.in_channels),
            "out_channels": str(geometry.out_channels),
            "kernel_size": str(pair[0] if "kernel_size" in self.integers else pair),
        }


def _contiguous(written: str) -> str:
    is_moved = "permute" in written or written.endswith(".t()")
    return written + (".contiguous()" if is_moved else "")


Spelling = FunctionSpelling | LayerSpelling | StrangersSpelling
