"""Transforms of one another: vjp, jvp and vmap composed, up to three of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from random import Random
from typing import Any

import torch
from torch import Tensor

from conv_reference.quantities import QUANTITIES, QUANTITY_OF
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.checks.forward_mode import carries_no_tangent, no_forward_mode
from conv_reference.verification.checks.second_order import require_second_order
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.trial.agreement import explained
from conv_reference.verification.trial.integers import Integers, answer
from conv_reference.verification.trial.judge import Expected
from conv_reference.verification.trial.multilinear import (
    Axis,
    Multilinear,
    Result,
    Variable,
    convolution,
)
from conv_reference.verification.trial.trial import Trial, each_asked, target_code

_Function = Callable[..., tuple[Any, ...]]  # of tensors
_MOST_DERIVATIVES = 2  # the third order has a check of its own
# Of a jvp of a jvp of a Function torch loses the outer tangent, silently (pytorch#197867).
_SIZES = (1, 2, 2, 3, 5, 9)  # of a mapped dimension; of two, only the small ones
_SMALL = (1, 2, 2, 3)


def _words() -> Iterator[tuple[str, ...]]:
    """Two or three transforms, the innermost first."""
    for length in (2, 3):
        for word in product(("vjp", "jvp", "vmap"), repeat=length):
            derivatives = length - word.count("vmap")
            if derivatives <= _MOST_DERIVATIVES and word.count("jvp") < 2:
                yield word


WORDS = tuple(_words())
_QUANTITY = "Y under composed transforms"  # one for all words: what fails in several is one fault


@check(
    Row(
        "compositions",
        "vjp, jvp and vmap of one another, up to three, give what the product rule gives.",
        "Each rule is written for tensors, and met with what another transform is about.",
        "vmap of a convolution's vjp without a bias was wrong (functorch#338)",
        follows=(
            "jvp",
            "double_backward",
            "forward_over_reverse",
            "reverse_over_forward",
            "vmap",
            "vmap_nested",
            "vmap_gradients",
        ),
    ),
    traits=Traits(sample=Sample.SMALL, transform=True, times=2, needs=("vjp", "jvp", "vmap")),
)
def compositions(trial: Trial) -> Iterator[Judgement]:
    """Each word of transforms, over integers of which no sum rounds."""
    with each_asked() as one:
        for word in trial.some(WORDS):
            composed = _Composed.of(trial, word)
            integers = Integers.of(trial, terms=composed.most_products)
            if integers is not None:
                with one():
                    yield from _judged(trial, word, composed, integers)


@dataclass(frozen=True)
class _Composed:
    """A word of transforms, applied to the convolution as it should be and to an implementation."""

    name: str
    form: Multilinear
    apply: Callable[[_Function], _Function]

    @classmethod
    def of(cls, trial: Trial, word: Sequence[str]) -> _Composed:
        """With the sizes of mapped dimensions, and what is mapped over, drawn for the case."""
        random = Random(f"{trial.key} {' '.join(word)}")
        sizes = _SMALL if word.count("vmap") > 1 else _SIZES
        composed = cls("Y", convolution(bias=trial.case.bias), lambda function: function)
        for level, transform in enumerate(word):
            if transform == "vmap":
                composed = composed.mapped(trial, Axis(level, random.choice(sizes)), random)
            else:
                composed = composed.differentiated(transform)
        return composed

    @property
    def most_products(self) -> int:
        """How many faces one element of a result adds up, at most."""
        return max(1, *(self.form.products(result) for result in self.form.results))

    def differentiated(self, transform: str) -> _Composed:
        """Under a vjp or a jvp of all arguments."""
        form, inner, count = self.form, self.apply, len(self.form.arguments)

        def apply(function: _Function) -> _Function:
            return partial(_DERIVATIVES[transform], inner(function), count)

        outer = form.vjp() if transform == "vjp" else form.jvp()
        return _Composed(f"{transform}({self.name})", outer, apply)

    def mapped(self, trial: Trial, axis: Axis, random: Random) -> _Composed:
        """Over some arguments, each along a dimension of its own."""
        inner, places = self.apply, range(len(self.form.arguments))
        mapped = random.sample(places, random.randint(1, len(places)))
        dims = {
            place: random.randint(0, _rank(trial, self.form.arguments[place])) for place in mapped
        }

        def apply(function: _Function) -> _Function:
            return partial(_over, inner(function), dims)

        name = f"vmap({self.name}, n={axis.size})"
        return _Composed(name, self.form.vmap(axis, dims), apply)


def _rank(trial: Trial, variable: Variable) -> int:
    return len(variable.axes) + len(trial.shapes[QUANTITY_OF[variable.role]])


def _vjp(function: _Function, count: int, *tensors: Tensor) -> tuple[Any, ...]:
    gradients: tuple[Any, ...] = torch.func.vjp(function, *tensors[:count])[1](tensors[count:])
    return gradients


def _jvp(function: _Function, count: int, *tensors: Tensor) -> tuple[Any, ...]:
    tangents: tuple[Any, ...] = torch.func.jvp(function, tensors[:count], tensors[count:])[1]
    return tangents


_DERIVATIVES = {"vjp": _vjp, "jvp": _jvp}


def _over(function: _Function, dims: dict[int, int], *tensors: Tensor) -> tuple[Any, ...]:
    """What is mapped over lies first, and is moved to where the implementation meets it."""
    in_dims = tuple(dims.get(place) for place in range(len(tensors)))
    moved = (
        tensor if dim is None else tensor.movedim(0, dim)
        for tensor, dim in zip(tensors, in_dims, strict=True)
    )
    results: tuple[Any, ...] = torch.func.vmap(function, in_dims)(*moved)
    return results


def _judged(
    trial: Trial, word: Sequence[str], composed: _Composed, integers: Integers
) -> Iterator[Judgement]:
    form, operands = composed.form, integers.operands()
    tensors = [_drawn(trial, variable, integers) for variable in form.arguments]
    call = trial.call(operands, requires_grad="")

    def Y(*arguments: Tensor) -> tuple[Any, ...]:  # noqa: N802 (the quantity's name)
        X, K, *b = arguments
        return (call.function(X, K, b[0] if b else None),)

    handed = [
        tensor.reshape(*variable.lead, *trial.shapes[QUANTITY_OF[variable.role]]).to(trial.device)
        for tensor, variable in zip(tensors, form.arguments, strict=True)
    ]
    with target_code(_QUANTITY):
        found = tuple(map(looked_at, composed.apply(Y)(*handed)))
    judgements = [
        explained(trial.judge("compositions", _QUANTITY, actual, expected), _said(composed, place))
        for place, (actual, expected) in enumerate(
            zip(found, _expected(trial, form, tensors), strict=True)
        )
    ]
    if any(judgement.verdict == Verdict.WRONG for judgement in judgements):
        if "jvp" in word and carries_no_tangent(call):
            yield no_forward_mode("compositions")
            return
        if len(word) - word.count("vmap") == _MOST_DERIVATIVES:
            # torch.func takes what is marked once_differentiable for a constant, silently.
            require_second_order(trial.call(operands, requires_grad="XK"))
    yield from judgements


def _said(composed: _Composed, place: int) -> str:
    """Which result of which word: "result 2 of 3 of vmap(vjp(Y), n=5), of K's shape"."""
    results = composed.form.results
    which = f"result {place + 1} of {len(results)} of " if len(results) > 1 else ""
    like = QUANTITIES[QUANTITY_OF[results[place].variable.role]]
    return f"{which}{composed.name}, of {like.leaf or like.name}'s shape"


def _drawn(trial: Trial, variable: Variable, integers: Integers) -> Tensor:
    shape = trial.target.operator.shape(variable.role, trial.case.geometry)
    return integers.draw((*variable.lead, *shape))


def _expected(trial: Trial, form: Multilinear, tensors: Sequence[Tensor]) -> Iterator[Expected]:
    operator, geometry = trial.target.operator, trial.case.geometry

    def value(result: Result, *given: Tensor) -> Tensor:
        return form.value(result, given, operator, geometry)

    for result in form.results:
        like, lead = QUANTITY_OF[result.variable.role], result.variable.lead
        yield answer(trial, like, partial(value, result), *tensors, lead=lead)
