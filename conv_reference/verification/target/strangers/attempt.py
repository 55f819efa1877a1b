"""One tiny case put to a stranger under one convention, and how near its answer is."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry, Pair
from conv_reference.operands import Operands, exact_operands
from conv_reference.quantities import CONV2D
from conv_reference.verification.target import option_numbers
from conv_reference.verification.target.nearest_sizes import OWN_PADDINGS, enlarged
from conv_reference.verification.target.option_names import LABEL
from conv_reference.verification.target.own_defaults import NEUTRAL
from conv_reference.verification.target.padding_modes import WORD, given_mode
from conv_reference.verification.target.strangers.stranger import Bound, Stranger
from conv_reference.verification.target.strangers.tensor_forms import (
    FLAT,
    BiasForm,
    Form,
    first_tensor,
    laid_out,
)

# X (2, 3, 5, 9), K (5, 3, 2, 4), Y (2, 5, 4, 6): no two sizes of a tensor are the same.
TINY = Geometry.parse("n2 c3 h5 w9 o5 k2x4")
# For targets that take kernels of three by three alone, and even sizes: Winograd's F(2x2, 3x3).
OF_THREE = Geometry.parse("n2 c4 h6 w10 o5 k3x3")
# For those that take odd sides alone, whether unequal ones are among them.
ODD = Geometry.parse("n2 c4 h6 w10 o5 k3x5")
# For those that take one side of the image for both, too.
SQUARE = Geometry.parse("n2 c4 h6 w6 o5 k3x3")
# For those that have kernels of one tap alone.
OF_ONE = Geometry.parse("n2 c3 h5 w9 o4 k1x1")
# What a geometry holds where nothing is done.
_PLAIN: Mapping[str, Any] = {
    "stride": (1, 1),
    "padding": ((0, 0), (0, 0)),
    "dilation": (1, 1),
    "groups": 1,
}
# The kernel's shape as constructors take it that have no parameter for its channels, or one.
WHOLES = {
    "ihw": "(c, kh, kw)",
    "hwio": "(kh, kw, c, o)",
    "oihw": "(o, c, kh, kw)",
    "ohwi": "(o, kh, kw, c)",
}
_TOLERANCE = 1e-3  # of the greatest element: a fault is larger, the rounding of a transform is not


class Level(IntEnum):
    """How near an answer is."""

    RAISED = 0
    OTHER = 1  # no tensor, or one of another shape
    SHAPED = 2
    AGREES = 3


@dataclass(frozen=True)
class Answer:
    """What a stranger made of one case."""

    level: Level
    Y: Any = None  # as (N, O, H', W'), where it has the form's number of dimensions
    error: BaseException | None = None
    several: bool = False  # whether Y is the first of a tuple of results
    sizes: tuple[bool, ...] = ()  # of a Y of as many dimensions as it should have: which are right


@dataclass(frozen=True)
class Convention:
    """How a stranger is called."""

    form: Form
    integers: frozenset[str] = frozenset()  # options that are one integer for both axes
    sides: str = ""  # one of ORDERS, where one value has the padding of all four sides
    whole: str = ""  # one of WHOLES, where a constructor takes the kernel's channels with its size
    biased: bool = False  # whether it was called with a bias
    bias: BiasForm = FLAT
    several: bool = False  # whether Y is the first of a tuple of results
    is_single: bool = False  # whether it agrees in float32 alone: its arrays' memory is read so
    level: Level = Level.RAISED
    case: Geometry = TINY  # the tiny case, where the convention supports it

    @property
    def words(self) -> str:
        """What ``--as`` takes to fix it."""
        said = [f"input={self.form.input.word}", f"weight={self.form.weight.word}"]
        said += ["first=weight"] if self.form.exchanged else []
        said += ["bias=required"] if self.biased else []
        said += [f"padding={self.sides}"] if self.sides else []
        said += [f"kernel_size={self.whole}"] if self.whole else []
        return " ".join([*said, f"integers={','.join(sorted(self.integers)) or 'none'}"])

    def kernels_alone(self, own: Stranger) -> tuple[int, int] | None:
        """The one size of kernels that it has, where it has one."""
        return self.case.kernel_size if own.has_no_size or self.case == OF_ONE else None

    def described(self, own: Stranger) -> tuple[str, ...]:
        """What is otherwise than with torch's conv2d."""
        said = self.form.described()
        said += [f"b as {self.bias.name}"] if self.bias != FLAT and "bias" in own.names else []
        if alone := self.kernels_alone(own):
            raises = "" if own.has_no_size else ", for it raises on others"
            said.append(f"kernels of {alone[0]}x{alone[1]} alone{raises}")
        integers = self.integers - ({"padding"} if own.same_padding else set())
        if "kernel_size" in integers and not ("kernel_size" in own.takes or own.is_layer):
            integers -= {"kernel_size"}
            said.append("kernels of equal sides alone, for it raises on others")
        if integers:
            said.append(f"integers for {', '.join(sorted(integers))}")
        said += [f"{option_numbers.described(self.sides)} for padding"] if self.sides else []
        said += [f"{WHOLES[self.whole]} for the kernel's size"] if self.whole else []
        said += ["its dilation counts the zeros between taps"] if own.counts_zeros else []
        said += ["TensorFlow's SAME or VALID for padding"] if own.same_padding else []
        said += [f"a padding of its own, {own.pads}"] if own.pads else []
        if own.sides:
            said.append(f"{', '.join(own.sides)} for kernel_size")
        said += [f"{name} for {option}" for option, name in own.names.items() if name != option]
        said += [f"{LABEL!r} for {name}" for name in own.labels]
        said += [f"{own.backward} for the gradients"] if own.backward else []
        said += own.of_its_backward_pass
        said += sorted(own.seen)
        return (*said, *(["the first of its results"] if self.several else []))


