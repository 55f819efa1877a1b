"""Arguments: other ways to write the same ones, and those that must be refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry, Pair
from conv_reference.quantities import CONV2D
from conv_reference.verification.checks._registry import Row, Sample, Told, check
from conv_reference.verification.checks.certificate import certificate
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.target import Call, Target, with_remainder
from conv_reference.verification.trial.agreement import against_oracle, observed
from conv_reference.verification.trial.integers import own
from conv_reference.verification.trial.judge import Judgement, whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.raised import judged_raised
from conv_reference.verification.trial.simpler import contiguous
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code

_NAMES = ("stride", "padding", "dilation")


def _cannot(target: Target) -> str | None:
    if target.is_line:
        return "its arguments have one axis"
    if target.call_with is None:
        return "its arguments are settled when it is made"
    return None


def _who_refuses(target: Target) -> str | None:
    """Whether it is the target that would refuse."""
    if target.has_glue:
        return "what lies between it and torch's convention decides what is refused"
    return _cannot(target)


def _no_pairs(target: Target) -> str | None:
    return _cannot(target) or (None if target.options & {*_NAMES} else "no option of two axes")


_UNTAKEN = "padding takes no words"


def _no_words(target: Target) -> str | None:
    takes_words = target.words is not False and "padding" in target.options
    return _cannot(target) or (None if takes_words else _UNTAKEN)


@check(
    Row(
        "integers_for_pairs",
        "An integer means the same for both axes; so do sequences of one element, where taken.",
        "Every caller of torch's conv2d writes stride=2.",
        "the first element used for every axis (Paddle PR#21225)",
    ),
    sample=Sample.FEW,
    unsupported=_no_pairs,
)
def integers_for_pairs(trial: Trial) -> Iterator[Judgement]:
    """Options as pairs and lists; where both sizes are equal, as integers and sequences of one."""
    unequal = replace(trial, case=contiguous(trial))
    if unequal.has_room:
        pairs = _pairs(unequal.case.geometry)
        yield from _in_forms(
            unequal,
            {"pairs": pairs, "lists": {name: list(pair) for name, pair in pairs.items()}},
        )
    plain = _square(trial)
    if plain is None:
        return
    sizes = {name: first for name, (first, _) in _pairs(plain.case.geometry).items()}
    forms: dict[str, dict[str, Any]] = {
        "pairs": {name: (size, size) for name, size in sizes.items()},
        "lists": {name: [size, size] for name, size in sizes.items()},
        "integers": dict(sizes),
        "sequences of one": {name: (size,) for name, size in sizes.items()},
    }
    yield from _in_forms(plain, forms)


def _pairs(geometry: Geometry) -> dict[str, Pair]:
    """Every option of two axes that a target may have."""
    (top, _), (left, _) = geometry.padding
    return {
        "stride": geometry.stride,
        "padding": (top, left),
        "dilation": geometry.dilation,
        "output_padding": geometry.remainder,
    }


def _in_forms(trial: Trial, forms: Mapping[str, Mapping[str, Any]]) -> Iterator[Judgement]:
    """Forward and backward with the options in each form."""
    for form, given in forms.items():
        try:
            found = _asked(trial, given)
        except TargetRaised as raised:
            # The contract asks for no form but pairs; one that Y was made of, dX must know, too.
            if form == "pairs" or raised.quantity != "Y":
                thrown = judged_raised("integers_for_pairs", raised)
                said = f"options given as {form}: {thrown.explanation}"
                yield replace(thrown, explanation=said)
            else:
                yield observed("integers_for_pairs", "Y", f"options are not taken as {form}")
            if form == "pairs":
                return  # what is refused in any form says nothing of the others
            continue
        yield from _on_its_own_case(trial, "integers_for_pairs", found, f"options given as {form}")


@check(
    Row(
        "padding_words",
        'padding="same" keeps the size, the odd element below and to the right; "valid" is none.',
        "With an even kernel there are two sides to put the odd element on.",
        "the extra element on the wrong side (Flux#2431)",
    ),
    sample=Sample.FEW,
    unsupported=_no_words,
)
def padding_words(trial: Trial) -> Iterator[Judgement]:
    """Both words, against the padding that they stand for."""
    for geometry in _with_odd_totals(trial):
        (dh, dw), (kh, kw) = geometry.dilation, geometry.kernel_size
        height, width = dh * (kh - 1), dw * (kw - 1)
        same = ((height // 2, height - height // 2), (width // 2, width - width // 2))
        input_size = (height + geometry.input_size[0], width + geometry.input_size[1])
        for word, stride, padding in (
            ("same", (1, 1), same),
            ("valid", geometry.stride, ((0, 0), (0, 0))),
        ):
            if "stride" not in trial.target.options and stride != (1, 1):
                continue
            changed = replace(geometry, input_size=input_size, stride=stride, padding=padding)
            if not trial.target.can_be_exact(changed, trial.case.dtype):
                continue
            plain = replace(trial, case=replace(contiguous(trial), geometry=changed))
            try:
                found = _asked(plain, {"padding": word, **_of_two_axes(changed)})
            except TargetRaised:
                if trial.target.words is None:  # it did not say that it takes them
                    yield Judgement("padding_words", "Y", Verdict.UNSUPPORTED, actual=_UNTAKEN)
                    return
                raise
            other = f" with a kernel of {kh}×{kw} and a dilation of {dh}×{dw}"
            said = f"padding={word!r}{other if geometry != trial.case.geometry else ''}"
            yield from _on_its_own_case(plain, "padding_words", found, said)


def _of_two_axes(geometry: Geometry) -> dict[str, Pair]:
    return {"stride": geometry.stride, "dilation": geometry.dilation}


def _with_odd_totals(trial: Trial) -> Iterator[Geometry]:
    """The case's geometry, and such as have an odd element of padding to put on one side."""
    geometry = trial.case.geometry
    yield geometry
    if "kernel_size" in trial.target.fixed:
        return
    dilated = "dilation" in trial.target.options
    for dilation in ((1, 1), (3, 1), (1, 3)) if dilated else ((1, 1),):
        yield replace(geometry, kernel_size=(2, 4), dilation=dilation, input_size=(6, 12))


