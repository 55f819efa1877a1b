"""Scales: powers of two change no digit over the dtype's range, and past its end is infinity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import torch
from torch import Tensor

from conv_reference.geometry import Role
from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS, QUANTITIES, ROLES, Operator
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import Values, dtype_name
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call
from conv_reference.verification.trial.agreement import against_oracle, observed
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import Trial

_ATTEMPTS = 4  # to draw exponents
# Bits that are kept free at both ends, for what a transform makes of operands on its way.
_ABOVE, _BELOW = 4, 12

_Exponents = Mapping[str, int]  # by the operand's role


@check(
    Row(
        "scales",
        "Y(2^a X, 2^b K) = 2^(a+b) Y(X, K) over the dtype's range; dX, dK and db likewise.",
        "What is compared with a small constant, or clipped, shows at one scale alone.",
        "numbers below a threshold are taken for zero (a class of faults)",
        follows=("certificate",),
    ),
    Row(
        "overflow",
        "What is larger than the dtype's largest number is an infinity.",
        "A clipped result looks like a result: a run that diverged goes on.",
        "Y clipped to the largest finite number (a class of faults)",
        follows=("certificate",),
    ),
    Row(
        "uneven_scales",
        "A sample keeps its digits beside one that is larger by far, in Y and in dX.",
        "What is scaled by the largest number of a batch loses the small ones.",
        "half precision scaled by one number for a whole batch (a class of faults)",
        follows=("certificate",),
    ),
    traits=Traits(sample=Sample.SMALL, of_values=True),
)
def scales(trial: Trial) -> Iterator[Judgement]:
    """Integers times powers of two, which are exact: the same digits at each scale."""
    random = Random(f"{trial.key} scales")
    for first in ROLES:
        drawn = (_drawn(trial, random, first) for _ in range(_ATTEMPTS))
        if exponents := next(filter(None, drawn), None):
            yield from _at(trial, exponents)
    yield from _past_the_end(trial)
    yield from _uneven(trial, random)


def _uneven(trial: Trial, random: Random) -> Iterator[Judgement]:
    """Samples of 0 and ±1, each times a power of two of its own; X for Y, and then G for dX.

    Some right algorithms add samples up, as Strassen's product does, and lose the small ones in
    every dtype: that is observed. What is wrong where all samples are alike, too, loses nothing
    beside a larger one.
    """
    sparse = replace(trial, case=replace(trial.case, values=Values.SPARSE))
    for role, name in _of_samples(trial.target.operator):
        judged = [*_beside_larger(sparse, role, name, _apart(sparse, random))]
        if _is_wrong(judged):
            wide = torch.float32 if trial.case.dtype == torch.float64 else torch.float64
            other = replace(sparse, case=replace(sparse.case, dtype=wide))
            # Which samples meet depends on which are small.
            apart = (_apart(other, random) for _ in range(_ATTEMPTS))
            again = (_beside_larger(other, role, name, exponents) for exponents in apart)
            alike = [0] * trial.case.geometry.batch
            if any(map(_is_wrong, again)) and not _is_wrong(
                _beside_larger(sparse, role, name, alike)
            ):
                said = f"a sample beside one that is larger by far loses digits in {name}"
                judged = [observed("uneven_scales", name, said)]
        yield from judged


def _of_samples(operator: Operator) -> Iterator[tuple[Role, str]]:
    """An operand and what is computed of it, where both have the samples of the form, one by one.

    A gradient of the kernel, of which ``conv2d_weight`` makes its Y, is a sum over them.
    """
    with_samples = {"input", "grad_output"}
    pairs: tuple[tuple[Role, str], ...] = (("input", "Y"), ("grad_output", "dX"))
    for role, name in pairs:
        if {operator.place(role), operator.place(QUANTITIES[name].of)} <= with_samples:
            yield role, name


def _is_wrong(judged: Iterable[Judgement]) -> bool:
    return any(judgement.verdict == Verdict.WRONG for judgement in judged)


def _apart(trial: Trial, random: Random) -> list[int]:
    """An exponent for each sample, one at each end of the range; none where it has no room."""
    batch = trial.case.geometry.batch
    low, high = _ends(trial.case.dtype)
    high -= math.frexp(_longest(trial))[1]
    if batch < 2 or high <= low:
        return []
    exponents = [low, high, *(random.randint(low, high) for _ in range(batch - 2))]
    random.shuffle(exponents)
    return exponents


def _beside_larger(
    trial: Trial, role: str, name: str, exponents: Sequence[int]
) -> Iterator[Judgement]:
    """The samples of one operand, each times a power of two, and their answers without it."""
    given, batch = trial.operands, trial.case.geometry.batch
    given = replace(given, bias=torch.zeros_like(given.bias))
    if not exponents:
        return
    scaled = _each(getattr(given, role), exponents)
    value = observe(trial.call(replace(given, **{role: scaled}))).get(name)
    if not (
        isinstance(value, Tensor) and value.is_floating_point() and value.shape[:1] == (batch,)
    ):
        return  # which the certificate reports
    unscaled = _each(value, [-exponent for exponent in exponents])
    low, high = min(exponents), max(exponents)
    said = f"of samples times 2^{low} to 2^{high}, divided by the same powers of two"
    yield from against_oracle(trial, "uneven_scales", {name: unscaled}, said, operands=given)


def _ends(dtype: torch.dtype) -> tuple[int, int]:
    """Exponents between which numbers are normal, and a tenth of a wide range kept free."""
    info = torch.finfo(dtype)
    low, high = math.frexp(info.tiny)[1] - 1, math.frexp(info.max)[1] - 1
    return (low, high) if dtype == torch.float16 else (low * 9 // 20, high * 9 // 20)


def _longest(trial: Trial) -> int:
    """The most terms that an element of Y or dX has."""
    operator, geometry = trial.target.operator, trial.case.geometry
    return max(operator.terms(name, geometry) for name in ("Y", "dX"))


def _each(tensor: Tensor, exponents: Sequence[int]) -> Tensor:
    """Each sample times its power of two."""
    return torch.stack([_times(part, e) for part, e in zip(tensor, exponents, strict=True)])


def _at(trial: Trial, exponents: _Exponents) -> Iterator[Judgement]:
    """With the case's gradients, and without: the path of Y alone may have its own thresholds."""
    a, b, c = (exponents[role] for role in ROLES)
    said = f"of 2^{a} X, 2^{b} K and 2^{c} G, divided by the same powers of two"
    scaled = _scaled(trial.operands, exponents)
    yield from against_oracle(trial, "scales", _unscaled(trial.call(scaled), exponents), said)
    if trial.case.requires_grad:
        quiet = _unscaled(trial.call(scaled, requires_grad=""), exponents)
        yield from against_oracle(trial, "scales", quiet, f"without gradients, {said}")


