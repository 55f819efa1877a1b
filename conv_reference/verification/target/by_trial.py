"""A stranger's calling convention, found by trial on one tiny case.

The oracle is exact and all sizes of the case differ, so that at most one form fits. What agrees is
kept; where nothing does, what answers in the right shape: that is how it is called, and wrong.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn

from conv_reference.geometry import Geometry, Pair
from conv_reference.operands import Operands, exact_operands
from conv_reference.quantities import CONV2D
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import TargetError
from conv_reference.verification.target.forms import FORMS, Form, first_tensor
from conv_reference.verification.target.others import known_other
from conv_reference.verification.target.strangers import Bound, Stranger, stranger
from conv_reference.verification.target.target import OPTIONS, Call, Target

# X (2, 3, 5, 9), K (5, 3, 2, 4), Y (2, 5, 4, 6): no two sizes of a tensor are the same.
TINY = Geometry.parse("n2 c3 h5 w9 o5 k2x4")
_PAIRED = ("stride", "padding", "dilation")
_PROBES: Mapping[str, Any] = {
    "stride": (2, 2),
    "padding": ((1, 1), (1, 1)),
    "dilation": (2, 2),
}
# Defaults under which nothing is done.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "stride": (1, (1, 1), None),
    "padding": (0, (0, 0), None, "valid", "VALID"),
    "dilation": (1, (1, 1), None),
    "groups": (1, None),
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


@dataclass(frozen=True)
class Convention:
    """How a stranger is called."""

    form: Form
    integers: frozenset[str] = frozenset()  # options that are one integer for both axes
    biased: bool = False  # whether it was called with a bias
    several: bool = False  # whether Y is the first of a tuple of results
    level: Level = Level.RAISED

    def described(self, own: Stranger) -> tuple[str, ...]:
        """What is otherwise than with torch's conv2d."""
        said = self.form.described()
        if self.integers:
            said.append(f"integers for {', '.join(sorted(self.integers))}")
        if own.sides:
            said.append(f"{', '.join(own.sides)} for kernel_size")
        said += [f"{name} for {option}" for option, name in own.names.items() if name != option]
        return (*said, *(["the first of its results"] if self.several else []))


def convention_by_trial(implementation: Any, standard: Target | None, name: str) -> Target | None:
    """The implementation under the convention that fits it; None where torch's does, or none.

    Args:
        implementation: what was given.
        standard: the same under torch's convention, where its signature fits that.
        name: of the target.
    """
    if not _is_own_code(implementation):
        return None
    function = implementation.apply if _is_function_class(implementation) else implementation
    try:
        own = stranger(function)
    except TargetError:
        return None
    if standard is not None and not _is_open(own, standard, implementation):
        return None
    found = settled(own)
    if found is None:
        return None
    plain = found.form.is_torchs and not found.integers and not found.several
    if standard is not None and plain and all(option == n for option, n in own.names.items()):
        return None
    return _target(own, found, name)


def _is_function_class(implementation: Any) -> bool:
    return inspect.isclass(implementation) and issubclass(implementation, torch.autograd.Function)


def _is_own_code(implementation: Any) -> bool:
    """Whether it is a function or a class of somebody's; torch's own are called as torch says."""
    if str(getattr(implementation, "__module__", "torch")).partition(".")[0] == "torch":
        return False
    is_layer = inspect.isclass(implementation) and issubclass(implementation, nn.Module)
    return inspect.isfunction(implementation) or is_layer or _is_function_class(implementation)


def _is_open(own: Stranger, standard: Target, implementation: Any) -> bool:
    """Whether the signature, which fits torch's, leaves open how it is called.

    No target is called for nothing: one that has torch's own words takes what torch takes.
    """
    if standard.operator is not CONV2D or standard.is_line:
        return False
    if any(option != name for option, name in own.names.items()):
        return True
    if own.is_layer or {"dilation", "groups"} & {*own.names}:
        return bool(own.integers)
    # One that has all of torch's names, too: what it does on the tiny case is not to end a run.
    return bool(own.integers) or not _has_torchs_names(implementation)


