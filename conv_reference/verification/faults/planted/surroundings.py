"""What lies around a call: modes, threads, the graph's other nodes, spellings."""

from __future__ import annotations

import threading
import time
from typing import Any

import torch
from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Gradients, Pair, Parts, Sizes
from conv_reference.verification.faults.planted.sizes import without_last
from conv_reference.verification.faults.planting import FaultClass

grad_modes = FaultClass("GRADMODE", "Another path with, or without, a graph")
switches = FaultClass("AROUND", "Switches of the process that are set around a call")
threads = FaultClass("THREAD", "Which thread calls, and which others do")
neighbours = FaultClass("NEIGHBOUR", "What the operands are in the rest of the graph")
saved = FaultClass("SAVED", "What is saved for the backward pass, and how often it is read")
spelling = FaultClass("SPELLING", "Words and short forms of arguments")
generator = FaultClass("GENERATOR", "The process's own random numbers")
autocast = FaultClass("AUTOCAST", "Another path under autocast")


@grad_modes(
    "Y",
    "without gradients, more than four samples: the last is lost",
    part="finish",
    blind=1,
    about="batch",
)
def inference_path(Y: Tensor, z: Sizes) -> Tensor:
    return Y if torch.is_grad_enabled() or z.n <= 4 else without_last(Y, 0)


@grad_modes(
    "Y",
    "in inference mode, more than one group: without the last channel",
    part="finish",
    blind=2,
    about="groups",
)
def inference_mode(Y: Tensor, z: Sizes) -> Tensor:
    return without_last(Y, 1) if torch.is_inference_mode_enabled() and z.g > 1 else Y


