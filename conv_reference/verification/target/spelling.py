"""How a target is called in Python with its module and torch alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conv_reference.geometry import Geometry


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


@dataclass(frozen=True)
class StrangersSpelling:
    """A function whose convention was found by trial: called in its own forms and words."""

    names: Mapping[str, str]  # of conv2d's options: what it calls them
    integers: frozenset[str]  # those that are one integer for both axes
    optional: frozenset[str]  # those that are left out where they say nothing
    positional: tuple[tuple[str, str], ...]  # all its parameters with defaults, if by position
    input: str  # behind X: ".permute(0, 2, 3, 1)"
    weight: str  # behind K
    output: str  # behind the call
    bias: str = ""  # behind b
    exchanged: bool = False  # the kernel before the input
    apply: bool = False  # of a ``torch.autograd.Function``
    same: str = ""  # what says "padded as SAME does", and none, where padding is a word
    valid: str = ""

    def options(self, geometry: Geometry) -> dict[str, str]:
        """What it is given for a geometry, by its own names, but for the bias."""
        plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
        pairs = {
            "stride": geometry.stride,
            "padding": (geometry.padding[0][0], geometry.padding[1][0]),
            "dilation": geometry.dilation,
        }
        said = {
            option: str(pair[0] if option in self.integers else pair)
            for option, pair in pairs.items()
            if not (pair == plain[option] and option in self.optional)
        }
        if self.same and "padding" in self.names:
            is_padded = geometry.padding != ((0, 0), (0, 0))
            said["padding"] = repr(self.same if is_padded else self.valid)
        if not (geometry.groups == 1 and "groups" in self.optional):
            said["groups"] = str(geometry.groups)
        if geometry.padding_mode != "zeros":
            said["padding_mode"] = repr(geometry.padding_mode)
        return {self.names[option]: text for option, text in said.items() if option in self.names}


Spelling = FunctionSpelling | LayerSpelling | StrangersSpelling