def _has_torchs_names(implementation: Any) -> bool:
    """Whether its first two parameters are called as in torch; a layer's are not told."""
    function = implementation.forward if _is_function_class(implementation) else implementation
    return {"input", "weight"} <= {*inspect.signature(function).parameters}


def settled(own: Stranger) -> Convention | None:
    """The convention that agrees, else the first that answers in the right shape."""
    best: Convention | None = None
    for convention in _conventions(own):
        answer, several = asked(own, convention)
        if answer.level > (Level.OTHER if best is None else best.level):
            best = replace(convention, level=answer.level, several=several)
        if answer.level is Level.AGREES:
            break
    return None if best is None else replace(best, integers=_integers(own, best))


def known_other_by_trial(implementation: Any) -> str:
    """What else than a cross-correlation it computes, under whichever convention; or empty."""
    function = implementation.apply if _is_function_class(implementation) else implementation
    try:
        own = stranger(function)
    except TargetError:
        return ""
    for convention in _conventions(own):
        geometry = _tiny(convention)
        answer, _ = asked(own, convention)
        if answer.level in {Level.OTHER, Level.SHAPED} and isinstance(answer.Y, Tensor):
            given = exact_operands(geometry, torch.float32, seed=0)
            Y = answer.Y if convention.form.has_channels else answer.Y[:, None]
            said = known_other(Y, given.input, given.weight, given.bias, geometry)
            if said:
                return said
    return ""


def _conventions(own: Stranger) -> Iterator[Convention]:
    """All that could be, the likelier first."""
    biases = [False]
    if "bias" in own.names and "bias" not in own.defaults and not own.is_layer:
        biases = [False, True]
    for integers in _styles(own):
        for bias in biases:
            for form in FORMS:
                if not (own.is_layer and form.exchanged):
                    yield Convention(form, integers, bias)


def _styles(own: Stranger) -> list[frozenset[str]]:
    """Which options are given as integers at first, where they must be given."""
    paired = frozenset(_PAIRED) & {*own.names}
    if "kernel_size" in own.names:
        square = paired | {"kernel_size"}
        return [square] if "kernel_size" in own.integers else [frozenset(), paired, square]
    must = any(own.defaults.get(option, "none") not in _NEUTRAL[option] for option in paired)
    return [frozenset(), paired] if must else [frozenset()]


def _integers(own: Stranger, found: Convention) -> frozenset[str]:
    """The options that are taken as integers alone."""
    integers = found.integers & {"kernel_size"}
    for option in _PAIRED:
        if option not in own.names:
            continue
        geometry = replace(_tiny(found), **{option: _PROBES[option]})
        others = found.integers - {option}
        pair = asked(own, replace(found, integers=others), geometry)[0]
        single = asked(own, replace(found, integers=others | {option}), geometry)[0]
        refuses = pair.level is Level.RAISED and single.level is not Level.RAISED
        if option in own.integers or refuses:
            integers |= {option}
    return integers


def _tiny(convention: Convention) -> Geometry:
    """The tiny case, as far as the convention can be asked for it."""
    changes: dict[str, Any] = {}
    if not convention.form.has_channels:
        changes |= {"in_channels": 1, "out_channels": 1}
    if not convention.form.input.batch:
        changes["batch"] = 1
    if "kernel_size" in convention.integers:
        changes |= {"kernel_size": (2, 2), "input_size": (5, 7)}
    return replace(TINY, **changes)


def asked(
    own: Stranger, convention: Convention, geometry: Geometry | None = None
) -> tuple[Answer, bool]:
    """What the stranger makes of one tiny case; and whether it has several results.

    Args:
        own: the stranger.
        convention: how it is called.
        geometry: another than the tiny one, that the convention can be asked for.
    """
    geometry = _tiny(convention) if geometry is None else geometry
    operands = exact_operands(geometry, torch.float32, seed=0)
    X, K = _own(operands.input, operands.weight, convention.form)
    biased = convention.biased or (own.is_layer and "bias" not in own.names)
    b = operands.bias if biased else None
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            settings = _settings(own, convention, geometry, bias=convention.biased)
            answer = _called(own.bound(settings), convention.form)(X, K, b)
    except (Exception, SystemExit) as error:
        return Answer(Level.RAISED, error=error), False
    Y = first_tensor(answer)
    Y = _returned(Y, convention.form)
    return Answer(_level(Y, operands, geometry, convention.form), Y), Y is not answer and (
        isinstance(answer, tuple | list)
    )


