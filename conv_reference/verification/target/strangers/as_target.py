"""A stranger under the convention that was found, as a target."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands, exact_operands
from conv_reference.quantities import CONV2D, OPTIONS
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.errors import NotAsked
from conv_reference.verification.target.option_names import LABEL, PLAIN
from conv_reference.verification.target.padding_modes import modes_of
from conv_reference.verification.target.spelling import LayerOfNames, StrangersSpelling
from conv_reference.verification.target.strangers.attempt import (
    Convention,
    called,
    is_neutral,
    own_form,
    returned,
    settings_of,
    tiny,
)
from conv_reference.verification.target.strangers.stranger import LIKE, Stranger
from conv_reference.verification.target.strangers.tensor_forms import first_tensor, laid_out
from conv_reference.verification.target.strangers.trials import Trials
from conv_reference.verification.target.target import Call, Target


def as_called(own: Stranger, convention: Convention, name: str) -> Target:
    """The stranger as a target.

    Args:
        own: what it calls its parameters.
        convention: how it is called.
        name: shown in reports.
    """
    own = replace(own, trials=Trials())  # what it answered on the way is of no use to a target
    form = convention.form
    biased = own.biased
    if biased is None:
        biased = own.is_layer and "bias" not in own.names and _has_bias(own, convention)
    options = {*own.names} & {*OPTIONS}
    if convention.biased:
        options, biased = options - {"bias"}, True
    if not form.has_channels:
        options -= {"groups"}
    if form.weight.depthwise:
        options |= {"groups"}  # as many as it has channels: it has no word for them

    is_renamed = _is_renamed_alone(own, convention)
    target = Target(
        name=name,
        prepare=partial(_prepared, own, convention),
        options=frozenset(options),
        always_biased=biased,
        has_channels=form.has_channels,
        holds_kernel=own.is_layer,
        fixed=form.fixed if own.fixed is None else dict(own.fixed(form.weight) or {}),
        over_arrays=own.over_arrays,
        one_at_a_time=own.is_layer and not own.over_arrays and own.fixed is None,
        padding_modes=modes_of(own.names, CONV2D),
        forward_only=own.over_arrays and not own.has_backward,
        gradients=own.gradients,
        assumed={o: v for o, v in own.assumed.items() if not (own.pads and o == "padding")},
        foreign=own.foreign,
        integers=convention.integers,
        single_sample=not form.input.batch,
        same_padding=own.same_padding,
        sides=own.has_sides or bool(convention.sides),
        pads=own.pads,
        called_as=convention.described(own),
        convention=convention.words,
        words=None if is_renamed and "padding" in options else False,
        call_with=partial(_with_options, own, convention) if is_renamed else None,
        spelling=_spelling(own, convention),
    )
    alone = convention.kernels_alone(own)
    sizes = "" if alone is None else f"kh == {alone[0]} and kw == {alone[1]}"
    return target.within(" and ".join(filter(None, (form.where, sizes))))


def _is_renamed_alone(own: Stranger, convention: Convention) -> bool:
    """Whether it is a function that differs from torch's in the names of its parameters alone.

    Then it can be given its options as its users write them.
    """
    names = [f"{name} for {option}" for option, name in own.names.items() if name != option]
    is_as_it_stands = not (own.is_layer or own.over_arrays or own.several or own.in_dictionary)
    return is_as_it_stands and own.only is None and [*convention.described(own)] == names


def _with_options(
    own: Stranger, convention: Convention, X: Tensor, K: Tensor, b: Tensor | None, **options: Any
) -> Any:
    """Its answer, with options as they are given; those that must be given are torch's defaults."""
    needed = {o: v for o, v in PLAIN.items() if o in own.names and not is_neutral(own, o)}
    return first_tensor(called(own.bound(needed | options), convention)(X, K, b))


def _prepared(own: Stranger, convention: Convention, case: Case, operands: Operands) -> Call:
    """A call of the stranger, in its own form, with what it hands back in torch's."""
    form = convention.form
    X, K = own_form(operands.input, operands.weight, form)
    settings = settings_of(own, convention, case.geometry, bias=case.bias) | {LIKE: X}
    call = called(own.bound(settings), convention)

    def function(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        if own.only is not None and X.dtype not in own.only:
            alone = ", ".join(str(dtype).removeprefix("torch.") for dtype in own.only)
            raise NotAsked(f"it computes in {alone} whatever it is given")
        return returned(first_tensor(call(X, K, b)), form)

    G = operands.grad_output
    G = laid_out(G, form.input.order) if form.has_channels else G[:, 0]
    asks = case.requires_grad
    return Call(
        function=function,
        X=X.detach().requires_grad_("X" in asks),
        K=K.detach().requires_grad_("K" in asks),
        b=operands.bias.detach().requires_grad_("b" in asks) if case.bias else None,
        G=G,
    )


def _spelling(own: Stranger, convention: Convention) -> StrangersSpelling | None:
    """How it is called in Python; None of what no few lines call: over arrays, by an image."""
    if own.over_arrays or own.in_dictionary & {*own.names} or own.image:
        return None
    if own.counts_zeros or convention.whole:
        return None
    layer = _layer(own, convention) if own.is_layer and own.parameters is not None else None
    if own.is_layer and layer is None:
        return None
    form = convention.form
    return StrangersSpelling(
        names=dict(own.names),
        several=dict(own.several),
        integers=convention.integers,
        sides=convention.sides,
        optional=frozenset(option for option in own.names if is_neutral(own, option)),
        positional=tuple((name, repr(default)) for name, default in own.positional),
        input=form.input.written[0],
        weight=form.weight.written,
        output=("[0]" if convention.several else "") + form.input.written[1],
        bias=convention.bias.written,
        exchanged=form.exchanged,
        apply=own.is_apply,
        same=own.word("SAME") if own.same_padding else "",
        valid=own.word("VALID") if own.same_padding else "",
        labels=dict.fromkeys(own.labels, repr(LABEL)),
        layer=layer,
    )


def _layer(own: Stranger, convention: Convention) -> LayerOfNames | None:
    """How a layer is made, and what its parameters are called; None where it is not made so."""
    geometry = tiny(own, convention)
    assert geometry is not None  # a convention that answered has one
    assert own.parameters is not None  # or it is not spelt
    for with_bias in (True, False):
        settings = settings_of(own, convention, geometry, bias=with_bias)
        with suppress(Exception):  # a snippet costs no run
            kernel, bias = own.parameters(settings)
            return LayerOfNames(kernel, bias, own.sides, is_instance=own.fixed is not None)
    return None


def _has_bias(own: Stranger, convention: Convention) -> bool:
    """Whether a layer adds its bias: tried with another bias than that of the tiny case."""
    geometry = tiny(own, convention)
    assert geometry is not None  # a convention that answered has one
    operands = exact_operands(geometry, own.dtype, seed=0)
    X, K = own_form(operands.input, operands.weight, convention.form)
    bound = called(own.bound(settings_of(own, convention, geometry, bias=True)), convention)
    with torch.no_grad():
        one, other = (first_tensor(bound(X, K, b)) for b in (operands.bias, operands.bias + 1))
    if not (isinstance(one, Tensor) and isinstance(other, Tensor)):
        return False  # what it answers is no tensor, with a bias or without
    return not torch.equal(one, other)
