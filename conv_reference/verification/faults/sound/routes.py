"""Right convolutions by many routes, each a function of X, K and the sizes for autograd."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv1d, conv2d, conv3d, conv_transpose2d, pad, unfold

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes

ROUTES: dict[str, Callable[..., Tensor]] = {}


def _route(function: Callable[[Tensor, Tensor, Sizes], Tensor]) -> Callable[..., Tensor]:
    """The same with torch's signature: arguments checked before, the bias added after."""

    @wraps(function, assigned=("__name__", "__qualname__", "__doc__", "__module__"), updated=())
    def convolution(
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        z = direct.sizes(input, weight, stride, padding, dilation, groups)
        direct.check(input, weight, bias, z)
        Y = function(input, weight, z)
        return Y if bias is None else Y + bias[:, None, None]

    del convolution.__wrapped__  # its signature is not this one's
    ROUTES[function.__name__] = convolution
    return convolution


def _options(z: Sizes) -> tuple[Any, Any, Any, int]:
    return z.s, z.p, z.d, z.g


def _padded(X: Tensor, z: Sizes) -> Tensor:
    return pad(X, (z.p[1], z.p[1], z.p[0], z.p[0]))


def _tap(padded: Tensor, a: int, b: int, z: Sizes) -> Tensor:
    """What the outputs read at one tap: (N, C, oh, ow)."""
    (sh, sw), (dh, dw) = z.s, z.d
    rows = slice(a * dh, a * dh + sh * (z.oh - 1) + 1, sh)
    return padded[:, :, rows, b * dw : b * dw + sw * (z.ow - 1) + 1 : sw]


@_route
def by_taps(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A sum over the taps of shifted images."""
    padded, kernel = _padded(X, z), K.unflatten(0, (z.g, z.og))
    Y = X.new_zeros(z.n, z.g, z.og, z.oh, z.ow)
    for a in range(z.kh):
        for b in range(z.kw):
            seen = _tap(padded, a, b, z).unflatten(1, (z.g, z.cg))
            Y = Y + torch.einsum("ngcij,goc->ngoij", seen, kernel[..., a, b])
    return Y.flatten(1, 2)


@_route
def by_taps_backwards(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """The same in the opposite order, in place."""
    padded, kernel = _padded(X, z), K.unflatten(0, (z.g, z.og))
    Y = X.new_zeros(z.n, z.g, z.og, z.oh, z.ow)
    for a in reversed(range(z.kh)):
        for b in reversed(range(z.kw)):
            seen = _tap(padded, a, b, z).unflatten(1, (z.g, z.cg))
            Y += torch.einsum("goc,ngcij->ngoij", kernel[..., a, b], seen)
    return Y.flatten(1, 2)


@_route
def by_unfold(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """One matrix product, after im2col."""
    columns = unfold(X, (z.kh, z.kw), z.d, z.p, z.s).unflatten(1, (z.g, -1))
    Y: Tensor = K.reshape(z.g, z.og, -1) @ columns
    planes: Tensor = Y.flatten(1, 2).unflatten(2, (z.oh, z.ow))
    return planes


@_route
def by_torch(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Torch's own."""
    return conv2d(X, K, None, *_options(z))


@_route
def in_channels_last(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Operands turned to channels_last, the answer turned back."""
    last = torch.channels_last
    X, K = X.contiguous(memory_format=last), K.contiguous(memory_format=last)
    return direct.conv2d(X, K, None, *_options(z)).contiguous()


@_route
def answers_in_channels_last(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Right numbers in another memory format than the input's."""
    Y = direct.conv2d(X, K, None, *_options(z))
    return Y.contiguous(memory_format=torch.channels_last)


@_route
def by_nhwc(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Channels last in the index, too."""
    windows = direct.windows(X, z).permute(0, 3, 4, 1, 5, 6, 2)  # n i j g a b c
    kernel = K.unflatten(0, (z.g, z.og)).permute(0, 3, 4, 2, 1).flatten(1, 3)  # g abc o
    Y: Tensor = windows.flatten(4).unsqueeze(4) @ kernel
    return Y.squeeze(4).flatten(3).permute(0, 3, 1, 2)


@_route
def by_split_batches(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Two samples at a time."""
    parts = X.split(2) if z.n else (X,)
    return torch.cat([direct.conv2d(part, K, None, *_options(z)) for part in parts])


@_route
def by_split_channels(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Input channels in two halves, whose answers are added."""
    if z.g > 1 or z.c < 2:
        return direct.conv2d(X, K, None, *_options(z))
    half = z.c // 2
    parts = (X[:, :half], K[:, :half]), (X[:, half:], K[:, half:])
    first, second = (direct.conv2d(x, k, None, *_options(z)) for x, k in parts)
    return first + second


@_route
def by_split_outputs(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """One output channel at a time."""
    into = X.split(z.cg, 1)
    parts = [direct.conv2d(into[o // z.og], K[o : o + 1], None, z.s, z.p, z.d) for o in range(z.o)]
    return torch.cat(parts, 1)


@_route
def by_groups(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A convolution for each group."""
    pairs = zip(X.chunk(z.g, 1), K.chunk(z.g), strict=True)
    return torch.cat([direct.conv2d(x, k, None, z.s, z.p, z.d) for x, k in pairs], 1)


@_route
def by_dense_groups(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """One group, with a kernel that is zero outside of its blocks."""
    dense = torch.block_diag(*K.flatten(1).split(z.og)).view(z.o, z.c, z.kh, z.kw)
    return direct.conv2d(X, dense, None, z.s, z.p, z.d)


@_route
def padded_by_hand(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Zeros written beforehand."""
    return direct.conv2d(_padded(X, z), K, None, z.s, 0, z.d, z.g)


@_route
def dilated_by_hand(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A kernel with zeros between its taps."""
    wide = K.new_zeros(*K.shape[:2], *z.span)
    wide[:, :, :: z.d[0], :: z.d[1]] = K
    return direct.conv2d(X, wide, None, z.s, z.p, 1, z.g)


@_route
def strided_by_hand(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Every output of stride 1, of which some are kept."""
    return direct.conv2d(X, K, None, 1, z.p, z.d, z.g)[:, :, :: z.s[0], :: z.s[1]]


@_route
def by_phases(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A convolution of stride 1 for each phase of the stride: the polyphase decomposition."""
    padded, (sh, sw), parts = _padded(X, z), z.s, []
    wide = K.new_zeros(*K.shape[:2], *z.span)
    wide[:, :, :: z.d[0], :: z.d[1]] = K
    for a in range(min(sh, wide.shape[2])):
        for b in range(min(sw, wide.shape[3])):
            Y = direct.conv2d(padded[:, :, a::sh, b::sw], wide[:, :, a::sh, b::sw], groups=z.g)
            parts.append(Y[:, :, : z.oh, : z.ow])
    return torch.stack(parts).sum(0)


@_route
def by_three_dimensions(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A three-dimensional convolution of depth one."""
    s, p, d = (1, *z.s), (0, *z.p), (1, *z.d)
    return conv3d(X.unsqueeze(2), K.unsqueeze(2), None, s, p, d, z.g).squeeze(2)


@_route
def by_one_dimension(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A one-dimensional convolution for each row of taps."""
    padded, Y = _padded(X, z), X.new_zeros(z.n, z.o, z.oh, z.ow)
    for a in range(z.kh):
        rows = padded[:, :, a * z.d[0] :: z.s[0]][:, :, : z.oh].transpose(1, 2).flatten(0, 1)
        row = conv1d(rows, K[:, :, a], None, z.s[1], 0, z.d[1], z.g)
        Y = Y + row.unflatten(0, (z.n, z.oh)).transpose(1, 2)
    return Y


@_route
def by_the_transposed(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Where stride is 1: the transposed convolution with turned kernel, cut to size."""
    if z.s != (1, 1):
        return direct.conv2d(X, K, None, *_options(z))
    turned = K.unflatten(0, (z.g, z.og)).transpose(1, 2).flatten(0, 1).flip(2, 3)
    full = conv_transpose2d(_padded(X, z), turned, groups=z.g, dilation=z.d)
    top, left = z.span[0] - 1, z.span[1] - 1
    return full[:, :, top : top + z.oh, left : left + z.ow]


@_route
def by_one_matrix(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """The matrix of the linear map X → Y, written out where it is small."""
    if z.c * z.h * z.w * z.o * z.oh * z.ow > 50_000 or z.n == 0:
        return direct.conv2d(X, K, None, *_options(z))
    eye = torch.eye(z.c * z.h * z.w, dtype=X.dtype).view(-1, z.c, z.h, z.w)
    matrix = direct.conv2d(eye, K, None, *_options(z)).flatten(1)
    return (X.flatten(1) @ matrix).view(z.n, z.o, z.oh, z.ow)


@_route
def in_double(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Worked in float64 and rounded once."""
    return direct.conv2d(X.double(), K.double(), None, *_options(z)).to(X.dtype)


@_route
def by_two_halves(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """The kernel in two parts of its taps, as a compensated product splits its factors."""
    even = torch.zeros_like(K)
    even[..., ::2] = K[..., ::2]
    first = direct.conv2d(X, even, None, *_options(z))
    return first + direct.conv2d(X, K - even, None, *_options(z))


@_route
def by_vmap(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Sample by sample, by vmap."""

    def one(x: Tensor) -> Tensor:
        return direct.conv2d(x[None], K, None, *_options(z))[0]

    return torch.vmap(one)(X) if z.n else direct.conv2d(X, K, None, *_options(z))


@_route
def sample_by_sample(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A loop over the batch."""
    if z.n == 0:
        return direct.conv2d(X, K, None, *_options(z))
    return torch.stack([direct.conv2d(x[None], K, None, *_options(z))[0] for x in X])


@_route
def by_outer_products(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """Products first, then sums, with no matrix product."""
    windows, kernel = direct.windows(X, z), K.unflatten(0, (z.g, z.og))
    many = z.n * z.o * z.oh * z.ow * z.cg * z.kh * z.kw
    if many > 100_000:
        return direct.conv2d(X, K, None, *_options(z))
    products: Tensor = windows.unsqueeze(2) * kernel[:, :, :, None, None]
    return products.sum((3, 6, 7)).flatten(1, 2)


@_route
def with_a_hook(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    """A hook on the answer looks at its gradient and leaves it alone."""
    Y = direct.conv2d(X, K, None, *_options(z))
    if Y.requires_grad:
        Y.register_hook(lambda G: None)
    return Y