def _level(Y: Any, operands: Operands, geometry: Geometry, form: Form) -> Level:
    named = operands.by_role(torch.float64)
    biased = CONV2D.first("Y", named, geometry)
    del named["bias"]
    expected = CONV2D.first("Y", named, geometry)
    if not form.has_channels:
        biased, expected = biased[:, 0], expected[:, 0]
    if not isinstance(Y, Tensor) or Y.shape != expected.shape or Y.is_complex():
        return Level.OTHER
    Y = Y.detach().to("cpu", torch.float64)
    agrees = any(
        bool(((Y - value).abs() <= _TOLERANCE * value.abs().max()).all())
        for value in (expected, biased)
    )
    return Level.AGREES if agrees else Level.SHAPED


def _own(X: Tensor, K: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    return (X, K) if form.has_channels else (X[:, 0], K[0, 0])


def _called(bound: Bound, form: Form) -> Callable[..., Any]:
    """The stranger over X and K in torch's form; its results are as they are."""

    def call(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        given = form.input.there(X), form.weight.there(K)
        first, second = given[::-1] if form.exchanged else given
        return bound(first, second, b)

    return call


def _returned(Y: Any, form: Form) -> Any:
    if isinstance(Y, Tensor) and Y.dim() == form.input.dimensions:
        return form.input.back(Y)
    return Y


def _settings(
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
    given |= {
        "in_channels": geometry.in_channels,
        "out_channels": geometry.out_channels,
        "groups": geometry.groups,
    }
    if own.is_layer:
        given["bias"] = bias
    plain = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    return {
        option: value
        for option, value in given.items()
        # A default that says nothing is left: a pair is not forced on who takes integers.
        if not (
            option in plain
            and pairs.get(option, geometry.groups) == plain[option]
            and own.defaults.get(option, "none") in _NEUTRAL[option]
        )
    }


def _target(own: Stranger, convention: Convention, name: str) -> Target:
    """The stranger as a target."""
    form = convention.form
    biased = own.is_layer and "bias" not in own.names and _has_bias(own, convention)
    options = {*own.names} & {*OPTIONS}
    if convention.biased:
        options, biased = options - {"bias"}, True
    if not form.has_channels:
        options -= {"groups"}

    def prepare(case: Case, operands: Operands) -> Call:
        X, K = _own(operands.input, operands.weight, form)
        settings = _settings(own, convention, case.geometry, bias=case.bias)
        call = _called(own.bound(settings), form)

        def function(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
            return _returned(first_tensor(call(X, K, b)), form)

        G = operands.grad_output if form.has_channels else operands.grad_output[:, 0]
        asks = case.requires_grad
        return Call(
            function=function,
            X=X.detach().requires_grad_("X" in asks),
            K=K.detach().requires_grad_("K" in asks),
            b=operands.bias.detach().requires_grad_("b" in asks) if case.bias else None,
            G=G,
        )

    return Target(
        name=name,
        prepare=prepare,
        options=frozenset(options),
        always_biased=biased,
        has_channels=form.has_channels,
        foreign=own.foreign,
        integers=convention.integers,
        single_sample=not form.input.batch,
        called_as=convention.described(own),
        words=False,
    )


def _has_bias(own: Stranger, convention: Convention) -> bool:
    """Whether a layer adds its bias: asked by another bias than that of the tiny case."""
    geometry = _tiny(convention)
    operands = exact_operands(geometry, torch.float32, seed=0)
    X, K = _own(operands.input, operands.weight, convention.form)
    bound = _called(own.bound(_settings(own, convention, geometry, bias=True)), convention.form)
    with torch.no_grad():
        one, other = (first_tensor(bound(X, K, b)) for b in (operands.bias, operands.bias + 1))
    return not torch.equal(one, other)
