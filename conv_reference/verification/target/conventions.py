"""The calling conventions: functions, autograd Functions, layers and adapters, under one."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import is_parametrized

from conv_reference.geometry import Geometry, Pair, geometry_of, resolve_padding
from conv_reference.operands import Operands
from conv_reference.quantities import (
    CONV2D,
    CONV2D_INPUT,
    CONV2D_WEIGHT,
    CONV_TRANSPOSE2D,
    Operator,
)
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.adapter import function_of, is_adapter, lacking
from conv_reference.verification.target.answers import message_of, type_name
from conv_reference.verification.target.by_trial import convention_by_trial
from conv_reference.verification.target.operators import (
    arguments,
    channels,
    is_line,
    operator_of,
    reading,
    sized,
)
from conv_reference.verification.target.signatures import (
    ACCEPTED,
    is_called_by_position,
    keyword_options,
    layer_parameters,
    positional_parameters,
    takes_words,
)
from conv_reference.verification.target.spelling import FunctionSpelling, LayerSpelling
from conv_reference.verification.target.target import Call, Target, options_of


def as_target(
    implementation: Any, *, name: str | None = None, operator: str | None = None
) -> Target:
    """Bring an implementation under the one convention.

    Args:
        implementation: a callable with a leading part of the signature of
            ``torch.nn.functional.conv2d`` (or some of its options, by their names), a
            ``torch.autograd.Function``, an ``nn.Module`` class or instance, or an adapter.
        name: shown in reports; by default the implementation's own.
        operator: what it should compute, where neither torch's own names, the layer's class nor
            a parameter ``output_padding`` say it: conv2d, conv_transpose2d, ...

    Raises:
        TargetError: when it is none of these, or its parameters cannot be told.
        ValueError: when there is no such operator.
    """
    if isinstance(implementation, Target):
        return implementation
    importable = name is not None and ":" in name  # else it is a word to show, and leads nowhere
    if name is None:
        name, importable = _own_name(implementation)
    return replace(
        _fitted(implementation, name, operator),
        name=name if operator is None or "@" in name else f"{name}@{operator}",
        importable=importable,
    )


def _fitted(implementation: Any, name: str, operator: str | None) -> Target:
    """Under torch's convention where the signature says that it fits, else as a trial shows."""
    if operator not in {None, CONV2D.name}:
        return _adapted(implementation, name, operator)
    standard, refused = None, None
    try:
        standard = _adapted(implementation, name, operator)
    except TargetError as error:
        refused = error
    found = convention_by_trial(implementation, standard, name) or standard
    if found is None:
        assert refused is not None  # or there is a standard
        raise refused
    return found


def _own_name(implementation: Any) -> tuple[str, bool]:
    """module:attribute where that leads back to the implementation, else what it is called."""
    module = getattr(implementation, "__module__", None) or "torch"
    shown = getattr(implementation, "__qualname__", type(implementation).__qualname__)
    for attribute in (shown, getattr(implementation, "__name__", shown)):
        try:
            found = attrgetter(attribute)(sys.modules.get(module))
        except AttributeError:
            continue
        if found is implementation and module != "__main__":
            return f"{module}:{attribute}", True
    return shown, False


def _adapted(implementation: Any, name: str, asked: str | None) -> Target:
    if asked is None:
        operator, line = operator_of(implementation, name), is_line(implementation)
    else:
        operator, line = reading(asked)
    if isinstance(implementation, nn.Module):
        return _of_instance(implementation, name, operator, line=line)
    if inspect.isclass(implementation) and issubclass(implementation, nn.Module):
        return _of_class(implementation, name, operator, line=line)
    if is_adapter(implementation):
        return replace(
            _of_callable(function_of(implementation), name, operator, line=line), spelling=None
        )
    if inspect.isclass(implementation) and issubclass(implementation, torch.autograd.Function):
        implementation = implementation.apply
    if inspect.isclass(implementation) or not callable(implementation):
        lacks = lacking(implementation)
        reason = f", which lacks {lacks}" if lacks else ""
        raise TargetError(
            f"cannot verify {name!r} of type {type(implementation).__name__}{reason}; {ACCEPTED}"
        )
    return _of_callable(implementation, name, operator, line=line)


