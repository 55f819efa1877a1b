"""Forward mode: the tangent of Y is Y(V, K) + Y(X, W) + v, and its mixtures with reverse mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from conv_reference.operands import Operands
from conv_reference.quantities import (
    GRADIENTS,
    LETTERS,
    QUANTITIES,
    QUANTITY_OF,
    ROLE_OF,
)
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import LAYOUT_FIELDS, Layout
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.integers import DIRECTIONS, Integers, addends, along, at, own
from conv_reference.verification.trial.judge import Expected
from conv_reference.verification.trial.terms import explained_in_terms
from conv_reference.verification.trial.trial import Trial, each_asked, target_code

_Function = Callable[..., Any]  # of tensors
_Tensors = tuple[Any, ...]
_LETTERS = "V, W and v are the tangents of X, K and b"


@dataclass(frozen=True)
class _Tangents:
    """A point and a direction: V, W and v beside X, K and b."""

    operands: Operands
    directions: Mapping[str, Tensor]  # by role

    @classmethod
    def drawn(cls, trial: Trial) -> _Tangents | None:
        integers = Integers.of(trial, terms=2)
        if integers is None:
            return None
        v = {"bias": integers.like("bias")} if trial.case.bias else {}
        operands = integers.operands()
        return cls(operands, {role: integers.like(role) for role in ("input", "weight")} | v)

    def along(self, subset: str) -> dict[str, Tensor]:
        """The direction with only those of X, K and b moving, by role."""
        roles = (ROLE_OF[letter] for letter in subset)
        return {role: self.directions[role] for role in roles if role in self.directions}

    def own(self, trial: Trial, subset: str) -> dict[str, Tensor]:
        """The tangents that the target is handed, by the letter of what moves."""
        return {
            LETTERS[role]: own(trial, QUANTITY_OF[role], tensor)
            for role, tensor in self.along(subset).items()
        }


def forward_call(trial: Trial, operands: Operands, leaves: str = "") -> Call:
    """A call without a graph. Dual numbers refuse an expanded primal, whosever function it is.

    Args:
        trial: of the case.
        operands: X, K, b and G; X and K are not expanded, whatever the case says of their layouts.
        leaves: the letters of those that ask for gradients all the same, as parameters do.
    """
    whole = {
        LAYOUT_FIELDS[role]: Layout.CONTIGUOUS
        for role, layout in trial.case.layouts.items()
        if role != "grad_output" and layout == Layout.EXPANDED
    }
    return trial.call(operands, requires_grad=leaves, **whole)


def carries_no_tangent(call: Call) -> bool:
    """Whether Y has no tangent at all where every operand has one.

    Torch takes an operator without a forward derivative for a constant, and says nothing.
    """
    with target_code("tangent of Y"), forward_ad.dual_level():
        there = {letter: t for letter, t in call.arguments.items() if t is not None}
        duals = (forward_ad.make_dual(t.detach(), torch.ones_like(t)) for t in there.values())
        Y = _function_of(call, there)(*duals)
        return forward_ad.unpack_dual(Y).tangent is None


NO_RULE = (
    "no rule for jvp: torch takes the implementation for a constant there, and does not say so "
    "(an autograd Function has jvp, an operator of torch.library is made of some that have one)"
)


def no_forward_mode(row: str) -> Judgement:
    """What is reported of such a target."""
    return Judgement(
        row,
        "tangent of Y",
        Verdict.UNSUPPORTED,
        expected="a tangent",
        actual=NO_RULE,
        explanation=f"Y carries no tangent: {NO_RULE}",
    )


def _subsets(trial: Trial) -> list[str]:
    """All that move at once, and each part of them; with a rule's every combination of terms."""
    letters = "XKb" if trial.case.bias else "XK"
    sizes = range(len(letters), 0, -1)
    return ["".join(some) for size in sizes for some in combinations(letters, size)]


def _tangent_judged(
    row: str, trial: Trial, point: _Tangents, subset: str, actual: Any
) -> Judgement:
    moving = point.along(subset)
    expected = along(trial, "Y", point.operands, moving)
    judgement = trial.judge(row, _quantity(subset), actual, expected).derived_as("Y")
    if judgement.verdict != Verdict.WRONG:
        return judgement
    terms = addends(trial, "Y", point.operands, moving)
    return explained_in_terms(judgement, actual, terms, {}, where=_LETTERS)


