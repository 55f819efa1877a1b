"""A layer over numpy arrays: an object with ``forward(X)`` and ``backward(dY)``, found its parts.

Its kernel is the array of the kernel's shape that its constructor makes, its bias that of the
bias's name and size; and a backward pass's results are recognised by name, ``dW`` or ``W_grad``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from conv_reference.verification.model.errors import NotAsked, TargetError
from conv_reference.verification.target.option_names import (
    BACKWARDS,
    FORWARDS,
    NAMES,
    method_of,
)
from conv_reference.verification.target.strangers.constructors import constructed
from conv_reference.verification.target.strangers.held_arrays import (
    Place,
    is_gradient,
    is_idle,
    places,
)
from conv_reference.verification.target.strangers.made_later import (
    Optimizer,
    optimizer_of,
    with_its_kernel,
)
from conv_reference.verification.target.strangers.numpy_arrays import Passed, lifted, quietly
from conv_reference.verification.target.strangers.numpy_functions import Order
from conv_reference.verification.target.strangers.stranger import Bound, Stranger

# What a backward pass takes beside dY: how far it is to step, where it steps at once.
_RATES = ("learning_rate", "learn_rate", "lr", "alpha", "eta", "rate", "step_size")
_BY_POSITION = "b as (o, h', w'), one number for each position, whose gradients are summed to db"
STEPS = "the gradient of X alone, for an optimizer of its own steps, and keeps no other"
# The same as attributes of an object, where its constructor is given it; and what belongs to other
# steps than along the gradient. "alpha" and "rate" may be anything there.
_OWN_RATES = ("learning_rate", "learn_rate", "learningrate", "lr", "eta")
_OTHER_STEPS = ("beta", "momentum", "decay", "adam")
BY_STEP = "the step of its backward pass, its learning rate set to 1, for the gradients of K and b"
# Of 53: the small integers and random numbers of the other checks are nearer to one another.
_MOST_BITS_APART = 30
_TRAINING = ("training", "train", "is_training")  # so that what a backward pass needs is kept


def is_numpy_layer(implementation: Any) -> bool:
    """Whether it is a class of somebody's with a forward pass, and no tensors.

    Without a backward pass it is one where its constructor takes the sizes of a convolution.
    """
    if not inspect.isclass(implementation) or static_forward(implementation):
        return False
    if issubclass(implementation, torch.nn.Module | torch.autograd.Function):
        return False
    if method_of(implementation, FORWARDS) is None:
        return False
    return method_of(implementation, BACKWARDS) is not None or _is_of_sizes(implementation)


def _is_of_sizes(layer: type) -> bool:
    try:
        constructed(layer)
    except TargetError:
        return False
    return True


def static_forward(implementation: Any) -> str:
    """The name of a class's forward pass that needs no object of it; empty of what has none."""
    if not inspect.isclass(implementation):
        return ""
    if issubclass(implementation, torch.nn.Module | torch.autograd.Function):
        return ""
    found = (n for n in FORWARDS if isinstance(implementation.__dict__.get(n), staticmethod))
    return next(found, "")


def numpy_layer(layer: type) -> Stranger:
    """The class as a stranger: an object is made for each call, its arrays replaced.

    Without a backward pass it is forward only.

    Raises:
        TargetError: when its constructor must be given what is no size of a convolution.
    """
    own = constructed(layer)
    has_backward = method_of(layer, BACKWARDS) is not None
    rate, demanded = _beside_the_gradient(layer) if has_backward else (None, ())
    given = dict.fromkeys(demanded) | ({} if rate is None else {rate: 1.0})
    ways = _Ways(rate, given)

    def bound(settings: Mapping[str, Any]) -> Bound:
        make = own.made(settings)
        if not own.arrays:
            with quietly():
                make()  # what cannot be constructed is reported before a call

        def run(X: Any, K: Any, b: Any) -> Passed:
            made = partial(make, **dict(zip(own.arrays, (K, b), strict=False)))
            return _Run(_with_kernel(made, X, K, ways), K, b, ways).passed(X)

        return lifted(run, has_backward=has_backward)

    return replace(
        own.stranger,
        bound=bound,
        over_arrays=True,
        dtype=torch.float64,
        has_backward=has_backward,
        demanded=demanded,
        seen=ways.seen,
    )


