"""An instance of a stranger's layer: its kernel gives the sizes, its attributes the options."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from conv_reference.geometry import geometry_of, resolve_padding
from conv_reference.verification.target.layer_calls import around
from conv_reference.verification.target.option_names import NAMES, PLAIN, SIDES
from conv_reference.verification.target.padding_modes import WORD, settled_mode
from conv_reference.verification.target.strangers.stranger import Bound, Stranger
from conv_reference.verification.target.strangers.tensor_forms import WeightForm
from conv_reference.verification.target.strangers.tensor_layers import (
    as_shaped,
    convert,
    convert_again,
    names_of,
    parts,
)


def instance(layer: nn.Module) -> Stranger:
    """A layer as a stranger of settled sizes.

    Raises:
        TargetError: when its kernel cannot be recognised among its parameters.
    """
    kernel, bias = parts(layer)
    shape = tuple(kernel[1].shape)
    held = (layer, *around(layer, kernel[0]))
    declared = {
        option: value for option in PLAIN if (value := _attribute(held, option)) is not None
    }

    def bound(settings: Mapping[str, Any]) -> Bound:
        made = copy.deepcopy(layer)
        convert(made, settings)

        def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            convert_again(made, X)
            replaced = {kernel[0]: as_shaped(K, shape)}
            if bias is not None and b is not None:
                replaced[bias[0]] = as_shaped(b, bias[1].shape)
            return functional_call(made, replaced, (X,))

        return call

    def fixed(form: WeightForm) -> Mapping[str, Any] | None:
        mode = next((getattr(part, WORD) for part in held if hasattr(part, WORD)), "zeros")
        return _sizes(_unfolded(form, shape, held), {**PLAIN, **declared}, mode)

    assumed = {name: str(value) for name, value in PLAIN.items() if name not in declared}
    return Stranger(
        bound,
        {},
        is_layer=True,
        fixed=fixed,
        assumed=assumed,
        biased=bias is not None,
        parameters=lambda _: names_of(layer),
    )


def _attribute(held: Sequence[nn.Module], option: str) -> Any:
    """What a layer, or its part, holds under one of an option's names: a number or several."""
    for layer, name in product(held, NAMES[option]):
        value = getattr(layer, name, None)
        if isinstance(value, int | tuple | list) and not isinstance(value, bool):
            return tuple(value) if isinstance(value, list) else value
        if option == "padding" and isinstance(value, str):
            return value.lower()
    return None


def _unfolded(
    form: WeightForm, shape: tuple[int, ...], held: Sequence[nn.Module]
) -> tuple[int, ...] | None:
    """The kernel's shape (o, c, kh, kw): of a matrix an attribute gives the taps."""
    if form.word != "matrix" or len(shape) != 2:
        return form.shape(shape)
    size = _attribute(held, "kernel_size")
    if size is None:
        sides = (
            tuple(getattr(part, name) for name in pair)
            for part, pair in product(held, SIDES)
            if all(hasattr(part, name) for name in pair)
        )
        size = next(sides, None)
    kh, kw = size if isinstance(size, tuple) and len(size) == 2 else (size, size)
    if not isinstance(kh, int) or not isinstance(kw, int) or kh * kw < 1 or shape[1] % (kh * kw):
        return None
    return (shape[0], shape[1] // (kh * kw), kh, kw)


def _sizes(
    shape: tuple[int, ...] | None, options: Mapping[str, Any], mode: Any
) -> Mapping[str, Any] | None:
    """The fields of Geometry; None where the shape and the options do not go together."""
    if shape is None:
        return None
    try:
        plain = geometry_of(
            (1, shape[1] * options["groups"], 4096, 4096),
            shape,
            stride=options["stride"],
            dilation=options["dilation"],
            groups=options["groups"],
        )
        sides = resolve_padding(options["padding"], plain.kernel_size, plain.stride, plain.dilation)
    except (TypeError, ValueError):
        return None
    return {
        "in_channels": plain.in_channels,
        "out_channels": plain.out_channels,
        "kernel_size": plain.kernel_size,
        "stride": plain.stride,
        "padding": sides,
        "dilation": plain.dilation,
        "groups": plain.groups,
        **settled_mode(mode, sides, "its layer"),
    }