def _quantity(subset: str) -> str:
    return f"tangent of Y along {', '.join(subset)}"


@check(
    Row(
        "jvp",
        "torch.func.jvp gives Y(V, K) + Y(X, W) + v along every subset of X, K and b.",
        "A jvp rule is written by hand, term by term, and each term can be forgotten.",
        "the tangent of a grouped convolution had a wrong size (pytorch#75219)",
        rests_on=("Y",),
    ),
    traits=Traits(sample=Sample.MODES, transform=True, times=2, needs=("jvp",)),
)
def jvp(trial: Trial) -> Iterator[Judgement]:
    """The tangent through torch.func."""
    point = _Tangents.drawn(trial)
    if point is None:
        return
    with each_asked() as one:
        for subset, call, tangents in _moved(trial, point):
            with one():
                with target_code(_quantity(subset)):
                    pair = torch.func.jvp(
                        _function_of(call, tangents),
                        _primals(call, tangents),
                        tuple(tangents.values()),
                    )
                    actual = looked_at(pair[1])
                if isinstance(actual, Tensor) and not actual.any() and carries_no_tangent(call):
                    yield no_forward_mode("jvp")
                    return
                yield _tangent_judged("jvp", trial, point, subset, actual)


def _moved(trial: Trial, point: _Tangents) -> Iterator[tuple[str, Call, dict[str, Tensor]]]:
    """All operands together, and each subset: its letters, a new call, and the tangents."""
    together, *others = _subsets(trial)
    for subset in (together, *trial.some(others)):
        held = "".join(letter for letter in together if letter not in subset)
        for leaves in trial.some(dict.fromkeys(("", held)), f"held {subset}"):
            call = forward_call(trial, point.operands, leaves)
            yield subset, call, point.own(trial, subset)


def _function_of(call: Call, moving: Mapping[str, Tensor]) -> Any:
    """Y as a function of the operands that move, the others held."""

    def function(*primals: Tensor) -> Any:
        moved = dict(zip(moving, primals, strict=True))
        return call.function(*(call.arguments | moved).values())

    return function


def _primals(call: Call, moving: Mapping[str, Tensor]) -> tuple[Any, ...]:
    return tuple(call.arguments[letter] for letter in moving)


@check(
    Row(
        "dual_numbers",
        "Dual numbers (torch.autograd.forward_ad) carry the same tangent as the product rule.",
        "They take another way through torch than torch.func.jvp does.",
        "no forward derivative through a depthwise convolution (pytorch#81111)",
        rests_on=("Y",),
        follows=("jvp",),
    ),
    traits=Traits(sample=Sample.MODES, transform=True, times=2, needs=("jvp",)),
)
def dual_numbers(trial: Trial) -> Iterator[Judgement]:
    """The tangent through dual numbers."""
    point = _Tangents.drawn(trial)
    if point is None:
        return
    with each_asked() as one:
        for subset, call, tangents in _moved(trial, point):
            with one():
                primals = zip(_primals(call, tangents), tangents.values(), strict=True)
                with target_code(_quantity(subset)), forward_ad.dual_level():
                    duals = (
                        forward_ad.make_dual(primal.detach(), tangent)
                        for primal, tangent in primals
                    )
                    Y = _function_of(call, tangents)(*duals)
                    actual = forward_ad.unpack_dual(Y).tangent
                    actual = looked_at(actual if actual is None else actual.clone())
                if actual is None and carries_no_tangent(call):
                    yield no_forward_mode("dual_numbers")
                    return
                yield _tangent_judged("dual_numbers", trial, point, subset, actual)


