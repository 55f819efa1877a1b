"""Layers under the one convention: classes, which are constructed for each case, and instances."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import is_parametrized

from conv_reference.geometry import Geometry, Pair, geometry_of, resolve_padding
from conv_reference.operands import Operands
from conv_reference.quantities import Operator
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import RelativeError, TargetError
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.layer_calls import (
    Named,
    around,
    kernel_and_bias,
    kernel_dims,
    module_call,
    set_parameter,
)
from conv_reference.verification.target.operators import arguments, channels
from conv_reference.verification.target.option_names import PLAIN
from conv_reference.verification.target.padding_modes import modes_of, settled_mode
from conv_reference.verification.target.signatures import layer_parameters, takes_words
from conv_reference.verification.target.spelling import LayerSpelling
from conv_reference.verification.target.target import Call, Target, settled_remainder


def of_class(layer: type[nn.Module], name: str, operator: Operator, *, line: bool) -> Target:
    """A target of a class of layers: one is constructed for each case.

    Args:
        layer: whose constructor takes ``kernel_size`` by name.
        name: shown in reports.
        operator: what it should compute.
        line: whether it has one dimension.

    Raises:
        TargetError: when it cannot be constructed, or kernel and bias cannot be recognised.
    """
    parameters = layer_parameters(layer)
    if "kernel_size" not in parameters:
        raise TargetError(
            f"cannot construct {name!r} with the signature {inspect.signature(layer)}; "
            "accepted is a layer with a parameter kernel_size"
        )
    known = operator.options
    own = _Class(layer, parameters, operator, line)

    def prepare(case: Case, operands: Operands) -> Call:
        return module_call(own.of_geometry(case.geometry, bias=case.bias), case, operands)

    def layer_with(K: Tensor, b: Tensor | None, **options: Any) -> nn.Module:
        module = own.of_kernel(K, bias=b is not None, **options)
        kernel, bias = kernel_and_bias(module, name)
        set_parameter(module, kernel[0], nn.Parameter(K))
        if bias is not None and b is not None:
            set_parameter(module, bias[0], nn.Parameter(b))
        return module

    def call_with(X: Tensor, K: Tensor, b: Tensor | None, **options: Any) -> Any:
        return layer_with(K, b, **options)(X)

    try:
        taps = (1, 2) if line else (2, 2)
        probe = own.of_geometry(Geometry(input_size=taps, kernel_size=taps), bias=True)
    except Exception as error:
        raise TargetError(
            f"cannot construct {name!r}: {type_name(error)}: {message_of(error)}"
        ) from error
    _refuse_others(probe, name)
    kernel, bias = kernel_and_bias(probe, name, kernel_dims(line=line))
    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(parameters) & frozenset(known if bias is not None else known[1:]),
        operator=operator,
        remainder=settled_remainder(operator, parameters),
        always_biased=bias is not None and "bias" not in parameters,
        has_channels=kernel[1].dim() > 2,
        is_line=line,
        is_module=True,
        holds_kernel=True,
        words=issubclass(layer, nn.Conv2d)
        or ("padding" in parameters and takes_words(layer.__init__)),
        padding_modes=modes_of(parameters, operator),
        call_with=None if line else call_with,
        layer_with=None if line else layer_with,
        spelling=LayerSpelling(kernel[0], "" if bias is None else bias[0], parameters),
    )


@dataclass(frozen=True)
class _Class:
    """A class of layers, and how one of given sizes is constructed."""

    layer: type[nn.Module]
    parameters: Container[str]  # of its constructor; others are not given
    operator: Operator
    line: bool  # whether it has one dimension

    def of_geometry(self, geometry: Geometry, *, bias: bool) -> nn.Module:
        """A layer of these sizes."""
        kernel_size = geometry.kernel_size[1:] if self.line else geometry.kernel_size
        return self._made(
            **channels(self.operator, geometry),
            kernel_size=kernel_size,
            **arguments(self.operator, geometry, line=self.line),
            bias=bias,
        )

    def of_kernel(self, K: Tensor, *, bias: bool, **options: Any) -> nn.Module:
        """A layer for a kernel that may have any shape, also one that is refused."""
        shape = K.shape if K.dim() == 4 else (1, 1, *K.shape)
        inner, outer = shape[1] * options.get("groups", 1), shape[0]
        transposed = self.operator.is_transposed
        return self._made(
            in_channels=outer if transposed else inner,
            out_channels=inner if transposed else outer,
            kernel_size=tuple(shape[2:]),
            **options,
            bias=bias,
        )

    def _made(self, **given: Any) -> nn.Module:
        return self.layer(**{key: value for key, value in given.items() if key in self.parameters})


def _refuse_others(layer: nn.Module, name: str) -> None:
    """Refuse layers of which a convolution could be made, or that are a relative of one.

    Raises:
        RelativeError: when it is such a layer; says what is accepted.
    """
    parametrised = [m for m in layer.modules() if is_parametrized(m) or _is_renormed(m)]
    reasons = {
        "its kernel is computed from another parameter (by spectral_norm or weight_norm, say); "
        "accepted is the layer after remove_parametrizations, or a function of the kernel": bool(
            parametrised
        ),
        "the parameters of a ScriptModule cannot be replaced; accepted is the layer that it was "
        "made of, or a scripted function": isinstance(layer, torch.jit.ScriptModule),
        "a lazy layer has no kernel yet; accepted is one that was called once": any(
            isinstance(p, UninitializedParameter) for p in layer.parameters()
        ),
        "a transposed convolution is accepted in one or two dimensions": bool(
            getattr(layer, "transposed", False)
        )
        and not isinstance(layer, nn.ConvTranspose2d | nn.ConvTranspose1d),
    }
    for reason, holds in reasons.items():
        if holds:
            raise RelativeError(f"cannot verify {name!r}: {reason}")


def _is_renormed(module: nn.Module) -> bool:
    """Whether the older spectral_norm or weight_norm computes a parameter before each call."""
    names = dict(module.named_parameters(recurse=False))
    return "weight_orig" in names or "weight_g" in names


def of_instance(layer: nn.Module, name: str, operator: Operator, *, line: bool) -> Target:
    """A target of one layer: its sizes are settled, its parameters replaced in copies of it.

    Args:
        layer: is left as it is.
        name: shown in reports.
        operator: what it should compute.
        line: whether it has one dimension.

    Raises:
        TargetError: when kernel and bias cannot be recognised, or its sizes are of no convolution.
    """
    _refuse_others(layer, name)
    kernel, bias = kernel_and_bias(layer, name, kernel_dims(line=line))
    sizes = _sizes_of(layer, kernel, name)

    def prepare(case: Case, operands: Operands) -> Call:
        return module_call(copy.deepcopy(layer), case, operands)

    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(),
        operator=operator,
        remainder=_remainder_of(layer, kernel[0], operator, sizes, name),
        always_biased=bias is not None,
        has_channels=kernel[1].dim() > 2,
        is_line=line,
        is_module=True,
        holds_kernel=True,
        fixed=sizes,
        assumed={
            option: str(_settled(layer, kernel[0], option))
            for option in PLAIN
            if not hasattr(layer, option) and (option != "groups" or kernel[1].dim() == 4)
        },
        spelling=LayerSpelling(kernel[0], "" if bias is None else bias[0], None),
    )


def _remainder_of(
    layer: nn.Module, kernel: str, operator: Operator, sizes: Mapping[str, Any], name: str
) -> Pair | None:
    """The output padding of a transposed layer; None of an operator without one."""
    if "output_padding" not in operator.options:
        return None
    given = _settled(layer, kernel, "output_padding")
    height, width = (0, *given)[-2:] if isinstance(given, tuple) else (given, given)
    stride = sizes["stride"]
    if height >= stride[0] or width >= stride[1]:
        raise TargetError(
            f"cannot verify {name!r}: output_padding must be below the stride {stride}, "
            f"got {(height, width)}"
        )
    return height, width


def _settled(layer: nn.Module, kernel: str, option: str) -> Any:
    """An option of an instance: its own, else that of the nearest part around its kernel."""
    parts = (layer, *around(layer, kernel))
    otherwise = {**PLAIN, "output_padding": 0}.get(option, "zeros")
    return next((getattr(part, option) for part in parts if hasattr(part, option)), otherwise)


def _sizes_of(layer: nn.Module, kernel: Named, name: str) -> dict[str, Any]:
    """The fields of Geometry that an instance has settled."""
    shape: Sequence[int] = kernel[1].shape
    if len(shape) == 3:
        shape = (*shape[:2], 1, *shape[2:])
    elif len(shape) == 2:
        shape = (1, 1, *shape)
    kernel_size = (shape[2], shape[3])
    stride, padding, dilation, groups = (_settled(layer, kernel[0], option) for option in PLAIN)
    try:
        # A geometry just large enough turns integers, pairs and words into one form.
        plain = geometry_of(
            (1, shape[1] * groups, 4096, 4096),
            shape,
            stride=stride,
            dilation=dilation,
            groups=groups,
        )
        sides = resolve_padding(padding, kernel_size, plain.stride, plain.dilation)
    except (TypeError, ValueError) as error:  # an attribute of the name that is something else
        raise TargetError(f"cannot verify {name!r}: {error}") from error
    if kernel[1].dim() == 3:
        plain = replace(plain, stride=(1, plain.stride[1]), dilation=(1, plain.dilation[1]))
        sides = ((0, 0), sides[1])
    return {
        "in_channels": plain.in_channels,
        "out_channels": plain.out_channels,
        "kernel_size": kernel_size,
        "stride": plain.stride,
        "padding": sides,
        "dilation": plain.dilation,
        "groups": groups,
        **settled_mode(_settled(layer, kernel[0], "padding_mode"), sides, name),
    }
