"""What a stranger's function or layer calls its parameters, and how it is called with others.

Both are called in one way: ``bound(settings)`` is a function of X, K and b in the stranger's own
form, the options settled by their names in conv2d.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.forms import WeightForm

Bound = Callable[[Tensor, Tensor, Tensor | None], Any]  # (X, K, b) → Y, in the stranger's form

#: What strangers call conv2d's options.
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "in_channels": (
            "in_channels", "in_ch", "in_channel", "c_in", "cin", "in_c", "input_channels",
            "input_channel", "num_in_channels", "n_in", "nin", "in_planes", "in_features", "inp",
            "num_channels", "n_channels", "channels_in", "depth_in", "nb_channels", "input_depth",
            "in_depth", "nb_in", "channels", "inchannel", "inchannels", "input_c", "ch_in", "ic",
        ),
        "out_channels": (
            "out_channels", "out_ch", "out_channel", "c_out", "cout", "out_c", "output_channels",
            "output_channel", "num_out_channels", "n_out", "nout", "out_planes", "out_features",
            "nb_filters", "num_filters", "n_filters", "filters", "oup", "num_kernels",
            "channels_out", "depth", "n_kernels", "outchannel", "outchannels", "output_c",
            "ch_out", "oc",
        ),
        "kernel_size": (
            "kernel_size", "k", "ks", "kernel", "ksize", "k_size", "kernel_shape", "kernel_dim",
            "filter_size", "filter_shape", "f", "size", "kernelsize", "kernel_sz",
        ),
        "bias": ("bias", "b", "biases", "use_bias", "has_bias", "with_bias", "in_bias"),
        "stride": ("stride", "strides", "s", "step"),
        "padding": ("padding", "pad", "padding_size", "pad_size", "p", "pads", "paddings"),
        "dilation": ("dilation", "dilations", "dil", "dilation_rate", "rate", "d"),
        "groups": ("groups", "group", "g", "num_groups", "n_groups"),
        "padding_mode": ("padding_mode", "pad_mode"),
    }
)  # fmt: skip
#: A kernel's height and width as two parameters.
SIDES = (
    ("h", "w"),
    ("kh", "kw"),
    ("k_h", "k_w"),
    ("height", "width"),
    ("kernel_h", "kernel_w"),
    ("kernel_height", "kernel_width"),
    ("filter_height", "filter_width"),
    ("rows", "cols"),
)


# The sizes of one image, of a layer that makes its arrays for these.
_IMAGES = ("input_shape", "input_dim", "input_dims", "in_shape", "image_shape", "input_size")
# The kernel itself, of a layer that is made of its arrays; and its bias.
_KERNELS = ("w", "weight", "weights")
_BIASES = ("b", "bias", "biases", "B")
# What holds a function's options by their names: ``conv_param["stride"]``.
_DICTIONARIES = (
    "conv_param", "conv_params", "param", "params", "hparameters", "hparams", "hyperparameters",
    "config", "cfg", "options", "opts", "parameters", "hparam", "conv_config",
)  # fmt: skip
_KEYS = {"stride": ("stride", "strides", "s"), "padding": ("pad", "padding", "p")}


class Recording(dict[str, Any]):
    """A dictionary that records which of its keys are read."""

    def __init__(self, given: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(given)
        self._read = read

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is recorded."""
        self._read.add(key)
        return super().get(key, default)


@dataclass(frozen=True)
class Stranger:
    """A function or a layer, with what it calls its parameters."""

    bound: Callable[[Mapping[str, Any]], Bound]
    names: Mapping[str, str]  # of conv2d's options: what it calls them
    integers: frozenset[str] = frozenset()  # those that it is annotated to take as integers
    defaults: Mapping[str, Any] = field(default_factory=dict)  # by the names of conv2d
    is_layer: bool = False
    sides: tuple[str, str] | None = None  # of a layer: parameters for a kernel's height and width
    foreign: tuple[str, ...] = ()  # parameters that stay at their defaults
    # Of an instance: the fields of Geometry that are settled, if its kernel has this form.
    fixed: Callable[[WeightForm], Mapping[str, Any] | None] | None = None
    assumed: tuple[str, ...] = ()  # of an instance that does not declare them: "padding 0"
    biased: bool | None = None  # of an instance: whether it has a bias
    dtype: torch.dtype = torch.float32  # of the trial
    positional: tuple[tuple[str, Any], ...] = ()  # parameters and defaults, if by position alone
    is_apply: bool = False  # of a ``torch.autograd.Function``
    image: bool = False  # of a layer: whether its constructor takes one image's sizes
    over_arrays: bool = False  # whether it takes numpy arrays, and no tensors
    has_backward: bool = True  # of one over arrays: whether there is a backward pass
    backward: str = ""  # the name of the function that is it, where that is another
    only: frozenset[torch.dtype] | None = None  # the dtypes that it computes in, if not in all
    # The options that were asked of a dictionary so far; None where it takes none.
    options_read: Callable[[], frozenset[str]] | None = None

    @property
    def same_padding(self) -> bool:
        """Whether padding is a word, SAME or VALID: its default is one."""
        return isinstance(self.defaults.get("padding"), str)

    def word(self, said: str) -> str:
        """SAME or VALID as it is spelt there."""
        return said if str(self.defaults.get("padding")).isupper() else said.lower()

    @property
    def takes(self) -> frozenset[str]:
        """The options of conv2d that it is given, the kernel's size among them."""
        return frozenset(self.names) | (frozenset() if self.sides is None else {"kernel_size"})


