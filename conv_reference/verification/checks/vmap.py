"""torch.func.vmap: one call over many inputs, kernels or biases equals a loop of calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from random import Random
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import GRADIENTS, LETTERS, QUANTITIES, ROLE_OF
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.judgement import Judgement, Quantity
from conv_reference.verification.model.result import FAILURES
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.integers import Integers, answer
from conv_reference.verification.trial.judge import Expected
from conv_reference.verification.trial.raised import raised_in_mode
from conv_reference.verification.trial.trial import TargetRaised, Trial, each_asked, target_code

# Of the dimension that is mapped over, one of these for each case: a rule that squeezes fails of
# one, one that works in blocks fails of many. The commonest is the quickest.
_SIZES = (2, 2, 2, 2, 2, 1, 5, 9)
_INNER, _OUTER = 2, 3  # of a dimension, and of a second one around it
Stacks = dict[str, tuple[Tensor, ...]]  # by letter: the slices of what is mapped over


@dataclass(frozen=True)
class _Mapped:
    """X, K, b and G, and for each of them the slices that a mapped dimension holds."""

    operands: Operands
    stacks: Stacks

    @classmethod
    def drawn(cls, trial: Trial, size: int | None = None) -> _Mapped | None:
        if size is None:
            size = Random(f"{trial.key} mapped over").choice(_SIZES)
        integers = Integers.of(trial, terms=1)
        if integers is None:
            return None
        operands = integers.operands()
        there = {letter: role for role, letter in LETTERS.items()}
        if not trial.case.bias:
            del there["b"]
        stacks = {
            letter: tuple(integers.like(role) for _ in range(size))
            for letter, role in there.items()
        }
        return cls(operands, stacks)

    @property
    def size(self) -> int:
        """Of the dimension that is mapped over."""
        return len(self.stacks["X"])

    def slice(self, letters: str, place: int) -> dict[str, Tensor]:
        """The operands by role, those with these letters taken from one place of their stacks."""
        plain = self.operands.by_role()
        chosen = {ROLE_OF[letter]: self.stacks[letter][place] for letter in letters}
        return {ROLE_OF[letter]: plain[ROLE_OF[letter]] for letter in self.stacks} | chosen

    def call(self, trial: Trial) -> Call:
        """Without a graph; what is not mapped over lies as the case says."""
        return trial.call(self.operands, requires_grad="")

    def handed(self, trial: Trial, letter: str, dim: int) -> Tensor:
        """The stack that the target is handed, its mapped dimension there."""
        shape = trial.target.own_shape(ROLE_OF[letter], trial.case.geometry)
        stacked = torch.stack([t.reshape(shape) for t in self.stacks[letter]], dim)
        return stacked.to(trial.device)


def _stacked(trial: Trial, like: str, slices: Sequence[Mapping[str, Tensor]]) -> Expected:
    """The loop: the oracle on each slice, one after another."""
    operator, geometry = trial.target.operator, trial.case.geometry
    read: list[str] = [role for role in slices[0] if role in QUANTITIES[like].factors]
    read += ["bias"] if like == "Y" and "bias" in slices[0] else []
    width = len(read)

    def loop(*flat: Tensor) -> Tensor:
        starts = range(0, len(flat), width)
        named = (dict(zip(read, flat[i : i + width], strict=True)) for i in starts)
        return torch.stack([operator.first(like, operands, geometry) for operands in named])

    flat = [operands[role] for operands in slices for role in read]
    return answer(trial, like, loop, *flat, lead=(len(slices),))


def _expected_Y(trial: Trial, mapped: _Mapped, letters: str) -> Expected:  # noqa: N802 (Y is the quantity's name)
    return _stacked(trial, "Y", [mapped.slice(letters, place) for place in range(mapped.size)])


def dims_of(trial: Trial, letters: str) -> Iterator[dict[str, int]]:
    """Every dimension for one letter; for several, two choices: others for each case."""
    shapes = trial.shapes
    ranks = {"X": len(shapes["dX"]), "K": len(shapes["dK"]), "b": 1}
    choices = [
        dict(zip(letters, dims, strict=True))
        for dims in product(*(range(ranks[letter] + 1) for letter in letters))
    ]
    if len(letters) > 1:
        choices = Random(f"{trial.key} {letters}").sample(choices, 2)
    yield from choices


def _subsets(trial: Trial) -> Iterator[str]:
    letters = trial.case.arguments
    for size in range(1, len(letters) + 1):
        for chosen in combinations(letters, size):
            yield "".join(chosen)


@check(
    Row(
        "vmap",
        "vmap over X, K, b and all their subsets, along any dimension, equals a loop of calls.",
        "A batching rule folds the mapped dimension into batch, channels or groups by hand.",
        "the rule exchanged groups and channels of the weight (functorch PR#345)",
    ),
    traits=Traits(sample=Sample.SMALL, transform=True, times=2, needs=("vmap",)),
)
def vmap(trial: Trial) -> Iterator[Judgement]:
    """Y mapped over each subset of its arguments, with every in_dims and out_dims."""
    mapped = _Mapped.drawn(trial)
    if mapped is None:
        return
    judged: list[tuple[str, Judgement]] = []
    with each_asked() as one:
        for letters in _subsets(trial):
            expected = _expected_Y(trial, mapped, letters)
            for out_dim, dims in trial.some(enumerate(dims_of(trial, letters)), letters):
                with one():
                    quantity, actual = _mapped_over(trial, mapped, dims, out_dim)
                    judgement = trial.judge("vmap", str(quantity), actual, expected)
                    judged.append((letters, judgement.about(quantity)))
        wrong_alone = {letters for letters, judgement in judged if judgement.verdict in FAILURES}
        for letters, judgement in judged:
            together = judgement.verdict in FAILURES and wrong_alone.isdisjoint(letters)
            yield _only_together(judgement, letters) if together else judgement


def _mapped_over(
    trial: Trial, mapped: _Mapped, dims: Mapping[str, int], out_dim: int
) -> tuple[Quantity, Any]:
    """Y with some of its arguments mapped over, each along a dimension; mapped first in Y."""
    ranks = len(trial.shapes["Y"]) + 1
    call = mapped.call(trial)
    given = call.arguments
    given |= {letter: mapped.handed(trial, letter, dim) for letter, dim in dims.items()}
    in_dims = tuple(dims.get(letter) for letter in given)
    quantity = Quantity("Y", tuple(dims), tuple(dims.values()))
    with target_code(quantity):
        mapping = torch.func.vmap(call.function, in_dims, out_dim % ranks)
        actual = mapping(*given.values())
    if isinstance(actual, Tensor):
        actual = actual.movedim(out_dim % ranks, 0)
    return quantity, actual


def _only_together(judgement: Judgement, letters: str) -> Judgement:
    """Says that each of the arguments alone is mapped over rightly, where there are several."""
    said = f"mapped over {' or '.join(letters)} alone it is right"
    return replace(judgement, explanation=f"{judgement.explanation}; {said}")


@check(
    Row(
        "vmap_nested",
        "vmap over K inside vmap over X, and the other way round, equals two nested loops.",
        "An ensemble over samples is two mapped dimensions at once.",
        "a batching rule that reads the batch's size from the wrong level",
        follows=("vmap",),
    ),
    traits=Traits(sample=Sample.SMALL, transform=True, times=2, needs=("vmap",)),
)
def vmap_nested(trial: Trial) -> Iterator[Judgement]:
    """Two mapped dimensions."""
    inner, outer = _Mapped.drawn(trial, _INNER), _Mapped.drawn(trial, _OUTER)
    if inner is None or outer is None:
        return
    with each_asked() as one:
        for first, second in trial.some([("X", "K"), ("K", "X")]):
            with one():
                yield _nested(trial, (first, outer), (second, inner))


def _nested(trial: Trial, around: tuple[str, _Mapped], within: tuple[str, _Mapped]) -> Judgement:
    """One argument mapped over inside of another, against the two loops."""
    (first, outer), (second, inner) = around, within
    call = inner.call(trial)
    given = call.arguments
    given[first] = outer.handed(trial, first, 0)
    given[second] = inner.handed(trial, second, 1)
    quantity = Quantity("Y", (first, second), (0, 1), nested=True)
    with target_code(quantity):
        mapping = torch.func.vmap(call.function, tuple(_at(n, second, 1) for n in given))
        mapping = torch.func.vmap(mapping, tuple(_at(n, first, 0) for n in given))
        actual = mapping(*given.values())
    if isinstance(actual, Tensor) and actual.shape[:2] == (_OUTER, _INNER):
        actual = actual.flatten(0, 1)
    slices = [
        inner.slice(second, j) | {ROLE_OF[first]: outer.stacks[first][i]}
        for i in range(_OUTER)
        for j in range(_INNER)
    ]
    expected = _stacked(trial, "Y", slices)
    return trial.judge("vmap_nested", str(quantity), actual, expected).about(quantity)


def _at(name: str, mapped: str, dim: int) -> int | None:
    return dim if name == mapped else None


@check(
    Row(
        "vmap_gradients",
        "dX, dK and db mapped over X, K or G (per-sample gradients) equal a loop.",
        "Differential privacy and influence functions rest on per-sample gradients.",
        "vmap of a convolution's vjp without a bias was wrong (functorch#338)",
        follows=("vmap",),
    ),
    traits=Traits(
        sample=Sample.SMALL, transform=True, gradient=True, times=2, needs=("vjp", "vmap")
    ),
)
def vmap_gradients(trial: Trial) -> Iterator[Judgement]:
    """The backward pass mapped over what it reads."""
    mapped = _Mapped.drawn(trial)
    if mapped is None:
        return
    alone, together = ("X", "K", "G"), ("XG", "XKG")
    with each_asked() as one:
        for letters in (*trial.some(alone, "alone"), *trial.some(together, "together")):
            with one():
                yield from _gradients_mapped(trial, mapped, letters)


def _gradients_mapped(trial: Trial, mapped: _Mapped, letters: str) -> Iterator[Judgement]:
    """dX, dK and db mapped over what these letters are."""
    call = mapped.call(trial)
    given = call.arguments | {"G": call.G}
    given |= {letter: mapped.handed(trial, letter, 0) for letter in letters}
    in_dims = tuple(0 if letter in letters else None for letter in given)
    with target_code(Quantity("dX", tuple(letters))):
        found = torch.func.vmap(_gradients_of(call), in_dims)(*given.values())
    expected = _expected_gradients(trial, mapped, letters)
    for name, actual in zip(GRADIENTS, found, strict=False):
        quantity = Quantity(name, tuple(letters))
        judgement = trial.judge("vmap_gradients", str(quantity), actual, expected[name])
        yield judgement.about(quantity)


@check(
    Row(
        "batched_gradients",
        "torch.autograd.grad of many G at once (is_grads_batched) equals a loop.",
        "It maps the backward pass alone; torch.autograd.functional takes whole Jacobians so.",
        "a backward pass that takes the first sizes of G for those of a batch (a class of faults)",
        follows=("vmap_gradients",),
        optional=True,
    ),
    traits=Traits(sample=Sample.SMALL, transform=True, gradient=True, needs=("vjp", "vmap")),
)
def batched_gradients(trial: Trial) -> Iterator[Judgement]:
    """One graph, and many upstream gradients."""
    mapped = _Mapped.drawn(trial)
    if mapped is None:
        return
    try:
        found = _of_many(
            trial.call(mapped.operands, requires_grad=trial.case.arguments), mapped, trial
        )
    except TargetRaised as raised:  # what maps here is older than torch.func, and lacks much
        said = f"with is_grads_batched it raises {raised}"
        yield raised_in_mode("batched_gradients", trial, raised, said, mapped.operands)
        return
    expected = _expected_gradients(trial, mapped, "G")
    for name, actual in found.items():
        quantity = Quantity(name, ("G",))
        judgement = trial.judge("batched_gradients", str(quantity), actual, expected[name])
        yield judgement.about(quantity)


def _of_many(call: Call, mapped: _Mapped, trial: Trial) -> dict[str, Any]:
    """The gradients by their names; none where Y has none, as the certificate reports."""
    with target_code(Quantity("dX", ("G",))):
        Y = call.forward()
        if not isinstance(Y, Tensor) or Y.shape != call.G.shape or not Y.requires_grad:
            return {}
        leaves, G = call.leaves, mapped.handed(trial, "G", 0)
        found = torch.autograd.grad(
            Y, list(leaves.values()), G, is_grads_batched=True, allow_unused=True
        )
    return dict(zip(leaves, found, strict=True))


def _gradients_of(call: Call) -> Any:
    """dX, dK and, with a bias, db as a function of X, K, b and G."""

    def gradients(X: Tensor, K: Tensor, b: Tensor | None, G: Tensor) -> Any:
        if b is None:
            return torch.func.vjp(lambda X, K: call.function(X, K, None), X, K)[1](G)
        return torch.func.vjp(call.function, X, K, b)[1](G)

    return gradients


def _expected_gradients(trial: Trial, mapped: _Mapped, letters: str) -> dict[str, Expected]:
    slices = [mapped.slice(letters, place) for place in range(mapped.size)]
    return {name: _stacked(trial, name, slices) for name in GRADIENTS}
