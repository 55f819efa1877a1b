"""What in a module could be a convolution: its own functions, layers, Functions and adapters."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import nn

from conv_reference.verification.frameworks.contract import Framework
from conv_reference.verification.frameworks.recipe import is_adapter
from conv_reference.verification.target.scripted import as_function
from conv_reference.verification.target.strangers.handed_kernels import takes_a_kernel
from conv_reference.verification.target.strangers.numpy_layers import is_numpy_layer, static_forward

KINDS = (
    "function",
    "layer",
    "instance of a layer",
    "autograd.Function",
    "numpy layer",
    "framework",
    "adapter",
)


_BACKWARD = "backward"


def candidates(module: ModuleType) -> list[tuple[str, str, Any]]:
    """Attribute, kind and value of each, in the order of the file; not what it imports.

    But a package's are those of its modules, which it hands on. Names with a leading underscore are
    its own business, unless there is nothing else.
    """
    return list(_candidates(module)) or list(_candidates(module, underscored=True))


def _candidates(module: ModuleType, *, underscored: bool = False) -> Iterator[tuple[str, str, Any]]:
    seen: list[Any] = []
    for attribute, held in vars(module).items():
        name, value = _static(attribute, held)
        function = as_function(value)
        kind = _kind(function)
        own = _is_of(module, getattr(function, "__module__", module.__name__))
        is_instance = kind in {"instance of a layer", "adapter"}  # of whichever class
        if name.startswith("_") != underscored or not kind or not (own or is_instance):
            continue
        if not any(value is one for one in seen):
            seen.append(value)
            yield name, kind, value


def _static(name: str, value: Any) -> tuple[str, Any]:
    """A class's forward pass, where that needs no object of it; all else as it is."""
    forward = static_forward(value)
    return (f"{name}.{forward}", getattr(value, forward)) if forward else (name, value)


def _is_of(module: ModuleType, home: Any) -> bool:
    is_package = hasattr(module, "__path__")
    return home == module.__name__ or (is_package and str(home).startswith(f"{module.__name__}."))


def _kind(value: Any) -> str:
    if isinstance(value, nn.Module):
        return "instance of a layer"
    if inspect.isclass(value):
        return _kind_of_class(value)
    if inspect.isfunction(value):
        is_other = _BACKWARD in value.__name__.lower()  # a part of the convolution beside it
        return "function" if _takes_two(value) and not is_other else ""
    if inspect.ismodule(value) or not hasattr(value, "forward"):
        return ""
    return "adapter" if is_adapter(value) else ""


def _kind_of_class(value: type) -> str:
    if issubclass(value, nn.Module):
        return "layer"
    if is_numpy_layer(value):
        return "numpy layer"
    if takes_a_kernel(value):
        return "layer"
    if issubclass(value, Framework):
        return "framework"
    return "autograd.Function" if issubclass(value, torch.autograd.Function) else ""


def _takes_two(function: Any) -> bool:
    """Whether it takes an input and a kernel, at least."""
    parameters = inspect.signature(function).parameters.values()
    places = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    return len(places) >= 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters)