def stranger(implementation: Any) -> Stranger:
    """The implementation's parameters by their names in conv2d.

    Raises:
        TargetError: when a parameter that must be given has a name that says nothing.
    """
    if inspect.isclass(implementation) and issubclass(implementation, nn.Module):
        return _layer(implementation)
    return _function(implementation)


def _function(function: Callable[..., Any]) -> Stranger:
    owner: Any = getattr(function, "__self__", None)
    is_apply = inspect.isclass(owner) and issubclass(owner, torch.autograd.Function)
    parameters = _parameters(owner.forward if is_apply else function)
    if is_apply and owner.setup_context is torch.autograd.Function.setup_context:
        parameters = parameters[1:]  # ctx
    kinds = {p.kind for p in parameters}
    if len(parameters) < 2 or kinds & {inspect.Parameter.VAR_POSITIONAL}:
        raise TargetError("accepted is a function of an input and a kernel")
    every = [p for p in parameters[2:] if p.kind is not p.VAR_KEYWORD]
    dictionary = next((p.name for p in every if p.name.lower() in _DICTIONARIES), None)
    rest = [p for p in every if p.name != dictionary]
    names, foreign = _named(rest, without=("in_channels", "out_channels", "kernel_size"))
    asked: set[str] = set()
    if dictionary is not None:
        names |= {o: f"{dictionary}[{keys[0]!r}]" for o, keys in _KEYS.items() if o not in names}
    by_position = is_apply or any(p.kind is p.POSITIONAL_ONLY for p in rest)

    def bound(settings: Mapping[str, Any]) -> Bound:
        def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            given = {names[option]: value for option, value in settings.items() if option in names}
            if "bias" in names and not (b is None and _may_be_left(rest, names["bias"])):
                given[names["bias"]] = b
            if dictionary is not None:
                given = {name: value for name, value in given.items() if "[" not in name}
                keys = {k: settings.get(o) for o, those in _KEYS.items() for k in those}
                given[dictionary] = Recording(
                    {k: v for k, v in keys.items() if v is not None}, asked
                )
            if by_position:
                return function(X, K, *(given.get(p.name, p.default) for p in every))
            return function(X, K, **given)

        return call

    return Stranger(
        bound,
        names,
        _integers(rest, names),
        _defaults(rest, names),
        foreign=foreign,
        positional=tuple((p.name, _default(p)) for p in rest) if by_position else (),
        options_read=None if dictionary is None else lambda: _options_of(asked),
        is_apply=is_apply,
    )


@dataclass(frozen=True)
class Constructed:
    """A class by whose constructor a layer is made."""

    stranger: Stranger  # but for how it is called
    made: Callable[[Mapping[str, Any]], Callable[..., Any]]  # settings → what makes one
    # Of a constructor that takes them: the parameters for the kernel and, where it has one, b.
    arrays: tuple[str, ...] = ()