def tiny(own: Stranger, convention: Convention) -> Geometry | None:
    """The tiny case, as far as the convention supports it; None where it cannot.

    Of an instance the kernel's shape shows whether it can be of the convention's form.
    """
    changes: dict[str, Any] = {}
    if not convention.form.has_channels:
        changes |= {"in_channels": 1, "out_channels": 1}
    changes |= convention.form.fixed
    if convention.form.weight.depthwise:
        channels = convention.case.in_channels
        changes |= {"out_channels": channels, "groups": channels}
        # Of the image, so that none of Y's sizes is that of its channels, where o was no other.
        height, width = convention.case.input_size
        changes["input_size"] = (height + 2, width + 2)
    if not convention.form.input.batch:
        changes["batch"] = 1
    kh, kw = convention.case.kernel_size
    if "kernel_size" in convention.integers and kh != kw:
        side = min(kh, kw)
        changes |= {"kernel_size": (side, side), "input_size": (side + 3, side + 5)}
    if own.fixed is None:
        found = replace(convention.case, **changes)
    else:
        fixed = own.fixed(convention.form.weight)
        if fixed is None:
            return None
        found = enlarged(convention.case, changes | {**fixed})
    return OWN_PADDINGS[own.pads](found) if own.pads else found


def asked(own: Stranger, convention: Convention, geometry: Geometry | None = None) -> Answer:
    """What the stranger makes of one tiny case.

    Args:
        own: the stranger.
        convention: how it is called.
        geometry: another than the tiny one, that the convention supports.
    """
    geometry, is_plain = (tiny(own, convention), True) if geometry is None else (geometry, False)
    if geometry is None:
        return Answer(Level.RAISED)
    operands, *expected = _oracle(geometry, torch.float32 if convention.is_single else own.dtype)
    biased = convention.biased or (own.is_layer and "bias" not in own.names)
    X, K = own_form(operands.input.clone(), operands.weight.clone(), convention.form)
    given = in_its_form(X, K, operands.bias.clone() if biased else None, convention)
    settings = settings_of(own, convention, geometry, bias=convention.biased)

    def call() -> Any:
        with _in_silence():
            return own.bound(settings)(*given)

    answer, error = own.trials.answer(_key(own, settings, given), call)
    if error is not None:
        return Answer(Level.RAISED, error=error)
    first = first_tensor(answer)
    Y = returned(first, convention.form)
    Y_alone, Y_biased = (Y_ if convention.form.has_channels else Y_[:, 0] for Y_ in expected)
    level, several = _level(Y, Y_alone, Y_biased), first is not answer
    if is_plain and level >= Level.SHAPED:
        own.trials.note(level, (own, replace(convention, level=level, several=several)))
    if level is Level.AGREES:
        own.trials.allow_a_few_more()
    return Answer(level, Y, several=several, sizes=_right_sizes(Y, Y_alone))