@dataclass(frozen=True)
class _Impossible:
    """Arguments for which there is no convolution."""

    what: str
    options: Mapping[str, Any] = field(default_factory=dict)
    X: tuple[int, ...] = (1, 4, 5, 5)
    K: tuple[int, ...] = (4, 4, 3, 3)
    b: int | None = None
    needs: frozenset[str] = frozenset()
    channels: bool = False  # whether it is about channels
    slides: bool = False  # whether it is about a kernel that slides within its input


# What a target's own defaults may not be.
_PLAIN: Mapping[str, Any] = MappingProxyType(
    {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
)


def _of(option: str, value: Any, what: str) -> _Impossible:
    return _Impossible(f"{what}: {option}={value}", {option: value}, needs=frozenset({option}))


_IMPOSSIBLE = (
    _Impossible("3 input channels for a kernel of 4", X=(1, 3, 5, 5), channels=True),
    _Impossible("5 input channels for a kernel of 4", X=(1, 5, 5, 5), channels=True),
    _Impossible("an input of two dimensions", X=(5, 5), channels=True),
    _Impossible("a kernel of three dimensions", K=(4, 3, 3), channels=True),
    _Impossible("a kernel taller than its input", X=(1, 4, 1, 5), slides=True),
    _Impossible("a kernel wider than its input", X=(1, 4, 5, 1), slides=True),
    _Impossible(
        "a dilated kernel larger than the padded input",
        {"dilation": (5, 5), "padding": (1, 1)},
        needs=frozenset({"dilation", "padding"}),
        slides=True,
    ),
    _of("stride", (0, 0), "no stride"),
    _of("stride", (1, 0), "no stride across"),
    _of("stride", (-1, 1), "a negative stride"),
    _of("dilation", (0, 0), "no dilation"),
    _of("dilation", (1, 0), "no dilation across"),
    _of("padding", (-1, -1), "negative padding"),
    _of("padding", (0, -1), "negative padding across"),
    _Impossible(
        "groups that do not divide the input channels",
        {"groups": 3},
        K=(6, 1, 3, 3),
        needs=frozenset({"groups"}),
        channels=True,
    ),
    _Impossible(
        "groups that do not divide the output channels",
        {"groups": 2},
        K=(3, 2, 3, 3),
        needs=frozenset({"groups"}),
        channels=True,
    ),
    _Impossible("no groups", {"groups": 0}, needs=frozenset({"groups"}), channels=True),
    _of("output_padding", (1, 1), "an output padding as large as the stride"),
    _of("output_padding", (-1, 0), "a negative output padding"),
    _Impossible("a bias that is too long", b=5, needs=frozenset({"bias"})),
    _Impossible("a bias that is too short", b=3, needs=frozenset({"bias"})),
)


@check(
    Row(
        "refusals",
        "Arguments for which there is no convolution are refused, not answered.",
        "An answer to a question without one is believed.",
        "dilation=0 accepted, Y silently wrong (tinygrad PR#14115)",
        told=Told.LAST,
    ),
    sample=Sample.OWN,
    unsupported=_who_refuses,
)
def refusals(trial: Trial) -> Iterator[Judgement]:
    """Each impossibility that the target's parameters can express; any exception will do."""
    target = trial.target
    try:  # who refuses everything has refused nothing of this
        _ask(trial, _Impossible("a convolution after all"))
    except TargetRaised as raised:
        yield judged_raised("refusals", raised)
        return
    answered = []
    for impossible in _IMPOSSIBLE:
        if not impossible.needs <= target.options:
            continue
        if impossible.channels and not target.has_channels:
            continue
        if impossible.slides and target.operator is not CONV2D:
            continue
        if target.is_module and (impossible.b is not None or len(impossible.K) != 4):
            continue  # no layer is ever given its own kernel
        answer = _answer(trial, impossible)
        if isinstance(answer, Tensor) and answer.numel() and answer.device == trial.device:
            answered.append(f"{impossible.what}, with Y of shape {tuple(answer.shape)}")
        elif isinstance(answer, Tensor) or answer is not None:
            yield observed("refusals", "Y", f"{impossible.what}: answered without an element")
    if answered:  # one finding: what lets one of them pass lets others
        said = "\n  ".join(("answered, though there is no such convolution:", *answered))
        yield _permissive("Y", "refused", "answered", said)
    else:
        yield Judgement("refusals", "Y", Verdict.EXACT)
    yield from _mismatches(trial)


def _permissive(quantity: str, expected: str, actual: str, said: str) -> Judgement:
    """Told, and no fault: who answers what has no answer may be right in all else."""
    found = whole("refusals", quantity, expected, actual, said)
    return replace(found, verdict=Verdict.PERMISSIVE)


_ROUNDING = 2.0**-6  # of sums of four ones, in whatever dtype


def _answer(trial: Trial, impossible: _Impossible) -> Any:
    """What the target answers; None where it refuses."""
    with suppress(TargetRaised):
        return _ask(trial, impossible)
    return None


def _ask(trial: Trial, impossible: _Impossible) -> Any:
    ones = _ones(trial, impossible.X), _ones(trial, impossible.K)
    X, K = ones if trial.target.has_channels else (ones[0][:, 0], ones[1][0, 0])
    channels = impossible.K[0] if trial.target.has_channels else 1
    outputs = channels if impossible.b is None else impossible.b
    b = _bias(trial, outputs)
    return _called(trial, X, K, b, **impossible.options)


def _mismatches(trial: Trial) -> Iterator[Judgement]:
    """Operands of two dtypes or devices: their convolution exists, so only a wrong one is judged.

    The device without data is not judged at all: torch's own conv2d answers where the kernel
    has none (see the notes of the report).
    """
    # Each output is the sum of the kernel; a transposed convolution's only for a kernel of one tap.
    taps = 2 if trial.target.operator is CONV2D else 1
    X, K = _ones(trial, (1, 1, 4, 4)), _ones(trial, (1, 1, taps, taps))
    if not trial.target.has_channels:
        X, K = X[0], K[0, 0]
    b = _bias(trial, 1)
    other = torch.float32 if trial.case.dtype == torch.float64 else torch.float64
    mixed = {"kernel": (K.to(other), b), "bias": (K, None if b is None else b.to(other))}
    for what, (weight, bias) in mixed.items():
        answer = None if what == "bias" and b is None else _attempt(trial, X, weight, bias)
        if not isinstance(answer, Tensor):
            continue
        value = float(taps**2 + (b is not None))
        error = (answer.detach().to("cpu", torch.float64) - value).abs()
        if bool((error <= _ROUNDING * value).all()):  # a transform rounds here, too
            yield observed("refusals", "Y", "operands of two dtypes are answered, rightly")
        else:
            said = f"a {what} of {other}: should be refused or {value}, is answered otherwise"
            quantity = f"Y of a {what} of another dtype"
            yield _permissive(quantity, "refused, or the convolution", "another answer", said)
    answer = _attempt(trial, X, K.to("meta"), b)
    if isinstance(answer, Tensor) and answer.device.type != "meta":
        yield observed("refusals", "Y", "a kernel without data (on meta) is answered with numbers")
    if b is not None and trial.target.has_channels:
        # Broadcasting gives it a meaning, which most code written by hand lets it have.
        answer = _attempt(trial, X, _ones(trial, (4, 1, 2, 2)), b)
        if isinstance(answer, Tensor):
            yield observed("refusals", "Y", "one bias for four channels is taken for each of them")


def _bias(trial: Trial, size: int) -> Tensor | None:
    """Ones where the target has a bias: a layer that always has one would draw its own."""
    has = "bias" in trial.target.options or trial.target.always_biased
    return _ones(trial, (size,)) if has else None


def _attempt(trial: Trial, X: Tensor, K: Tensor, b: Tensor | None) -> Any:
    """What the target answers; None where it refuses."""
    with suppress(TargetRaised):
        return _called(trial, X, K, b)
    return None


def _called(trial: Trial, X: Tensor, K: Tensor, b: Tensor | None, **options: Any) -> Any:
    """What the target answers; options that are not given are plain."""
    plain = {name: value for name, value in _PLAIN.items() if name in trial.target.options}
    with target_code("Y"):
        return looked_at(_call_with(trial)(X, K, b, **{**plain, **options}))


def _call_with(trial: Trial) -> Any:
    assert trial.target.call_with is not None  # or the check is unsupported
    return trial.target.call_with


def _ones(trial: Trial, shape: tuple[int, ...]) -> Tensor:
    return torch.ones(shape, dtype=trial.case.dtype, device=trial.device)


def _square(trial: Trial) -> Trial | None:
    """The trial with equal options on both axes; None where it is not exact."""
    geometry = trial.case.geometry
    stride, dilation, (padding, _) = geometry.stride, geometry.dilation, geometry.padding
    height, width = (
        size + max(dilation) * (k - 1)
        for size, k in zip(geometry.input_size, geometry.kernel_size, strict=True)
    )
    square = replace(
        geometry,
        input_size=(height, width),
        stride=(stride[0], stride[0]),
        dilation=(dilation[0], dilation[0]),
        padding=(padding, padding),
    )
    if "output_padding" in trial.target.options:
        square = with_remainder(square, (min(square.remainder),) * 2)
    if trial.target.operator is not CONV2D:  # which has an output whatever the remainder
        square = trial.target.restrict_geometry(square)
    if not trial.target.can_be_exact(square, trial.case.dtype):
        return None
    return replace(trial, case=replace(contiguous(trial), geometry=square))


def _groups(trial: Trial) -> dict[str, int]:
    return {"groups": trial.case.geometry.groups} if "groups" in trial.target.options else {}


def _asked(trial: Trial, given: Mapping[str, Any]) -> dict[str, Any]:
    """Y and the gradients, with those of the options that the target has in this form."""
    operands, target = trial.operands, trial.target
    options = {name: value for name, value in given.items() if name in target.options}
    X, K = own(trial, "dX", operands.input), own(trial, "dK", operands.weight)
    b = own(trial, "db", operands.bias) if trial.case.bias else None
    # A layer makes parameters of its own of K and b, which so get no gradient.
    for tensor in (X,) if target.is_module else (X, K, b):
        if tensor is not None:
            tensor.requires_grad_()
    target.about_to(trial.case)
    function = partial(_call_with(trial), **options, **_groups(trial))
    return observe(Call(function, X, K, b, own(trial, "Y", operands.grad_output)))


def _on_its_own_case(
    trial: Trial, row: str, found: Mapping[str, Any], said: str
) -> Iterator[Judgement]:
    """Against the oracle, each judgement with the certificate's case that it is about."""
    own_case = replace(trial.case, check=certificate.__name__)
    for judgement in against_oracle(trial, row, found, said, missing=True):
        yield replace(judgement, case=own_case)