def constructed(layer: Callable[..., Any]) -> Constructed:
    """What a layer's constructor calls its parameters.

    Raises:
        TargetError: when one must be given whose name says nothing, or none is the kernel's size.
    """
    parameters = _parameters(layer)
    if any(p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD} for p in parameters):
        raise TargetError("accepted is a layer whose constructor names what it takes")
    own = {p.name for p in parameters}
    sides = next((pair for pair in SIDES if {*pair} <= own), None)
    rest = [p for p in parameters if sides is None or p.name not in sides]
    image = next((p.name for p in rest if p.name in _IMAGES and p.default is p.empty), None)
    kernel = next((p.name for p in rest if p.name.lower() in _KERNELS), None)
    arrays = () if kernel is None else (kernel, *(p.name for p in rest if p.name in _BIASES))
    rest = [p for p in rest if p.name not in {image, *arrays}]
    sized = sides is not None or kernel is not None
    names, foreign = _named(rest, without=("kernel_size",) if sized else ())
    if not sized and "kernel_size" not in names:
        raise TargetError("accepted is a layer whose constructor takes the kernel's size")

    def made(settings: Mapping[str, Any]) -> Callable[..., Any]:
        given = {names[option]: value for option, value in settings.items() if option in names}
        if sides is not None:
            given |= dict(zip(sides, settings["kernel_size"], strict=True))
        if image is not None:
            given[image] = settings["image"]
        return partial(layer, **given)

    return Constructed(
        Stranger(
            _not_called,
            names,
            _integers(rest, names),
            _defaults(rest, names),
            is_layer=True,
            sides=sides,
            image=image is not None,
            foreign=foreign,
        ),
        made,
        arrays,
    )


def _not_called(_: Mapping[str, Any]) -> Bound:
    raise TargetError("how it is called is not known yet")


def _layer(layer: type[nn.Module]) -> Stranger:
    own = constructed(layer)
    if own.arrays:
        raise TargetError("accepted is a layer that makes its kernel itself")

    def bound(settings: Mapping[str, Any]) -> Bound:
        made = own.made(settings)()
        kernel, bias = parts(made)
        owner = threading.get_ident()

        def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            # Its kernel is replaced for the time of a call: two at once would mix them up.
            if threading.get_ident() != owner:
                raise NotImplementedError("a layer found by trial takes one call at a time")
            made.to(X.device, X.dtype)
            replaced = {kernel[0]: K.reshape(_shape_for(kernel[1], K))}
            if bias is not None and b is not None:
                replaced[bias[0]] = b.reshape(bias[1].shape)
            return functional_call(made, replaced, (X,))

        return call

    return replace(own.stranger, bound=bound)


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
    named = list(layer.named_parameters())
    names = [name.rpartition(".")[2] for name, _ in named]
    is_bias = [p.dim() <= 1 or n in NAMES["bias"] for n, (_, p) in zip(names, named, strict=True)]
    kernels = [pair for pair, bias in zip(named, is_bias, strict=True) if not bias]
    biases = [pair for pair, bias in zip(named, is_bias, strict=True) if bias]
    if len(kernels) != 1 or len(biases) > 1:
        shapes = [tuple(p.shape) for _, p in named]
        raise TargetError(f"accepted is one kernel and at most one bias, got {shapes}")
    return kernels[0], biases[0] if biases else None


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise TargetError("it has no signature") from error


def _named(
    parameters: list[inspect.Parameter], *, without: tuple[str, ...]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the parameters are called, by their names in conv2d; and those that stay as they are.

    Raises:
        TargetError: when one must be given that is none of these.
    """
    names: dict[str, str] = {}
    foreign = []
    for p in parameters:
        option = next(_options_called(p.name, {*names, *without}), None)
        if option is not None:
            names[option] = p.name
        elif p.default is p.empty:
            raise TargetError(f"no parameter of conv2d is called {p.name}")
        else:
            foreign.append(p.name)
    return names, tuple(foreign)


def _options_called(name: str, taken: set[str]) -> Iterator[str]:
    for option, names in NAMES.items():
        if option not in taken and name.lower() in names:
            yield option


def _integers(parameters: list[inspect.Parameter], names: Mapping[str, str]) -> frozenset[str]:
    """The options that are annotated as integers."""
    annotated = {p.name for p in parameters if p.annotation in {int, "int"}}
    return frozenset(option for option, name in names.items() if name in annotated)


def _defaults(parameters: list[inspect.Parameter], names: Mapping[str, str]) -> dict[str, Any]:
    given = {p.name: p.default for p in parameters if p.default is not p.empty}
    return {option: given[name] for option, name in names.items() if name in given}


def _options_of(keys: set[str]) -> frozenset[str]:
    return frozenset(option for option, those in _KEYS.items() if keys & {*those})


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is parameter.empty else parameter.default


def _may_be_left(parameters: list[inspect.Parameter], name: str) -> bool:
    return any(p.name == name and p.default is not p.empty for p in parameters)
