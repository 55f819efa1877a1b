"""Arguments for which there is no convolution: they must be refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.verification.checks._arguments import call_with, cannot_be_given
from conv_reference.verification.checks._registry import Reported, Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.predicates import sizes_named
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.agreement import observed
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.raised import judged_raised
from conv_reference.verification.trial.state import STATES
from conv_reference.verification.trial.trial import TargetRaised, Trial, target_code


def _who_refuses(target: Target) -> str | None:
    """Whether it is the target that would refuse, and what."""
    operator = target.operator
    if operator.is_sized or operator.place("weight") != "weight":
        return "what must be refused is known of conv2d and conv_transpose2d alone"
    if target.has_glue:
        return "its arguments are converted for it, which decides what is refused"
    if not _is_asked_inside(target):
        return "these would ask for sizes outside of its domain"
    return cannot_be_given(target)


def _is_asked_inside(target: Target) -> bool:
    """Whether its domain holds the sizes that are asked here, and leaves one impossibility open."""
    taps = 2 if target.operator.is_convolution else 1
    plain = (Geometry.parse(text) for text in ("c4 h5 w5 o4 k3", f"h4 w4 k{taps}"))
    if not target.has_channels:
        plain = (replace(geometry, in_channels=1, out_channels=1) for geometry in plain)
    inside = all(geometry in target.domain for geometry in plain)
    return inside and any(can_express(target, impossible) for impossible in IMPOSSIBLE)


@dataclass(frozen=True)
class Impossible:
    """Arguments for which there is no convolution; X, K and b are ones of these shapes."""

    what: str
    options: Mapping[str, Any] = field(default_factory=dict)
    X: tuple[int, ...] = (1, 4, 5, 5)
    K: tuple[int, ...] = (4, 4, 3, 3)
    b: int | None = None
    needs: frozenset[str] = frozenset()
    channels: bool = False  # whether it is about channels
    slides: bool = False  # whether it is about a kernel that slides within its input

    @property
    def sizes(self) -> frozenset[str]:
        """The sizes that it is about, by the names that a domain has for them."""
        options = (_SIZES.get(option, ()) for option in self.needs)
        channels = ("c", "o") if self.channels else ()
        return frozenset(chain(*options, channels, ("h", "w", "kh", "kw") if self.slides else ()))


_SIZES = {
    "stride": ("sh", "sw"),
    "padding": ("ph", "pw"),
    "dilation": ("dh", "dw"),
    "groups": ("g",),
}
_SINGLE = frozenset(("n", "c", "o", "g", "h", "w", "kh", "kw", *chain(*_SIZES.values())))


# What a target's own defaults may not be.
PLAIN: Mapping[str, Any] = MappingProxyType(
    {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
)


def _of(option: str, value: Any, what: str) -> Impossible:
    return Impossible(f"{what}: {option}={value}", {option: value}, needs=frozenset({option}))


IMPOSSIBLE = (
    Impossible("3 input channels for a kernel of 4", X=(1, 3, 5, 5), channels=True),
    Impossible("5 input channels for a kernel of 4", X=(1, 5, 5, 5), channels=True),
    # Sizes of one go together with any other in whatever adds or multiplies element by element.
    Impossible("1 input channel for a kernel of 4", X=(1, 1, 5, 5), channels=True),
    Impossible("4 input channels for a kernel of 1", K=(4, 1, 3, 3), channels=True, slides=True),
    Impossible("an input of two dimensions", X=(5, 5), channels=True),
    Impossible("a kernel of three dimensions", K=(4, 3, 3), channels=True),
    Impossible("a kernel taller than its input", X=(1, 4, 1, 5), slides=True),
    Impossible("a kernel wider than its input", X=(1, 4, 5, 1), slides=True),
    Impossible(
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
    Impossible(
        "groups that do not divide the input channels",
        {"groups": 3},
        K=(6, 1, 3, 3),
        needs=frozenset({"groups"}),
        channels=True,
    ),
    Impossible(
        "groups that do not divide the output channels",
        {"groups": 2},
        K=(3, 2, 3, 3),
        needs=frozenset({"groups"}),
        channels=True,
    ),
    Impossible("no groups", {"groups": 0}, needs=frozenset({"groups"}), channels=True),
    _of("output_padding", (1, 1), "an output padding as large as the stride"),
    _of("output_padding", (-1, 0), "a negative output padding"),
    Impossible("a bias that is too long", b=5, needs=frozenset({"bias"})),
    Impossible("a bias that is too short", b=3, needs=frozenset({"bias"})),
)


@check(
    Row(
        "refusals",
        "Arguments for which there is no convolution are refused, not answered.",
        "An answer to a question without one is believed.",
        "dilation=0 accepted, Y silently wrong (tinygrad PR#14115)",
        reported=Reported.LAST,
    ),
    Row(
        "state_after_refusal",
        "A call that raises leaves the settings of the process as they were, too.",
        "Who catches the error goes on with whatever the call had set.",
        "a default dtype that is put back only where nothing raises (a class of faults)",
    ),
    traits=Traits(sample=Sample.OWN, cannot=_who_refuses),
)
def refusals(trial: Trial) -> Iterator[Judgement]:
    """Each impossibility that the target's parameters can express; any exception will do."""
    target = trial.target
    try:  # a target that refuses everything has refused nothing of this
        _ask(trial, Impossible("a convolution after all"))
    except TargetRaised as raised:
        yield judged_raised("refusals", raised, trial)
        return
    left = _Left()
    answered = []
    for impossible in filter(partial(can_express, target), IMPOSSIBLE):
        answer = _answer(trial, impossible, left)
        if isinstance(answer, Tensor) and answer.numel() and answer.device == trial.device:
            answered.append(f"{impossible.what}, with Y of shape {tuple(answer.shape)}")
        elif isinstance(answer, Tensor) or answer is not None:
            yield observed("refusals", "Y", f"{impossible.what}: answered without an element")
    if answered:  # one finding: what lets one of them pass lets others
        said = "\n  ".join(("answered, though there is no such convolution:", *answered))
        yield _permissive("Y", "refused", "answered", said)
    else:
        yield Judgement("refusals", "Y", Verdict.EXACT)
    with left.after("operands that do not go together"):
        mismatched = [*_mismatches(trial)]
    yield from left.judged()
    yield from mismatched


