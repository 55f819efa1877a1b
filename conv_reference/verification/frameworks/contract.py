"""What an adapter gives of a framework: its convolution, and its transforms of functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from conv_reference.verification.frameworks import arrays

Function = Callable[..., tuple[Any, ...]]  # of arrays, positional, to a tuple of arrays

OPTIONS = ("bias", "stride", "padding", "dilation", "groups")
DTYPES = ("float64", "float32", "float16", "bfloat16")
COMPILES_PER = (None, "shape")
MODES = ("vjp", "jvp", "vmap")  # the transforms that a framework may lack


class Framework:
    """A framework's convolution with its own vjp, jvp, vmap and jit.

    An adapter derives from it; only ``conv`` must be given. The class is instantiated without
    arguments where a run names it, so a variant (another layout, no compiler) is a class of its
    own with another class attribute. What is not offered is left out of the plan by the
    attributes below, or refused by ``NotImplementedError``.

    >>> import numpy
    >>> class OneByOne(Framework):
    ...     name, version = "mine", "1.0"
    ...     options = ("bias",)
    ...
    ...     def conv(self, x, w, b, *, stride, padding, dilation, groups):
    ...         if w.shape[2:] != (1, 1):
    ...             raise NotImplementedError("kernels of one tap only")
    ...         y = numpy.einsum("nchw,oc->nohw", x, w[:, :, 0, 0])
    ...         return y if b is None else y + b[:, None, None]
    >>> OneByOne().label, OneByOne().lacks == {"vjp", "jvp", "vmap"}
    ('mine 1.0', True)
    """

    name: str = ""  # in every report; by default that of the class
    version: str = ""
    dtypes: Sequence[str] = DTYPES  # of these; the others are not asked
    options: Sequence[str] = OPTIONS  # what can be varied; the others are at 1 and 0
    sides: bool = True  # whether opposite sides may be padded differently
    layouts: Sequence[str] = ("contiguous",)  # which `to` hands on as they lie
    # An exception and a part of its text, which together mean: not offered.
    refusals: Sequence[tuple[type[BaseException], str]] = ()
    compiles_per: str | None = None  # "shape": each has a program of its own

    @property
    def label(self) -> str:
        """The name and version, as reports have them."""
        return f"{self.name or type(self).__name__} {self.version}".strip()

    @property
    def cache(self) -> Path | None:
        """A folder of this framework and version for what it compiles, kept from run to run.

        Below ``CONV_REFERENCE_CACHE`` where that is set (empty: None), else the user's cache.
        """
        named = os.environ.get("CONV_REFERENCE_CACHE")
        if named == "":
            return None
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conv-reference"
        words = "".join(c if c.isalnum() or c in ".-" else "-" for c in self.label)
        return (home if named is None else Path(named)) / words

    @property
    def lacks(self) -> frozenset[str]:
        """Those of vjp, jvp and vmap that it does not define."""
        own = type(self)
        return frozenset(m for m in MODES if getattr(own, m) is getattr(Framework, m))

    def conv(
        self,
        x: Any,
        w: Any,
        b: Any,
        *,
        stride: tuple[int, int],
        padding: tuple[tuple[int, int], tuple[int, int]],
        dilation: tuple[int, int],
        groups: int,
    ) -> Any:
        """Y, (N, O, H', W'): the cross-correlation, as torch's ``conv2d``.

        Args:
            x: the input, (N, C, H, W), an array of the framework's.
            w: the kernel, (O, C/groups, kh, kw).
            b: the bias, (O,), or None.
            stride: down and across.
            padding: with zeros, ((top, bottom), (left, right)).
            dilation: down and across.
            groups: that divide C and O.
        """
        raise NotImplementedError("the adapter gives no conv")

    def to(self, tensor: Tensor) -> Any:
        """The framework's array of a tensor on the CPU.

        By default ``from_dlpack`` of a tensor that is contiguous and lies at a multiple of 64
        bytes: some libraries die of less.
        """
        return self.from_dlpack(arrays.aligned(tensor.detach()))

    def back(self, array: Any) -> Tensor:
        """A tensor, in memory of its own, of the framework's array.

        By default through numpy where it is numpy's, else through DLPack.
        """
        return arrays.tensor_of(array)

    def from_dlpack(self, tensor: Tensor) -> Any:
        """What ``to`` calls: numpy's by default, with bfloat16 from ml_dtypes where it is there."""
        return arrays.numpy_of(tensor)

    def vjp(self, f: Function, primals: tuple[Any, ...], cotangents: tuple[Any, ...]) -> Any:
        """The gradients of f in each of the primals.

        Args:
            f: answers a tuple.
            primals: where.
            cotangents: one for each of f's answers.
        """
        raise NotImplementedError("no reverse mode")

    def jvp(self, f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
        """The tangents of f's answers, a tuple.

        Args:
            f: answers a tuple.
            primals: where.
            tangents: one for each primal.
        """
        raise NotImplementedError("no forward mode")

    def vmap(self, f: Function, in_dims: tuple[int | None, ...]) -> Function:
        """f, mapped; the mapped dimension comes first in each of its answers.

        Args:
            f: answers a tuple.
            in_dims: the mapped dimension of each argument; None: it is not mapped over.
        """
        raise NotImplementedError("no vmap")

    def jit(self, f: Function) -> Function:
        """f, compiled; as it is where nothing compiles."""
        return f


def problem(framework: Framework) -> str:
    """What is wrong with an adapter's attributes, in one line; empty where nothing is."""
    if type(framework).conv is Framework.conv:
        return "gives no conv(self, x, w, b, *, stride, padding, dilation, groups)"
    layouts = arrays.LAYOUTS
    for name, accepted in (("dtypes", DTYPES), ("options", OPTIONS), ("layouts", layouts)):
        given = getattr(framework, name)
        if isinstance(given, str) or not set(given) <= set(accepted):
            return f"{name} must be of {', '.join(accepted)}, got {given!r}"
    if not framework.dtypes:
        return "dtypes must name at least one dtype, got none"
    if framework.compiles_per not in COMPILES_PER:
        return f"compiles_per must be None or 'shape', got {framework.compiles_per!r}"
    return _problem_of_refusals(framework.refusals)


def _problem_of_refusals(given: Any) -> str:
    """What is wrong with ``refusals``; empty where nothing is."""
    accepted = "pairs of an exception class and a part of its text"
    if not isinstance(given, tuple | list):
        return f"refusals must be {accepted}, got {given!r}"
    for pair in given:
        if not _is_refusal(pair):
            return f"refusals must be {accepted}, ((ValueError, 'too small'),), got {pair!r} in it"
        kind, text = pair
        # What the mistakes of an adapter raise would be called a refusal.
        own = kind.__module__ == "builtins" and kind is not NotImplementedError
        if own and not text.strip():
            return (
                f"refusals has ({kind.__name__}, {text!r}), which hides the adapter's mistakes; "
                f"accepted of {kind.__name__} is a part of its text that is not empty"
            )
    return ""


def _is_refusal(pair: Any) -> bool:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return False
    kind, text = pair
    return isinstance(kind, type) and issubclass(kind, BaseException) and isinstance(text, str)
