"""The second order: every cross term of the double backward pass against its closed form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, compress
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from conv_reference.operands import Operands
from conv_reference.quantities import GRADIENTS, QUANTITIES, QUANTITY_OF, ROLE_OF
from conv_reference.verification.checks._registry import Row, Sample, Traits, check, has_samples
from conv_reference.verification.model.case import LAYOUT_FIELDS, Layout
from conv_reference.verification.model.judgement import NO_GRADIENT, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.integers import DIRECTIONS, Integers, addends, along, at, own
from conv_reference.verification.trial.judge import Expected, whole
from conv_reference.verification.trial.layouts import lay_out
from conv_reference.verification.trial.returned import Misfit, intercepted_backward, resized
from conv_reference.verification.trial.terms import explained_in_terms
from conv_reference.verification.trial.trial import Trial, each_asked, target_code

_LETTERS = "V, W and v are the upstream gradients of dX, dK and db"


@dataclass(frozen=True)
class _Point:
    """Operands, and the upstream gradients V of dX, W of dK and v of db."""

    operands: Operands
    upstream: dict[str, Tensor]

    def expected(self, trial: Trial, letter: str, asked: tuple[str, ...]) -> Expected:
        """The gradient in G, X or K of ⟨V, dX⟩ + ⟨W, dK⟩ + ⟨v, db⟩, over those requested."""
        upstream = {QUANTITIES[name].of: self.upstream[name] for name in asked}
        return along(trial, QUANTITY_OF[ROLE_OF[letter]], self.operands, upstream)

    def terms(self, trial: Trial, letter: str, asked: tuple[str, ...]) -> dict[str, Tensor]:
        """The same, term by term."""
        if letter == "G":
            upstream = {QUANTITIES[name].of: self.upstream[name] for name in asked}
            return addends(trial, "Y", self.operands, upstream)
        formula = QUANTITIES[QUANTITY_OF[ROLE_OF[letter]]].formula(DIRECTIONS)
        return {formula: self.expected(trial, letter, asked).value}

    def others(self, trial: Trial, letter: str) -> dict[str, Tensor]:
        """What a double backward pass has been seen to compute in place of a term."""
        quantity = QUANTITIES[QUANTITY_OF[ROLE_OF[letter]]]
        named = self.operands.by_role()
        read = {role: named[role] for role in quantity.factors}
        return {quantity.formula(): at(trial, quantity.name, **read).value}


@dataclass(frozen=True)
class _Question:
    """What is differentiated once more."""

    asked: tuple[str, ...]  # gradients of the first order
    leaves: str  # those that ask for a gradient
    is_constant: bool = False  # whether G asks for none, as in a gradient penalty


def _questions(trial: Trial) -> Iterator[_Question]:
    """All gradients of the first order together, and each alone.

    Both all leaves and only those of the gradients: the masks of both backward passes. And once
    with a G that asks for no gradient, of which db, which reads nothing else, has none.
    """
    names = GRADIENTS if trial.case.bias else GRADIENTS[:-1]
    every = "".join(QUANTITIES[name].leaf for name in names)
    yield _Question(names, every)
    for name in names:
        yield from (_Question((name,), mask) for mask in sorted({QUANTITIES[name].leaf, every}))
    yield _Question(GRADIENTS[:-1], every, is_constant=True)


_LAID_OUT = 0.5  # of the upstream gradients of the second order


def _terms(asked: tuple[str, ...]) -> str:
    return " + ".join(f"⟨{DIRECTIONS[QUANTITIES[name].of]}, {name}⟩" for name in asked)


@check(
    Row(
        "double_backward",
        "The gradients of ⟨V, dX⟩ + ⟨W, dK⟩ + ⟨v, db⟩ in G, X and K equal the closed forms.",
        "Each of the cross terms has a line of its own in a double backward pass.",
        "double backward treats G as a constant",
    ),
    traits=Traits(
        sample=Sample.MODES,
        times=3,
        fits=has_samples,  # of none, torch's own are missing: docs/found/0015-empty-batch.md
        gradient=True,
        graph=True,
    ),
)
def double_backward(trial: Trial) -> Iterator[Judgement]:
    """Every cross term, requested together and one by one."""
    integers = Integers.of(trial, terms=2)
    if integers is None:
        return
    upstream = {name: integers.like(QUANTITIES[name].of) for name in GRADIENTS}
    point = _Point(integers.operands(), upstream)
    together, *others = _questions(trial)
    with each_asked() as one:
        for question in (together, *trial.some(others)):
            with one():
                judged = _first_order(trial, point, question)
                yield from map(_of_a_constant, judged) if question.is_constant else judged


def _of_a_constant(judgement: Judgement) -> Judgement:
    if judgement.is_exact:
        return judgement
    said = "where G asks for no gradient, as that of Y.sum() does not"
    return replace(judgement, explanation=f"{said}: {judgement.explanation}")


def _first_order(trial: Trial, point: _Point, question: _Question) -> Iterator[Judgement]:
    """Differentiate the requested gradients in what they read, together and each alone."""
    asked = question.asked
    call = trial.call(point.operands, requires_grad=question.leaves)
    G = call.G.detach().requires_grad_(not question.is_constant)
    upstream = [_laid_out(trial, name, point.upstream[name]) for name in asked]
    quantity = f"gradient of {_terms(asked)}"
    with target_code(quantity):
        Y = call.forward()
        gradients = torch.autograd.grad(
            Y, [call.leaves[n] for n in asked], G, create_graph=True, allow_unused=True
        )
    if any(gradient is None for gradient in gradients):
        return  # reported by requires_grad
    inputs = {"G": G} | {leaf[1]: tensor for leaf, tensor in call.leaves.items() if leaf != "db"}
    inputs = {letter: tensor for letter, tensor in inputs.items() if tensor.requires_grad}
    leads_back = [gradient.requires_grad for gradient in gradients]
    if question.is_constant and not any(leads_back):
        # What is once differentiable says so where G asks for a gradient, and only there.
        require_second_order(trial.call(point.operands, requires_grad=question.leaves))
    # Whether there is a second order at all was reported where all terms were requested together.
    if (len(asked) == 1 or question.is_constant) and not any(leads_back):
        second = _Second([(letter, None) for letter in inputs])
    else:
        if question.is_constant:
            gradients = (*compress(gradients, leads_back),)
            upstream = [*compress(upstream, leads_back)]
        requests = _requests(trial, tuple(inputs), asked)
        second = _differentiated(quantity, gradients, inputs, upstream, requests)
    yield from _all_judged(trial, point, asked, second)


@dataclass
class _Second:
    """What the target answers for the gradients of gradients, by the letter of what they are in."""

    answers: list[tuple[str, Any]] = field(default_factory=list)
    misfits: dict[str, Misfit] = field(default_factory=dict)  # of another shape, as returned


def _differentiated(
    quantity: str,
    gradients: Sequence[Tensor],
    inputs: Mapping[str, Tensor],
    upstream: Sequence[Any],
    requests: Sequence[tuple[str, ...]],
) -> _Second:
    """The gradients of the first order differentiated in their inputs, request by request."""
    second = _Second()
    named = {f"d{letter}": tensor for letter, tensor in inputs.items()}
    for letters in requests:
        with intercepted_backward(named) as misfits, target_code(quantity):
            found = torch.autograd.grad(
                gradients,
                [inputs[letter] for letter in letters],
                upstream,
                retain_graph=True,
                allow_unused=True,
            )
            if any(answer is None for answer in found):
                # What is once differentiable is cut off from G, and says so only when reached.
                torch.autograd.backward(gradients, upstream, retain_graph=True)
        second.misfits |= {misfit.leaf[1:]: misfit for misfit in misfits if misfit.is_resized}
        second.answers += zip(letters, found, strict=True)
    return second


def _all_judged(
    trial: Trial, point: _Point, asked: tuple[str, ...], second: _Second
) -> Iterator[Judgement]:
    """Each answer against its closed form; or what is odd about it."""
    for letter, actual in second.answers:
        name = f"gradient of {_terms(asked)} in {letter}"
        if actual is None and not any(letter in QUANTITIES[name].letters for name in asked):
            yield Judgement("double_backward", letter, Verdict.EXACT)  # it is constant in this
        elif letter in second.misfits:
            yield resized("double_backward", name, second.misfits[letter])
        else:
            yield _judged(trial, point, asked, letter, name, actual)


def _judged(
    trial: Trial, point: _Point, asked: tuple[str, ...], letter: str, name: str, actual: Any
) -> Judgement:
    """One answer against its closed form; of a wrong one, which term is wrong."""
    expected = point.expected(trial, letter, asked)
    judgement = trial.judge("double_backward", name, actual, expected)
    judgement = judgement.derived_as(QUANTITY_OF[ROLE_OF[letter]])
    if judgement.verdict != Verdict.WRONG:
        return judgement
    terms, others = point.terms(trial, letter, asked), point.others(trial, letter)
    return explained_in_terms(judgement, actual, terms, others, where=_LETTERS)


# By steps of sizes of 1 torch's own convolution errs (docs/found/0052, 0059), which is known by the
# layouts of a case, and V and W are none of its operands.
_OF_A_CASE = frozenset({Layout.EXPANDED, Layout.IMAGE, Layout.CHANNELS_LAST_ROWS})


def _laid_out(trial: Trial, name: str, tensor: Tensor) -> Any:
    """V, W or v in a layout of its own: what a view hands back is seldom contiguous."""
    if name == "db":
        return own(trial, name, tensor)
    dense = [layout for layout in Layout if layout not in _OF_A_CASE]
    drawn = Random(f"{trial.key} {name} upstream")
    layout = drawn.choice(dense) if drawn.random() < _LAID_OUT else Layout.CONTIGUOUS
    placed = lay_out(tensor.to(trial.device), layout)
    return trial.target.view(QUANTITIES[name].of, placed)


def _requests(
    trial: Trial, inputs: tuple[str, ...], asked: tuple[str, ...]
) -> list[tuple[str, ...]]:
    """All in one pass; and each in a pass of its own, where all terms are present."""
    alone = [] if len(asked) == 1 else trial.some(combinations(inputs, 1), "alone")
    return [inputs, *alone]


def require_second_order(call: Call) -> None:
    """Differentiate twice, through every leaf.

    Raises:
        TargetRaised: where the target is differentiable once. Only a pass that goes all the
            way says so; others take the gradients for constants.
    """
    G = call.G.detach().requires_grad_()
    with target_code("second order"):
        Y = call.forward()
        if not isinstance(Y, Tensor):
            return  # reported by shapes
        gradients = torch.autograd.grad(Y, list(call.leaves.values()), G, create_graph=True)
        torch.autograd.backward(gradients, [gradient.detach() for gradient in gradients])


_THIRD = "third order"


@check(
    Row(
        "third_order",
        "The gradient in G of ⟨V, A⟩ is Y(V, W), where A is the gradient of ⟨W, dK⟩ in X.",
        "A double backward pass that is written by hand may take its answers for constants.",
        "the second derivatives cut off from the graph (a class of FAULTS: GRAD2)",
        follows=("double_backward",),
    ),
    traits=Traits(
        sample=Sample.FEW,
        fits=has_samples,  # as of the second order
        gradient=True,
        graph=True,
    ),
)
def third_order(trial: Trial) -> Iterator[Judgement]:
    """Three times in turn: in K, in X and in G."""
    integers = Integers.of(trial, terms=1)
    if integers is None:
        return
    V, W = integers.like("input"), integers.like("weight")
    call = trial.call(integers.operands(), requires_grad="XK")
    G = call.G.detach().requires_grad_()
    with target_code("Y"):  # like which it is computed
        (dK,) = torch.autograd.grad(call.forward(), call.K, G, create_graph=True)
        upstream = own(trial, "dK", W)
        A: Tensor | None
        (A,) = torch.autograd.grad(dK, call.X, upstream, create_graph=True, allow_unused=True)
        if A is None:  # or once differentiable, which is raised only where it is reached
            torch.autograd.backward(dK, upstream)
            why = "dK does not lead back to X"
            yield whole("third_order", _THIRD, "a graph back to X", NO_GRADIENT, why)
            return
        if not A.requires_grad:
            why = "the second derivatives are taken for constants"
            yield whole("third_order", _THIRD, "a graph back to G", "no graph", why)
            return
        (found,) = torch.autograd.grad(A, G, own(trial, "dX", V), allow_unused=True)
    expected = at(trial, "Y", input=V, weight=W)
    yield trial.judge("third_order", _THIRD, found, expected).derived_as("Y")


# A numerical Jacobian costs two calls for each element.
_MOST_ELEMENTS = 64


@check(
    Row(
        "gradgradcheck",
        "torch.autograd.gradgradcheck, in float64, finds the second order consistent.",
        "Finite differences know nothing of our closed forms.",
        "no double backward at all with oneDNN, unseen by tests in float64 alone (pytorch#15353)",
        follows=("double_backward",),
    ),
    traits=Traits(
        sample=Sample.FEW,
        dtypes=frozenset({torch.float64}),
        gradient=True,
        graph=True,
        fits=has_samples,  # torch's check itself raises for a NaN among the gradients of none
    ),
)
def gradgradcheck(trial: Trial) -> Iterator[Judgement]:
    """Torch's own check of the second order by finite differences."""
    integers = Integers(trial, 3, torch.Generator().manual_seed(trial.seed))
    plain = dict.fromkeys(LAYOUT_FIELDS.values(), Layout.CONTIGUOUS)
    call = trial.call(integers.operands(), requires_grad="XKb", **plain)
    leaves = list(call.leaves.values())
    sizes = [t.numel() for t in (*leaves, call.G)]

    def function(X: Tensor, K: Tensor, b: Tensor | None = None) -> Any:
        return call.function(X, K, b)

    require_second_order(call)
    with target_code("second order"):
        try:
            torch.autograd.gradgradcheck(
                function,
                leaves,
                call.G.detach().requires_grad_(),  # as it is only then varied, too
                fast_mode=sum(sizes) > _MOST_ELEMENTS,
                nondet_tol=1e-9,
            )
        except GradcheckError as error:
            said = " ".join(str(error).split())[:200]
        else:
            said = ""
    if said:
        yield whole("gradgradcheck", "second order", "consistent with finite differences", said)
    else:
        yield Judgement("gradgradcheck", "second order", Verdict.EXACT)
