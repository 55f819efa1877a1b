"""What a stranger's function or layer calls its parameters, and how it is called with others.

Both are called in one way: ``bound(settings)`` is a function of X, K and b in the stranger's own
form, the options settled by their names in conv2d.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.layer_calls import NO_PARAMETER, drawn_alike
from conv_reference.verification.target.option_names import (
    BIASES,
    DICTIONARIES,
    IMAGES,
    KERNELS,
    KEYS,
    LABEL,
    NAMES,
    PLANES,
    SIDES,
    keys_of,
    named,
    parameters_of,
)
from conv_reference.verification.target.signatures import class_of_apply, takes_context
from conv_reference.verification.target.strangers.tensor_forms import WeightForm
from conv_reference.verification.target.strangers.trials import Trials

LIKE = "like"  # among the settings: a tensor, whose dtype and device a layer is to have
Bound = Callable[[Tensor, Tensor, Tensor | None], Any]  # (X, K, b) → Y, in the stranger's form


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
    names: Mapping[str, str]  # of conv2d's options: what it calls them, "pad_h, pad_w" if several
    several: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # these, one by one
    integers: frozenset[str] = frozenset()  # those that it is annotated to take as integers
    defaults: Mapping[str, Any] = field(default_factory=dict)  # by the names of conv2d
    is_layer: bool = False
    sides: tuple[str, str] | None = None  # of a layer: parameters for a kernel's height and width
    foreign: tuple[str, ...] = ()  # parameters that stay at their defaults
    labels: tuple[str, ...] = ()  # parameters that are given a name for it
    # Of an instance: the fields of Geometry that are settled, if its kernel has this form.
    fixed: Callable[[WeightForm], Mapping[str, Any] | None] | None = None
    # Of an instance that does not declare them: an option, and what it is taken to be.
    assumed: Mapping[str, str] = field(default_factory=dict)
    biased: bool | None = None  # of an instance: whether it has a bias
    dtype: torch.dtype = torch.float32  # of the trial
    positional: tuple[tuple[str, Any], ...] = ()  # parameters and defaults, if by position alone
    is_apply: bool = False  # of a ``torch.autograd.Function``
    pads: str = ""  # one of OWN_PADDINGS, where it was seen to pad so whatever is requested
    image: bool = False  # of a layer: whether its constructor takes one image's sizes
    over_arrays: bool = False  # whether it takes numpy arrays, and no tensors
    has_backward: bool = True  # of one over arrays: whether there is a backward pass
    backward: str = ""  # the name of the function that is it, where that is another
    only: frozenset[torch.dtype] | None = None  # the dtypes that it computes in, if not in all
    in_dictionary: frozenset[str] = frozenset()  # the options that it takes in a dictionary alone
    options_read: Callable[[], frozenset[str]] = frozenset  # those that were read so far
    # Of a layer: what its kernel and its bias, if it has one, are called in one of some settings.
    parameters: Callable[[Mapping[str, Any]], tuple[str, str]] | None = None
    seen: AbstractSet[str] = frozenset()  # what else its calls have shown so far: "b as (o, h, w)"
    trials: Trials = field(default_factory=Trials, compare=False)  # its calls on tiny cases

    @property
    def same_padding(self) -> bool:
        """Whether padding is a word, SAME or VALID: its default is one."""
        return isinstance(self.defaults.get("padding"), str)

    def word(self, said: str) -> str:
        """SAME or VALID as it is spelt there."""
        return said if str(self.defaults.get("padding")).isupper() else said.lower()

    @property
    def counts_zeros(self) -> bool:
        """Whether its dilation is the number of zeros between taps: none is its default."""
        return self.defaults.get("dilation") in (0, (0, 0))

    @property
    def has_sides(self) -> bool:
        """Whether its padding is four numbers, one for each side."""
        return len(self.several.get("padding", ())) == 4

    def named(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The options that it takes, by the names of its parameters."""
        return option_numbers.named(self.names, self.several, settings)

    @property
    def takes(self) -> frozenset[str]:
        """The options of conv2d that it is given, the kernel's size among them."""
        return frozenset(self.names) | (frozenset() if self.sides is None else {"kernel_size"})


def stranger(implementation: Any) -> Stranger:
    """The implementation's parameters by their names in conv2d.

    Raises:
        TargetError: when a parameter that must be given has a name that means nothing here.
    """
    if inspect.isclass(implementation) and issubclass(implementation, nn.Module):
        return _layer(implementation)
    return _function(implementation)


@dataclass(frozen=True)
class _Function:
    """How a function is called, whose first two parameters are X and K."""

    function: Callable[..., Any]
    parameters: tuple[inspect.Parameter, ...]  # behind X and K
    names: Mapping[str, str]  # of conv2d's options, without those in the dictionary
    several: Mapping[str, tuple[str, ...]]  # the options that are several parameters
    labels: tuple[str, ...]  # the parameters that must be given a name for it
    dictionary: str | None  # the parameter that takes options by their names
    by_position: bool
    read: set[str]  # keys of the dictionary that were requested so far

    def bound(self, settings: Mapping[str, Any]) -> Bound:
        """A function of X, K and b."""

        def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            given = self._given(settings, b)
            if self.by_position:
                every = (given.get(p.name, p.default) for p in self.parameters)
                return self.function(X, K, *every)
            return self.function(X, K, **given)

        return call

    def _given(self, settings: Mapping[str, Any], b: Tensor | None) -> dict[str, Any]:
        """What it is given behind X and K, by the names of its parameters."""
        names = self.names
        given = option_numbers.named(names, self.several, settings) | dict.fromkeys(
            self.labels, LABEL
        )
        if "bias" in names and not (b is None and self._has_default(names["bias"])):
            given[names["bias"]] = b
        if self.dictionary is not None:
            keys = {key: settings.get(o) for o, those in KEYS.items() for key in those}
            held = {key: value for key, value in keys.items() if value is not None}
            given[self.dictionary] = Recording(held, self.read)
        return given

    def _has_default(self, name: str) -> bool:
        return any(p.name == name and p.default is not p.empty for p in self.parameters)

    def options_read(self) -> frozenset[str]:
        """The options that were read from the dictionary so far."""
        return frozenset(option for option, keys in KEYS.items() if self.read & {*keys})


