"""Upstream gradients of every kind: signs, zero, expanded, strided, undefined, added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import GRADIENTS
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import Layout
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle, explained
from conv_reference.verification.trial.integers import Integers, own
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.layouts import lay_out
from conv_reference.verification.trial.trial import Trial, target_code


def _call(trial: Trial, operands: Operands) -> Call:
    return trial.call(operands, requires_grad=trial.case.arguments)


def _backward(call: Call, G: Tensor) -> dict[str, Any]:
    """The gradient of every leaf, or None where there is none."""
    leaves = call.leaves
    with target_code("dX"):
        Y = call.forward()
        gradients = torch.autograd.grad(Y, list(leaves.values()), G, allow_unused=True)
    return dict(zip(leaves, gradients, strict=True))


def _kinds(G: Tensor) -> dict[str, Tensor]:
    return {
        "G of both signs": G,
        "G all negative": -G.abs(),
        "G all positive": G.abs(),
        "G zero": torch.zeros_like(G),
    }


@check(
    Row(
        "upstream_signs",
        "dX, dK and db are right for a G of both signs, all negative, all positive and zero.",
        "gradcheck feeds positive ones alone, and passes a backward pass that clamps G at zero.",
        "a fused activation's mask applied to the upstream gradient",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True),
)
def upstream_signs(trial: Trial) -> Iterator[Judgement]:
    """The gradients for each sign of G."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    operands = integers.operands()
    for how, G in _kinds(operands.grad_output).items():
        given = replace(operands, grad_output=G)
        call = _call(trial, given)
        yield from against_oracle(
            trial,
            "upstream_signs",
            _backward(call, call.G),
            f"with {how}",
            operands=given,
            missing=True,
        )