def _of_callable(
    function: Callable[..., Any], name: str, operator: Operator, *, line: bool
) -> Target:
    known = options_of(operator)
    is_face = operator in {CONV2D_WEIGHT, CONV2D_INPUT}
    parameters = dict.fromkeys(known) if is_face else positional_parameters(function, name, known)
    keywords = [] if is_face else keyword_options(function, known)

    every = parameters | dict.fromkeys(keywords)

    def prepare(case: Case, operands: Operands) -> Call:
        given = arguments(operator, case.geometry, line=line)
        if line:
            operands = _in_a_line(operands)
        called = sized(function, operator, case.geometry)
        return Call(
            function=partial(_called, called, parameters, keywords, given),
            X=_leaf(operands.input, case, "X"),
            K=_leaf(operands.weight, case, "K"),
            b=_leaf(operands.bias, case, "b") if case.bias else None,
            G=operands.grad_output,
        )

    return Target(
        name=name,
        prepare=prepare,
        options=frozenset((*parameters, *keywords)) & frozenset(known),
        operator=operator,
        remainder=_settled_remainder(operator, {*parameters, *keywords}),
        foreign=tuple(name for name in parameters if name not in known),
        words=(function is torch.nn.functional.conv2d or takes_words(function))
        if operator is CONV2D
        else False,
        is_line=line,
        call_with=None if is_face or line else _with_options(function, every),
        spelling=None if is_face else _spelling(function, parameters, keywords, known),
    )


@dataclass(frozen=True)
class _Line:
    """Operands in one dimension: views of those of four."""

    input: Tensor
    weight: Tensor
    bias: Tensor
    grad_output: Tensor


def _in_a_line(operands: Operands) -> Any:
    X, K, G = (t[:, :, 0] for t in (operands.input, operands.weight, operands.grad_output))
    return _Line(X, K, operands.bias, G)


def _settled_remainder(operator: Operator, parameters: Container[str]) -> Pair | None:
    """None of output_padding, where a transposed convolution cannot be asked for any."""
    transposed = operator is CONV_TRANSPOSE2D
    return (0, 0) if transposed and "output_padding" not in parameters else None


def _spelling(
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    keywords: Sequence[str],
    known: tuple[str, ...],
) -> FunctionSpelling | None:
    """By name where that says more: a full list in the usual order needs no names."""
    ours = tuple(name for name in parameters if name in known)
    apply = inspect.isclass(getattr(function, "__self__", None))
    if ours == known and ours == tuple(parameters):
        return FunctionSpelling(by_position=ours, apply=apply)
    if not is_called_by_position(function, parameters):
        return FunctionSpelling(by_name=(*ours, *keywords))
    # What stands between ours cannot be left out.
    between = tuple(parameters)[: len(ours)] != ours
    return None if between else FunctionSpelling(ours, tuple(keywords), apply)


def _called(
    function: Callable[..., Any],
    parameters: Mapping[str, Any],
    keywords: Sequence[str],
    given: Mapping[str, Any],
    X: Tensor,
    K: Tensor,
    b: Tensor | None,
) -> Any:
    """The function's answer, each option given in the way that it takes it."""
    options = {**given, "bias": b}
    listed = (options.get(p, default) for p, default in parameters.items())
    return function(X, K, *listed, **{p: options[p] for p in keywords})


def _with_options(
    function: Callable[..., Any], parameters: Mapping[str, Any]
) -> Callable[..., Any]:
    """The function with options as they are given: by keyword, where it takes keywords."""
    by_position = is_called_by_position(function, parameters)

    def call(X: Tensor, K: Tensor, b: Tensor | None, **options: Any) -> Any:
        given = {name: value for name, value in options.items() if name in parameters}
        if "bias" in parameters:
            given["bias"] = b
        if by_position:
            known: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
            known |= {"output_padding": 0}
            known |= {name: value for name, value in parameters.items() if value is not None}
            return function(X, K, *((known | given).get(name) for name in parameters))
        return function(X, K, **given)

    return call