def can_express(target: Target, impossible: Impossible) -> bool:
    """Whether the target has the parameters for it, and whether it is impossible there.

    What its domain speaks of is not asked: what is not answered outside needs no refusal.
    """
    if not impossible.needs <= target.options:
        return False
    named = sizes_named(target.domain.where)
    if named & impossible.sizes or not named <= _SINGLE:  # others follow from several
        return False
    if impossible.channels and not target.has_channels:
        return False
    if impossible.slides and not target.operator.is_convolution:
        return False
    # No layer is ever given its own kernel.
    return not target.is_module or (impossible.b is None and len(impossible.K) == 4)


class _Left:
    """What calls that raise have left changed: each setting once, with the first such call."""

    def __init__(self) -> None:
        self._by: dict[str, str] = {}

    def entered(self, raised: TargetRaised, what: str) -> None:
        """Of a mode that was left entered, which is undone already."""
        if raised.left:
            self._by.setdefault("modes of torch", f"{what}: {raised.left}")

    @contextmanager
    def after(self, what: str) -> Iterator[None]:
        """Around such a call; each setting is put back, so that the next call finds it right."""
        before = [(state, state.get()) for state in STATES if state.put_back is not None]
        yield
        for state, value in before:
            if state.get() != value:
                assert state.put_back is not None  # or it would not be here
                state.put_back(value)
                self._by.setdefault(state.name, what)

    def judged(self) -> Iterator[Judgement]:
        """Each setting, or that there is none."""
        for name, what in self._by.items():
            said = f"a call that raises ({what}): should be left alone, is changed"
            yield whole("state_after_refusal", name, "left alone", "changed", said)
        if not self._by:
            yield Judgement("state_after_refusal", "", Verdict.EXACT)


