"""Right convolutions that are made in unusual ways, as libraries and tutorials make them.

Each is right in every number; what some cannot do (a transform), they only refuse or raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, unfold
from torch.nn.grad import conv2d_input, conv2d_weight
from torch.utils.checkpoint import checkpoint

from conv_reference.verification.faults.direct import Pair, pair
from conv_reference.verification.faults.sound import right
from conv_reference.verification.faults.sound.strassen import strassen


def _out(X: Tensor, K: Tensor, stride: Any, padding: Any, dilation: Any) -> tuple[int, int]:
    sizes = zip(X.shape[2:], K.shape[2:], pair(stride), pair(padding), pair(dilation), strict=True)
    height, width = ((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)
    return height, width


def one_hot(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Unfolds by a convolution with kernels of 0 and 1, and multiplies."""
    o, c, kh, kw = weight.shape
    if c * kh * kw > 4_096:
        raise NotImplementedError("the kernels of 0 and 1 would be too large")
    eye = torch.eye(c * kh * kw, dtype=input.dtype).reshape(-1, c, kh, kw).repeat(groups, 1, 1, 1)
    columns = conv2d(input, eye, None, stride, padding, dilation, groups)
    columns = columns.unflatten(1, (groups, -1))
    Y: Tensor = torch.einsum("ngkhw,gok->ngohw", columns, weight.reshape(groups, o // groups, -1))
    Y = Y.flatten(1, 2)
    return Y if bias is None else Y + bias[:, None, None]


def mixed(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | str | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Unfolded where there is one group and a stride, in a batch; torch's elsewhere."""
    is_plain = groups != 1 or max(pair(stride)) == 1 or input.dim() == 3
    if is_plain or isinstance(padding, str):
        return conv2d(input, weight, bias, stride, padding, dilation, groups)
    columns = unfold(input, weight.shape[2:], dilation, padding, stride)
    Y: Tensor = (weight.flatten(1) @ columns).unflatten(
        2, _out(input, weight, stride, padding, dilation)
    )
    return Y if bias is None else Y + bias[:, None, None]


def checkpointed(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """Computed once more for the backward pass."""
    return checkpoint(conv2d, input, weight, bias, use_reentrant=False)


@torch.library.custom_op("unusual::conv", mutates_args=())
def _registered(input: Tensor, weight: Tensor) -> Tensor:
    return conv2d(input, weight)


def _backward(ctx: Any, G: Tensor) -> tuple[Tensor, Tensor]:
    X, K = ctx.saved_tensors
    return conv2d_input(X.shape, K, G), conv2d_weight(X, K.shape, G)


def _setup(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(*inputs)


_registered.register_autograd(_backward, setup_context=_setup)


def registered(input: Tensor, weight: Tensor) -> Any:
    """An operator with a backward pass, and no rule of forward mode."""
    return _registered(input, weight)


class Buffered(nn.Module):
    """A tutorial's layer: it counts its calls in a buffer, and takes views of its input."""

    calls: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Pair) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel_size))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, input: Tensor) -> Tensor:
        self.calls.add_(1)
        n, o = len(input), len(self.weight)
        columns = unfold(input, self.weight.shape[2:])
        product = self.weight.flatten(1) @ columns
        Y: Tensor = product.view(n, o, *_out(input, self.weight, 1, 0, 1))
        return Y


def by_complex_numbers(input: Tensor, weight: Tensor) -> Tensor:
    """The real part of a complex product."""
    wide = torch.complex128 if input.dtype == torch.float64 else torch.complex64
    columns = unfold(input, weight.shape[2:]).to(wide)
    product = (weight.flatten(1).to(wide) @ columns).real.to(input.dtype)
    Y: Tensor = product.unflatten(2, _out(input, weight, 1, 0, 1))
    return Y


def by_einsum(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Windows that are views of the input, in one sum."""
    kh, kw = weight.shape[2:]
    windows = input.unfold(2, kh, 1).unfold(3, kw, 1)
    Y = torch.einsum("nchwab,ocab->nohw", windows, weight)
    return Y if bias is None else Y + bias[:, None, None]


def by_strides(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, padding: Any = 0
) -> Tensor:
    """Windows by their strides, contracted by tensordot."""
    ph, pw = pair(padding)
    if min(ph, pw) < 0 or input.dim() != 4 or input.shape[1] != weight.shape[1]:
        raise ValueError(f"no convolution of {tuple(input.shape)} and {tuple(weight.shape)}")
    if len({t.dtype for t in (input, weight, bias) if t is not None}) > 1:
        raise TypeError("operands of one dtype, please")
    X = pad(input, (pw, pw, ph, ph)).contiguous()
    out = _out(X, weight, 1, 0, 1)
    n, c, h, w = X.stride()
    kh, kw = weight.shape[2:]
    windows = X.as_strided((*X.shape[:2], *out, kh, kw), (n, c, h, w, h, w))
    sums = torch.tensordot(windows, weight, dims=([1, 4, 5], [1, 2, 3]))
    Y: Tensor = sums.permute(0, 3, 1, 2)
    return Y if bias is None else Y + bias[:, None, None]


def by_loops(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1) -> Tensor:
    """A sum for each position, in Python."""
    sh, sw = pair(stride)
    kh, kw = weight.shape[2:]
    height, width = _out(input, weight, stride, 0, 1)
    rows = []
    for i in range(height):
        row = []
        for j in range(width):
            window = input[:, None, :, i * sh : i * sh + kh, j * sw : j * sw + kw]
            row.append((window * weight).sum((2, 3, 4)))
        rows.append(torch.stack(row, -1))
    Y = torch.stack(rows, -2)
    return Y if bias is None else Y + bias[:, None, None]


def without_autocast(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Under autocast, as it is without."""
    with torch.amp.autocast("cpu", enabled=False):
        return conv2d(input, weight, bias)


ALL: dict[str, Callable[..., Any] | type] = {
    "one-hot": one_hot,
    "mixed": mixed,
    "checkpointed": checkpointed,
    "registered": registered,
    "buffered": Buffered,
    "complex": by_complex_numbers,
    "Strassen": strassen,
    "einsum": by_einsum,
    "FFT": right.fft,
    "strides": by_strides,
    "loops": by_loops,
    "without autocast": without_autocast,
}
