"""A layer over arrays that has no kernel when it is made: built, told a shape, or called once.

Where an optimizer is to take its steps it is given one that takes none, and keeps what it is
handed: ``self.W = self.W_opt.update(self.W, grad_w)``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from conv_reference.verification.target.option_names import (
    BUILDERS,
    IMAGES,
    OPTIMIZERS,
    SHAPERS,
    method_of,
)


class Optimizer:
    """One that takes no step, and is one with its copies."""

    said = "an optimizer that keeps the gradients which it is handed"

    def __init__(self) -> None:
        self._handed: list[tuple[Any, Any]] = []

    def __copy__(self) -> Optimizer:
        return self

    def __deepcopy__(self, _: Any) -> Optimizer:
        return self

    def update(self, array: Any, gradient: Any) -> Any:
        """The array as it is."""
        self._handed.append((array, gradient))
        return array

    def handed(self, array: Any) -> Any:
        """The gradient that it was last handed with this array; None without one."""
        found = (gradient for own, gradient in reversed(self._handed) if own is array)
        return next(found, None)


def optimizer_of(layer: Any) -> Optimizer | None:
    """The one that an object was given."""
    held = vars(layer).values()
    return next((each for each in held if isinstance(each, Optimizer)), None)


def with_its_kernel(
    make: Callable[..., Any],
    X: Any,
    has_kernel: Callable[[Any], bool],
    forward: Callable[[Any, Any], Any],
) -> Any:
    """An object that has its kernel; the last, where none has.

    Args:
        make: makes one.
        X: an input, whose shape it may want with its batch or without.
        has_kernel: whether an object has it.
        forward: calls an object with an input.
    """
    ways: tuple[Callable[[], Any], ...] = (
        make,
        lambda: _after(make(), partial(_build, X.shape)),
        lambda: _after(make(), partial(_build, X.shape[1:])),
        lambda: _after(_told(make, X.shape[1:]), _initialize),
        # At last: an input that is kept may have the kernel's shape.
        lambda: _after(make(), lambda layer: forward(layer, X)),
    )
    for way in ways:
        layer = way()
        if has_kernel(layer):
            break
    return layer


def _after(layer: Any, step: Callable[[Any], Any]) -> Any:
    """The object after a step, as far as that comes."""
    with suppress(Exception):
        step(layer)
    return layer


def _build(shape: tuple[int, ...], layer: Any) -> None:
    build = method_of(layer, BUILDERS)
    if build is not None and not _takes_optimizer(build):
        build(shape)


def _told(make: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    """An object that was told the shape of one input by a method, else by its constructor."""
    layer = make()
    tell = method_of(layer, SHAPERS)
    image = next((n for n, p in _parameters(make).items() if n in IMAGES and p.default is None), "")
    if tell is not None:
        return _after(layer, lambda _: tell(shape))
    return make(**{image: shape}) if image else layer


def _initialize(layer: Any) -> None:
    initialize = method_of(layer, BUILDERS)
    if initialize is not None and _takes_optimizer(initialize):
        initialize(Optimizer())


def _takes_optimizer(build: Callable[..., Any]) -> bool:
    first = next(iter(_parameters(build)), "")
    return first.lower() in OPTIMIZERS


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}