def _permissive(quantity: str, expected: str, actual: str, said: str) -> Judgement:
    """Reported, but no fault: a target that answers impossible arguments may be right otherwise."""
    found = whole("refusals", quantity, expected, actual, said)
    return replace(found, verdict=Verdict.PERMISSIVE)


_ROUNDING = 2.0**-6  # of sums of four ones, in whatever dtype


def _answer(trial: Trial, impossible: Impossible, left: _Left) -> Any:
    """What the target answers; None where it refuses."""
    with left.after(impossible.what):
        try:
            return _ask(trial, impossible)
        except TargetRaised as raised:
            left.entered(raised, impossible.what)
            return None


def _ask(trial: Trial, impossible: Impossible) -> Any:
    ones = _ones(trial, impossible.X), _ones(trial, impossible.K)
    X, K = ones if trial.target.has_channels else (ones[0][:, 0], ones[1][0, 0])
    channels = impossible.K[0] if trial.target.has_channels else 1
    outputs = channels if impossible.b is None else impossible.b
    b = _bias(trial, outputs)
    return _called(trial, X, K, b, **impossible.options)


def _mismatches(trial: Trial) -> Iterator[Judgement]:
    """Operands that do not go together, and yet have a convolution, in one reading or another.

    The device without data is not judged at all: torch's own conv2d answers where the kernel
    has none (see the notes of the report).
    """
    # Each output is the sum of the kernel; a transposed convolution's only for a kernel of one tap.
    taps = 2 if trial.target.operator.is_convolution else 1
    X, K = _ones(trial, (1, 1, 4, 4)), _ones(trial, (1, 1, taps, taps))
    if not trial.target.has_channels:
        X, K = X[0], K[0, 0]
    b = _bias(trial, 1)
    yield from _two_dtypes(trial, X, K, b)
    answer = _attempt(trial, X, K.to("meta"), b)
    if isinstance(answer, Tensor) and answer.device.type != "meta":
        yield observed("refusals", "Y", "a kernel without data (on meta) is answered with numbers")
    if b is not None and trial.target.has_channels:
        # Broadcasting gives it a meaning, which most code written by hand lets it have.
        answer = _attempt(trial, X, _ones(trial, (4, 1, 2, 2)), b)
        if isinstance(answer, Tensor):
            yield observed("refusals", "Y", "one bias for four channels is taken for each of them")


def _two_dtypes(trial: Trial, X: Tensor, K: Tensor, b: Tensor | None) -> Iterator[Judgement]:
    """Kernel or bias of another dtype: their convolution exists, so only a wrong one is judged."""
    other = torch.float32 if trial.case.dtype == torch.float64 else torch.float64
    mixed = {"kernel": (K.to(other), b), "bias": (K, None if b is None else b.to(other))}
    for what, (weight, bias) in mixed.items():
        answer = None if what == "bias" and b is None else _attempt(trial, X, weight, bias)
        if not isinstance(answer, Tensor):
            continue
        value = float(K.numel() + (b is not None))
        error = (answer.detach().to("cpu", torch.float64) - value).abs()
        if bool((error <= _ROUNDING * value).all()):  # a transform rounds here, too
            yield observed("refusals", "Y", f"a {what} of another dtype is taken, rightly")
        else:
            said = f"a {what} of {other}: should be refused or {value}, is answered otherwise"
            quantity = f"Y of a {what} of another dtype"
            yield _permissive(quantity, "refused, or the convolution", "another answer", said)


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
    plain = {name: value for name, value in PLAIN.items() if name in trial.target.options}
    with target_code("Y"):
        return looked_at(call_with(trial)(X, K, b, **{**plain, **options}))


def _ones(trial: Trial, shape: tuple[int, ...]) -> Tensor:
    return torch.ones(shape, dtype=trial.case.dtype, device=trial.device)
