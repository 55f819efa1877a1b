"""Where an object over numpy arrays holds its arrays, and whether Y depends on one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_GRADIENT = re.compile(r"d(_.*|[A-Z].*|L?(w|b|k|x|weights?|inputs?|bias(es)?|kernels?|filters?))$")


@dataclass(frozen=True)
class Place:
    """Where an object holds an array."""

    name: str
    holder: Any  # an object, or a dictionary or list
    key: Any
    array: Any

    def put(self, array: Any) -> None:
        """Hold another one."""
        if isinstance(self.holder, MutableMapping | list):
            self.holder[self.key] = array
        else:
            setattr(self.holder, self.key, array)


def places(holder: Any, depth: int = 2, before: str = "") -> Iterator[Place]:
    """Where an object, and what it is made of, holds arrays.

    Args:
        holder: the object.
        depth: how far its parts are looked into.
        before: what a part's name follows.
    """
    if isinstance(holder, Mapping):
        items: list[tuple[Any, Any]] = list(holder.items())
    elif isinstance(holder, list):
        items = list(enumerate(holder))
    else:
        items = list(getattr(holder, "__dict__", {}).items())
    for key, value in items:
        name = f"{before}{key}"
        if isinstance(value, np.ndarray):
            yield Place(name, holder, key, value)
        elif depth > 1 and not callable(value):
            yield from places(value, depth - 1, f"{name}.")
        # Parameters in a dictionary or a list, which is no step of its own.
        elif isinstance(holder, Mapping | list) and _is_parameter(value):
            yield from places(value, 1, f"{name}.")


def _is_parameter(value: Any) -> bool:
    """Whether it is an object around an array, as courses have for what is learned."""
    return isinstance(getattr(value, "data", None), np.ndarray)


def is_idle(put: Callable[[Any], None], K: Any, X: Any, forward: Callable[[Any], Any]) -> bool:
    """Whether Y depends on the input, and not on the array that may be a layer's kernel.

    A layer may flatten its kernel at each call, and keep that: what is put there is not read.

    Args:
        put: has the layer hold another array in its place.
        K: what is put there, beside zeros.
        X: an input.
        forward: its forward pass.
    """
    put(np.zeros_like(K))
    zeroed, of_nothing = np.array(forward(X)), np.array(forward(np.zeros_like(X)))
    # Where the kernel is read at the first call alone, it stays zero.
    if np.array_equal(zeroed, of_nothing, equal_nan=True):
        return False
    put(K)
    return np.array_equal(forward(X), zeroed, equal_nan=True)


def is_gradient(name: str) -> bool:
    """``dW``, ``dLdW``, ``W_grad``, ``grads.W``, ``d_filters``."""
    return (
        "grad" in name.lower() or _GRADIENT.match(name.rpartition(".")[2].lstrip("_")) is not None
    )
