"""Which operator a target should compute, and which of torch's arguments state a geometry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import grad

from conv_reference.geometry import Geometry
from conv_reference.quantities import (
    CONV2D,
    CONV2D_INPUT,
    CONV2D_WEIGHT,
    CONV_TRANSPOSE2D,
    OPERATORS,
    ROLES,
    Operator,
)
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.signatures import is_function_class, signature_of_call

Faces = Callable[..., Any]
_FUNCTIONS: dict[Any, Operator] = {
    torch.nn.functional.conv2d: CONV2D,
    torch.nn.functional.conv_transpose2d: CONV_TRANSPOSE2D,
    torch.nn.functional.conv1d: CONV2D,
    torch.nn.functional.conv_transpose1d: CONV_TRANSPOSE2D,
    grad.conv2d_weight: CONV2D_WEIGHT,
    grad.conv2d_input: CONV2D_INPUT,
}
_THREE = (
    torch.nn.functional.conv3d, torch.nn.functional.conv_transpose3d,
    grad.conv3d_input, grad.conv3d_weight,
)  # fmt: skip
_FACES_OF_A_LINE = (grad.conv1d_input, grad.conv1d_weight)
_LAYERS = (nn.Conv3d, nn.ConvTranspose3d)
_LINES = (torch.nn.functional.conv1d, torch.nn.functional.conv_transpose1d)
_LINE_LAYERS = (nn.Conv1d, nn.ConvTranspose1d)
# Parameters that say what is computed, where torch's names are followed.
_TELLING: tuple[tuple[frozenset[str], Operator], ...] = (
    (frozenset({"output_padding"}), CONV_TRANSPOSE2D),
    (frozenset({"weight_size", "grad_output"}), CONV2D_WEIGHT),
    (frozenset({"input_size", "grad_output"}), CONV2D_INPUT),
)


def operator_of(implementation: Any, name: str) -> Operator:
    """Torch's own by what they are, layers by their class, others by their parameters.

    Args:
        implementation: a function, a layer's class or a layer.
        name: for messages.

    Raises:
        TargetError: where it convolves in three dimensions, or is a gradient of conv1d.
    """
    implementation = _behind_partials(implementation)
    kind = _kind_of(implementation)
    if any(implementation is one for one in _THREE) or issubclass(kind, _LAYERS):
        raise TargetError(
            f"cannot verify {name!r}: three-dimensional convolution is not covered; accepted is "
            "one in one or two"
        )
    if any(implementation is one for one in _FACES_OF_A_LINE):
        raise TargetError(
            f"cannot verify {name!r}: a gradient of conv1d as a function is not covered; accepted "
            "are those of conv2d, or conv1d itself"
        )
    known = next((o for f, o in _FUNCTIONS.items() if f is implementation), None)
    if known is not None:
        return known
    if issubclass(kind, nn.Module):
        transposed = issubclass(kind, nn.ConvTranspose2d | nn.ConvTranspose1d)
        return CONV_TRANSPOSE2D if transposed else CONV2D
    named = {*_parameters(implementation)}
    return next((operator for names, operator in _TELLING if names <= named), CONV2D)


# One dimension is the width of two.
_IN_A_LINE = {"conv1d": CONV2D, "conv_transpose1d": CONV_TRANSPOSE2D}
READINGS = (*OPERATORS, *_IN_A_LINE)


def reading(name: str) -> tuple[Operator, bool]:
    """The operator of a name that a user gives, and whether it is in one dimension.

    Raises:
        ValueError: when there is none; says which there are.
    """
    if name not in READINGS:
        raise ValueError(f"operator must be one of {', '.join(READINGS)}, got {name!r}")
    line = name in _IN_A_LINE
    return (_IN_A_LINE if line else OPERATORS)[name], line


def is_line(implementation: Any) -> bool:
    """Whether it is one of torch's in one dimension: a function, a layer's class or a layer."""
    implementation = _behind_partials(implementation)
    is_function = any(implementation is one for one in _LINES)
    return is_function or issubclass(_kind_of(implementation), _LINE_LAYERS)


def _behind_partials(implementation: Any) -> Any:
    """What a ``functools.partial`` calls in the end."""
    while isinstance(implementation, partial):
        implementation = implementation.func
    return implementation


def _kind_of(implementation: Any) -> type:
    """The class that it is, or is of."""
    return implementation if inspect.isclass(implementation) else type(implementation)


def _parameters(implementation: Any) -> tuple[str, ...]:
    called = implementation.apply if is_function_class(implementation) else implementation
    signature = signature_of_call(called)
    return () if signature is None else tuple(signature.parameters)


def arguments(
    operator: Operator, geometry: Geometry, *, line: bool = False, sides: bool = False
) -> dict[str, Any]:
    """What torch's function of the operator takes after the bias.

    Args:
        operator: which.
        geometry: with equal padding on opposite sides.
        line: whether there is one dimension alone, the width.
        sides: whether padding that differs there is taken, as ((top, bottom), (left, right)).

    Raises:
        TargetError: where the padding differs between opposite sides.
    """
    (top, bottom), (left, right) = geometry.padding
    differs = (top, left) != (bottom, right)
    if differs and not sides:
        raise TargetError(
            f"the padding of {geometry} differs between opposite sides; accepted are equal sides"
        )
    options: dict[str, Any] = {
        "stride": geometry.stride,
        "padding": geometry.padding if differs else (top, left),
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }
    if geometry.padding_mode != "zeros":
        options["padding_mode"] = geometry.padding_mode
    if "output_padding" in operator.options:
        options["output_padding"] = geometry.remainder
    if line:
        return {n: value[1:] if isinstance(value, tuple) else value for n, value in options.items()}
    return options


def channels(operator: Operator, geometry: Geometry) -> dict[str, int]:
    """What a layer's constructor is given of them."""
    return {
        "in_channels": operator.shape("input", geometry)[1],
        "out_channels": operator.shape("grad_output", geometry)[1],
    }


def sized(function: Faces, operator: Operator, geometry: Geometry) -> Faces:
    """A function of ``torch.nn.grad`` as one of its two tensors, with the size that it takes.

    Args:
        function: ``conv2d_weight`` or ``conv2d_input``, or one that is called as these are.
        operator: which of the two it is.
        geometry: of the convolution whose gradient it gives.
    """
    if not operator.is_sized:
        return function
    size = operator.shape("grad_output", geometry)

    def of_operands(X: Tensor, K: Tensor, *options: Any, **by_name: Any) -> Any:
        by_place = dict(zip(operator.places, (X, K, size), strict=True))
        return function(*(by_place[role] for role in ROLES), *options, **by_name)

    return of_operands
