"""What the signature of a function says: which of conv2d's options it takes, and in which way."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from itertools import takewhile
from typing import Any, get_type_hints

import torch
from torch import nn

from conv_reference.quantities import OPTIONS
from conv_reference.verification.model.errors import TargetError

ACCEPTED = (
    "accepted is a callable with a leading part of (input, weight, bias, stride, padding, "
    "dilation, groups), an nn.Module class or instance, or an adapter with forward and vjp"
)
_MOST_SHOWN = 160  # characters of a signature


def is_function_class(implementation: Any) -> bool:
    """Whether it is a class of ``torch.autograd.Function``'s kind."""
    return inspect.isclass(implementation) and issubclass(implementation, torch.autograd.Function)


def class_of_apply(function: Any) -> Any:
    """The autograd Function whose ``apply`` it is; None of whatever else."""
    owner = getattr(function, "__self__", None)
    return owner if is_function_class(owner) else None


def takes_context(owner: Any) -> bool:
    """Whether an autograd Function's ``forward`` takes ctx before the operands."""
    own: bool = owner.setup_context is torch.autograd.Function.setup_context
    return own


def signature_of(function: Callable[..., Any]) -> inspect.Signature | None:
    """What Python tells of it; None of what is built in, as torch's own conv2d."""
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def signature_of_call(function: Callable[..., Any]) -> inspect.Signature | None:
    """The same, but of an ``apply``, which takes anything, that of the ``forward`` behind it."""
    owner = class_of_apply(function)
    return signature_of(function if owner is None else owner.forward)


def shown_signature(implementation: Any) -> str:
    """``conv(x, w, b)``; of an autograd Function its forward's; empty of what has none."""
    is_class = is_function_class(implementation)
    try:
        signature = inspect.signature(implementation.forward if is_class else implementation)
        name = getattr(implementation, "__name__", type(implementation).__name__)
    except Exception:  # whatever the implementation's own attributes throw
        return ""
    return textwrap.shorten(f"{name}{signature}", _MOST_SHOWN, placeholder=" …")


def positional_parameters(
    function: Callable[..., Any], name: str, options: tuple[str, ...] = OPTIONS, operands: int = 2
) -> dict[str, Any]:
    """The parameters after the operands, with their defaults.

    Args:
        function: whose they are.
        name: for messages.
        options: of its operator.
        operands: how many parameters come before: input and weight; of a gradient a size, too.

    Raises:
        TargetError: when a parameter that must be given is none of conv2d's.
    """
    signature, owner = signature_of_call(function), class_of_apply(function)
    if signature is None:
        return dict.fromkeys(_built_in(function, options)[0])
    parameters = list(signature.parameters.values())
    if owner is not None and takes_context(owner):
        parameters = parameters[1:]
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        named = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
        return dict.fromkeys(takewhile(lambda option: option not in named, options))
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    foreign = [
        p.name for p in positional[operands:] if p.name not in options and p.default is p.empty
    ]
    keyword = [
        p.name
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.default is p.empty and p.name not in options
    ]
    if lacks_its_object(function):
        raise TargetError(
            f"cannot call {name!r}, a method without its object; accepted is that of an instance, "
            f"path/file.py:instance.{function.__name__}, or a layer's class"
        )
    if len(positional) < operands or foreign or keyword:
        names = ", ".join([*foreign, *keyword])
        unknown = f": no parameter of conv2d is called {names}" if names else ""
        raise TargetError(
            f"cannot call {name!r} with the signature {signature}{unknown}; {ACCEPTED}"
        )
    return {p.name: None if p.default is p.empty else p.default for p in positional[operands:]}


def lacks_its_object(function: Callable[..., Any]) -> bool:
    """Whether it is a method as a class has it: its first parameter would be the object."""
    holder = getattr(function, "__qualname__", "").rpartition(".")[0]
    signature = signature_of(function)
    first = next(iter(() if signature is None else signature.parameters), "")
    return first == "self" and bool(holder) and not holder.endswith("<locals>")


def keyword_options(function: Callable[..., Any], options: tuple[str, ...] = OPTIONS) -> list[str]:
    """The options that can only be given by keyword; of ``**options``, all the others."""
    signature = signature_of(function)
    if signature is None:
        return list(_built_in(function, options)[1])
    parameters = signature.parameters
    only = {name for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    kinds = {p.kind for p in parameters.values()}
    if inspect.Parameter.VAR_KEYWORD in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        only |= set(options) - set(parameters)
    return [name for name in options if name in only]


def layer_parameters(layer: type[nn.Module]) -> tuple[str, ...]:
    """The parameters by which a layer is constructed: of ``**options``, those of ``nn.Conv2d``."""
    parameters = inspect.signature(layer).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return ("in_channels", "out_channels", "kernel_size", *OPTIONS[1:], OPTIONS[0])
    return tuple(parameters)


def _built_in(
    function: Callable[..., Any], options: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The options of a function that has no signature: by position, and by keyword.

    Of a ``functools.partial`` what it settles can be given by keyword alone, and so what follows.
    """
    settled = function.keywords if isinstance(function, partial) else {}
    first = next((place for place, name in enumerate(options) if name in settled), len(options))
    return options[:first], options[first:]


def is_called_by_position(function: Callable[..., Any], parameters: Mapping[str, Any]) -> bool:
    """Whether it cannot be given these parameters by their names."""
    if inspect.isclass(getattr(function, "__self__", None)):  # an `apply`
        return True
    signature = signature_of(function)
    if signature is None:
        return False
    kinds = {name: p.kind for name, p in signature.parameters.items()}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        by_position = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL}
        return not by_position.isdisjoint(kinds.values())
    return not set(parameters) <= {n for n, k in kinds.items() if k is not k.POSITIONAL_ONLY}


def takes_by_keyword(function: Callable[..., Any], name: str) -> bool:
    """Whether there is a parameter of this name that can be given by it alone."""
    signature = signature_of(function)
    parameter = None if signature is None else signature.parameters.get(name)
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


def default_of(function: Callable[..., Any], name: str) -> Any:
    """The default of a parameter; None without one, or without the parameter."""
    signature = signature_of_call(function)
    parameter = None if signature is None else signature.parameters.get(name)
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def takes_words(function: Callable[..., Any]) -> bool | None:
    """Whether the annotation of ``padding`` admits text, as ``"same"`` is; None without one."""
    try:
        annotation = get_type_hints(function).get("padding")
    except (NameError, TypeError, AttributeError):  # a name that is not there at run time
        annotation = getattr(function, "__annotations__", {}).get("padding")
    if annotation is None or annotation is Any:
        return None
    return "str" in str(annotation) or "same" in str(annotation)
