"""One fixed case before a run, all of its sizes different: an adapter's own mistakes show here.

A wrong number is for the judge. What is refused here is an adapter that raises what is no refusal,
answers in another shape or dtype, or declares what does not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.frameworks import arrays
from conv_reference.verification.frameworks.contract import Framework, problem
from conv_reference.verification.frameworks.convolving import function_of

# No two of its sizes, those of Y included, are the same.
GEOMETRY = Geometry.parse("n2 c3 h12 w15 o4 k5x6")


def mistake(framework: Framework) -> str:
    """What is wrong with an adapter, in one line; empty where nothing is to be seen."""
    return problem(framework) or _numbers(framework) or _layouts(framework)


def _numbers(framework: Framework) -> str:
    dtype: torch.dtype = getattr(torch, framework.dtypes[0])
    conv2d = function_of(framework)
    X, K, b = (_ones(shape, dtype) for shape in (GEOMETRY.input_shape, GEOMETRY.weight_shape, (4,)))
    given = [X, K, b] if "bias" in framework.options else [X, K]
    Y, wrong = _attempt("conv", lambda: conv2d(*given))
    if Y is None:
        return wrong
    if (wrong := _unlike(Y, GEOMETRY.output_shape, dtype)) != "":
        return f"conv answers {wrong}"
    if "vjp" in framework.lacks:
        return ""

    def gradients(asked: Sequence[Tensor]) -> Any:
        leaves = [t if any(t is one for one in asked) else t.detach() for t in given]
        return torch.autograd.grad(conv2d(*leaves), asked, torch.ones_like(Y))

    return next(filter(None, (_attempt("vjp", partial(gradients, a))[1] for a in (given, [K]))), "")


def _attempt(what: str, function: Callable[[], Any]) -> tuple[Any, str]:
    """An answer, or what was thrown that is no refusal; neither where it is one.

    A gradient of a wrong shape, of which torch itself says "invalid gradient", is for the judge.
    """
    try:
        return function(), ""
    except NotImplementedError:
        return None, ""
    except Exception as error:
        if isinstance(error, RuntimeError) and "invalid gradient" in str(error):
            return None, ""
        return None, _raised(what, error)


def _ones(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.ones(shape, dtype=dtype, requires_grad=True)


def _raised(what: str, error: BaseException) -> str:
    said = " ".join(str(error).split())
    return f"{what} raises {type(error).__name__} on {GEOMETRY}: {said}"


def _unlike(Y: Any, shape: tuple[int, ...], dtype: torch.dtype) -> str:
    """How Y differs from what was asked for; empty where it does not."""
    if not isinstance(Y, Tensor):
        return f"{type(Y).__name__} in place of an array"
    found = tuple(Y.shape)
    if found != shape:
        order = next(
            ("".join(p) for p in permutations("NCHW") if _in_order(shape, p) == found), None
        )
        hint = "" if order is None else f": it is {order}, accepted is NCHW"
        return f"shape {found}, expected {shape} on {GEOMETRY}{hint}"
    return "" if Y.dtype == dtype else f"{Y.dtype} of operands in {dtype}"


def _in_order(shape: tuple[int, ...], order: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(shape["NCHW".index(letter)] for letter in order)


def _layouts(framework: Framework) -> str:
    """What ``to`` does to an operand with steps, where the adapter says that it hands it on."""
    if set(framework.layouts) == {"contiguous"}:
        return ""
    dtype: torch.dtype = getattr(torch, framework.dtypes[0])
    lying = torch.ones((2, 12, 15, 3), dtype=dtype).permute(0, 3, 1, 2)
    strides, wrong = _attempt("to", lambda: arrays.seen_strides(framework.to(lying)))
    if wrong or strides == tuple(lying.stride()):
        return wrong
    found = "no strides that can be read" if strides is None else f"strides {strides}"
    return (
        f"layouts names more than 'contiguous', but `to` of a tensor with strides "
        f"{tuple(lying.stride())} has {found}: what is declared never reaches the kernel"
    )
