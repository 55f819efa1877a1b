"""What is verified: a name, a callable or a module, under one calling convention."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.geometry import Geometry, Pair, geometry_of, resolve_padding
from conv_reference.operands import Operands

# What torch's conv2d takes after input and weight, and a layer's constructor may take.
OPTIONS = ("bias", "stride", "padding", "dilation", "groups")
_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
)
_ACCEPTED = (
    "accepted is a callable with a leading part of (input, weight, bias, stride, padding, "
    "dilation, groups), or an nn.Module class or instance"
)


class TargetError(ValueError):
    """The target cannot be found, imported or called; the message is one line."""


@dataclass(frozen=True)
class Call:
    """One call of the implementation, ready to be made."""

    forward: Callable[[], Any]  # → Y
    X: Tensor  # the leaves that autograd differentiates by
    K: Tensor
    b: Tensor | None  # None where the call has no bias


@dataclass(frozen=True)
class Target:
    """An implementation under one calling convention."""

    name: str
    prepare: Callable[[Geometry, Operands, bool], Call]  # bool: with a bias
    options: frozenset[str]  # those of OPTIONS that can be varied
    importable: bool = False  # whether the name leads back to it
    always_biased: bool = False  # an instance with a bias cannot be asked for none
    has_channels: bool = True  # False for a layer over (N, H, W)
    fixed: Mapping[str, Any] = field(default_factory=dict)  # fields of Geometry that are given

    def has_bias(self, wanted: bool) -> bool:
        """Whether the call has a bias when one is wanted, or is not."""
        return wanted if "bias" in self.options else self.always_biased

    def restrict(self, geometry: Geometry) -> Geometry:
        """The nearest geometry that the target can be asked for."""
        changes = {name: value for name, value in _DEFAULTS.items() if name not in self.options}
        if not self.has_channels:
            changes |= {"in_channels": 1, "out_channels": 1, "groups": 1}
        if changes.get("groups") == 1:
            group_in, group_out = geometry.group_channels
            changes = {"in_channels": group_in, "out_channels": group_out, **changes}
        changes |= self.fixed
        return _enlarged(geometry, changes)


def load_target(name: str) -> Target:
    """Import what ``package.module:attribute`` or ``path/file.py:attribute`` names.

    Raises:
        TargetError: when the name has another form, or cannot be imported or called.
    """
    place, separator, attribute = name.rpartition(":")
    if not separator or not place or not attribute:
        raise TargetError(
            f"not a target: {name!r}; accepted is package.module:attribute "
            "or path/file.py:attribute"
        )
    value: Any = _import(place)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise TargetError(f"cannot import {name!r}: {place} has no {part!r}") from None
    return as_target(value, name=name)


def as_target(implementation: Any, *, name: str | None = None) -> Target:
    """Bring a callable, an autograd Function or an ``nn.Module`` under the convention.

    Args:
        implementation: see DESIGN's contract: a callable with a leading part of the
            signature of ``torch.nn.functional.conv2d``, or an ``nn.Module`` class or instance.
        name: shown in reports; by default the implementation's own.

    Raises:
        TargetError: when it is none of these, or its parameters cannot be told.
    """
    if isinstance(implementation, Target):
        return implementation
    importable = name is not None
    if name is None:
        name, importable = _own_name(implementation)
    return replace(_adapted(implementation, name), importable=importable)


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


def _adapted(implementation: Any, name: str) -> Target:
    if isinstance(implementation, nn.Module):
        return _of_instance(implementation, name)
    if inspect.isclass(implementation) and issubclass(implementation, nn.Module):
        return _of_class(implementation, name)
    if inspect.isclass(implementation) and issubclass(implementation, torch.autograd.Function):
        implementation = implementation.apply
    if inspect.isclass(implementation) or not callable(implementation):
        raise TargetError(
            f"cannot verify {name!r} of type {type(implementation).__name__}; {_ACCEPTED}"
        )
    return _of_callable(implementation, name)


def _import(place: str) -> ModuleType:
    try:
        if place.endswith(".py"):
            return _import_file(Path(place))
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return importlib.import_module(place)
    except TargetError:
        raise
    except (Exception, SystemExit) as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise TargetError(f"cannot import {place!r}: {cause}") from error


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise TargetError(f"cannot import {str(path)!r}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # a .py file has both  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _of_callable(function: Callable[..., Any], name: str) -> Target:
    parameters = _positional_parameters(function, name)
    options = frozenset(parameters) & frozenset(OPTIONS)

    def prepare(geometry: Geometry, operands: Operands, with_bias: bool) -> Call:
        X, K = _leaf(operands.input), _leaf(operands.weight)
        b = _leaf(operands.bias) if with_bias else None
        given = _conv2d_options(geometry) | {"bias": b}
        rest = [given.get(parameter, default) for parameter, default in parameters.items()]
        return Call(forward=lambda: function(X, K, *rest), X=X, K=K, b=b)

    return Target(name=name, prepare=prepare, options=options)


def _positional_parameters(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The parameters after input and weight, with their defaults."""
    owner: Any = getattr(function, "__self__", None)
    is_apply = inspect.isclass(owner) and issubclass(owner, torch.autograd.Function)
    try:
        signature = inspect.signature(owner.forward if is_apply else function)
    except (TypeError, ValueError):  # built in, as torch's own conv2d
        return dict.fromkeys(OPTIONS)
    parameters = list(signature.parameters.values())
    if is_apply and owner.setup_context is torch.autograd.Function.setup_context:
        parameters = parameters[1:]  # ctx
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return dict.fromkeys(OPTIONS)
    positional = [p for p in parameters if p.kind in {p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD}]
    foreign = [p.name for p in positional[2:] if p.name not in OPTIONS and p.default is p.empty]
    keyword = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    if len(positional) < 2 or foreign or keyword:
        raise TargetError(f"cannot call {name!r} with the signature {signature}; {_ACCEPTED}")
    return {p.name: None if p.default is p.empty else p.default for p in positional[2:]}


