"""What a target hands back and throws, looked at so that nothing of it runs and nothing can fail.

A subclass of Tensor, an object whose class cannot be read, or an exception that cannot be
written down is the target's, and so is whatever happens when something of it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.model.errors import NotAsked

_MOST_READ = 4_000  # characters of an exception's text that are looked at
_PLAIN = frozenset({Tensor, torch.nn.Parameter})
_name_of_type = type.__dict__["__name__"].__get__
_cut = str.__getitem__
# Bound before a target could replace them.
_is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor  # noqa: SLF001 (there is no public one)
_of_torch = frozenset(dir(Tensor))


@dataclass(frozen=True)
class Odd:
    """An answer that is no plain tensor, of which nothing else was read."""

    expected: str  # "a plain tensor"
    found: str  # "of the subclass Rude"


def looked_at(value: Any) -> Any:
    """The value where it is a plain tensor, or None; else what is odd about it.

    Plain is a dense tensor of torch's own type, that holds numbers, and whose methods are torch's.
    """
    kind = type(value)
    if kind in _PLAIN:
        found = _oddity(value)
        return Odd("a plain tensor", found) if found else value
    if value is None or kind is Odd:
        return value
    name = type_name(value)
    if issubclass(kind, Tensor):
        return Odd("a plain tensor", f"of the subclass {name}")
    return Odd("a tensor", name)


def _oddity(tensor: Tensor) -> str:
    """Why a tensor of torch's own type is not like others; empty nearly always."""
    if tensor.is_nested:
        return "a nested tensor"
    if _is_wrapped(tensor):
        return "a tensor of a transform that was left entered"
    own = tensor.__dict__
    if own and not _of_torch.isdisjoint(own):
        return f"a tensor with {', '.join(sorted(_of_torch & {*own}))} of its own"
    if tensor.layout is not torch.strided:
        return f"of the layout {tensor.layout}"
    return f"without numbers, on {tensor.device}" if tensor.is_meta else ""


def type_name(value: Any) -> str:
    """The name of its type, whatever the type claims to be."""
    return str(_name_of_type(type(value)))


def kind_of(error: BaseException) -> str:
    """What kind of exception a target threw; of what could not be asked of it, that."""
    return "not asked" if issubclass(type(error), NotAsked) else type_name(error)


def message_of(error: BaseException, most: int = _MOST_READ) -> str:
    """The message of an exception, cut where it has more than so many characters."""
    try:
        return _cut(str(error), slice(most))
    except BaseException:
        return "(it cannot be written down)"
