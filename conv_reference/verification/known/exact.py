"""One operation of torch's, carried out in float64; and whether torch errs in it.

Over integers whose sums are exact in the operation's dtype torch must be right to the last bit.
Over other numbers it may round, as any direct algorithm does, and as often as it has terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

_FRAME = 256  # elements before and behind an operand
_ROUNDINGS = 16  # more than sums of a few thousand terms come to


def in_float64(operation: Any, args: Any, kwargs: Any) -> Any:
    """What the operation gives in float64, rounded to the dtype that it was called in."""
    args = _without_output_padding(operation, args)
    given = [leaf for leaf in tree_leaves((args, kwargs)) if is_floating(leaf)]
    found = operation(*tree_map(_widened, args), **tree_map(_widened, kwargs))
    dtype = given[0].dtype if given else torch.float64
    return tree_map(lambda leaf: leaf.to(dtype) if is_floating(leaf) else leaf, found)


def _without_output_padding(operation: Any, args: Any) -> Any:
    """The arguments, without an output padding where a convolution is not transposed.

    Torch's own third derivative of a transposed one asks for that, which raises. The sizes of the
    operands have it by then, and without it the answer is right.
    """
    schema = getattr(operation, "_schema", None)
    names = [argument.name for argument in schema.arguments] if schema else []
    given = dict(zip(names, args, strict=False))
    if given.get("transposed", True) or "output_padding" not in given:
        return args
    return [*(given | {"output_padding": [0] * len(given["output_padding"])}).values()]


def tried(function: Callable[..., Any], *args: Any) -> Any:
    """What a function gives; None where it raises."""
    try:
        return function(*args)
    except Exception:
        return None


def absolute(leaf: Any) -> Any:
    """The absolute values of a floating tensor; anything else as it is."""
    return leaf.abs() if is_floating(leaf) else leaf


def differs(found: Any, right: Any, sums: Any, given: Iterable[Tensor]) -> bool:
    """Whether an answer is wrong by more than rounding.

    Args:
        found: a tensor, or several, some of which may be None.
        right: the same in float64, rounded once.
        sums: the same of the absolute values.
        given: the floating arguments.
    """
    whole = all(bool((tensor == tensor.round())[tensor.isfinite()].all()) for tensor in given)
    answers = (tree_leaves(each) for each in (found, right, sums))
    return any(
        _differs(*each, whole=whole)
        for each in zip(*answers, strict=True)
        if all(isinstance(leaf, Tensor) for leaf in each)
    )


def _differs(found: Tensor, right: Tensor, sums: Tensor, *, whole: bool) -> bool:
    if found.shape != right.shape:
        return True
    info = torch.finfo(right.dtype)
    value, wanted, scale = (tensor.to("cpu", torch.float64) for tensor in (found, right, sums))
    longest = 2 / info.eps if whole else -1.0  # up to which every integer is exact
    allowed = torch.where(scale <= longest, 0.0, _ROUNDINGS * info.eps * scale + info.tiny)
    finite = value.isfinite() & wanted.isfinite()
    same = (value == wanted) | (value.isnan() & wanted.isnan())
    near = finite & ((value - wanted).abs() <= allowed)
    return not bool((same | near).all())


def framed(leaf: Any) -> Any:
    """A floating tensor, as it lies in memory, between NaN; anything else as it is."""
    if not is_floating(leaf) or not leaf.numel() or leaf.layout != torch.strided:
        return leaf
    length = 1 + sum((n - 1) * step for n, step in zip(leaf.shape, leaf.stride(), strict=True))
    start = _FRAME + leaf.storage_offset()  # on the same boundary of vectors
    memory = leaf.new_full((start + length + _FRAME,), torch.nan)
    memory[start : start + length] = leaf.as_strided((length,), (1,), leaf.storage_offset())
    return memory.as_strided(leaf.shape, leaf.stride(), start)


def has_gaps(leaf: Any) -> bool:
    """Whether a floating tensor's elements do not lie one behind another."""
    return is_floating(leaf) and bool(leaf.numel()) and leaf.clone().stride() != leaf.stride()


def packed(leaf: Any) -> Any:
    """A floating tensor without gaps, its axes in the order that they have in memory."""
    return leaf.clone() if has_gaps(leaf) else leaf


def has_nan(leaf: Any) -> bool:
    """Whether it is a tensor with a NaN in it."""
    return is_floating(leaf) and bool(leaf.isnan().any())


def is_floating(leaf: Any) -> bool:
    """Whether it is a tensor of floating numbers."""
    return isinstance(leaf, Tensor) and leaf.is_floating_point()


def _widened(leaf: Any) -> Any:
    """In float64, and one element behind another: how it lies may be what torch errs by."""
    return leaf.to(torch.float64).contiguous() if is_floating(leaf) else leaf
