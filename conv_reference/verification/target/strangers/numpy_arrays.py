"""Convolutions over numpy arrays, called from torch: their arrays are the tensors' own memory.

So what an array's strides or a write into it show, shows here as well. What torch alone can do
(masks of gradients, a second derivative, vmap) is the adapter's and not theirs, and not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv_reference.verification.model.errors import NotAsked
from conv_reference.verification.target.strangers.stranger import Bound


@contextmanager
def quietly() -> Iterator[None]:
    """Leave numpy's random state alone: an object is made for each call."""
    before = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(before)


@dataclass(frozen=True)
class Passed:
    """One forward pass over arrays."""

    Y: Any
    backward: Callable[[Any], Sequence[Any]] | None  # G → dX, dK and, with a bias, db


# What shows an array's numbers in another way, or asks for its shape, and computes none.
_VIEWS = frozenset(
    ("shape", "ndim", "size", "reshape", "transpose", "swapaxes", "moveaxis", "squeeze",
     "expand_dims", "broadcast_to", "ravel", "zeros_like", "empty_like", "ones_like", "full_like",
     "sliding_window_view", "as_strided")
)  # fmt: skip


@dataclass
class Computed:
    """Whether anything was computed of the arrays that a target was given."""

    anything: bool = False


_listener: Computed | None = None


@contextmanager
def listening() -> Iterator[Computed]:
    """Note whether a target computes anything of its arrays."""
    global _listener  # noqa: PLW0603 (as torch's modes are: of the calls that are made inside)
    before, _listener = _listener, Computed()
    try:
        yield _listener
    finally:
        _listener = before


class _Heard(np.ndarray):
    """An array of which what is computed is noted."""

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **kwargs: Any) -> Any:
        """A function of single numbers, over plain arrays from here on."""
        _note()
        outs = kwargs.get("out")
        kwargs |= {} if outs is None else {"out": tuple(map(_plain, outs))}
        return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)

    def __array_function__(self, function: Any, types: Any, given: Any, options: Any) -> Any:
        """Any other function."""
        if function.__name__ in _VIEWS:
            plain = [_plain(each) for each in given]
            found = function(*plain, **options)
            return found.view(_Heard) if isinstance(found, np.ndarray) else found
        _note()
        return super().__array_function__(function, types, given, options)


def _note() -> None:
    if _listener is not None:
        _listener.anything = True


def _plain(array: Any) -> Any:
    return array.view(np.ndarray) if isinstance(array, _Heard) else array


Pass = Callable[[Any, Any, Any], Passed]  # X, K and b, or None


class Lifted(torch.autograd.Function):
    """A pass with a backward pass by hand, differentiable once."""

    backward_is = "backward"  # what a report calls it

    @staticmethod
    def forward(ctx: Any, X: Tensor, K: Tensor, b: Tensor | None, run: Pass) -> Any:
        """Y, and what its backward pass needs."""
        ctx.passed = run(X.detach(), K.detach(), None if b is None else b.detach())
        ctx.like = X, K, b
        return ctx.passed.Y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, G: Tensor) -> Any:
        """Whatever the target says of the three, in whatever shape."""
        if ctx.passed.backward is None:
            raise NotAsked("no cache came with Y that its backward pass could take")
        found = ctx.passed.backward(G)
        return *found, *[None] * (4 - len(found))


def lifted(run: Pass, *, has_backward: bool, of_tensors: bool = False) -> Bound:
    """A function of tensors; Y hangs together with them only where there is a backward pass.

    Args:
        run: over arrays.
        has_backward: whether it hands one back.
        of_tensors: whether it is over tensors, and converts nothing.
    """
    whole = partial(_by_hand if of_tensors else _over_tensors, run)

    def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        if has_backward:
            return Lifted.apply(X, K, b, whole)  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        return whole(X, K, b).Y

    return call


def _by_hand(run: Pass, X: Tensor, K: Tensor, b: Tensor | None) -> Passed:
    """A pass over tensors, whose parts may have torch's graph compute their gradients."""
    with torch.enable_grad():
        passed = run(X, K, b)
    backward = passed.backward
    assert backward is not None  # or its gradients are those of torch's graph

    def back(G: Tensor) -> list[Any]:
        with torch.enable_grad():
            return [_detached(gradient) for gradient in backward(G)]

    return Passed(_detached(passed.Y), back)


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _over_tensors(run: Pass, X: Tensor, K: Tensor, b: Tensor | None) -> Passed:
    """A pass over arrays as one over tensors."""
    passed = run(array(X), array(K), None if b is None else array(b))
    backward = passed.backward
    if backward is None:
        return Passed(tensor(passed.Y), None)
    return Passed(tensor(passed.Y), lambda G: [tensor(each) for each in backward(array(G))])


def array(value: Tensor) -> Any:
    """The tensor's memory as an array.

    Raises:
        NotAsked: for what numpy does not have.
    """
    if value.dtype == torch.bfloat16:
        raise NotAsked("numpy has no bfloat16")
    found = value.detach().cpu().numpy()
    return found if _listener is None else found.view(_Heard)


def is_nested(value: Any) -> bool:
    """Whether it is a list of lists of numbers, as code without a library has its arrays."""
    depth = 0
    while isinstance(value, list) and value:
        value, depth = value[0], depth + 1
    return depth > 1 and isinstance(value, int | float | np.number)


def tensor(value: Any) -> Any:
    """An array's memory as a tensor; what is no array stays what it is."""
    if is_nested(value):
        with suppress(ValueError):  # of lists of unequal lengths
            value = np.array(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        return value
    if any(stride < 0 for stride in value.strides) or not value.flags.writeable:
        value = value.copy()  # what torch cannot hold
    return torch.from_numpy(value)
