"""A layer with the operands of a case as its parameters, called as its users call it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from conv_reference.operands import Operands
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.leaves import in_a_line, leaf
from conv_reference.verification.target.target import Call

Named = tuple[str, Tensor]
NO_PARAMETER = (
    "it has no nn.Parameter when it is made, so no kernel; accepted is a layer that has one, or an "
    "instance that was called once, where the first call makes it"
)

NOT_ONE_KERNEL = "accepted is a layer of one kernel and at most one bias, got parameters of shapes"


@contextmanager
def drawn_alike() -> Iterator[None]:
    """Around the making of a layer: it draws the same numbers each time, torch's stream stays.

    One that adds a bias of its own, unasked, so gives the number that a finding says.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def kernel_and_bias(
    layer: nn.Module, name: str, dims: Container[int] = (2, 3, 4)
) -> tuple[Named, Named | None]:
    """The kernel (2 or 4 dimensions, in a line 3) and the bias (1) among the layer's parameters."""
    parameters = list(layer.named_parameters())
    if not parameters:
        raise TargetError(f"cannot call {name!r}: {NO_PARAMETER}")
    kernels = [(n, p) for n, p in parameters if p.dim() in dims]
    biases = [(n, p) for n, p in parameters if p.dim() == 1]
    if len(kernels) != 1 or len(biases) > 1 or len(parameters) != len(kernels) + len(biases):
        shapes = [tuple(p.shape) for _, p in parameters]
        raise TargetError(
            f"cannot tell kernel and bias of {name!r} from parameters of shapes {shapes}; "
            "accepted is one kernel (o, c/groups, kh, kw) or (kh, kw), and at most one bias (o)"
        )
    return kernels[0], biases[0] if biases else None


def kernel_dims(*, line: bool) -> tuple[int, ...]:
    """How many dimensions a kernel may have."""
    return (3,) if line else (2, 4)


def around(layer: nn.Module, parameter: str) -> list[nn.Module]:
    """The parts that a parameter lies in, the innermost first: ``conv.inner`` and ``conv``."""
    parts = parameter.split(".")[:-1]
    return [layer.get_submodule(".".join(parts[:n])) for n in range(len(parts), 0, -1)]


def module_call(layer: nn.Module, case: Case, operands: Operands) -> Call:
    """A call of a layer, which is changed by it: the operands become its parameters.

    Args:
        layer: the target's own copy, or one that was constructed for this call.
        case: which operands ask for a gradient.
        operands: in the case's layouts.
    """
    layer = layer.to(operands.input.device, operands.input.dtype)
    (kernel_name, kernel), bias = kernel_and_bias(layer, type(layer).__qualname__)
    flat = kernel.dim() == 2
    if kernel.dim() == 3:
        operands = in_a_line(operands)
    X, G = (t[:, 0] if flat else t for t in (operands.input, operands.grad_output))
    K = nn.Parameter(operands.weight[0, 0] if flat else operands.weight, "K" in case.requires_grad)
    set_parameter(layer, kernel_name, K)
    b = None
    if bias is not None:
        b = nn.Parameter(operands.bias, "b" in case.requires_grad)
        set_parameter(layer, bias[0], b)

    own_bias = None if bias is None else (bias[0], b)
    function = partial(_called_with, layer, (kernel_name, K), own_bias)
    return Call(function=function, X=leaf(X, case, "X"), K=K, b=b, G=G, layer=layer)


def _called_with(
    layer: nn.Module,
    kernel: tuple[str, Tensor],
    bias: tuple[str, Tensor | None] | None,
    X: Tensor,
    weight: Tensor,
    given: Tensor | None,
) -> Any:
    """The layer's answer with another kernel and bias; with its own, as its users call it.

    Args:
        layer: the target.
        kernel: its own, with its name.
        bias: its own, with its name; None where it has none.
        X: its input.
        weight: in place of its kernel.
        given: in place of its bias; None leaves that.
    """
    if weight is kernel[1] and given is (None if bias is None else bias[1]):
        return layer(X)
    replaced = {kernel[0]: weight}
    if bias is not None and given is not None:
        replaced[bias[0]] = given
    return functional_call(layer, replaced, (X,))


def set_parameter(layer: nn.Module, name: str, parameter: nn.Parameter) -> None:
    """Put a parameter in the place of one, by its name as ``named_parameters`` gives it.

    Under every name that it has: ``self.weight = self.conv.weight`` is one parameter of two.
    """
    shared = dict(layer.named_parameters(remove_duplicate=False))
    replaced = shared.get(name)
    for other in {name, *(other for other, own in shared.items() if own is replaced)}:
        path, _, attribute = other.rpartition(".")
        setattr(layer.get_submodule(path), attribute, parameter)