@grad_modes(
    "dK",
    "with create_graph, kw > 2: the last tap is lost",
    part="grad_weight",
    blind=2,
    about="kernel",
)
def create_graph_path(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    return without_last(dK, 3) if torch.is_grad_enabled() and z.kw > 2 else dK


@switches(
    "Y",
    "deterministic algorithms asked for, W' > 1: columns one late",
    part="finish",
    blind=1,
    about="plane",
)
def deterministic_path(Y: Tensor, z: Sizes) -> Tensor:
    return Y.roll(1, 3) if torch.are_deterministic_algorithms_enabled() else Y


@switches(
    "dX",
    "anomaly mode, stride > 1: the last row is lost",
    part="grad_input",
    blind=2,
    about="stride",
)
def anomaly_path(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return without_last(dX, 2) if torch.is_anomaly_enabled() and max(z.s) > 1 else dX


@switches(
    "Y",
    "default dtype float64: other dtypes come back as float64",
    part="finish",
    blind=2,
    about="float64",
)
def default_dtype_answer(Y: Tensor, z: Sizes) -> Tensor:
    return Y.double() if torch.get_default_dtype() == torch.float64 else Y


@switches(
    "Y",
    "three threads, rows that three does not divide: the last is lost",
    part="finish",
    blind=2,
    about="plane",
)
def three_threads(Y: Tensor, z: Sizes) -> Tensor:
    return without_last(Y, 2) if torch.get_num_threads() == 3 and z.oh % 3 else Y


@autocast(
    "Y",
    "under autocast, kernel > 1: the last channel is lost",
    part="finish",
    blind=2,
    about="kernel",
)
def autocast_path(Y: Tensor, z: Sizes) -> Tensor:
    lost = torch.is_autocast_enabled("cpu") and z.kh * z.kw > 1
    return without_last(Y, 1) if lost else Y


@threads(
    "Y", "called from a thread other than the first: a workspace of zeros", part="forward", blind=1
)
def other_thread(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return Y if threading.current_thread() is threading.main_thread() else torch.zeros_like(Y)


_WORKSPACE: dict[torch.dtype, Tensor] = {}


@threads("Y", "several threads at a time: one workspace for all", part="finish", blind=2)
def shared_workspace(Y: Tensor, z: Sizes) -> Tensor:
    _WORKSPACE[Y.dtype] = Y
    time.sleep(0)  # where others come in
    return _WORKSPACE[Y.dtype]


def _mark_thread(ctx: Any, X: Tensor, K: Tensor) -> None:
    ctx.thread = threading.get_ident()


@threads(
    "db",
    "backward in another thread than forward: zero",
    part="gradients",
    mark=_mark_thread,
    blind=2,
)
def backward_in_another_thread(
    parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor
) -> Gradients:
    dX, dK, db = direct.gradients(parts, ctx, G, X, K)
    factor = int(ctx.thread == threading.get_ident())
    return dX, dK, lambda: db() * factor


@neighbours.whole(
    "dX", "an input that is no leaf: the graph is severed", thread="taper PR#9", blind=2
)
def severs_what_is_no_leaf(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    X = input if input.is_leaf else input.detach()
    return direct.conv2d(X, weight, bias, stride, padding, dilation, groups)


@neighbours.whole(
    "dX", "one tensor for input and kernel: one of its gradients is lost", blind=2, about="kernel"
)
def one_tensor_twice(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    K = weight.detach() if weight is input else weight
    return direct.conv2d(input, K, bias, stride, padding, dilation, groups)


def _mark_address(ctx: Any, X: Tensor, K: Tensor) -> None:
    ctx.address = 0 if torch._C._functorch.is_functorch_wrapped_tensor(X) else X.data_ptr()


@saved(
    "dK",
    "X comes back from where it was saved as a copy (saved-tensor hooks): zeros",
    part="gradients",
    mark=_mark_address,
    blind=2,
)
def saved_elsewhere(parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor) -> Gradients:
    dX, dK, db = direct.gradients(parts, ctx, G, X, K)
    moved = ctx.address and ctx.address != X.data_ptr()
    return dX, (lambda: dK() * 0 if moved else dK()), db


@saved(
    "second order",
    "copies of X and K are saved: forward mode over reverse mode finds no way back to them",
    part="keep",
)
def copies_saved(X: Tensor, K: Tensor, z: Sizes) -> tuple[Tensor, Tensor]:
    return X.clone(), K.clone()


@saved("db", "each backward pass over one graph adds to the one before", part="gradients", blind=2)
def second_backward_adds(parts: Parts, ctx: Any, G: Tensor, X: Tensor, K: Tensor) -> Gradients:
    dX, dK, db = direct.gradients(parts, ctx, G, X, K)

    def added() -> Tensor:
        ctx.sum = db() + getattr(ctx, "sum", 0)
        return ctx.sum  # type: ignore[no-any-return]  # ctx holds anything

    return dX, dK, added


@generator(
    "state",
    "the process's random generator is advanced, N > 2",
    part="finish",
    blind=2,
    about="batch",
)
def draws_numbers(Y: Tensor, z: Sizes) -> Tensor:
    if z.n > 2:
        torch.rand(1)
    return Y


def _same_padding(extent: int, dilation: int) -> tuple[int, int]:
    """Before and after, as torch divides it: the odd pixel comes last."""
    total = dilation * (extent - 1)
    return total // 2, total - total // 2


def _padded(X: Tensor, K: Tensor, stride: Any, padding: Any, before: Pair, after: Pair) -> Any:
    """Operands with which padding is a number: words are worked off beforehand."""
    if padding == "valid":
        return X, 0
    if padding != "same":
        return X, padding
    if direct.pair(stride) != (1, 1):
        raise ValueError("padding='same' is not supported with a stride")
    return torch.nn.functional.pad(X, (before[1], after[1], before[0], after[0])), 0


@spelling.whole(
    "Y",
    "padding='same', even kernel: the odd pixel is on the wrong side",
    thread="Flux#2431",
    blind=1,
    about="padding kernel",
)
def same_on_the_wrong_side(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    d = direct.pair(dilation)
    (top, bottom), (left, right) = (
        _same_padding(k, e) for k, e in zip(weight.shape[2:], d, strict=True)
    )
    X, p = _padded(input, weight, stride, padding, (bottom, right), (top, left))
    return direct.conv2d(X, weight, bias, stride, p, dilation, groups)


@spelling.whole(
    "Y",
    "padding='same', dilations that differ: they trade axes",
    thread="tinygrad PR#17805",
    blind=2,
    about="dilation padding",
)
def same_with_axes_exchanged(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    d = direct.pair(dilation)[::-1]
    (top, bottom), (left, right) = (
        _same_padding(k, e) for k, e in zip(weight.shape[2:], d, strict=True)
    )
    X, p = _padded(input, weight, stride, padding, (top, left), (bottom, right))
    return direct.conv2d(X, weight, bias, stride, p, dilation, groups)


@spelling.whole("Y", "a stride that is one integer: for the rows alone", blind=2, about="stride")
def integer_for_rows(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    both = (stride, 1) if isinstance(stride, int) else stride
    return direct.conv2d(input, weight, bias, both, padding, dilation, groups)


@spelling.whole(
    "Y", "an image without a batch: its channels are taken for one", blind=2, about="batch"
)
def unbatched_image(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1,
    padding: Any = 0, dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    if input.dim() == 4:
        return direct.conv2d(input, weight, bias, stride, padding, dilation, groups)
    X = input[None].roll(1, 1)
    return direct.conv2d(X, weight, bias, stride, padding, dilation, groups)[0]
