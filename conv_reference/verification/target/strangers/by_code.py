"""What a stranger's code says of how it is called, before it is called."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from torch import nn

from conv_reference.verification.target.signatures import is_function_class
from conv_reference.verification.target.strangers.numpy_layers import is_numpy_layer

# What a forward pass calls that hands its options on: it takes pairs as they are, and what it does
# with them on the tiny case is not to end a run.
_TAKERS = {"conv2d", "convolution", "_conv_forward", "apply", "ops"}

_PADDINGS = (("SAME", "VALID"), ("same", "valid"))


def is_own_code(implementation: Any) -> bool:
    """Whether it is somebody's; torch's own are called as torch says, and made of torch's own."""
    is_instance = isinstance(implementation, nn.Module)
    own = type(implementation) if is_instance else _called(implementation)
    if str(getattr(own, "__module__", "torch")).partition(".")[0] == "torch":
        return False
    is_layer = inspect.isclass(own) and issubclass(own, nn.Module)
    is_layer = is_layer or is_numpy_layer(own)
    return inspect.isfunction(own) or is_layer or is_function_class(own)


def _called(implementation: Any) -> Any:
    """The function that a method or a partial calls; whatever else as it is."""
    if isinstance(implementation, partial):
        return _called(implementation.func)
    return implementation.__func__ if inspect.ismethod(implementation) else implementation


def knows_torch(implementation: Any) -> bool:
    """Whether torch, or anything of it, is among the names of its module."""
    function = getattr(implementation, "forward", implementation)
    names = getattr(function, "__globals__", None)
    return names is None or any(
        str(getattr(value, "__module__", None) or getattr(value, "__name__", "")).partition(".")[0]
        == "torch"
        for value in tuple(names.values())
    )


def has_torchs_names(implementation: Any) -> bool:
    """Whether its first two parameters are called as in torch; a layer's are not known."""
    function = implementation.forward if is_function_class(implementation) else implementation
    return {"input", "weight"} <= {*inspect.signature(function).parameters}


def may_be_depthwise(implementation: Any) -> bool:
    """Whether its name says depthwise, or its code hands on groups; of an instance it is not asked.

    For one without a parameter for them: it has as many as it finds in its operands.
    """
    if not (inspect.isfunction(implementation) or inspect.isclass(implementation)):
        return False
    parts = (getattr(implementation, name, None) for name in ("__init__", "forward"))
    codes = (getattr(part, "__code__", None) for part in (implementation, *parts))
    keywords = (c for code in codes for c in getattr(code, "co_consts", ()) if isinstance(c, tuple))
    named = "depthwise" in implementation.__name__.lower()
    return named or any("groups" in each for each in keywords)


def same_by_code(implementation: Any) -> str:
    """SAME as its code spells it, where it has a word for a padding; else empty."""
    code = getattr(implementation, "__code__", None)
    words = {word for word in getattr(code, "co_consts", ()) if isinstance(word, str)}
    return next((same for same, valid in _PADDINGS if words & {same, valid}), "")


def hands_on(implementation: Any) -> bool:
    """Whether its options may go to what takes pairs; a ``Function`` is looked into."""
    forward = getattr(implementation, "forward", implementation)
    code = getattr(forward, "__code__", None)
    if code is None:
        return True
    found = _TAKERS & {*code.co_names}
    if found != {"apply"}:
        return bool(found)
    named = (getattr(forward, "__globals__", {}).get(name) for name in code.co_names)
    applied = [each for each in named if is_function_class(each)]
    return not applied or any(map(hands_on, applied))
