"""Modes and levels that a call may leave entered: all that torch does later runs under them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch._functorch import eager_transforms
from torch.autograd import forward_ad
from torch.utils import _python_dispatch

from conv_reference.verification.target.answers import type_name

# ruff: noqa: SLF001 (none of these has a public name)
# Bound before a target could replace them.
_C: Any = torch._C
_functions, _pop_function = _C._len_torch_function_stack, _C._pop_torch_function_stack
_dispatched, _pop_dispatched = _C._len_torch_dispatch_stack, _C._pop_torch_dispatch_stack
_BELIEVED = tuple(
    name
    for name, value in vars(_python_dispatch).items()
    if name.startswith("_is_in_") and isinstance(value, bool)
)
_BELIEVED_BY_GUARDS = "_is_in_any_mode_without_ignore_compile_internals"
_set_believed_by_guards = getattr(
    _python_dispatch, "set_is_in_mode_without_ignore_compile_internals", None
)
_depth = _C._functorch.get_dynamic_layer_stack_depth
_undo_to_depth = _C._functorch.pop_dynamic_layer_stack_and_undo_to_depth
_top_hooks, _pop_hooks = (
    _C._autograd._top_saved_tensors_default_hooks,
    _C._autograd._pop_saved_tensors_default_hooks,
)
_lifts_only, _set_lifts_only = _C._only_lift_cpu_tensors, _C._set_only_lift_cpu_tensors


@dataclass(frozen=True)
class Level:
    """One kind of them."""

    get: Callable[[], Any]
    undo: Callable[[Any], list[str]]  # back to what ``get`` returned; what was undone


def _undo_functions(depth: int) -> list[str]:
    """A default device is such a mode, too, which torch remembers besides."""
    if depth == 0:
        device = torch.get_default_device() if _is_default_device_set() else None
        torch.set_default_device(None)
        if device is not None and not _functions():
            return [f"torch's default device was set to {device}"]
    modes = [type_name(_pop_function()) for _ in range(_functions() - depth)]
    return [f"a mode over torch's functions was left entered: {name}" for name in modes]


def _is_default_device_set() -> bool:
    context = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return context is not None


def _modes() -> tuple[Any, ...]:
    """How deep; and whether torch believes to be in a mode, which it keeps apart.

    It keeps that once for all threads, so that two of them that enter modes can leave it wrong; its
    compiler, which asks for it, then compiles a function anew for each call.
    """
    return _dispatched(), *map(_python_dispatch.__dict__.__getitem__, _BELIEVED)


def _undo_modes(before: tuple[Any, ...]) -> list[str]:
    depth, *believed = before
    modes = [type_name(_pop_dispatched(None)) for _ in range(_dispatched() - depth)]
    if depth == 0 and _lifts_only():  # as a mode of fake tensors sets it
        _set_lifts_only(False)
    for name, value in zip(_BELIEVED, believed, strict=True):
        setattr(_python_dispatch, name, value)
        if name == _BELIEVED_BY_GUARDS and _set_believed_by_guards is not None:
            _set_believed_by_guards(value)
    return [f"a mode over torch's operators was left entered: {name}" for name in modes]


def _transforms() -> tuple[int, int]:
    """How deep; and how many jvps of them, which torch counts apart."""
    return _depth(), eager_transforms.JVP_NESTING


def _undo_transforms(before: tuple[int, int]) -> list[str]:
    depth, eager_transforms.JVP_NESTING = before
    _undo_to_depth(depth)
    return ["a transform of torch.func was left entered"]


def _hooks() -> Any:
    return _top_hooks(True)


def _undo_hooks(top: Any) -> list[str]:
    while (found := _hooks()) is not None and found != top:
        _pop_hooks()
    return ["hooks of saved tensors were left entered"]


def _dual_level() -> int:
    return forward_ad._current_level


def _undo_dual(level: int) -> list[str]:
    while _dual_level() > level:
        forward_ad.exit_dual_level()
    return ["a dual level was left entered"]


LEVELS = (
    Level(_functions, _undo_functions),
    Level(_modes, _undo_modes),
    Level(_transforms, _undo_transforms),
    Level(_dual_level, _undo_dual),
    Level(_hooks, _undo_hooks),
)


def entered() -> tuple[Any, ...]:
    """What is entered now: to be compared, and handed to ``undone``."""
    return _functions(), _modes(), _transforms(), _dual_level(), _hooks()


def undone(before: tuple[Any, ...]) -> str:
    """Undo what was entered since and not left again.

    Args:
        before: what ``entered`` returned.

    Returns:
        What that was; empty nearly always.
    """
    if entered() == before:
        return ""
    names = []
    for level, depth in zip(LEVELS, before, strict=True):
        if level.get() != depth:
            names += level.undo(depth)
    return "; ".join(names)
