"""What the constructor of a stranger's layer calls its parameters, and what it is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.option_names import (
    BIASES,
    IMAGES,
    KERNELS,
    LABEL,
    PLANES,
    SIDES,
    named,
    parameters_of,
)
from conv_reference.verification.target.strangers.stranger import Bound, Stranger


@dataclass(frozen=True)
class Constructed:
    """A class by whose constructor a layer is made."""

    stranger: Stranger  # but for how it is called
    made: Callable[[Mapping[str, Any]], Callable[..., Any]]  # settings → what makes one
    # Of a constructor that takes them: the parameters for the kernel and, where it has one, b.
    arrays: tuple[str, ...] = ()


def constructed(layer: Callable[..., Any], *, sized: bool | None = True) -> Constructed:
    """What a layer's constructor calls its parameters.

    Args:
        layer: the class.
        sized: whether one must be the kernel's size; without it the channels must be there, but
            for None, of a layer that is handed its kernel.

    Raises:
        TargetError: when one that must be given is of no known name, or none is the kernel's size.
    """
    parameters = parameters_of(layer)
    is_open = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    parameters = [p for p in parameters if p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}]
    own = {p.name for p in parameters}
    sides = next((pair for pair in SIDES if {*pair} <= own), None)
    rest = [p for p in parameters if sides is None or p.name not in sides]
    image = next((p.name for p in rest if _is_of_image(p)), None)
    kernel = next((p.name for p in rest if p.name.lower() in KERNELS), None)
    arrays = () if kernel is None else (kernel, *(p.name for p in rest if p.name in BIASES))
    rest = [p for p in rest if p.name not in {image, *arrays}]
    has_size = sides is not None or kernel is not None
    taken = named(rest, without=("kernel_size",) if has_size else ())
    names = taken.names
    if is_open and not (has_size or "kernel_size" in names):  # what it takes may be among the *args
        raise TargetError("accepted is a layer whose constructor names what it takes")
    has_no_size = _has_no_size(names, has_size=has_size, sized=sized)

    def made(settings: Mapping[str, Any]) -> Callable[..., Any]:
        given = option_numbers.named(names, taken.several, settings)
        given |= dict.fromkeys(taken.labels, LABEL)
        if sides is not None:
            size = settings["kernel_size"]
            given |= dict(zip(sides, (size, size) if isinstance(size, int) else size, strict=True))
        if image is not None:
            whole = settings["image"]
            given[image] = whole[1:] if image.lower() in PLANES else whole
        return partial(layer, **given)

    return Constructed(
        Stranger(
            _not_called,
            names,
            taken.several,
            taken.integers,
            taken.defaults,
            is_layer=True,
            sides=sides,
            has_no_size=has_no_size,
            image=image is not None,
            foreign=taken.foreign,
            labels=taken.labels,
        ),
        made,
        arrays,
    )


def _has_no_size(names: Mapping[str, str], *, has_size: bool, sized: bool | None) -> bool:
    """Whether the kernel has one size whatever is given.

    Raises:
        TargetError: when that is not allowed, or the channels are not given either.
    """
    if has_size or "kernel_size" in names or sized is None:
        return False
    if sized or not {"in_channels", "out_channels"} <= {*names}:
        raise TargetError("accepted is a layer whose constructor takes the kernel's size")
    return True


def _is_of_image(parameter: inspect.Parameter) -> bool:
    """Whether it takes one image's sizes, which it is given where no default is another."""
    name, default = parameter.name.lower(), parameter.default
    return (name in IMAGES and default is parameter.empty) or (
        name in PLANES and default in {parameter.empty, None}
    )


def _not_called(_: Mapping[str, Any]) -> Bound:
    raise TargetError("how it is called is not known yet")
