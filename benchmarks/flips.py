"""Which flipped bits `certify` finds in place: one bit of one output element of one call.

    python benchmarks/flips.py [FLIPS]

A step of a small network in float32; of each bit so many flips (20), each in another step, call
and element. What is not found is within what rounding explains; so is a flip of an element that is
itself near zero.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from conv_reference.verification import certify

BITS = (30, 29, 27, 25, 23, 22, 21, 20, 19, 18, 17, 16, 14, 12, 10, 8, 4, 0)


class Flipping(TorchDispatchMode):
    """Flips one bit of the answer of one convolution."""

    def __init__(self, call: int, bit: int, random: Random) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch gives it no types
        self._call, self._bit, self._random, self._heard = call, bit, random, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # called by torch
        answered = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in {"convolution", "convolution_backward"}:
            if self._heard == self._call:
                answers = [answered] if isinstance(answered, Tensor) else answered
                flip(self._random.choice([a for a in answers if a is not None]), self)
            self._heard += 1
        return answered

    def place(self, size: int) -> tuple[int, int]:
        """An element, and the bit."""
        return self._random.randrange(size), self._bit


def flip(tensor: Tensor, flipping: Flipping) -> None:
    flat = tensor.view(-1) if tensor.is_contiguous() else tensor.permute(0, 2, 3, 1).reshape(-1)
    element, bit = flipping.place(flat.numel())
    whole = flat.view(torch.int32)
    whole[element] = int(whole[element]) ^ (1 << bit)


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 1),
    )


def main() -> None:
    flips = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, random = network(), Random(0)
    images = torch.randn(8, 3, 24, 24)
    with certify(model, replayed=True) as clean:
        model(images).square().mean().backward()
    assert clean.passed
    print("| bit | what it is | found of", flips, "|\n|---|---|---|")
    for bit in BITS:
        found = sum(told(model, images, bit, random) for _ in range(flips))
        kind = "exponent" if bit >= 23 else f"mantissa, 2^{bit - 23} of the value"
        print(f"| {bit} | {kind} | {found} |", flush=True)


def told(model: nn.Module, images: Tensor, bit: int, random: Random) -> bool:
    """Whether the certificate of a step with one flip is wrong."""
    model.zero_grad(set_to_none=True)
    with Flipping(random.randrange(6), bit, random), certify(model, replayed=False) as certificate:
        model(images).square().mean().backward()
    return not certificate.passed


if __name__ == "__main__":
    main()