def _of_class(layer: type[nn.Module], name: str) -> Target:
    parameters = inspect.signature(layer).parameters
    if "kernel_size" not in parameters:
        raise TargetError(
            f"cannot construct {name!r} with the signature {inspect.signature(layer)}; "
            "accepted is a layer with a parameter kernel_size"
        )

    def construct(geometry: Geometry, with_bias: bool) -> nn.Module:
        given = {
            "in_channels": geometry.in_channels,
            "out_channels": geometry.out_channels,
            "kernel_size": geometry.kernel_size,
            **_conv2d_options(geometry),
            "bias": with_bias,
        }
        return layer(**{key: value for key, value in given.items() if key in parameters})

    def prepare(geometry: Geometry, operands: Operands, with_bias: bool) -> Call:
        return _module_call(construct(geometry, with_bias), operands)

    try:
        probe = construct(Geometry(input_size=(2, 2), kernel_size=(2, 2)), True)
    except Exception as error:
        raise TargetError(f"cannot construct {name!r}: {type(error).__name__}: {error}") from error
    kernel, bias = _parameters(probe, name)
    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(parameters) & frozenset(OPTIONS if bias is not None else OPTIONS[1:]),
        has_channels=kernel.dim() == 4,
    )


def _of_instance(layer: nn.Module, name: str) -> Target:
    kernel, bias = _parameters(layer, name)

    def prepare(_: Geometry, operands: Operands, __: bool) -> Call:
        return _module_call(copy.deepcopy(layer), operands)

    if getattr(layer, "padding_mode", "zeros") != "zeros":
        raise TargetError(f"cannot verify {name!r}: padding_mode must be 'zeros'")
    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(),
        always_biased=bias is not None,
        has_channels=kernel.dim() == 4,
        fixed=_sizes_of(layer, kernel),
    )


def _sizes_of(layer: nn.Module, kernel: Tensor) -> dict[str, Any]:
    """The fields of Geometry that an instance has settled."""
    shape = kernel.shape if kernel.dim() == 4 else (1, 1, *kernel.shape)
    kernel_size = (shape[2], shape[3])
    groups = getattr(layer, "groups", 1)
    # A geometry just large enough brings integers, pairs and words into one form.
    padding, dilation = getattr(layer, "padding", 0), getattr(layer, "dilation", 1)
    plain = geometry_of(
        (1, shape[1] * groups, 4096, 4096),
        shape,
        stride=getattr(layer, "stride", 1),
        dilation=dilation,
        groups=groups,
    )
    return {
        "in_channels": plain.in_channels,
        "out_channels": plain.out_channels,
        "kernel_size": kernel_size,
        "stride": plain.stride,
        "padding": resolve_padding(padding, kernel_size, plain.stride, plain.dilation),
        "dilation": plain.dilation,
        "groups": groups,
    }


def _parameters(layer: nn.Module, name: str) -> tuple[Tensor, Tensor | None]:
    """The kernel (2 or 4 dimensions) and the bias (1) among the layer's parameters."""
    parameters = list(layer.parameters())
    kernels = [p for p in parameters if p.dim() in {2, 4}]
    biases = [p for p in parameters if p.dim() == 1]
    if len(kernels) != 1 or len(biases) > 1 or len(parameters) != len(kernels) + len(biases):
        shapes = [tuple(p.shape) for p in parameters]
        raise TargetError(
            f"cannot tell kernel and bias of {name!r} from parameters of shapes {shapes}; "
            "accepted is one kernel (o, c/groups, kh, kw) or (kh, kw), and at most one bias (o)"
        )
    return kernels[0], biases[0] if biases else None


def _module_call(layer: nn.Module, operands: Operands) -> Call:
    layer = layer.to(operands.input.device, operands.input.dtype)
    kernel, bias = _parameters(layer, type(layer).__qualname__)
    with torch.no_grad():
        kernel.copy_(operands.weight.reshape(kernel.shape))
        if bias is not None:
            bias.copy_(operands.bias)
    layer.requires_grad_(True)
    X = _leaf(operands.input if kernel.dim() == 4 else operands.input[:, 0])
    return Call(forward=lambda: layer(X), X=X, K=kernel, b=bias)


def _leaf(tensor: Tensor) -> Tensor:
    """The implementation's own copy: what it does to it, the judge does not see."""
    return tensor.detach().clone().requires_grad_()


def _conv2d_options(geometry: Geometry) -> dict[str, Any]:
    (top, bottom), (left, right) = geometry.padding
    if (top, left) != (bottom, right):
        raise TargetError(
            f"the padding of {geometry} differs between opposite sides; accepted are equal sides"
        )
    return {
        "stride": geometry.stride,
        "padding": (top, left),
        "dilation": geometry.dilation,
        "groups": geometry.groups,
    }


def _enlarged(geometry: Geometry, changes: Mapping[str, Any]) -> Geometry:
    """The geometry with the changes, its input made large enough for the kernel."""
    kernel, dilation, padding = (
        changes.get(key, getattr(geometry, key)) for key in ("kernel_size", "dilation", "padding")
    )
    height, width = (
        max(size, d * (k - 1) + 1 - sum(sides))
        for size, k, d, sides in zip(geometry.input_size, kernel, dilation, padding, strict=True)
    )
    size: Pair = (height, width)
    return replace(geometry, input_size=size, **changes)