def _with_kernel(make: Callable[..., Any], X: Any, K: Any, ways: _Ways) -> Any:
    """An object with an array of K's shape on which Y depends; the last, where none has it."""

    def made() -> Any:
        with quietly():
            return with_its_kernel(
                make, X, lambda each: _kernel_of(each, K.shape, ways.idle)[1] is not None, _forward
            )

    while True:
        layer = made()
        _, kernel = _kernel_of(layer, K.shape, ways.idle)
        if kernel is None and ways.read:  # others had one: what its call throws is why
            with quietly():
                _forward(layer, X)
        if kernel is None or kernel.name in ways.read:
            return layer
        if not _is_idle(made(), K, X, ways):
            ways.read.update({kernel.name} if X.any() and K.any() else ())
            return layer
        ways.idle.add(kernel.name)


def _is_idle(layer: Any, K: Any, X: Any, ways: _Ways) -> bool:
    """Whether Y does not depend on what is taken for an object's kernel; it is used up."""
    found, kernel = _kernel_of(layer, K.shape, ways.idle)
    if kernel is not None:
        with suppress(Exception), quietly():  # what raises here does so when it is called
            put = partial(_replace, found, kernel)
            return is_idle(put, K, X, partial(_forward, layer))
    return False


def _beside_the_gradient(layer: Any) -> tuple[str | None, tuple[str, ...]]:
    """What backward takes beside dY: the size of a step, if it has one; and what it demands."""
    try:
        parameters = list(inspect.signature(method_of(layer, BACKWARDS)).parameters.values())[2:]
    except (TypeError, ValueError):
        return None, ()
    rate = next((p.name for p in parameters if p.name.lower() in _RATES), None)
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    demanded = (p.name for p in parameters if p.default is p.empty and p.kind not in several)
    return rate, tuple(name for name in demanded if name != rate)


def _kernel_of(
    layer: Any, shape: tuple[int, ...], idle: Collection[str]
) -> tuple[list[Place], Place | None]:
    """The arrays that it holds, and that which is its kernel: none that is known to be idle."""
    found = list(places(layer))
    meant = (
        p
        for p in found
        if p.array.shape == shape and not is_gradient(p.name) and p.name not in idle
    )
    return found, next(meant, None)


def _forward(layer: Any, X: Any) -> Any:
    forward = method_of(layer, FORWARDS)
    given = {name: True for name in _TRAINING if name in inspect.signature(forward).parameters}
    return forward(X, **given)


def _set_own_rate(layer: Any) -> bool:
    """Whether an object holds how far its backward pass is to step: then that is set to 1."""
    held = getattr(layer, "__dict__", {})
    if any(other in name.lower() for name in held for other in _OTHER_STEPS):
        return False
    rate = next((n for n in held if n.lstrip("_").lower() in _OWN_RATES), None)
    if rate is None or not isinstance(held[rate], int | float):
        return False
    setattr(layer, rate, 1.0)
    return True


@dataclass(frozen=True)
class _Ways:
    """How the backward pass of a class is called, and what its calls have shown so far."""

    rate: str | None  # its parameter that is a step's size
    given: Mapping[str, Any]  # what it is given beside dY
    order: Order = field(default_factory=Order)
    seen: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)  # arrays on which Y depends
    idle: set[str] = field(default_factory=set)  # arrays of a kernel's shape on which it does not


