"""Whole Jacobians, element by element, and products with the Hessian of ⟨G, Y⟩."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Geometry
from conv_reference.operands import Operands
from conv_reference.quantities import GRADIENTS, QUANTITIES, QUANTITY_OF
from conv_reference.verification.checks._registry import Row, Sample, Traits, check, has_samples
from conv_reference.verification.checks.forward_mode import (
    carries_no_tangent,
    forward_call,
    no_forward_mode,
)
from conv_reference.verification.checks.second_order import require_second_order
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.target.answers import looked_at
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import not_judged
from conv_reference.verification.trial.integers import Integers, along, answer, own
from conv_reference.verification.trial.judge import Expected
from conv_reference.verification.trial.trial import Trial, target_code

_MOST_ELEMENTS = 256  # of X, and of K: each is a basis vector for the oracle
_MOST_ENTRIES = 2**15  # of one Jacobian
_FORWARD = {"jacfwd", "hessian_vector_forward"}

Transform = Callable[..., Any]


def _is_small(geometry: Geometry) -> bool:
    X, K, Y = (
        prod(s) for s in (geometry.input_shape, geometry.weight_shape, geometry.output_shape)
    )
    largest = max(X, K)
    few = largest <= _MOST_ELEMENTS and largest * Y <= _MOST_ENTRIES
    return few and has_samples(geometry)  # of none there is no entry


@check(
    Row(
        "jacrev",
        "torch.func.jacrev gives ∂Y/∂X, ∂Y/∂K and ∂Y/∂b, every entry.",
        "Agreement on a basis is a proof for this geometry; it maps the backward pass.",
        "a few wrong entries in a large Jacobian pass gradcheck's fast mode (pytorch#57166)",
        follows=("vmap", "vmap_gradients"),
    ),
    traits=Traits(sample=Sample.FEW, transform=True, fits=_is_small, needs=("vjp", "vmap")),
)
def jacrev(trial: Trial) -> Iterator[Judgement]:
    """The Jacobians by rows."""
    yield from _jacobians(trial, "jacrev", torch.func.jacrev)


@check(
    Row(
        "jacfwd",
        "torch.func.jacfwd gives ∂Y/∂X, ∂Y/∂K and ∂Y/∂b, every entry.",
        "It maps the jvp rule.",
        "no forward derivative through a depthwise convolution (pytorch#81111)",
        rests_on=("Y",),
        follows=("jvp", "vmap"),
    ),
    traits=Traits(sample=Sample.FEW, transform=True, fits=_is_small, needs=("jvp", "vmap")),
)
def jacfwd(trial: Trial) -> Iterator[Judgement]:
    """The Jacobians by columns."""
    yield from _jacobians(trial, "jacfwd", torch.func.jacfwd)


def _jacobians(trial: Trial, row: str, transform: Transform) -> Iterator[Judgement]:
    integers = Integers.of(trial, terms=1)
    if integers is None or not _is_small(trial.case.geometry):
        reason = "its sums are too long to be exact" if integers is None else "it is too large"
        yield not_judged(row, f"the Jacobian of these sizes: {reason}")
        return
    operands = integers.operands()
    call = _call(trial, row, operands)
    names = GRADIENTS if call.b is not None else GRADIENTS[:-1]
    with target_code("∂Y/∂X"):
        function, primals = _function_of(call)
        jacobians = transform(function, argnums=tuple(range(len(primals))))(*primals)
        found = tuple(map(looked_at, jacobians))
    constant = isinstance(found[0], Tensor) and not found[0].any()
    if row == "jacfwd" and constant and carries_no_tangent(call):
        yield no_forward_mode(row)
        return
    for name, actual in zip(names, found, strict=True):
        expected = _expected(trial, name, operands.input, operands.weight)
        quantity = f"∂Y/∂{QUANTITIES[name].leaf}"
        like = "Y" if row == "jacfwd" else name  # it maps the tangent, the other the gradient
        yield trial.judge(row, quantity, actual, expected).derived_as(like)


def _call(trial: Trial, row: str, operands: Operands) -> Call:
    """A call without a graph, as the row's transform can be asked for it."""
    if row in _FORWARD:
        return forward_call(trial, operands)
    return trial.call(operands, requires_grad="")