def _function(function: Callable[..., Any]) -> Stranger:
    owner = class_of_apply(function)
    is_apply = owner is not None
    every = _behind_the_operands(function, owner)
    dictionary = next((p.name for p in every if p.name.lower() in DICTIONARIES), None)
    rest = [p for p in every if p.name != dictionary]
    own = named(rest, without=("in_channels", "out_channels", "kernel_size"))
    by_position = is_apply or any(p.kind is p.POSITIONAL_ONLY for p in rest)
    held = {} if dictionary is None else _held(dictionary, own.names)
    called = _Function(
        function, tuple(every), own.names, own.several, own.labels, dictionary, by_position, set()
    )
    return Stranger(
        called.bound,
        {**own.names, **held},
        own.several,
        own.integers,
        own.defaults,
        foreign=own.foreign,
        labels=own.labels,
        positional=tuple((p.name, _default(p)) for p in rest) if by_position else (),
        in_dictionary=frozenset(held),
        options_read=called.options_read,
        is_apply=is_apply,
    )


def _held(dictionary: str, names: Mapping[str, str]) -> dict[str, str]:
    """What the options are called that stand in the dictionary alone."""
    return {
        option: f"{dictionary}[{keys[0]!r}]" for option, keys in KEYS.items() if option not in names
    }


def _behind_the_operands(function: Any, owner: Any) -> list[inspect.Parameter]:
    """The parameters behind X and K.

    Args:
        function: of the two.
        owner: the autograd Function whose ``apply`` it is; None of whatever else.

    Raises:
        TargetError: when there are no two before them, or any number of them.
    """
    parameters = parameters_of(function if owner is None else owner.forward)
    if owner is not None and takes_context(owner):
        parameters = parameters[1:]
    if len(parameters) < 2 or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise TargetError("accepted is a function of an input and a kernel")
    return [*(p for p in parameters[2:] if p.kind is not p.VAR_KEYWORD), *keys_of(function)]


def _default(parameter: inspect.Parameter) -> Any:
    return None if parameter.default is parameter.empty else parameter.default


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
        TargetError: when one that must be given is of no known name, or none is the kernel's size.
    """
    parameters = parameters_of(layer)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise TargetError("accepted is a layer whose constructor names what it takes")
    parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    own = {p.name for p in parameters}
    sides = next((pair for pair in SIDES if {*pair} <= own), None)
    rest = [p for p in parameters if sides is None or p.name not in sides]
    image = next((p.name for p in rest if _is_of_image(p)), None)
    kernel = next((p.name for p in rest if p.name.lower() in KERNELS), None)
    arrays = () if kernel is None else (kernel, *(p.name for p in rest if p.name in BIASES))
    rest = [p for p in rest if p.name not in {image, *arrays}]
    sized = sides is not None or kernel is not None
    taken = named(rest, without=("kernel_size",) if sized else ())
    names = taken.names
    if not sized and "kernel_size" not in names:
        raise TargetError("accepted is a layer whose constructor takes the kernel's size")

    def made(settings: Mapping[str, Any]) -> Callable[..., Any]:
        given = option_numbers.named(names, taken.several, settings)
        given |= dict.fromkeys(taken.labels, LABEL)
        if sides is not None:
            size = settings["kernel_size"]
            given |= dict(zip(sides, (size, size) if isinstance(size, int) else size, strict=True))
        if image is not None:
            whole = settings["image"]
            given[image] = whole[1:] if image.lower() in PLANES else whole
        return partial(layer, **given)

    return Constructed(
        Stranger(
            _not_called,
            names,
            taken.several,
            taken.integers,
            taken.defaults,
            is_layer=True,
            sides=sides,
            image=image is not None,
            foreign=taken.foreign,
            labels=taken.labels,
        ),
        made,
        arrays,
    )


def _is_of_image(parameter: inspect.Parameter) -> bool:
    """Whether it takes one image's sizes, which it is given where no default is another."""
    name, default = parameter.name.lower(), parameter.default
    return (name in IMAGES and default is parameter.empty) or (
        name in PLANES and default in {parameter.empty, None}
    )


def _not_called(_: Mapping[str, Any]) -> Bound:
    raise TargetError("how it is called is not known yet")


def _layer(layer: type[nn.Module]) -> Stranger:
    own = constructed(layer)
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
                raise NotImplementedError("a layer found by trial takes one call at a time")
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
        raise TargetError(f"accepted is one kernel and at most one bias, got {shapes}")
    return kernels[0], biases[0] if biases else None