class _Run:
    """One object, its kernel and bias replaced, and one pass through it."""

    def __init__(self, layer: Any, K: Any, b: Any, ways: _Ways) -> None:
        self._layer, self._ways = layer, ways
        self._has_rate = ways.rate is not None or _set_own_rate(layer)
        # Its step may be taken in place, in arrays that are its own.
        if self._has_rate or STEPS in ways.seen:
            K, b = K.copy(), None if b is None else b.copy()
        self._optimizer = optimizer_of(layer)
        if self._optimizer is not None:
            ways.seen.add(Optimizer.said)
        found, self._kernel = _kernel_of(layer, K.shape, ways.idle)
        if self._kernel is None:
            shapes = ", ".join(str(p.array.shape) for p in found)
            raise TargetError(
                f"accepted is a layer that has a kernel of shape {K.shape} when it is made or was "
                f"called once; it has {f'arrays of {shapes}' if shapes else 'no array'}"
            )
        self._bias = None if b is None else _bias(found, len(b))
        self._K, self._b = K, None
        _replace(found, self._kernel, K)
        # Some courses have a number for each position of Y.
        self.is_biased_by_position = self._bias is not None and self._bias.array.size != len(b)
        if self.is_biased_by_position:
            ways.seen.add(_BY_POSITION)
        if self._bias is not None:
            shape = self._bias.array.shape
            spread = self.is_biased_by_position
            self._b = b[:, None, None] + np.zeros(shape, b.dtype) if spread else b.reshape(shape)
            _replace(found, self._bias, self._b)

    def passed(self, X: Any) -> Passed:
        """Y, and the backward pass, whose gradients are looked for in the object."""
        return Passed(_forward(self._layer, X), lambda G: self._gradients(X, G))

    def _gradients(self, X: Any, G: Any) -> list[Any]:
        before = [None if array is None else array.copy() for array in (self._K, self._b)]
        returned = method_of(self._layer, BACKWARDS)(G, **self._ways.given)
        if returned is None:  # it leaves dX where it leaves the others
            returned = next(
                (p.array for p in places(self._layer) if _OF_INPUT.match(p.name.lower())), None
            )
        if isinstance(returned, tuple | list):
            shapes = [array.shape for array in (X, self._K, self._b) if array is not None]
            found = self._ways.order.sorted(returned, shapes)
            gradients = [*found, *[None] * (len(shapes) - len(found))]
        else:
            gradients = [returned]
            for place, was, sizes in zip(
                (self._kernel, self._bias), before, ((G, X), (G,)), strict=True
            ):
                if place is not None and was is not None:
                    gradients.append(self._gradient(place, was, sizes))
        if self._bias is not None:
            gradients[2] = self._as_flat(gradients[2])
        return gradients

    def _as_flat(self, gradient: Any) -> Any:
        """Db with one dimension, as torch's is, where its others are of 1, or positions."""
        if not isinstance(gradient, np.ndarray) or self._b is None:
            return gradient
        if self.is_biased_by_position and gradient.shape == self._b.shape:
            return gradient.sum((1, 2))
        return gradient.reshape(-1)

    def _gradient(self, place: Place, before: Any, factors: tuple[Any, ...]) -> Any:
        """What its optimizer was handed, was left under a gradient's name, or the step taken.

        Raises:
            NotAsked: where what its factors make is too small for a step to show it.
        """
        array = self._K if place is self._kernel else self._b
        handed = None if self._optimizer is None else self._optimizer.handed(array)
        if handed is not None:
            return handed
        own = place.name.rpartition(".")[2]
        left = [p for p in places(self._layer) if is_gradient(p.name)]
        named = [p for p in left if _is_of(p.name, own) and p.array.ndim == before.ndim]
        alike = [p for p in left if p.array.shape == before.shape]
        if alike or named:
            both = [p for p in named if p in alike]
            return (both or alike or named)[0].array
        now = next((p.array for p in places(self._layer) if p.name == place.name), None)
        is_moved = now is not None and not np.array_equal(now, before, equal_nan=True)
        if is_moved and self._ways.rate is None:
            self._ways.seen.add(BY_STEP if self._has_rate else STEPS)
        if self._ways.rate is None and BY_STEP not in self._ways.seen:
            return None
        if _is_lost(before, factors):
            raise NotAsked("its gradients are steps, which are too small beside its kernel")
        return None if now is None else before - now


def _is_lost(array: Any, factors: tuple[Any, ...]) -> bool:
    """Whether a product of the factors has less than some bits beside the array's numbers."""
    whole, *parts = (np.abs(each).max(initial=0.0) for each in (array, *factors))
    if not whole or not all(parts):
        return False
    return bool(np.log2(parts).sum() < np.log2(whole) - _MOST_BITS_APART)


def _the(found: list[Place], meant: Callable[[Place], bool]) -> Place | None:
    return next((place for place in found if meant(place)), None)


def _replace(found: list[Place], place: Place, array: Any) -> None:
    """Wherever the same array is held."""
    for other in found:
        if other.array is place.array:
            other.put(array)


def _bias(found: list[Place], size: int) -> Place | None:
    """One number for each output channel, or else for each of their positions: (o, h', w')."""
    named = [place for place in found if _is_bias(place)]
    plain = _the(named, lambda p: p.array.size == size)
    return plain or _the(named, lambda p: p.array.ndim == 3 and len(p.array) == size)


def _is_bias(place: Place) -> bool:
    parts = [part.lstrip("_") for part in place.name.lower().split(".")]  # "_bias.data"
    named = any(
        part in {*NAMES["bias"], "w0"} or part.startswith("b") or "bias" in part for part in parts
    )
    return named and not is_gradient(place.name)


_OF_INPUT = re.compile(
    r"(.*\.)?_*(d_?l?_?d?_?(x|a|input|inputs|in)|grad_(input|x)|(input|x)_grad)$"
)


def _is_of(gradient: str, own: str) -> bool:
    """Whether a gradient's name ends, or begins, as that of the array does."""
    last = gradient.rpartition(".")[2]
    return last.lower().endswith(own.lower()) or last.lower().startswith(own.lower())