@check(
    Row(
        "upstream_layouts",
        "A G that is transposed, sliced, strided or expanded gives the same gradients.",
        "G comes from foreign code: .sum() makes one with strides of 0, a permutation any other.",
        "expanded upstream gradients read as if contiguous (candle#3735, pytorch#82060)",
    ),
    traits=Traits(sample=Sample.SMALL, gradient=True),
)
def upstream_layouts(trial: Trial) -> Iterator[Judgement]:
    """The gradients for each memory layout of G."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    operands = integers.operands()
    for how, layout, G in _laid_out(trial, operands.grad_output.to(trial.device)):
        given = replace(operands, grad_output=G.to("cpu", copy=True).contiguous())
        call = _call(trial, given)
        handed = trial.target.view("grad_output", G)
        judged = against_oracle(
            trial,
            "upstream_layouts",
            _backward(call, handed),
            f"with {how}",
            operands=given,
            missing=True,
        )
        yield from _on(layout, trial, judged)


_SOME = 7  # layouts for each case


def _on(layout: Layout, trial: Trial, judged: Iterable[Judgement]) -> Iterator[Judgement]:
    """What is judged, of the case in which G lies so: its certificate may show the same."""
    case = trial.case.laid_out({"grad_output": layout})
    yield from (j if j.is_exact else replace(j, case=case) for j in judged)


def _laid_out(trial: Trial, G: Tensor) -> Iterator[tuple[str, Layout, Tensor]]:
    """Some layouts, and expanded both as ``.sum()`` and as ``.sum((2, 3))`` do it."""
    dense = [layout for layout in Layout if layout != Layout.EXPANDED]
    for layout in Random(f"{trial.key} layouts").sample(dense, _SOME):
        yield f"G {layout.value.replace('_', ' ')}", layout, lay_out(G, layout)
    if G.numel():
        for how, part in (("", G[:1, :1, :1, :1]), (" over each plane", G[:, :, :1, :1])):
            yield f"G expanded{how}", Layout.EXPANDED, part.clone().expand(G.shape)


@check(
    Row(
        "upstream_accumulated",
        "Y.sum().backward() and later passes add up in .grad, which autograd.grad leaves alone.",
        "Training calls it so: an expanded G of ones, into a .grad that already holds some.",
        "a gradient handed out as a view of a buffer that the next pass overwrites",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True, graph=True),
)
def upstream_accumulated(trial: Trial) -> Iterator[Judgement]:
    """The real .sum().backward(), and more passes into the same leaves; then one beside them."""
    integers = Integers.of(trial, terms=4)
    if integers is None:
        return
    operands = integers.operands()
    G, ones = operands.grad_output, torch.ones_like(operands.grad_output)
    call = _call(trial, operands)
    steps: tuple[tuple[str, Callable[[Any], Any], Tensor], ...] = (
        ("Y.sum().backward()", lambda Y: Y.sum().backward(), ones),
        ("then (-Y).sum().backward()", lambda Y: (-Y).sum().backward(), torch.zeros_like(ones)),
        ("then Y.backward(G)", lambda Y: Y.backward(call.G), G),
        ("then Y.backward(G) again", lambda Y: Y.backward(call.G), 2 * G),
    )
    for how, backward, total in steps:
        with target_code("dX"):
            backward(call.forward())
        found = {
            name: None if leaf.grad is None else leaf.grad.clone()
            for name, leaf in call.leaves.items()
        }
        yield from _accumulated(trial, found, f"with {how}", replace(operands, grad_output=total))
    said = "by torch.autograd.grad, where .grad holds some"
    yield from _accumulated(trial, _backward(call, call.G), said, operands)
    held = {name: leaf.grad for name, leaf in call.leaves.items()}
    said += ": what .grad holds afterwards"
    yield from _accumulated(trial, held, said, replace(operands, grad_output=2 * G))


def _accumulated(
    trial: Trial, found: Mapping[str, Any], said: str, given: Operands
) -> Iterator[Judgement]:
    """Of the case in which G is expanded, for such a one is in all that is added up."""
    judged = against_oracle(
        trial, "upstream_accumulated", found, said, operands=given, missing=True
    )
    return _on(Layout.EXPANDED, trial, judged)


_POWER = 4


@check(
    Row(
        "upstream_linear",
        "The backward pass is linear: of G + H it is the sum, of 2^k · G it is 2^k times as much.",
        "Needs no oracle; a clipped, clamped or normalised gradient breaks it.",
        "gradients clipped on their way by a debugging hook that stayed",
    ),
    traits=Traits(sample=Sample.MODES, gradient=True),
)
def upstream_linear(trial: Trial) -> Iterator[Judgement]:
    """Linearity in G, exactly."""
    integers = Integers.of(trial, terms=2)
    if integers is None:
        return
    operands = integers.operands()
    G, H = operands.grad_output, integers.like("grad_output")
    handed_G, handed_H = _call(trial, operands).G, own(trial, "Y", H)

    def gradients(upstream: Tensor) -> dict[str, Any]:
        return _backward(_call(trial, operands), upstream)

    of_G, of_H, of_sum = gradients(handed_G), gradients(handed_H), gradients(handed_G + handed_H)
    both = replace(operands, grad_output=G.abs() + H.abs())
    said = "of G + H it should be the sum of the parts"
    yield from _law(trial, said, both, of_sum, of_G, of_H)
    for power in (2.0**_POWER, 2.0**-_POWER):
        scaled = {name: None if t is None else t * power for name, t in of_G.items()}
        given = replace(operands, grad_output=G * power)
        said = f"of {power:g} · G it should be {power:g} times as much"
        yield from _law(trial, said, given, gradients(handed_G * power), scaled)


def _law(
    trial: Trial, said: str, given: Operands, found: Mapping[str, Any], *parts: Mapping[str, Any]
) -> Iterator[Judgement]:
    """Whether a gradient is the sum of the parts; those that are missing are reported elsewhere.

    Args:
        trial: whose gradients they are.
        said: the law, in words.
        given: with a G whose absolute values say how far a transform's rounding may reach: in
            half precision, where hardly one is in use, no further than a unit of roundoff.
        found: of the whole.
        *parts: what should add up to it.
    """
    for name, expected in trial.expect(given, only=GRADIENTS).items():
        if any(each.get(name) is None for each in (found, *parts)):
            continue
        addends = [part[name] for part in parts]
        total = sum(addends[1:], start=addends[0]).detach()
        wanted = replace(
            expected,
            value=total.to("cpu", torch.float64),
            # The whole may round, and each of its parts.
            terms=(1 + len(parts)) * expected.terms,
        )
        yield explained(trial.judge("upstream_linear", name, found[name], wanted), said)


class _Undefined(torch.autograd.Function):
    """The identity, whose backward pass hands back no gradient at all."""

    @staticmethod
    def forward(ctx: Any, Y: Tensor) -> Tensor:  # noqa: ARG004 (autograd's protocol)
        return Y.clone()

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:  # noqa: ARG004 (autograd's protocol)
        return None


@check(
    Row(
        "upstream_undefined",
        "Where no gradient reaches Y, none or zeros come back; beside a defined one, it counts.",
        "A branch that stops gradients hands None to the backward pass, or zeros in its place.",
        "None met a kernel where set_materialize_grads(False) was asked for",
    ),
    traits=Traits(sample=Sample.SMALL, gradient=True, graph=True),
)
def upstream_undefined(trial: Trial) -> Iterator[Judgement]:
    """A G that is undefined, alone and beside a defined one."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    operands = integers.operands()
    call = _call(trial, operands)
    leaves = call.leaves
    with target_code("dX"):
        stopped = _Undefined.apply(call.forward())  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        found: tuple[Tensor | None, ...] = torch.autograd.grad(
            stopped, list(leaves.values()), call.G, allow_unused=True
        )
    for name, actual in zip(leaves, found, strict=True):
        if actual is None or (actual.shape == leaves[name].shape and not actual.any()):
            yield Judgement("upstream_undefined", name, Verdict.EXACT)
        else:
            yield whole("upstream_undefined", name, "none or zeros for an undefined G", "neither")
    call = _call(trial, operands)
    with target_code("dX"):
        Y = call.forward()
        both = (Y, _Undefined.apply(Y))  # type: ignore[no-untyped-call]  # torch's `apply` is untyped
        gradients = torch.autograd.grad(
            both, list(call.leaves.values()), (call.G, call.G), allow_unused=True
        )
    given = dict(zip(call.leaves, gradients, strict=True))
    yield from against_oracle(
        trial,
        "upstream_undefined",
        given,
        "with an undefined G beside G",
        operands=operands,
        missing=True,
    )