def _of_class(layer: type[nn.Module], name: str, operator: Operator, *, line: bool) -> Target:
    parameters = layer_parameters(layer)
    if "kernel_size" not in parameters:
        raise TargetError(
            f"cannot construct {name!r} with the signature {inspect.signature(layer)}; "
            "accepted is a layer with a parameter kernel_size"
        )

    known = options_of(operator)

    def construct(geometry: Geometry, *, bias: bool) -> nn.Module:
        given = {
            **channels(operator, geometry),
            "kernel_size": geometry.kernel_size[1:] if line else geometry.kernel_size,
            **arguments(operator, geometry, line=line),
            "bias": bias,
        }
        return layer(**{key: value for key, value in given.items() if key in parameters})

    def prepare(case: Case, operands: Operands) -> Call:
        return _module_call(construct(case.geometry, bias=case.bias), case, operands)

    def call_with(X: Tensor, K: Tensor, b: Tensor | None, **options: Any) -> Any:
        shape = K.shape if K.dim() == 4 else (1, 1, *K.shape)
        inner, outer = shape[1] * options.get("groups", 1), shape[0]
        transposed = operator is CONV_TRANSPOSE2D
        given = {
            "in_channels": outer if transposed else inner,
            "out_channels": inner if transposed else outer,
            "kernel_size": tuple(shape[2:]),
            **options,
            "bias": b is not None,
        }
        module = layer(**{key: value for key, value in given.items() if key in parameters})
        kernel, bias = _parameters(module, name)
        _set(module, kernel[0], nn.Parameter(K))
        if bias is not None and b is not None:
            _set(module, bias[0], nn.Parameter(b))
        return module(X)

    try:
        taps = (1, 2) if line else (2, 2)
        probe = construct(Geometry(input_size=taps, kernel_size=taps), bias=True)
    except Exception as error:
        raise TargetError(
            f"cannot construct {name!r}: {type_name(error)}: {message_of(error)}"
        ) from error
    _refuse_others(probe, name)
    kernel, bias = _parameters(probe, name, _dims(line=line))
    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(parameters) & frozenset(known if bias is not None else known[1:]),
        operator=operator,
        remainder=_settled_remainder(operator, parameters),
        always_biased=bias is not None and "bias" not in parameters,
        has_channels=kernel[1].dim() > 2,
        is_line=line,
        is_module=True,
        words=issubclass(layer, nn.Conv2d),
        call_with=None if line else call_with,
        spelling=LayerSpelling(kernel[0], "" if bias is None else bias[0], parameters),
    )