def _unscaled(call: Call, exponents: _Exponents) -> dict[str, Any]:
    return {
        name: _times(value, -_exponent(name, exponents)) if _is_floating(value) else value
        for name, value in observe(call).items()
    }


def _past_the_end(trial: Trial) -> Iterator[Judgement]:
    """Operands of which every product overflows, all positive: else their sums were NaN."""
    half = math.frexp(torch.finfo(trial.case.dtype).max)[1] // 2 + 1
    exponents: _Exponents = dict.fromkeys(LETTERS, half)
    given = Operands(
        **{role: getattr(trial.operands, role).abs() for role in ROLES},
        bias=torch.zeros_like(trial.operands.bias),
    )
    scaled = _scaled(given, exponents)
    if not all(bool(tensor.isfinite().all()) for tensor in scaled.by_role(torch.float64).values()):
        return
    found = observe(trial.call(scaled))
    for name, expected in trial.expect(given).items():
        actual = found.get(name)
        if name != "db" and isinstance(actual, Tensor) and actual.shape == expected.value.shape:
            yield _overflows(name, actual.detach().cpu(), expected.value)


def _overflows(quantity: str, actual: Tensor, exact: Tensor) -> Judgement:
    """Every element that is not zero before it is scaled is an infinity; or NaN, of a transform."""
    finite = ((exact != 0) & actual.isfinite()).nonzero()
    if not len(finite):
        return Judgement("overflow", quantity, Verdict.EXACT)
    index = tuple(int(i) for i in finite[0])
    shown = digits(float(actual[index]))
    explanation = (
        f"every product is larger than the largest number of {dtype_name(actual.dtype)}: "
        f"{quantity}{list(index)} should be inf, is {shown}"
    )
    judged = whole("overflow", quantity, "inf", shown, explanation, of_numbers=True)
    return replace(judged, index=index)


def _drawn(trial: Trial, random: Random, first: Role) -> _Exponents | None:
    """Exponents at which no operand, product or sum leaves the normal numbers, with room for more.

    The first is at one of its two ends, the others there or within what the ones before them
    leave; None where those leave nothing, and always in float16, whose range is too narrow.
    """
    bits = _bits(trial)
    largest = math.frexp(torch.finfo(trial.case.dtype).max)[1] - 1 - _ABOVE
    smallest = math.frexp(torch.finfo(trial.case.dtype).tiny)[1] - 1 + _BELOW
    others = [role for role in ROLES if role != first]
    drawn: dict[str, int] = {}
    for role in (first, *random.sample(others, len(others))):
        low, high = smallest, largest - bits[role]
        for other, exponent in drawn.items():
            low = max(low, smallest - exponent)
            high = min(high, largest - bits[role] - bits[other] - exponent)
        if low > high:
            return None
        within = random.randint(low, high)
        drawn[role] = random.choice((low, high, within) if drawn else (low, high))
    return drawn


def _bits(trial: Trial) -> dict[str, int]:
    """Of the sum of each operand's absolute values: no product's and no transform's is larger.

    A transform adds up to as many numbers again on its way back, so that those count, too.
    """
    operands = trial.operands.by_role(torch.float64)
    return {
        role: math.frexp(float(operands[role].abs().sum()) * max(operands[role].numel(), 1))[1]
        for role in ROLES
    }


def _is_floating(value: Any) -> bool:
    """Whether it can be scaled; anything else is for the judge to name."""
    return isinstance(value, Tensor) and value.is_floating_point()


def _exponent(quantity: str, exponents: _Exponents) -> int:
    return sum(exponents[role] for role in QUANTITIES[quantity].factors)


def _scaled(operands: Operands, exponents: _Exponents) -> Operands:
    return Operands(
        **{role: _times(getattr(operands, role), exponents[role]) for role in ROLES},
        bias=_times(operands.bias, _exponent("Y", exponents)),
    )


def _times(tensor: Tensor, exponent: int) -> Tensor:
    """The tensor times 2^exponent, in its own dtype; by halves, for float64 has no 2^1100."""
    first = exponent // 2
    wide = tensor.detach().to(torch.float64)
    for part in (first, exponent - first):
        wide = wide * 2.0**part
    return wide.to(tensor.dtype)
