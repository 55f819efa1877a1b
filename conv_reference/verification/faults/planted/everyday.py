"""Sizes that every network has, and no table of small levels: one far out, and two at once."""

from __future__ import annotations

from torch import Tensor

from conv_reference.verification.faults import direct
from conv_reference.verification.faults.direct import Sizes
from conv_reference.verification.faults.planted.sizes import without_last
from conv_reference.verification.faults.planting import FaultClass
from conv_reference.verification.faults.windows import forward_at, positions_with

planted = FaultClass("EVERYDAY", "Sizes of real layers, which lie past every table of small ones")


@planted("Y", "3,000 pixels of output and more: the last row is zero", about="plane")
def large_plane(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    Y = direct.forward(X, K, z)
    return without_last(Y, 2) if z.oh * z.ow >= 3000 else Y


@planted(
    "dK",
    "6 groups of 5 channels: the last group's is that of the one before",
    about="groups channels",
)
def six_groups_of_five(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if z.g == 6 and z.cg == 5:
        dK = dK.clone()
        dK[-z.og :] = dK[-2 * z.og : -z.og]
    return dK


@planted(
    "dX",
    "stride = kernel, of 10 or more: the last column of taps is skipped",
    about="stride kernel",
)
def large_patches(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if (z.kh, z.kw) == z.s and min(z.s) >= 10:
        K = without_last(K, 3)
    return direct.grad_input(G, K, z)


@planted("Y", "dilation of 9 and more: 8 is taken", about="dilation")
def dilation_clipped(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if max(z.d) <= 8:
        return direct.forward(X, K, z)
    return forward_at(X, K, z, *positions_with(z, d=(min(z.d[0], 8), min(z.d[1], 8))))


@planted("dX", "44 channels of one group and more: the last stays zero", about="groups channels")
def channels_past_44(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    dX = direct.grad_input(G, K, z)
    return without_last(dX, 1) if z.g == 1 and z.c >= 44 else dX


@planted(
    "dK",
    "11 samples and more of 20 channels and more: the last sample is lost",
    about="batch channels",
)
def batch_and_channels(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    if z.n >= 11 and z.c >= 20:
        G = without_last(G, 0)
    return direct.grad_weight(G, X, z)


@planted(
    "db",
    "1,500 pixels of output and more, of 24 channels and more: the last row is lost",
    about="channels plane",
)
def plane_and_channels(G: Tensor, z: Sizes) -> Tensor:
    if z.oh * z.ow >= 1500 and z.o >= 24:
        G = without_last(G, 2)
    return direct.grad_bias(G, z)


@planted(
    "dK",
    "dilation of 6 and more, of 16 channels and more: the first channel's for the last",
    about="dilation channels",
)
def dilation_and_channels(G: Tensor, X: Tensor, z: Sizes) -> Tensor:
    dK = direct.grad_weight(G, X, z)
    if max(z.d) >= 6 and z.cg >= 16:
        dK = dK.clone()
        dK[:, -1] = dK[:, 0]
    return dK


@planted(
    "Y",
    "5 groups and more, 9 samples and more: the last group's kernel is the first's",
    about="groups batch",
)
def groups_and_batch(X: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if z.g >= 5 and z.n >= 9 and z.og > 1:
        K = K.clone()
        K[-1] = K[0]
    return direct.forward(X, K, z)


@planted(
    "dX",
    "7×7 and more, of 32 channels and more: the last row of taps is skipped",
    about="kernel channels",
)
def kernel_and_channels(G: Tensor, K: Tensor, z: Sizes) -> Tensor:
    if min(z.kh, z.kw) >= 7 and z.cg >= 32:
        K = without_last(K, 2)
    return direct.grad_input(G, K, z)