def _refuse_others(layer: nn.Module, name: str) -> None:
    """Refuse layers of which a convolution could be made, or that are a relative of one.

    Raises:
        TargetError: when it is such a layer; says what is accepted.
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
        "padding_mode must be 'zeros'": getattr(layer, "padding_mode", "zeros") != "zeros",
    }
    for reason, holds in reasons.items():
        if holds:
            raise TargetError(f"cannot verify {name!r}: {reason}")


def _is_renormed(module: nn.Module) -> bool:
    """Whether the older spectral_norm or weight_norm computes a parameter before each call."""
    names = dict(module.named_parameters(recurse=False))
    return "weight_orig" in names or "weight_g" in names


def _of_instance(layer: nn.Module, name: str, operator: Operator, *, line: bool) -> Target:
    _refuse_others(layer, name)
    kernel, bias = _parameters(layer, name, _dims(line=line))
    sizes = _sizes_of(layer, kernel, name)

    def prepare(case: Case, operands: Operands) -> Call:
        return _module_call(copy.deepcopy(layer), case, operands)

    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(),
        operator=operator,
        remainder=_remainder_of(layer, sizes, name) if operator is CONV_TRANSPOSE2D else None,
        always_biased=bias is not None,
        has_channels=kernel[1].dim() > 2,
        is_line=line,
        is_module=True,
        fixed=sizes,
        assumed=tuple(
            f"{option} {_settled(layer, kernel[0], option)}"
            for option in _PLAIN
            if not hasattr(layer, option) and (option != "groups" or kernel[1].dim() == 4)
        ),
        spelling=LayerSpelling(kernel[0], "" if bias is None else bias[0], None),
    )


def _remainder_of(layer: nn.Module, sizes: Mapping[str, Any], name: str) -> Pair:
    """The output padding of a transposed layer."""
    given: Any = getattr(layer, "output_padding", 0)
    height, width = (0, *given)[-2:] if isinstance(given, tuple) else (given, given)
    stride = sizes["stride"]
    if height >= stride[0] or width >= stride[1]:
        raise TargetError(
            f"cannot verify {name!r}: output_padding must be below the stride {stride}, "
            f"got {(height, width)}"
        )
    return height, width


Named = tuple[str, Tensor]

# What a layer is taken to do whose attributes do not tell.
_PLAIN: Mapping[str, int] = MappingProxyType(
    {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
)


def _settled(layer: nn.Module, kernel: str, option: str) -> Any:
    """An option of an instance: its own, else that of its part which holds the kernel."""
    part = layer.get_submodule(kernel.rpartition(".")[0])
    return getattr(layer, option, getattr(part, option, _PLAIN[option]))


def _sizes_of(layer: nn.Module, kernel: Named, name: str) -> dict[str, Any]:
    """The fields of Geometry that an instance has settled."""
    shape: Sequence[int] = kernel[1].shape
    if len(shape) == 3:
        shape = (*shape[:2], 1, *shape[2:])
    elif len(shape) == 2:
        shape = (1, 1, *shape)
    kernel_size = (shape[2], shape[3])
    stride, padding, dilation, groups = (_settled(layer, kernel[0], option) for option in _PLAIN)
    try:
        # A geometry just large enough brings integers, pairs and words into one form.
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
    }


def _parameters(
    layer: nn.Module, name: str, dims: Container[int] = (2, 3, 4)
) -> tuple[Named, Named | None]:
    """The kernel (2 or 4 dimensions, in a line 3) and the bias (1) among the layer's parameters."""
    parameters = list(layer.named_parameters())
    kernels = [(n, p) for n, p in parameters if p.dim() in dims]
    biases = [(n, p) for n, p in parameters if p.dim() == 1]
    if len(kernels) != 1 or len(biases) > 1 or len(parameters) != len(kernels) + len(biases):
        shapes = [tuple(p.shape) for _, p in parameters]
        raise TargetError(
            f"cannot tell kernel and bias of {name!r} from parameters of shapes {shapes}; "
            "accepted is one kernel (o, c/groups, kh, kw) or (kh, kw), and at most one bias (o)"
        )
    return kernels[0], biases[0] if biases else None


def _dims(*, line: bool) -> tuple[int, ...]:
    """How many dimensions a kernel may have."""
    return (3,) if line else (2, 4)


def _module_call(layer: nn.Module, case: Case, operands: Operands) -> Call:
    layer = layer.to(operands.input.device, operands.input.dtype)
    (kernel_name, kernel), bias = _parameters(layer, type(layer).__qualname__)
    flat = kernel.dim() == 2
    if kernel.dim() == 3:
        operands = _in_a_line(operands)
    X, G = (t[:, 0] if flat else t for t in (operands.input, operands.grad_output))
    K = nn.Parameter(operands.weight[0, 0] if flat else operands.weight, "K" in case.requires_grad)
    _set(layer, kernel_name, K)
    b = None
    if bias is not None:
        b = nn.Parameter(operands.bias, "b" in case.requires_grad)
        _set(layer, bias[0], b)

    own_bias = None if bias is None else (bias[0], b)
    function = partial(_called_with, layer, (kernel_name, K), own_bias)
    return Call(function=function, X=_leaf(X, case, "X"), K=K, b=b, G=G, layer=layer)


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


def _set(layer: nn.Module, name: str, parameter: nn.Parameter) -> None:
    path, _, attribute = name.rpartition(".")
    setattr(layer.get_submodule(path), attribute, parameter)


def _leaf(tensor: Tensor, case: Case, letter: str) -> Tensor:
    return tensor.detach().requires_grad_(letter in case.requires_grad)
