"""What strangers call conv2d's options: the parameters of a function or constructor, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target import option_numbers

#: The options that are a pair, or one integer for both axes.
PAIRED = ("stride", "padding", "dilation")

#: What strangers call conv2d's options.
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "in_channels": (
            "in_channels", "in_ch", "in_channel", "c_in", "cin", "in_c", "input_channels",
            "input_channel", "num_in_channels", "n_in", "nin", "in_planes", "in_features", "inp",
            "num_channels", "n_channels", "channels_in", "depth_in", "nb_channels", "input_depth",
            "in_depth", "nb_in", "channels", "inch", "inchannel", "inchannels", "input_c", "ch_in",
            "ic", "n_in_channels", "dim",
        ),
        "out_channels": (
            "out_channels", "out_ch", "out_channel", "c_out", "cout", "out_c", "output_channels",
            "output_channel", "num_out_channels", "n_out", "nout", "out_planes", "out_features",
            "nb_filters", "num_filters", "n_filters", "n_filter", "filters", "oup", "num_kernels",
            "channels_out", "out_feats", "depth", "n_kernels", "outch", "outchannel", "outchannels",
            "output_c", "ch_out", "oc", "num_kernel", "n_out_channels",
        ),
        "kernel_size": (
            "kernel_size", "k", "ks", "kernel", "ksize", "k_size", "kernel_shape", "kernel_dim",
            "filter_size", "filter_shape", "f", "size", "kernelsize", "kernel_sz", "filter_dim",
            "filter_dims", "convolution_shape", "shape", "kdim", "filterdim", "param_size",
        ),
        "bias": ("bias", "b", "biases", "use_bias", "has_bias", "with_bias", "in_bias"),
        "stride": ("stride", "strides", "s", "step", "stride_shape"),
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
    ("h_filter", "w_filter"),
    ("filter_h", "filter_w"),
    ("rows", "cols"),
)
#: What a layer is taken to do whose attributes do not say so.
PLAIN: Mapping[str, int] = MappingProxyType({"stride": 1, "padding": 0, "dilation": 1, "groups": 1})
# What a layer is called, and what it is called where it must be.
LABELS = ("name", "label", "layer_name", "scope", "tag", "title")
LABEL = "conv"
# The sizes of one image, of a layer that makes its arrays for these.
IMAGES = (
    "input_shape", "input_dim", "input_dims", "in_shape", "image_shape", "input_size", "x_dim",
    "x_shape",
)  # fmt: skip
# One image's height and width, likewise.
PLANES = ("image_size", "img_size", "image_hw")
# The kernel itself, of a layer that is made of its arrays; and its bias.
KERNELS = ("w", "weight", "weights")
BIASES = ("b", "bias", "biases", "B")
# The same of a layer that is handed it with each input.
HANDED = (*KERNELS, "kernel", "kernels", "k", "filter", "filters", "filt", "f")
# The methods of a layer over arrays.
FORWARDS = (
    "forward", "forward_pass", "forward_propagate", "forward_propagation", "forward_prop", "fprop",
    "feed_forward", "feedforward", "__call__",
)  # fmt: skip
BACKWARDS = (
    "backward", "backprop", "back_prop", "backpropagate", "bprop", "backward_pass",
    "back_propagate", "backward_propagate", "backward_propagation", "backward_prop",
    "back_propagation", "backpropagation",
)  # fmt: skip
# The methods that make a layer's arrays, given the shape of an input.
BUILDERS = ("build", "init_params", "init_weights", "initialize")
# What one of these may be given in place of it; and what tells the shape of one input before.
OPTIMIZERS = ("optimizer", "optimiser", "optim", "opt")
SHAPERS = ("set_input_shape",)
# What holds a function's options by their names: ``conv_param["stride"]``.
DICTIONARIES = (
    "conv_param", "conv_params", "param", "params", "hparameters", "hparams", "hyperparameters",
    "config", "cfg", "options", "opts", "parameters", "hparam", "conv_config",
)  # fmt: skip
# The options that stand in it, each under one of these keys.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"stride": ("stride", "strides", "s"), "padding": ("pad", "padding", "p")}
)


@dataclass(frozen=True)
class Named:
    """Parameters, by what they are in conv2d."""

    parameters: tuple[inspect.Parameter, ...]
    names: Mapping[str, str]  # of conv2d's options: what they are called
    foreign: tuple[str, ...]  # those that are none of these, and stay at their defaults
    several: Mapping[str, tuple[str, ...]]  # the options that are several parameters, with these
    labels: tuple[str, ...]  # those that must be given a name for what is called or made

    @property
    def integers(self) -> frozenset[str]:
        """The options that are annotated as integers."""
        annotated = {p.name for p in self.parameters if p.annotation in {int, "int"}}
        return frozenset(option for option, name in self.names.items() if name in annotated)

    @property
    def defaults(self) -> dict[str, Any]:
        """The defaults that there are, by the options' names."""
        given = {p.name: p.default for p in self.parameters if p.default is not p.empty}
        alone = {option: given[name] for option, name in self.names.items() if name in given}
        together = {
            option: option_numbers.default(tuple(given[name] for name in names))
            for option, names in self.several.items()
            if {*names} <= given.keys()
        }
        return alone | together


