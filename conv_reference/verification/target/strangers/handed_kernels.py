"""A stranger's layer that is handed its kernel with each input: ``layer.forward(x, kernel)``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.layer_calls import drawn_alike
from conv_reference.verification.target.option_names import (
    BACKWARDS,
    FORWARDS,
    HANDED,
    method_of,
    named,
    parameters_of,
)
from conv_reference.verification.target.signatures import is_function_class
from conv_reference.verification.target.strangers.constructors import constructed
from conv_reference.verification.target.strangers.held_arrays import is_gradient, places
from conv_reference.verification.target.strangers.numpy_arrays import Passed, lifted, quietly
from conv_reference.verification.target.strangers.numpy_functions import Order
from conv_reference.verification.target.strangers.numpy_layers import static_forward
from conv_reference.verification.target.strangers.stranger import Bound, Stranger

_SIZES = ("in_channels", "out_channels", "kernel_size")  # which say nothing new behind a kernel


def takes_a_kernel(layer: Any) -> bool:
    """Whether it is somebody's class, and objects of it take a kernel behind the input."""
    if not inspect.isclass(layer) or layer.__module__.partition(".")[0] == "torch":
        return False
    if is_function_class(layer) or static_forward(layer) or hasattr(layer, "vjp"):
        return False  # an adapter has its forward pass and its vjp
    forward = method_of(layer, FORWARDS)
    # The first is the object itself, the second its input.
    third = [*inspect.signature(forward).parameters][2:3] if inspect.isfunction(forward) else []
    return any(name.lower() in HANDED for name in third)


def kernel_handed(layer: type, *, of_arrays: bool) -> Stranger:
    """The class as a stranger: an object is made for each call, its kernel an argument of that.

    Args:
        layer: a class that takes a kernel.
        of_arrays: whether it is given numpy arrays; else tensors.

    Raises:
        TargetError: when what must be given, to make one or to call it, has an unknown name.
    """
    made = constructed(layer, sized=None)
    if made.arrays:
        raise TargetError("accepted is a layer that is handed its kernel once")
    forward = method_of(layer, FORWARDS)
    behind = named(parameters_of(forward)[3:], without=_SIZES)
    backward = None if issubclass(layer, nn.Module) else _backward(layer)
    order = Order()

    def bound(settings: Mapping[str, Any]) -> Bound:
        make = made.made(settings)
        options = option_numbers.named(behind.names, behind.several, settings)

        def called(X: Any, K: Any, b: Any) -> tuple[Any, Any]:
            with drawn_alike(), quietly():
                own = make()
            biased = {} if b is None and "bias" in behind.defaults else {"bias": b}
            given = options | option_numbers.named(behind.names, {}, biased)
            run = own if isinstance(own, nn.Module) else partial(forward, own)
            return run(X, K, **given), own

        def passed(X: Any, K: Any, b: Any) -> Passed:
            Y, own = called(X, K, b)
            shapes = [operand.shape for operand in (X, K, b) if operand is not None]
            if backward is None:
                return Passed(Y, None)
            return Passed(Y, lambda G: order.sorted(_gradients(backward(own, G), own), shapes))

        if not of_arrays and backward is None:
            return lambda X, K, b: called(X, K, b)[0]
        return lifted(passed, has_backward=backward is not None, of_tensors=not of_arrays)

    # When it is made it may be told whether there will be a bias: there is, where one is handed.
    own = {option: name for option, name in made.stranger.names.items() if option != "bias"}
    defaults = {option: it for option, it in made.stranger.defaults.items() if option != "bias"}
    by_hand = of_arrays or backward is not None
    return replace(
        made.stranger,
        bound=bound,
        names={**own, **behind.names},
        several={**made.stranger.several, **behind.several},
        integers=made.stranger.integers | behind.integers,
        defaults={**defaults, **behind.defaults},
        foreign=(*made.stranger.foreign, *behind.foreign),
        is_layer=False,
        dtype=torch.float64 if of_arrays else torch.float32,
        over_arrays=by_hand,
        has_backward=backward is not None,
        seen=frozenset({f"its kernel handed to its {forward.__name__}"}),
    )


def _backward(layer: type) -> Callable[[Any, Any], Any] | None:
    """The backward pass of its objects that takes dY alone; None without one."""
    method = method_of(layer, BACKWARDS)
    if not inspect.isfunction(method):
        return None
    demanded = [p for p in parameters_of(method)[1:] if p.default is p.empty]
    return method if len(demanded) == 1 else None


def _gradients(returned: Any, own: Any) -> Any:
    """What a backward pass hands back; beside dX alone, what it leaves in its object, too."""
    if returned is None or isinstance(returned, tuple | list):
        return returned
    return [returned, *(place.array for place in places(own) if is_gradient(place.name))]