def _function_of(call: Call) -> tuple[Any, tuple[Tensor, ...]]:
    """Y as a function of X, K and, where there is one, b."""
    if call.b is None:
        return (lambda X, K: call.function(X, K, None)), (call.X, call.K)
    return call.function, (call.X, call.K, call.b)


def _expected(trial: Trial, name: str, X: Tensor, K: Tensor) -> Expected:
    """The oracle's Jacobian: what it answers to each basis vector."""
    operator, geometry, role = trial.target.operator, trial.case.geometry, QUANTITIES[name].of
    shape = operator.shape(role, geometry)

    def columns(X: Tensor, K: Tensor) -> Tensor:
        size = prod(shape)
        basis = torch.eye(size, dtype=torch.float64).reshape(size, *shape)
        at = {"input": X, "weight": K}
        moved = (operator.second("Y", at, {role: vector}, geometry) for vector in basis)
        return torch.stack([*moved], dim=-1)

    return answer(trial, "Y", columns, X, K, trail=trial.target.own_shape(role, geometry))


@check(
    Row(
        "hessian_vector",
        "Products with the Hessian of ⟨G, Y⟩ are dX(G, W) and dK(G, V): reverse over reverse.",
        "Second-order optimisers and influence functions are made of them.",
        "double backward treats G as a constant",
        follows=("double_backward",),
    ),
    traits=Traits(sample=Sample.FEW, transform=True, needs=("vjp",)),
)
def hessian_vector(trial: Trial) -> Iterator[Judgement]:
    """The vjp of the gradient."""

    def product(gradient: Any, primals: Any, directions: Any) -> Any:
        return torch.func.vjp(gradient, *primals)[1](directions)

    yield from _products(trial, "hessian_vector", product)


@check(
    Row(
        "hessian_vector_forward",
        "The same products by forward over reverse.",
        "The cheaper nesting, where a jvp rule is there; it differentiates the backward pass.",
        "forward-over-reverse raised for a depthwise convolution (pytorch#75219)",
        follows=("jvp", "double_backward", "forward_over_reverse"),
    ),
    traits=Traits(sample=Sample.FEW, transform=True, needs=("vjp", "jvp")),
)
def hessian_vector_forward(trial: Trial) -> Iterator[Judgement]:
    """The jvp of the gradient."""

    def product(gradient: Any, primals: Any, directions: Any) -> Any:
        return torch.func.jvp(gradient, primals, directions)[1]

    yield from _products(trial, "hessian_vector_forward", product)


def _products(trial: Trial, row: str, product: Transform) -> Iterator[Judgement]:
    integers = Integers.of(trial, terms=2)
    if integers is None:
        return
    operands = integers.operands()
    upstream = {"input": integers.like("input"), "weight": integers.like("weight")}
    directions = tuple(own(trial, QUANTITY_OF[role], t) for role, t in upstream.items())
    call = _call(trial, row, operands)
    names = ("Hessian-vector product in X", "Hessian-vector product in K")
    with target_code(names[0]):
        Y = call.forward()
        if not isinstance(Y, Tensor) or Y.shape != call.G.shape:  # nobody weighs that with G
            yield trial.judge(row, "Y", Y, trial.expect(operands, only=("Y",))["Y"])
            return
        gradient = torch.func.grad(_weighted_sum(call), argnums=(0, 1))
        found = product(gradient, (call.X, call.K), directions)
    if not any(torch.is_tensor(product) and product.any() for product in found):
        # torch.func takes what is marked once_differentiable for a constant, silently.
        require_second_order(trial.call(operands, requires_grad="XK"))
    for name, quantity, actual in zip(names, GRADIENTS, found, strict=False):
        expected = along(trial, quantity, operands, upstream)
        yield trial.judge(row, name, actual, expected).derived_as(quantity)


def _weighted_sum(call: Call) -> Any:
    """⟨G, Y⟩ as a function of X and K; its own value may round, its derivatives do not."""

    def function(X: Tensor, K: Tensor) -> Any:
        return (call.function(X, K, call.b) * call.G).sum()

    return function
