"""The short recipe: an object with ``forward`` and ``vjp`` over numpy, as a framework."""

from __future__ import annotations

import inspect
from importlib.util import find_spec
from typing import Any, Protocol, runtime_checkable

import torch

from conv_reference.verification.frameworks.contract import DTYPES, Framework, Function
from conv_reference.verification.frameworks.convolving import Convolution
from conv_reference.verification.frameworks.lifting import AdapterError, Some
from conv_reference.verification.model.errors import NotAsked


@runtime_checkable
class Adapter(Protocol):
    """A convolution over numpy arrays, with its own derivative.

    ``options`` are stride, padding and dilation (pairs) and groups, by their names.
    """

    def forward(self, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        """Y, (N, O, H', W'), of X (N, C, H, W), K (O, C/groups, kh, kw) and b (O,) or None."""

    def vjp(self, grad_output: Any, input: Any, weight: Any, bias: Any, **options: Any) -> Any:
        """dX, dK and db (None without a bias), of G (N, O, H', W')."""


def is_adapter(implementation: Any) -> bool:
    """Whether this is such an object, and neither a class nor anything of torch's."""
    if inspect.isclass(implementation) or isinstance(implementation, torch.nn.Module):
        return False
    return isinstance(implementation, Adapter) and not isinstance(implementation, Framework)


def lacking(implementation: Any) -> str:
    """Which of the two functions an object lacks that has the other; else empty."""
    if inspect.isclass(implementation):
        return ""
    absent = [name for name in ("forward", "vjp") if not hasattr(implementation, name)]
    return absent[0] if len(absent) == 1 else ""


class Recipe(Framework):
    """The first order of an object with ``forward`` and ``vjp``.

    Args:
        adapter: with both.
    """

    sides = False  # the options are pairs

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        if find_spec("ml_dtypes") is None:
            self.dtypes = tuple(dtype for dtype in DTYPES if dtype != "bfloat16")

    @property
    def label(self) -> str:
        """The name of the object's class."""
        return type(self.adapter).__name__

    def conv(self, x: Any, w: Any, b: Any, **options: Any) -> Any:
        """See ``Framework.conv``."""
        return self.adapter.forward(x, w, b, **_in_pairs(options))

    def vjp(self, f: Function, primals: Any, cotangents: Any) -> Any:  # noqa: ARG002 (f holds them)
        """See ``Framework.vjp``; of the convolution alone."""
        if not isinstance(f, Some) or not isinstance(f.whole, Convolution):
            raise NotAsked("forward and vjp give the first order alone")
        x, w, *b = f.primals
        with torch.enable_grad():  # off in a backward pass; a vjp may use autograd itself
            found = self.adapter.vjp(
                cotangents[0], x, w, b[0] if b else None, **_in_pairs(f.whole.options)
            )
        if len(found) not in {len(f.which), 3}:
            raise AdapterError(f"vjp must answer dX, dK and db, got {len(found)} of them")
        return tuple(g for g, w in zip(found, f.which, strict=False) if w)


def _in_pairs(options: dict[str, Any]) -> dict[str, Any]:
    (top, _), (left, _) = options["padding"]
    return {**options, "padding": (top, left)}
