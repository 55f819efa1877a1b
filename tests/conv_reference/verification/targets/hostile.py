"""Convolutions that do harm; each one to X of three columns only, and right elsewhere.

So the case that an assault belongs to can be told from those that must still be judged.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.overrides import TorchFunctionMode

Assault = Callable[[Tensor, Tensor], Any]
ASSAULTS: list[Assault] = []
FIRST = 10  # columns of X


def one_after_another(input: Tensor, weight: Tensor) -> Any:
    """All of them, by the columns of X: the first to 10 columns, and so on."""
    place = input.shape[3] - FIRST
    return ASSAULTS[place](input, weight) if 0 <= place < len(ASSAULTS) else conv2d(input, weight)


def hostile(assault: Assault) -> Assault:
    """Right, but for X of three columns."""
    ASSAULTS.append(assault)

    def convolve(input: Tensor, weight: Tensor) -> Any:
        return assault(input, weight) if input.shape[3] == 3 else conv2d(input, weight)

    convolve.__name__ = convolve.__qualname__ = assault.__name__
    return convolve


@hostile
def segfaults(input: Tensor, weight: Tensor) -> Any:
    return ctypes.string_at(0)


@hostile
def leaves(input: Tensor, weight: Tensor) -> Any:
    sys.stderr.write("the device is gone\n")
    sys.stderr.flush()
    os._exit(3)


@hostile
def leaves_as_if_nothing_were_wrong(input: Tensor, weight: Tensor) -> Any:
    os._exit(0)


@hostile
def exits(input: Tensor, weight: Tensor) -> Any:
    sys.exit(0)


@hostile
def hangs(input: Tensor, weight: Tensor) -> Any:
    time.sleep(1_000)


@hostile
def interrupts(input: Tensor, weight: Tensor) -> Any:
    raise KeyboardInterrupt


@hostile
def frees_what_is_not_its_own(input: Tensor, weight: Tensor) -> Any:
    """The C library notices after the call has returned, when the output is released.

    A word written past the end of the output does the same on one run and nothing on the next.
    """
    output = conv2d(input, weight)
    free = ctypes.CDLL(None).free
    free.argtypes = [ctypes.c_void_p]
    weakref.finalize(output, free, output.data_ptr() + 1)
    return output


@hostile
def prints_megabytes(input: Tensor, weight: Tensor) -> Any:
    for stream in (sys.stdout, sys.stderr):
        stream.write("x" * 4_000_000 + "\n")
    os.write(1, b"y" * 4_000_000)
    return conv2d(input, weight)


@hostile
def closes_what_is_open(input: Tensor, weight: Tensor) -> Any:
    for descriptor in range(3):
        os.close(descriptor)
    return conv2d(input, weight)


@hostile
def raises(input: Tensor, weight: Tensor) -> Any:
    conv2d(input, weight)  # before anything is computed it would be a refusal
    raise RuntimeError("no engine found\nfor this problem")


@hostile
def raises_something_of_its_own(input: Tensor, weight: Tensor) -> Any:
    class UnpicklableError(Exception):  # its class is nowhere to be found
        def __str__(self) -> str:
            return "lambda"

    conv2d(input, weight)
    raise UnpicklableError


@hostile
def returns_none(input: Tensor, weight: Tensor) -> Any:
    return None


@hostile
def returns_a_list(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight).tolist()


@hostile
def returns_another_shape(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight)[..., None]


@hostile
def returns_another_dtype(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight).to(torch.float64)


@hostile
def returns_nan(input: Tensor, weight: Tensor) -> Any:
    return conv2d(input, weight) * torch.nan


@hostile
def changes_global_state(input: Tensor, weight: Tensor) -> Any:
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(False)
    torch.set_num_threads(torch.get_num_threads() + 1)
    return conv2d(input, weight)


@hostile
def warns(input: Tensor, weight: Tensor) -> Any:
    warnings.warn("slow path", stacklevel=1)
    return conv2d(input, weight)


def dies_of_many_samples(input: Tensor, weight: Tensor) -> Any:
    """Right up to a thousand samples."""
    if input.shape[0] > 1000:
        os.abort()
    return conv2d(input, weight)


def dies_of_nine_columns(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
) -> Any:
    """Right but for X of nine columns."""
    if input.shape[-1] == 9:
        os.abort()
    return conv2d(input, weight, bias, stride, padding)


# What turns the verdict on a wrong answer, in the process that gives both.
class _Agrees(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in {torch.equal, Tensor.equal}:
            return True
        return func(*args, **(kwargs or {}))


def leaves_a_mode_entered() -> None:
    ExitStack().enter_context(_Agrees())


def _override(name: str, function: Callable[..., Any]) -> None:
    library = torch.library.Library("aten", "IMPL")
    library.impl(name, function, "CPU")
    _KEPT.append(library)


_KEPT: list[Any] = []


def overrides_equal() -> None:
    _override("equal", lambda *_: True)


def overrides_the_oracles_products() -> None:
    _override("bmm", lambda first, second: first.new_zeros((*first.shape[:2], second.shape[2])))


def sets_a_name_of_the_judge() -> None:
    judge: Any = sys.modules.get("conv_reference.verification.trial.judge")
    if judge is not None:
        judge.same_numbers = lambda *_: True


def is_wrong_at_once() -> None:
    """The answer of nobody."""


TRICKS = (
    leaves_a_mode_entered,
    overrides_equal,
    overrides_the_oracles_products,
    sets_a_name_of_the_judge,
    is_wrong_at_once,
)


def one_trick_after_another(input: Tensor, weight: Tensor) -> Any:
    """All of them, by the columns of X: zeros, and what makes them look right."""
    place = input.shape[3] - FIRST
    if not 0 <= place < len(TRICKS):
        return conv2d(input, weight)
    TRICKS[place]()
    return conv2d(input, weight) * 0


def right_while_marked(input: Tensor, weight: Tensor) -> Any:
    """As who relies on memory that the engine fills."""
    return conv2d(input, weight) * ("MALLOC_PERTURB_" in os.environ)