@check(
    Row(
        "forward_over_reverse",
        "The tangents of dX and dK are dX(G, W) and dK(G, V), of db zero.",
        "Hessian-vector products are computed so; it differentiates the backward pass forward.",
        "the tangent of dW of a depthwise convolution had a wrong size (pytorch#75219)",
        follows=("jvp", "double_backward"),
    ),
    traits=Traits(sample=Sample.MODES, transform=True, times=2, needs=("vjp", "jvp")),
)
def forward_over_reverse(trial: Trial) -> Iterator[Judgement]:
    """The forward derivative of the backward pass."""

    def differentiated(Y: _Function, primals: _Tensors, tangents: _Tensors, G: Tensor) -> Any:
        def gradients(*moved: Tensor) -> Any:
            return torch.func.vjp(Y, *moved)[1](G)

        return torch.func.jvp(gradients, primals, tangents)[1]

    yield from _mixed(trial, "forward_over_reverse", "tangent of d{}", differentiated)


@check(
    Row(
        "reverse_over_forward",
        "The gradients of ⟨G, tangent of Y⟩ are dX(G, W), dK(G, V) and, for b, zero.",
        "It differentiates the jvp rule backward; a rule that detaches a factor shows only here.",
        "forward-over-reverse raised for grouped convolutions (pytorch#75219)",
        follows=("jvp", "double_backward"),
    ),
    traits=Traits(sample=Sample.MODES, transform=True, times=2, needs=("vjp", "jvp")),
)
def reverse_over_forward(trial: Trial) -> Iterator[Judgement]:
    """The backward derivative of the tangent."""

    def differentiated(Y: _Function, primals: _Tensors, tangents: _Tensors, G: Tensor) -> Any:
        def tangent(*moved: Tensor) -> Any:
            return torch.func.jvp(Y, moved, tangents)[1]

        return torch.func.vjp(tangent, *primals)[1](G)

    yield from _mixed(
        trial, "reverse_over_forward", "gradient of the tangent in {}", differentiated
    )


def _mixed(
    trial: Trial,
    row: str,
    name: str,
    differentiated: Callable[[_Function, _Tensors, _Tensors, Tensor], Any],
) -> Iterator[Judgement]:
    """One mixture of both modes, held against dX(G, W), dK(G, V) and zero for b.

    Args:
        trial: of the case.
        row: that is judged.
        name: of its quantities, with a place for the operand's letter.
        differentiated: the mixture's answers, given Y as a function of the operands that move,
            their values, their tangents and G.
    """
    point = _Tangents.drawn(trial)
    if point is None:
        return
    call = forward_call(trial, point.operands)
    moving = point.own(trial, "XKb")
    names = [name.format(letter) for letter in moving]
    with target_code(names[0]):
        Y, primals = _function_of(call, moving), _primals(call, moving)
        actual = differentiated(Y, primals, tuple(moving.values()), call.G)
    judgements = [*_second_order(trial, point, row, names, actual)]
    is_wrong = any(judgement.verdict == Verdict.WRONG for judgement in judgements)
    are_zero = not any(torch.is_tensor(found) and found.any() for found in actual)
    if is_wrong and are_zero and carries_no_tangent(call):
        yield no_forward_mode(row)
        return
    yield from judgements


def _second_order(
    trial: Trial, point: _Tangents, row: str, names: list[str], actual: tuple[Any, ...]
) -> Iterator[Judgement]:
    """dX(G, W), dK(G, V) and zero for b, as both mixtures give them."""
    named = point.operands.by_role()
    expected: list[tuple[str, Expected]] = []
    others: list[tuple[str, Callable[[], Expected]]] = []
    for quantity in map(QUANTITIES.__getitem__, GRADIENTS):
        formula = quantity.formula(DIRECTIONS) if quantity.other else "0"
        expected.append((formula, along(trial, quantity.name, point.operands, point.directions)))
        # What a rule hands on that does not differentiate.
        read = {role: named[role] for role in quantity.factors}
        other = quantity.formula() if quantity.other else quantity.name
        others.append((other, partial(at, trial, quantity.name, **read)))
    # Without a bias there are only two.
    for name, found, like, (formula, wanted), (other, mistaken) in zip(
        names, actual, GRADIENTS, expected, others, strict=False
    ):
        judgement = trial.judge(row, name, found, wanted).derived_as(like)
        if judgement.verdict == Verdict.WRONG:
            terms, strange = {formula: wanted.value}, {other: mistaken().value}
            judgement = explained_in_terms(judgement, found, terms, strange, where=_LETTERS)
        yield judgement
