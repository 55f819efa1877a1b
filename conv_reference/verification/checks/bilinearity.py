"""Bilinearity and adjointness: the two laws that make a convolution and its gradients one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import GRADIENTS, LETTERS, QUANTITIES, ROLES
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import Values
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.agreement import agree
from conv_reference.verification.trial.judge import NORMWISE, whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.transforms import mixes
from conv_reference.verification.trial.trial import Trial, target_code


@check(
    Row(
        "additivity",
        "Y(X + X', K) = Y(X, K) + Y(X', K), and the same in K.",
        "What is not additive is no convolution, whatever it answers on one trial.",
        "taps skipped where the kernel is zero (a class of FAULTS: NANINF)",
    ),
    traits=Traits(sample=Sample.SMALL),
)
def additivity(trial: Trial) -> Iterator[Judgement]:
    """One operand as a sum of two."""
    if not trial.has_room:
        return
    given = _without_bias(trial)
    for role in ("input", "weight"):
        first, second = _summands(getattr(given, role), trial.seed)
        total = replace(given, **{role: first + second})
        parts = [_forward(trial, replace(given, **{role: part})) for part in (first, second)]
        if not all(isinstance(part, Tensor) for part in parts):
            return  # reported by the certificate
        letter = LETTERS[role]
        # The sum of absolute products that bounds the rounding of both parts.
        bounding = replace(given, **{role: first.abs() + second.abs()})
        yield from agree(
            trial,
            "additivity",
            {"Y": _forward(trial, total)},
            {"Y": parts[0] + parts[1]},
            f"Y of {letter} + {letter}' should be the sum of Y of each",
            operands=bounding,
        )


@check(
    Row(
        "homogeneity",
        "Y(-2X, K) = -2 Y(X, K) = Y(X, -2K), and dX and dK likewise.",
        "Clamps and downcasts in mid-sum depend on size and sign.",
        "a backward pass that clamps at zero passes a checker that feeds positive numbers",
    ),
    traits=Traits(sample=Sample.SMALL),
)
def homogeneity(trial: Trial) -> Iterator[Judgement]:
    """Operands times -2, which is exact in any dtype."""
    if not trial.has_room:
        return
    given = _without_bias(trial)
    plain = _answers(trial, given)
    for role in ROLES:
        operands = replace(given, **{role: getattr(given, role) * -2})
        reference = {
            name: value * -2 if role in QUANTITIES[name].factors else value
            for name, value in plain.items()
            if isinstance(value, Tensor)
        }
        yield from agree(
            trial,
            "homogeneity",
            _answers(trial, operands),
            reference,
            f"-2 times the {role} has answers of -2 times",
            operands=operands,
        )


@check(
    Row(
        "adjointness",
        "⟨G, Y - b⟩ = ⟨dX, X⟩ = ⟨dK, K⟩, and ⟨db, b⟩ is the bias's part of ⟨G, Y⟩.",
        "It ties each gradient to the forward pass, and needs no reference.",
        "the adjoint had another shape where a remainder was dropped (pytorch#5057)",
        rests_on=("Y",),
    ),
    traits=Traits(sample=Sample.SMALL, gradient=True),
)
def adjointness(trial: Trial) -> Iterator[Judgement]:
    """Inner products, in exact arithmetic."""
    if not trial.has_room:
        return
    given = trial.operands
    if trial.case.values == Values.SPARSE:  # so that what is too much in each element adds up
        given = replace(given, grad_output=given.grad_output.abs())
    found = _answers(trial, given)
    bare = _forward(trial, _without_bias(trial))
    if not all(isinstance(Y, Tensor) and Y.dtype == given.input.dtype for Y in (bare, found["Y"])):
        return  # reported by the certificate
    G = given.grad_output.reshape(bare.shape)
    forward, with_bias = _inner(G, bare), _inner(G, found["Y"])
    bilinear = forward, "⟨G, Y⟩ without bias"
    of_bias = _difference(with_bias, forward), "⟨G, Y⟩ less the same without bias"
    for name in GRADIENTS:
        operand, gradient = given.by_role()[QUANTITIES[name].of], found.get(name)
        wanted, said = of_bias if name == "db" else bilinear
        if isinstance(gradient, Tensor) and gradient.numel() == operand.numel():
            side = _inner(gradient, operand.reshape(gradient.shape))
            rounds = not _are_whole(trial, bare, found["Y"], gradient)
            yield _sides_agree(trial, name, side, wanted, said, rounds=rounds)


def _are_whole(trial: Trial, *answers: Tensor) -> bool:
    """Whether answers over 0 and ±1 hold no fraction: rounding there leaves some."""
    if trial.case.values != Values.SPARSE:
        return False
    return all(bool((answer.detach() == answer.detach().round()).all()) for answer in answers)


def _sides_agree(
    trial: Trial,
    quantity: str,
    side: Fraction | None,
    wanted: Fraction | None,
    said: str,
    *,
    rounds: bool,
) -> Judgement:
    law = f"⟨{quantity}, {QUANTITIES[quantity].leaf}⟩ should be {said}"
    if side is None or wanted is None:
        said = f"{law}: not finite"
        found = "a NaN or an infinity"
        return whole("adjointness", quantity, "finite", found, said, of_numbers=True)
    if side == wanted:
        return Judgement("adjointness", quantity, Verdict.EXACT)
    given = trial.operands
    operand = getattr(given, QUANTITIES[quantity].of)
    largest = 2 * _weighed(trial, "Y", given.grad_output) + _weighed(trial, quantity, operand)
    relative = abs(float(side - wanted)) / largest if largest else math.inf
    if rounds and relative <= trial.normwise_allowance and _is_earned(trial, quantity, relative):
        bits = -math.log2(relative)
        return Judgement("adjointness", quantity, Verdict.ROUNDED, bits, NORMWISE)
    should, found = digits(float(wanted)), digits(float(side))
    explanation = f"{law}: should be {should}, is {found}"
    return whole("adjointness", quantity, should, found, explanation, of_numbers=True)


def _is_earned(trial: Trial, quantity: str, relative: float) -> bool:
    """Whether so much is what a few roundings make, or one of the two sides is of a transform."""
    if relative <= _FEW * torch.finfo(trial.case.dtype).eps:
        return True
    names = [name for name in ("Y", quantity) if QUANTITIES[name].other]
    return any(mixes(trial, name) for name in names)


_FEW = 4


def _weighed(trial: Trial, quantity: str, other: Tensor) -> float:
    """What a unit of normwise error in each element makes of the quantity's product with another.

    As for one element, the error is relative to the greatest sum of absolute products, or to the
    greatest product where little is summed.
    """
    expected = trial.expect(only=(quantity,))[quantity]
    scale = expected.scale()
    greatest = max(float(scale.max()) if scale.numel() else 0.0, expected.product())
    return greatest * float(other.to(torch.float64).abs().sum())


def _inner(left: Tensor, right: Tensor) -> Fraction | None:
    """Σ left · right without rounding; None where an element is not finite."""
    pairs = zip(
        left.detach().cpu().flatten().tolist(), right.detach().cpu().flatten().tolist(), strict=True
    )
    try:
        total = Fraction(0)
        whole_number = 0
        for a, b in pairs:
            if a.is_integer() and b.is_integer():
                whole_number += int(a) * int(b)
            else:
                total += Fraction(a) * Fraction(b)
    except (OverflowError, ValueError):  # an infinity, a NaN
        return None
    return total + whole_number


def _difference(left: Fraction | None, right: Fraction | None) -> Fraction | None:
    return None if left is None or right is None else left - right


def _summands(tensor: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Two integer-valued tensors whose sum, like each of them, is no larger than the tensor."""
    half = int(tensor.abs().max()) // 2 if tensor.numel() else 0
    generator = torch.Generator().manual_seed(seed)
    if half == 0:  # room for signs only: each element goes to one of the two
        mask = torch.randint(0, 2, tensor.shape, generator=generator).to(tensor.dtype)
        return tensor * mask, tensor * (1 - mask)
    first, second = (
        torch.randint(-half, half + 1, tensor.shape, generator=generator).to(tensor.dtype)
        for _ in range(2)
    )
    return first, second


def _without_bias(trial: Trial) -> Operands:
    return replace(trial.operands, bias=torch.zeros_like(trial.operands.bias))


def _answers(trial: Trial, operands: Operands) -> dict[str, Any]:
    plain = replace(trial, case=trial.case.contiguous())
    return observe(plain.call(operands))


def _forward(trial: Trial, operands: Operands) -> Any:
    call = replace(trial, case=trial.case.contiguous()).call(operands, requires_grad="")
    with target_code("Y"):
        Y = call.forward()
    return Y if isinstance(Y, Tensor) and Y.shape == call.G.shape else None
