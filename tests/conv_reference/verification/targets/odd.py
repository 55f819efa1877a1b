"""Convolutions that hand back what is no plain tensor, throw what is unprintable, or leave modes.

Each is right but for that; a plug-in does one or two of these by accident.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.functional import conv2d
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

Convolution = Callable[..., Any]
ANSWERS: dict[str, Convolution] = {}
THROWN: dict[str, Convolution] = {}
LEFT: dict[str, Convolution] = {}


def _into(table: dict[str, Convolution]) -> Callable[[Convolution], Convolution]:
    def register(function: Convolution) -> Convolution:
        table[function.__name__] = function
        return function

    return register


class Rude(Tensor):
    """Answers nothing that it is asked for."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise ValueError("no comment")


class NoClass:
    """Whose class cannot be asked for."""

    @property
    def __class__(self) -> Any:
        raise ZeroDivisionError

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise ZeroDivisionError


@_into(ANSWERS)
def a_rude_subclass(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight).as_subclass(Rude)


@_into(ANSWERS)
def without_a_class(input: Tensor, weight: Tensor) -> Any:
    return NoClass()


@_into(ANSWERS)
def nested(input: Tensor, weight: Tensor) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is a prototype
        return torch.nested.nested_tensor(list(conv2d(input, weight)))


@_into(ANSWERS)
def jagged(input: Tensor, weight: Tensor) -> Any:
    return torch.nested.nested_tensor(list(conv2d(input, weight)), layout=torch.jagged)


@_into(ANSWERS)
def on_meta(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight).to("meta")


@_into(ANSWERS)
def fake(input: Tensor, weight: Tensor) -> Any:
    from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: PLC0415 (slow to import)

    with FakeTensorMode(allow_non_fake_inputs=True):
        return conv2d(input.detach(), weight.detach())


@_into(ANSWERS)
def sparse(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight).detach().to_sparse()


@_into(ANSWERS)
def complex_numbers(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input.float(), weight.float()).to(torch.complex64)


@_into(ANSWERS)
def a_tuple(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight), None


@_into(ANSWERS)
def a_larger_plane(*args: Any) -> Any:
    return torch.nn.functional.pad(conv2d(*args), (0, 1, 0, 2))


@_into(ANSWERS)
def a_smaller_plane(*args: Any) -> Any:
    return conv2d(*args)[..., :1]


@_into(ANSWERS)
def a_number(*args: Any) -> Any:
    return conv2d(*args).sum()


@_into(ANSWERS)
def a_detach_of_its_own(input: Tensor, weight: Tensor) -> Any:
    """Zeros, that say they are right when they are asked for themselves."""
    Y = conv2d(input, weight)
    zeros: Any = Y * 0
    zeros.detach = Y.detach
    return zeros


class _MuteError(RuntimeError):
    def __str__(self) -> str:
        raise ZeroDivisionError


class _Slippery(str):
    """Text of which no part can be had."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        raise ZeroDivisionError


class _SlipperyError(RuntimeError):
    def __str__(self) -> str:
        return _Slippery("slips")


@_into(THROWN)
def what_cannot_be_said(input: Tensor, weight: Tensor) -> Any:
    raise _MuteError


@_into(THROWN)
def what_slips(input: Tensor, weight: Tensor) -> Any:
    raise _SlipperyError


@_into(THROWN)
def ten_megabytes(input: Tensor, weight: Tensor) -> Any:
    raise ValueError("no. " * 2_500_000)


class Passing(TorchFunctionMode):
    """Lets everything pass: a caller's own."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class _Mode(Passing):
    """The same, of a target."""


class _Zeroing(TorchFunctionMode):
    """All differences are zero, so that nothing is ever wrong."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in {torch.equal, Tensor.equal}:
            return True
        return func(*args, **(kwargs or {}))


class _Dispatch(TorchDispatchMode):
    """Lets everything pass."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def _leaving(name: str, enter: Callable[[], Any]) -> None:
    def convolve(input: Tensor, weight: Tensor) -> Any:
        Y = conv2d(input, weight)
        enter()
        return Y

    convolve.__name__ = name
    LEFT[name] = convolve


def _fake_mode() -> None:
    from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: PLC0415 (slow to import)

    _enter(FakeTensorMode(allow_non_fake_inputs=True))


def _vmap_level() -> None:
    torch._C._functorch._vmap_increment_nesting(2, "error")


def _enter(context: Any) -> None:
    context.__enter__()


_leaving("function_mode", lambda: _enter(_Mode()))
_leaving("zeroing_mode", lambda: _enter(_Zeroing()))
_leaving("dispatch_mode", lambda: _enter(_Dispatch()))  # type: ignore[no-untyped-call]  # torch gives it no types
_leaving("fake_mode", _fake_mode)
_leaving("meta_device", lambda: _enter(torch.device("meta")))
_leaving("vmap_level", _vmap_level)
_leaving("dual_level", forward_ad.enter_dual_level)
_leaving(
    "saved_tensor_hooks",
    lambda: _enter(torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t)),
)


def working_directory_gone(input: Tensor, weight: Tensor) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
    return conv2d(input, weight)