@lru_cache(maxsize=256)
def _oracle(geometry: Geometry, dtype: torch.dtype) -> tuple[Operands, Tensor, Tensor]:
    """The operands of a tiny case, and its Y without a bias and with one: none is handed out."""
    operands = exact_operands(geometry, dtype, seed=0)
    named = operands.by_role(torch.float64)
    biased = CONV2D.first("Y", named, geometry)
    del named["bias"]
    return operands, CONV2D.first("Y", named, geometry), biased


def _key(own: Stranger, settings: Mapping[str, Any], given: Iterable[Tensor | None]) -> Hashable:
    """What a call is known by: what one stranger is given, be it over tensors or over arrays."""
    return own.over_arrays, repr(sorted(settings.items())), *map(_content, given)


def _content(tensor: Tensor | None) -> Hashable:
    if tensor is None:
        return None
    held = tensor.contiguous().numpy().tobytes()
    return tensor.dtype, tuple(tensor.shape), tensor.stride(), held


@contextmanager
def _in_silence() -> Iterator[None]:
    """Around a trial, of which there are many: what one prints or warns of is of no use to a user.

    No number is taken from torch's random stream, either.
    """
    with (
        redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
    ):
        warnings.simplefilter("ignore")
        yield


def goes_back(own: Stranger, convention: Convention) -> bool:
    """Whether the backward pass of the tiny case comes to its end, whatever it answers."""
    return handed(own, convention) is not None


def handed(own: Stranger, convention: Convention) -> str | None:
    """The operands whose gradients the backward pass of the tiny case hands; None where it raises.

    As no two sizes are the same, it also shows in which order gradients come.
    """
    geometry = tiny(own, convention)
    if geometry is None:
        return None
    own.trials.require_time()
    # Padded, where it can be: `[pad:-pad]` of no padding is another fault.
    if "padding" in own.names and not own.same_padding:
        geometry = replace(geometry, padding=((1, 1), (1, 1)))
    operands = exact_operands(geometry, own.dtype, seed=0)
    X, K = own_form(operands.input, operands.weight, convention.form)
    biased = [operands.bias] if convention.biased else []
    leaves = [tensor.requires_grad_() for tensor in (X, K, *biased)]
    settings = settings_of(own, convention, geometry, bias=convention.biased)
    try:
        with _in_silence():
            Y = first_tensor(
                called(own.bound(settings), convention)(*leaves, *[None] * (3 - len(leaves)))
            )
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                Y, leaves, torch.ones_like(Y), allow_unused=True
            )
    except (Exception, SystemExit):
        return None
    return "".join(
        letter for letter, gradient in zip("XKb", found, strict=False) if gradient is not None
    )


def _right_sizes(Y: Any, expected: Tensor) -> tuple[bool, ...]:
    if not isinstance(Y, Tensor) or Y.dim() != expected.dim():
        return ()
    return tuple(is_ == wanted for is_, wanted in zip(Y.shape, expected.shape, strict=True))