def named(parameters: Sequence[inspect.Parameter], *, without: tuple[str, ...]) -> Named:
    """Recognise parameters by their names.

    Args:
        parameters: in their order.
        without: options of conv2d that are not looked for.

    Raises:
        TargetError: when one must be given that is none of these.
    """
    found = option_numbers.apart([p.name for p in parameters])
    several = {option: each for option, each in found.items() if option not in without}
    names = {option: ", ".join(each) for option, each in several.items()}
    taken = {name for each in several.values() for name in each}
    foreign, labels = [], []
    for p in (p for p in parameters if p.name not in taken):
        option = _option(p, {*names, *without})
        if option is not None:
            names[option] = p.name
        elif p.default is p.empty and p.name.lower() in LABELS:
            labels.append(p.name)
        elif p.default is p.empty:
            raise TargetError(f"no parameter of conv2d is called {p.name}")
        else:
            foreign.append(p.name)
    return Named(tuple(parameters), names, tuple(foreign), several, tuple(labels))


def _option(parameter: inspect.Parameter, taken: set[str]) -> str | None:
    """What it is in conv2d: by its name, and a padding by its word, too."""
    found = next(_options_called(parameter.name, taken), None)
    if found is None and "padding" not in taken and _is_word_of_padding(parameter.default):
        return "padding"
    return found


def _is_word_of_padding(value: Any) -> bool:
    return isinstance(value, str) and value.lower() in {"same", "valid"}


def _options_called(name: str, taken: set[str]) -> Iterator[str]:
    for option, names in NAMES.items():
        if option not in taken and name.lower() in names:
            yield option


def keys_of(function: Any) -> list[inspect.Parameter]:
    """The options that a function reads from its ``**kwargs``, as parameters; none of others.

    They are the words in its own code: who hands ``**kwargs`` on has none.
    """
    code = getattr(function, "__code__", None)
    if code is None or not code.co_flags & inspect.CO_VARKEYWORDS:
        return []
    known = {name for names in NAMES.values() for name in names if len(name) > 1}
    taken = {*code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]}
    words = dict.fromkeys(c for c in code.co_consts if isinstance(c, str) and c in known - taken)
    return [inspect.Parameter(word, inspect.Parameter.KEYWORD_ONLY) for word in words]


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """All of a function's or a class's.

    Raises:
        TargetError: when it has no signature.
    """
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise TargetError("it has no signature") from error


def method_of(layer: Any, names: tuple[str, ...]) -> Any:
    """The first of the methods that there is; None without one. To make an object is none.

    Args:
        layer: a class, or an object.
        names: of the methods.
    """
    owner = layer if inspect.isclass(layer) else type(layer)
    own = {name for each in owner.__mro__ for name in vars(each)}
    found = (getattr(layer, name, None) for name in names if name != "__call__" or name in own)
    return next((method for method in found if callable(method)), None)
