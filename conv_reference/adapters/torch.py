"""Torch's other ways to the same map, each a function to be judged as ``conv2d`` is.

They are torch's, so they run where the judge does: ``conv-reference verify
conv_reference.adapters.torch:unfolded``. Torch's own ``nn.grad.conv2d_input`` and
``conv2d_weight`` are targets under their own names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Pair = int | tuple[int, int]


def unfolded(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """``unfold`` and a matrix product for each group."""
    n, o, size = input.shape[0], weight.shape[0], weight.shape[2:]
    taps = weight[0].numel()
    sides = (_pair(padding), _pair(dilation), _pair(stride))
    patches = functional.unfold(input, size, sides[1], sides[0], sides[2])
    patches = patches.reshape(n, groups, taps, patches.shape[-1])
    Y = weight.reshape(groups, o // groups, taps) @ patches
    Y = Y.reshape(n, o, *_outputs(input.shape[2:], size, *sides))
    return Y if bias is None else Y + bias[:, None, None]


def as_conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """``conv3d`` of one plane."""
    steps, sides, gaps = (1, *_pair(stride)), (0, *_pair(padding)), (1, *_pair(dilation))
    planes = input.unsqueeze(-3)  # also where there is no batch
    Y = functional.conv3d(planes, weight[:, :, None], bias, steps, sides, gaps, groups)
    return Y.squeeze(-3)


def as_conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Tensor:
    """The sum of one ``conv1d`` for each row of the kernel, over every output row at once."""
    (sh, sw), (ph, pw), (dh, dw) = _pair(stride), _pair(padding), _pair(dilation)
    n, c, _, w = input.shape
    kh = weight.shape[2]
    sides = ((ph, pw), (dh, dw), (sh, sw))
    oh, ow = _outputs(input.shape[2:], weight.shape[2:], *sides)
    X = functional.pad(input, (0, 0, ph, ph))
    Y = torch.zeros((), dtype=input.dtype, device=input.device)
    for a in range(kh):
        rows = (
            X[:, :, a * dh : a * dh + (oh - 1) * sh + 1 : sh].transpose(1, 2).reshape(n * oh, c, w)
        )
        Y = Y + functional.conv1d(rows, weight[:, :, a], None, sw, pw, dw, groups)
    Y = Y.reshape(n, oh, weight.shape[0], ow).transpose(1, 2)
    return Y if bias is None else Y + bias[:, None, None]


def compiled(backend: str) -> Callable[..., Tensor]:
    """``conv2d`` through ``torch.compile``, anew for each call's shapes and options."""

    def conv2d(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
    ) -> Tensor:
        options: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}

        def settled(x: Tensor, k: Tensor, b: Tensor | None) -> Tensor:
            return functional.conv2d(x, k, b, groups=groups, **options)

        torch.compiler.reset()  # past eight shapes it would call what is not compiled, silently
        answer: Tensor = torch.compile(settled, backend=backend, dynamic=False, fullgraph=True)(
            input, weight, bias
        )
        return answer

    return conv2d


aot_eager = compiled("aot_eager")
inductor = compiled("inductor")


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _outputs(
    size: Any,
    kernel: Any,
    padding: tuple[int, int],
    dilation: tuple[int, int],
    stride: tuple[int, int],
) -> tuple[int, int]:
    """Rows and columns of Y.

    Raises:
        ValueError: when the kernel is larger than its input, which slices would take.
    """
    found = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, p, d, s in zip(size, kernel, padding, dilation, stride, strict=True)
    ]
    if min(found) < 1:
        raise ValueError(
            f"a kernel of {tuple(kernel)} is larger than the padded input, {tuple(size)}"
        )
    return found[0], found[1]
