"""A function over numpy arrays, with the function beside it that is its backward pass."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from conv_reference.verification.target.option_names import NAMES
from conv_reference.verification.target.strangers.numpy_arrays import Passed, is_nested, lifted
from conv_reference.verification.target.strangers.stranger import Bound, Stranger

_FORWARD, _BACKWARD = "forward", "backward"


def over_arrays(
    own: Stranger, function: Callable[..., Any], *, of_tensors: bool = False
) -> Stranger:
    """The same function, given arrays; or tensors, and judged by its own backward pass.

    Args:
        own: what it calls its parameters.
        function: whose module may hold its backward pass: ``conv_backward`` beside
            ``conv_forward``, which takes dY and the cache that was the second result.
        of_tensors: whether it is given tensors.
    """
    backward = backward_of(function)
    apart = None if backward is None else _apart(function, backward)
    order = Order()

    def bound(settings: Mapping[str, Any]) -> Bound:
        called = own.bound(settings)

        def run(X: Any, K: Any, b: Any) -> Passed:
            answer = called(X, K, b)
            shapes = [array.shape for array in (X, K, b) if array is not None]
            if backward is not None and isinstance(answer, tuple | list) and len(answer) == 2:
                return Passed(answer[0], lambda G: order.sorted(backward(G, answer[1]), shapes))
            several = isinstance(answer, tuple | list) and answer and not is_nested(answer)
            first = answer[0] if several else answer
            if backward is None or apart is None:
                return Passed(first, None)
            options = own.named(settings)
            return Passed(
                first, lambda G: order.sorted(backward(**apart(G, (X, K, b), options)), shapes)
            )

        return lifted(run, has_backward=backward is not None, of_tensors=of_tensors)

    return replace(
        own,
        bound=bound,
        over_arrays=True,
        dtype=torch.float64,
        has_backward=backward is not None,
        backward="" if backward is None else backward.__name__,
    )


_UPSTREAM = re.compile(r"(d|grad)_?(out|output|outputs|y|z|l|loss|h|a|)\Z|grad.*|delta|d[yz]_.*|g")


def _apart(function: Any, backward: Any) -> Callable[..., dict[str, Any]] | None:
    """How a backward pass that takes no cache is given dY, X and K: by the names of its parameters.

    Args:
        function: whose options it may take, under the same names.
        backward: ``conv_backward(dout, x, kernel)``.
    """
    parameters = [*inspect.signature(backward).parameters.values()]
    upstream = next((p.name for p in parameters if _UPSTREAM.fullmatch(p.name.lower())), None)
    forward = [*inspect.signature(function).parameters]
    own = [p.name for p in parameters if p.name != upstream and p.name not in forward[2:]]
    if upstream is None or len(own) != 2 or len(forward) < 2:
        return None
    biases = [name for name in forward[2:] if name.lower() in NAMES["bias"]]
    taken = {p.name for p in parameters}

    def given(G: Any, operands: Any, options: Mapping[str, Any]) -> dict[str, Any]:
        found = {upstream: G, own[0]: operands[0], own[1]: operands[1]}
        found |= {name: operands[2] for name in biases if name in taken}
        return found | {name: value for name, value in options.items() if name in taken}

    return given


def backward_of(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function of the same module, or of the same class, whose name is that of a backward pass.

    ``conv2d_backward`` is that of ``conv2d_naive``, too, where this has none of its own.
    """
    name = getattr(function, "__name__", "")
    owner: Any = sys.modules.get(getattr(function, "__module__", ""))
    holder = getattr(function, "__qualname__", "").rpartition(".")[0]
    owner = getattr(owner, holder, None) if holder else owner
    stems = (name, name.rpartition("_")[0])
    names = [name.replace(_FORWARD, _BACKWARD)] if _FORWARD in name else []
    for other in (*names, *(f"{stem}_{_BACKWARD}" for stem in stems if stem)):
        found = getattr(owner, other, None)
        if other != name and inspect.isfunction(found):
            return found
    return None


class Order:
    """Where dX, dK and db are in what a backward pass hands back.

    In this order, until a pass over operands of which no two have one shape shows another. The
    trial of a convention makes such a pass before any case. Where shapes agree, nothing could show
    that: a gradient of a wrong shape would be replaced by another's.
    """

    def __init__(self) -> None:
        self._places: dict[int, tuple[int, ...]] = {}  # by how many are requested

    def sorted(self, gradients: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
        """dX, dK and db.

        Args:
            gradients: what a backward pass hands back; one alone is dX.
            shapes: of X, K and, where there is one, b.
        """
        found = list(_flat(gradients, shapes))
        learned = self._places.get(len(shapes)) or places_by_shape(found, shapes)
        if learned is None:
            return found[: len(shapes)]
        self._places[len(shapes)] = learned
        return [found[place] if place < len(found) else None for place in learned]


def places_by_shape(
    found: Sequence[Any], shapes: Sequence[tuple[int, ...]]
) -> tuple[int, ...] | None:
    """Which of the gradients has which shape; None where that is not one each.

    >>> places_by_shape([np.ones(3), np.ones((2, 5))], [(2, 5), (3,)])
    (1, 0)
    """
    alike = [[place for place, g in enumerate(found) if np.shape(g) == shape] for shape in shapes]
    if len({*shapes}) < len(shapes) or any(len(places) != 1 for places in alike):
        return None
    return tuple(place for (place,) in alike)


def _flat(gradients: Any, shapes: Sequence[tuple[int, ...]]) -> Iterator[Any]:
    """One behind another, also where some are in a list of their own: ``dX, [dW, db]``.

    A list of arrays that has one of the shapes itself, an array for each sample, is one gradient.
    """
    if not isinstance(gradients, tuple | list) or _shape_of(gradients) in shapes:
        yield gradients
        return
    for gradient in gradients:
        yield from _flat(gradient, shapes)


def _shape_of(gradients: Any) -> tuple[int, ...] | None:
    try:
        return tuple(np.shape(gradients))
    except (ValueError, TypeError, RuntimeError):  # of arrays, or tensors, of several shapes
        return None
