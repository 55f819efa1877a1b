"""A stranger's layer over tensors: made anew for the options of a case, its kernel replaced."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from conv_reference.verification.model.errors import NotAsked, TargetError
from conv_reference.verification.target.layer_calls import NO_PARAMETER, NOT_ONE_KERNEL, drawn_alike
from conv_reference.verification.target.option_names import NAMES
from conv_reference.verification.target.strangers.constructors import constructed
from conv_reference.verification.target.strangers.stranger import LIKE, Bound, Stranger


def tensor_layer(layer: type[nn.Module]) -> Stranger:
    """A layer's class as a stranger.

    Raises:
        TargetError: when its constructor takes what has a name that means nothing here.
    """
    own = constructed(layer, sized=False)
    if own.arrays:
        raise TargetError("accepted is a layer that makes its kernel itself")

    def bound(settings: Mapping[str, Any]) -> Bound:
        with drawn_alike():
            made = own.made(settings)()
        kernel, bias = parts(made)
        owner = threading.get_ident()
        convert(made, settings)

        def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            # Its kernel is replaced for the time of a call: two at once would mix them up.
            if threading.get_ident() != owner:
                raise NotAsked("a layer found by trial takes one call at a time")
            convert_again(made, X)
            replaced = {kernel[0]: as_shaped(K, _shape_for(kernel[1], K))}
            if bias is not None and b is not None:
                replaced[bias[0]] = as_shaped(b, bias[1].shape)
            return functional_call(made, replaced, (X,))

        return call

    def called(settings: Mapping[str, Any]) -> tuple[str, str]:
        return names_of(own.made(settings)())

    return replace(own.stranger, bound=bound, parameters=called)


def convert(layer: nn.Module, settings: Mapping[str, Any]) -> None:
    """Give a layer the dtype and the device of ``LIKE``, where the settings have it.

    A call may be made inside a transform of torch's: what it converts there is the transform's,
    and whoever reads it afterwards reads freed memory.
    """
    like = settings.get(LIKE)
    if like is not None:
        layer.to(like.device, like.dtype)


def convert_again(layer: nn.Module, X: Tensor) -> None:
    """The same in a call, where its X is another tensor than was announced."""
    if any((p.device, p.dtype) != (X.device, X.dtype) for p in layer.parameters()):
        layer.to(X.device, X.dtype)


def names_of(layer: nn.Module) -> tuple[str, str]:
    """What the kernel and the bias of a layer are called; empty where it has no bias."""
    kernel, bias = parts(layer)
    return kernel[0], "" if bias is None else bias[0]


def as_shaped(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The tensor in another shape; itself where it has it, for a view has strides of its own.

    With those torch's own convolution raises for a kernel in channels_last order.
    """
    return tensor if tensor.shape == shape else tensor.reshape(shape)


def _shape_for(parameter: Tensor, K: Tensor) -> torch.Size:
    """The parameter's shape, which that of K has to be."""
    if parameter.shape != K.shape:
        raise TargetError(
            f"its kernel has the shape {tuple(parameter.shape)}, not {tuple(K.shape)}"
        )
    return K.shape


def parts(layer: nn.Module) -> tuple[tuple[str, Tensor], tuple[str, Tensor] | None]:
    """The kernel and the bias of a layer: a bias has at most one dimension that is not 1.

    Raises:
        TargetError: when they cannot be recognised.
    """
    held = list(layer.named_parameters())
    names = [name.rpartition(".")[2] for name, _ in held]
    is_bias = [p.dim() <= 1 or n in NAMES["bias"] for n, (_, p) in zip(names, held, strict=True)]
    kernels = [pair for pair, bias in zip(held, is_bias, strict=True) if not bias]
    biases = [pair for pair, bias in zip(held, is_bias, strict=True) if bias]
    if not held:
        raise TargetError(NO_PARAMETER)
    if len(kernels) != 1 or len(biases) > 1:
        shapes = [tuple(p.shape) for _, p in held]
        raise TargetError(f"{NOT_ONE_KERNEL} {shapes}")
    return kernels[0], biases[0] if biases else None
