"""Arguments: other ways to write the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from conv_reference.geometry import Geometry, Pair
from conv_reference.padding_modes import Mode
from conv_reference.verification.checks._arguments import (
    answered_before,
    call_with,
    can_be_put,
    cannot_be_given,
    lacks,
)
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.certificate import certificate
from conv_reference.verification.checks.padding_modes import has_modes, in_mode
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.answers import type_name
from conv_reference.verification.target.nearest_sizes import with_remainder
from conv_reference.verification.target.padding_modes import WORD
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.agreement import against_oracle, observed
from conv_reference.verification.trial.integers import own
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.raised import judged_raised, raised_in_mode
from conv_reference.verification.trial.refused import is_refusal
from conv_reference.verification.trial.trial import TargetRaised, Trial

_NAMES = ("stride", "padding", "dilation")


def _no_pairs(target: Target) -> str | None:
    has_pairs = target.is_settled or bool(target.options & {*_NAMES})
    return cannot_be_given(target) if has_pairs else "no option of two axes"


_UNTAKEN = "padding takes no words"


def _no_words(target: Target) -> str | None:
    if (reason := lacks("padding", target)) is not None:
        return reason
    return cannot_be_given(target) or (_UNTAKEN if target.words is False else None)


@check(
    Row(
        "integers_for_pairs",
        "An integer means the same for both axes; so do sequences of one element, where taken; "
        "no list is changed.",
        "Every caller of torch's conv2d writes stride=2.",
        "the first element used for every axis (Paddle PR#21225)",
        of_torch=True,
    ),
    traits=Traits(sample=Sample.FEW, cannot=_no_pairs),
)
def integers_for_pairs(trial: Trial) -> Iterator[Judgement]:
    """Options as pairs and lists; where both sizes are equal, as integers and sequences of one."""
    unequal = replace(trial, case=trial.case.contiguous())
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
        before = {name: deepcopy(value) for name, value in given.items()}
        try:
            found = _asked(trial, given)
        except TargetRaised as raised:
            if form == "pairs":
                if is_refusal(trial, raised):
                    raise  # of the sizes, whatever form they have
                thrown = judged_raised("integers_for_pairs", raised, trial)
                yield replace(thrown, explanation=f"options given as {form}: {thrown.explanation}")
                return  # what is refused in any form shows nothing about the others
            if raised.quantity == "Y":  # the contract requires no form but pairs
                yield observed("integers_for_pairs", "Y", f"options are not taken as {form}")
                continue
            said = f"with options given as {form}"
            yield answered_before("integers_for_pairs", said, raised)
            found = raised.observed
        yield from _changed(trial, before, given)
        yield from _on_its_own_case(trial, "integers_for_pairs", found, f"options given as {form}")


def _changed(
    trial: Trial, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Judgement]:
    """The options that are no longer what they were given as: a list can be written to."""
    for name, was in before.items():
        if after[name] != was:
            said = f"{name} was given as {was}, and is {after[name]} after the call"
            changed = whole("integers_for_pairs", name, f"{was} as given", f"{after[name]}", said)
            yield replace(changed, case=trial.case)


@check(
    Row(
        "padding_words",
        'padding="same" keeps the size, the odd element below and to the right; "valid" is none.',
        "With an even kernel there are two sides to put the odd element on.",
        "the extra element on the wrong side (Flux#2431)",
        optional=True,
    ),
    traits=Traits(sample=Sample.FEW, cannot=_no_words),
)
def padding_words(trial: Trial) -> Iterator[Judgement]:
    """Both words, against the padding that they stand for."""
    undilated: set[str] = set()  # words that are right where that kernel is not dilated
    for geometry in _with_odd_totals(trial):
        for word, plain in _worded(trial, geometry):
            try:
                found = _asked(plain, {"padding": word, **_of_two_axes(plain.case.geometry)})
            except TargetRaised as raised:
                if trial.target.words is not None:  # it declared that it takes them
                    raise
                if raised.quantity == "Y":
                    yield _word_raised(plain, word, raised)
                    return
                yield answered_before("padding_words", f"with padding={word!r}", raised)
                found = raised.observed
            is_own = geometry == trial.case.geometry
            said = "" if is_own else _of_kernel(geometry, is_right_without=word in undilated)
            judged = [*_on_its_own_case(plain, "padding_words", found, f"padding={word!r}{said}")]
            yield from judged
            if geometry.dilation == (1, 1) and not is_own and all(j.is_exact for j in judged):
                undilated.add(word)
    if has_modes(trial.target):
        for mode in trial.some(trial.target.padding_modes[1:], "padding modes"):
            yield from _same_in(trial, mode)


def _of_kernel(geometry: Geometry, *, is_right_without: bool) -> str:
    (dh, dw), (kh, kw) = geometry.dilation, geometry.kernel_size
    otherwise = ", without which it is right" if is_right_without else ""
    return f" with a kernel of {kh}×{kw} and a dilation of {dh}×{dw}{otherwise}"


def _worded(trial: Trial, geometry: Geometry) -> Iterator[tuple[str, Trial]]:
    """Each word with the trial of the padding that it stands for, as far as that can be put."""
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
        if can_be_put(trial, changed):
            yield word, replace(trial, case=replace(trial.case.contiguous(), geometry=changed))


def _same_in(trial: Trial, mode: Mode) -> Iterator[Judgement]:
    """The word with another padding mode than zeros; that the two raise is noted, not judged."""
    (kh, kw), ones = trial.case.geometry.kernel_size, (1, 1)
    same = ((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2)
    plain = replace(trial.case.geometry, stride=ones, dilation=ones, padding=same)
    there = replace(trial, case=trial.case.contiguous().on(in_mode(plain, mode)))
    if not any(map(any, same)) or not can_be_put(trial, there.case.geometry):
        return
    said = f"padding='same' with padding_mode={mode!r}"
    given = {"padding": "same", "padding_mode": mode, **_of_two_axes(there.case.geometry)}
    try:
        found = _asked(there, given)
    except TargetRaised as raised:
        if raised.quantity == "Y":
            yield observed("padding_words", "Y", f"{said} raises {type_name(raised.error)}")
            return
        yield answered_before("padding_words", f"with {said}", raised)
        found = raised.observed
    yield from _on_its_own_case(there, "padding_words", found, said)


def _word_raised(trial: Trial, word: str, raised: TargetRaised) -> Judgement:
    """That the word is not taken; or that it is, but not beside pairs of the same numbers."""
    sizes = trial.case.geometry
    plain = replace(trial, case=trial.case.on(replace(sizes, stride=(1, 1), dilation=(1, 1))))
    fits = can_be_put(plain, plain.case.geometry)
    beside = _thrown_beside(plain, word, (1, 1)) if fits else None
    if beside is not None and _thrown_beside(plain, word, 1) is None:
        found = judged_raised("padding_words", beside, trial, may_refuse=False)
        said = f"padding={word!r} is taken beside integers, and not beside pairs of them"
        return replace(found, explanation=f"{said}: {found.explanation}")
    alone = replace(trial, case=trial.case.on(replace(sizes, padding=((0, 0), (0, 0)))))
    return raised_in_mode("padding_words", alone, raised, _UNTAKEN)


def _thrown_beside(trial: Trial, word: str, one: Pair | int) -> TargetRaised | None:
    """What is thrown where stride and dilation are 1, in this form; None where it answers."""
    try:
        _asked(trial, {"padding": word, "stride": one, "dilation": one})
    except TargetRaised as raised:
        return raised
    return None


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
    if not trial.target.operator.is_convolution:  # which has an output whatever the remainder
        square = trial.target.restrict_geometry(square)
    if not can_be_put(trial, square):
        return None
    return replace(trial, case=replace(trial.case.contiguous(), geometry=square))


def _groups(trial: Trial) -> dict[str, int]:
    return {"groups": trial.case.geometry.groups} if "groups" in trial.target.options else {}


def _asked(trial: Trial, given: Mapping[str, Any]) -> dict[str, Any]:
    """Y and the gradients, with those of the options that the target has in this form."""
    operands, target = trial.operands, trial.target
    options = {n: value for n, value in given.items() if n in target.options or n == WORD}
    X, K = own(trial, "dX", operands.input), own(trial, "dK", operands.weight)
    b = own(trial, "db", operands.bias) if trial.case.bias else None
    # A layer makes parameters of its own of K and b, which so get no gradient.
    for tensor in (X,) if target.is_module else (X, K, b):
        if tensor is not None:
            tensor.requires_grad_()
    target.about_to(trial.case)
    function = partial(call_with(trial), **options, **_groups(trial))
    return observe(Call(function, X, K, b, own(trial, "Y", operands.grad_output)))


def _on_its_own_case(
    trial: Trial, row: str, found: Mapping[str, Any], said: str
) -> Iterator[Judgement]:
    """Against the oracle, each judgement with the certificate's case that it is about."""
    own_case = replace(trial.case, check=certificate.__name__)
    for judgement in against_oracle(trial, row, found, said, missing=True):
        yield replace(judgement, case=own_case)
