"""What backward passes written in Python returned themselves, before torch resizes it.

Torch sums a gradient that its input can be broadcast to, down to nothing where a dimension is 0,
casts one of another dtype, and lets None stand for zeros further down, all of it silently and
before any hook. So what is returned is seen where it is returned: in the one method through which
torch calls every ``Function``'s ``backward``. Passes written in C++ do not come by there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.trial.judge import whole

# Nodes that hand the same numbers on, in another layout or of another dtype.
_LAYOUTS = re.compile(
    r"(Permute|Transpose|T|View|UnsafeView|ReshapeAlias|Unsqueeze|Squeeze|Clone|ToCopy)Backward\d+"
)
_CALLERS = tuple(name for name in ("apply", "apply_boxed") if hasattr(BackwardCFunction, name))


@dataclass(frozen=True)
class Misfit:
    """One gradient that is not of its input's shape or dtype, or is missing."""

    by: str  # "backward", or "vjp" of an adapter
    leaf: str  # dX, dK, db; empty where its input is something in between
    shape: tuple[int, ...] | None  # None where None was returned
    dtype: torch.dtype | None
    wanted: tuple[int, ...]
    wanted_dtype: torch.dtype
    is_laid_out: bool = False  # its input is the leaf in another layout, as NHWC

    @property
    def is_resized(self) -> bool:
        """Whether torch sums it: dimensions of 1 in front hold the same numbers."""
        if self.shape is None or self.shape == self.wanted:
            return False
        extra = len(self.shape) - len(self.wanted)
        return extra < 0 or self.shape != (1,) * extra + self.wanted

    @property
    def is_cast(self) -> bool:
        """Whether it has the right shape in another dtype."""
        return self.shape == self.wanted and self.dtype != self.wanted_dtype

    def __str__(self) -> str:
        """``dX: backward returned (1, 1, 0, 0), X is (1, 1, 2, 3)``."""
        returned = "None" if self.shape is None else f"{self.shape}"
        wanted = f"{self.wanted}"
        if self.is_cast:
            returned, wanted = f"{self.dtype}", f"{self.wanted_dtype}"
        if not self.leaf:
            return f"{self.by} returned {returned} for an input of {wanted}"
        there = ", as it is laid out there," if self.is_laid_out else ""
        return f"{self.leaf}: {self.by} returned {returned}, {self.leaf[1:]}{there} is {wanted}"


@contextmanager
def intercepted_backward(leaves: Mapping[str, Tensor]) -> Iterator[list[Misfit]]:
    """Around backward passes, in one thread: what they return that does not fit its input.

    Args:
        leaves: X, K and b by the names of their gradients.
    """
    heard: list[Misfit] = []
    plain = {name: getattr(BackwardCFunction, name) for name in _CALLERS}
    for name, caller in plain.items():
        setattr(BackwardCFunction, name, _listening(caller, leaves, heard))
    try:
        yield heard
    finally:
        for name, caller in plain.items():
            setattr(BackwardCFunction, name, caller)


def resized(row: str, quantity: str, misfit: Misfit) -> Judgement:
    """A gradient that torch sums to its input's shape, or refuses, is wrong in itself."""
    wanted, returned = f"{misfit.wanted} from {misfit.by}", f"{misfit.shape}"
    return whole(row, quantity, wanted, returned, f"{misfit}")


def _listening(
    caller: Callable[..., Any], leaves: Mapping[str, Tensor], heard: list[Misfit]
) -> Callable[..., Any]:
    def called(ctx: Any, *gradients: Any) -> Any:
        returned = caller(ctx, *gradients)
        heard.extend(_misfits(ctx, returned, leaves))
        return returned

    return called


def _misfits(ctx: Any, returned: Any, leaves: Mapping[str, Tensor]) -> Iterator[Misfit]:
    """Each gradient beside its input: torch keeps edges for tensors alone, in their order."""
    given = returned if type(returned) is tuple else (returned,)
    asked = (value for value, needed in zip(given, ctx.needs_input_grad, strict=False) if needed)
    edges = ((node, place) for node, place in ctx.next_functions if node is not None)
    for value, (node, place) in zip(asked, edges, strict=False):
        wanted = node._input_metadata[place]  # noqa: SLF001 (sizes have no public name)
        shape = None if value is None else _shape(value)
        wanted_shape = tuple(wanted.shape)
        if shape == wanted_shape and value.dtype == wanted.dtype:
            continue  # nearly always
        if value is not None and shape is None:
            continue  # no tensor: torch refuses it itself
        variable = _variable(node)
        leaf = next((name for name, tensor in leaves.items() if tensor is variable), "")
        is_laid_out = bool(leaf) and not hasattr(node, "variable")
        by = getattr(ctx._forward_cls, "backward_is", "backward")  # noqa: SLF001 (the Function itself)
        dtype = None if value is None else value.dtype
        yield Misfit(by, leaf, shape, dtype, wanted_shape, wanted.dtype, is_laid_out)


def _variable(node: Any) -> Tensor | None:
    """The leaf that a node gathers the gradient of, itself or laid out in another way."""
    while _LAYOUTS.fullmatch(node.name()):
        node = node.next_functions[0][0]
        if node is None:
            return None
    found: Tensor | None = getattr(node, "variable", None)
    return found


def _shape(value: Any) -> tuple[int, ...] | None:
    """The shape of what is exactly a tensor; a subclass's is its own affair."""
    return tuple(value.shape) if type(value) is Tensor else None