def _level(Y: Any, expected: Tensor, biased: Tensor) -> Level:
    if not isinstance(Y, Tensor) or Y.shape != expected.shape or Y.is_complex():
        return Level.OTHER
    Y = Y.detach().to("cpu", torch.float64)
    agrees = any(
        bool(((Y - value).abs() <= _TOLERANCE * value.abs().max()).all())
        for value in (expected, biased)
    )
    return Level.AGREES if agrees else Level.SHAPED


def own_form(X: Tensor, K: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    """X and K without what a form of one channel does not have, laid out for the form's order."""
    if not form.has_channels:
        return X[:, 0], K[0, 0]
    return laid_out(X, form.input.order), laid_out(K, form.weight.order)


def in_its_form(
    X: Tensor, K: Tensor, b: Tensor | None, convention: Convention
) -> tuple[Tensor, Tensor, Tensor | None]:
    """X, K and b of torch's form as the stranger takes them, in its order."""
    form = convention.form
    given = form.input.there(X), form.weight.there(K)
    first, second = given[::-1] if form.exchanged else given
    return first, second, None if b is None else convention.bias.there(b)


def called(bound: Bound, convention: Convention) -> Callable[..., Any]:
    """The stranger over X, K and b in torch's form; its results are as they are."""

    def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        return bound(*in_its_form(X, K, b, convention))

    return call


def returned(Y: Any, form: Form) -> Any:
    """Y in torch's form, where it has as many dimensions as the form has."""
    if isinstance(Y, Tensor) and Y.dim() == form.input.dimensions:
        return form.input.back(Y)
    return Y


def settings_of(
    own: Stranger, convention: Convention, geometry: Geometry, *, bias: bool
) -> dict[str, Any]:
    """The options by their names in conv2d, as the stranger takes them."""
    (top, _), (left, _) = geometry.padding
    pairs: dict[str, Pair] = {
        "kernel_size": geometry.kernel_size,
        "stride": geometry.stride,
        "padding": (top, left),
        "dilation": geometry.dilation,
    }
    given: dict[str, Any] = {
        option: pair[0] if option in convention.integers else pair for option, pair in pairs.items()
    }
    if own.has_sides:
        given["padding"] = geometry.padding
    elif convention.sides:
        given["padding"] = option_numbers.in_order(convention.sides, geometry.padding)
    if own.counts_zeros:
        given["dilation"] = tuple(d - 1 for d in geometry.dilation)
        if "dilation" in convention.integers:
            given["dilation"] = geometry.dilation[0] - 1
    if convention.whole:
        sizes = dict(zip("oihw", geometry.weight_shape, strict=True))
        given["kernel_size"] = tuple(sizes[letter] for letter in convention.whole)
    if own.same_padding:
        is_padded = geometry.padding != ((0, 0), (0, 0))
        given["padding"] = own.word("SAME" if is_padded else "VALID")
    given |= {
        "in_channels": geometry.in_channels,
        "out_channels": geometry.out_channels,
        "groups": geometry.groups,
    }
    if own.is_layer:
        given["bias"] = bias
    given |= given_mode(geometry.padding_mode, own.defaults.get(WORD))
    given = {option: value for option, value in given.items() if option in own.takes}
    if own.image:
        given["image"] = geometry.input_shape[1:]
    # A default that fixes nothing is left: a pair is not forced on what takes integers.
    return {
        option: value
        for option, value in given.items()
        if not (_says_nothing(geometry, option) and is_neutral(own, option))
    }


def _says_nothing(geometry: Geometry, option: str) -> bool:
    """Whether the geometry does nothing by an option; a padding on one side does something."""
    return option in _PLAIN and bool(getattr(geometry, option) == _PLAIN[option])


def is_neutral(own: Stranger, option: str) -> bool:
    """Whether nothing is done where an option is left at its default."""
    if option == "bias":
        return own.defaults.get(option, "none") is None
    if option == "dilation" and own.counts_zeros:
        return True
    return own.defaults.get(option, "none") in NEUTRAL.get(option, ())
