"""One kernel over images, computed by the chapter's layer or by another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from conv_reference.layer import Conv2d, ConvLayer_1, FastConvLayer_1


@dataclass(frozen=True)
class Filter:
    """A layer without bias that sees images without channels, whichever layer it is."""

    weight: nn.Parameter  # what it learns: kh·kw numbers, in the layer's own shape
    size: tuple[int, int]  # (kh, kw)
    apply: Callable[[Tensor], Tensor]

    def __call__(self, images: Float[Tensor, "n h w"]) -> Float[Tensor, "n oh ow"]:
        """The filtered images."""
        output: Tensor = self.apply(images)
        return output

    @property
    def kernel(self) -> Float[Tensor, "kh kw"]:
        """A copy of the kernel, without its history."""
        return self.weight.detach().reshape(self.size).clone()


def make_filter(layer: str, kernel: Float[Tensor, "kh kw"], *, learns: bool = True) -> Filter:
    """A filter that begins with a kernel.

    Args:
        layer: what computes it.
        kernel: of any size and floating dtype.
        learns: whether gradients reach the kernel.

    Raises:
        ValueError: when the layer is unknown.
    """
    if layer not in LAYERS:
        raise ValueError(f"the layer must be one of {tuple(LAYERS)}, got {layer!r}")
    size = (kernel.shape[0], kernel.shape[1])
    with torch.random.fork_rng(devices=[]):  # a layer draws a kernel, of which nothing stays
        module, weight, apply = LAYERS[layer](size)
    module.to(kernel.dtype)
    weight.data.copy_(kernel)
    weight.requires_grad_(learns)
    return Filter(weight, size, apply)


_Parts = tuple[nn.Module, nn.Parameter, Callable[[Tensor], Tensor]]


def _chapters(layer_class: type[ConvLayer_1]) -> Callable[[tuple[int, int]], _Parts]:
    def construct(size: tuple[int, int]) -> _Parts:
        module = layer_class(size)
        return module, module.kernel, module

    return construct


def _channelled(layer_class: type[nn.Conv2d]) -> Callable[[tuple[int, int]], _Parts]:
    def construct(size: tuple[int, int]) -> _Parts:
        module = layer_class(1, 1, size, bias=False)
        weight = module.weight
        assert isinstance(weight, nn.Parameter)  # torch's types say Tensor

        def apply(images: Tensor) -> Tensor:
            output: Tensor = module(images[:, None])
            return output[:, 0]

        return module, weight, apply

    return construct


LAYERS = {
    "chapter": _chapters(FastConvLayer_1),  # the chapter's layer, all positions at once
    "literal": _chapters(ConvLayer_1),  # the same, position by position as the chapter has it
    "reference": _channelled(Conv2d),  # this package's
    "torch": _channelled(nn.Conv2d),
}
