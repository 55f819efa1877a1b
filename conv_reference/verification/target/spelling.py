"""How a target is called in Python by who has its module and torch alone."""

from __future__ import annotations

from dataclasses import dataclass


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


Spelling = FunctionSpelling | LayerSpelling
