"""Non-finite values: where a NaN or an infinity must appear, where it must not, and the rest.

One element is poisoned, so that an element which it takes part in sums one infinite product, and
is that infinity, or NaN.

The definition settles which products an element sums. It is silent about zeros that are not in
it: padding, and the gaps that a stride leaves when a gradient is computed as a convolution. An
implementation may multiply those by the poison or leave them out (pytorch#164125); what it
does there is not judged.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from conv_reference.quantities import FIRST_ORDER, LETTERS
from conv_reference.verification.checks._reach import Reach, first_missed, reach_of
from conv_reference.verification.checks._registry import Row, Sample, Traits, check
from conv_reference.verification.model.case import DTYPES
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.agreement import explained, observed
from conv_reference.verification.trial.judge import Expected, kind_mismatch, whole
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.transforms import A_TRANSFORM, transforms
from conv_reference.verification.trial.trial import TargetRaised, Trial


@check(
    Row(
        "nonfinite_input",
        "A NaN or an infinity in X is one in every output that reads it, and in no other.",
        "A NaN that vanishes hides divergence; one that spreads spoils what was right.",
        "Y without a NaN for an input that is NaN (tensorflow#63391)",
    ),
    Row(
        "nonfinite_kernel",
        "A NaN or an infinity in K is one in every output whose window reads it, in one channel.",
        "A diverged weight must show.",
        "Y without a NaN for a weight that is NaN (pytorch#12484)",
    ),
    Row(
        "nonfinite_upstream",
        "A NaN or an infinity in G is one in the gradients that it takes part in, and in no other.",
        "Loss scaling watches for infinities in gradients.",
        "a transform that turns an infinity into NaN in the whole tile (a class of FAULTS: NANINF)",
    ),
    Row(
        "nonfinite_bias",
        "A NaN or an infinity in b is one throughout its channel of Y, and in no other.",
        "A bias that has diverged must show.",
        "a NaN in the bias taken for zero (a class of FAULTS: NANINF)",
        of_bias=True,
    ),
    traits=Traits(
        sample=Sample.SMALL,
        of_values=True,
        of_zeros=True,  # elsewhere an element may have several products with one of an operand
    ),
)
def nonfinite(trial: Trial) -> Iterator[Judgement]:
    """One poisoned element in each operand in turn: a NaN or an infinity."""
    if not trial.has_room:
        return
    plain = replace(trial, case=trial.case.contiguous())
    for role, row in _ROWS.items():
        if role == "bias" and not trial.case.bias:
            continue
        if not (trial.target.forward_only and role == "grad_output"):
            yield from _poisoned(plain, row, role)


_ZEROS = "where only zeros of a padding, or between strides, stand against them"
_ROWS = {
    "input": "nonfinite_input",
    "weight": "nonfinite_kernel",
    "grad_output": "nonfinite_upstream",
    "bias": "nonfinite_bias",
}
_POISONS = (math.nan, math.inf, math.nan, -math.inf)


def _poisoned(trial: Trial, row: str, role: str) -> Iterator[Judgement]:
    given = trial.operands
    tensor = getattr(given, role)
    if tensor.numel() == 0:
        return
    drawn = int(torch.randint(4 * tensor.numel(), (1,), generator=_generator(trial, row)))
    place, poison = drawn // 4, _POISONS[drawn % 4]
    marks = torch.zeros_like(tensor, dtype=torch.float64)
    marks.view(-1)[place] = 1
    poisoned = replace(given, **{role: tensor.masked_fill(marks == 1, poison)})
    # A bias reaches Y alone, whatever is asked for besides.
    names, mask = (("Y",), "") if role == "bias" else (FIRST_ORDER, trial.case.requires_grad)
    found = observe(trial.call(poisoned, requires_grad=mask))
    harmless = replace(given, **{role: tensor.masked_fill(marks == 1, 0)})
    for quantity, wanted in trial.expect(harmless, only=names).items():
        value = found.get(quantity)
        if kind_mismatch(row, quantity, value, wanted) is not None:
            continue  # reported by the certificate
        reach = reach_of(trial, quantity, role, math.copysign(1, poison) * marks, harmless)
        said = f"{poison} in one element of {LETTERS[role]}"
        own = partial(_is_of_its_algorithm, trial, role, marks, poison, quantity)
        yield from _propagated(trial, row, quantity, value, wanted, reach, poison, said, own)


def _generator(trial: Trial, row: str) -> torch.Generator:
    """Another place and another poison for each case."""
    own = zlib.crc32(f"{row} {trial.key}".encode())
    return torch.Generator().manual_seed(own)


def _propagated(
    trial: Trial,
    row: str,
    quantity: str,
    value: Any,
    wanted: Expected,
    reach: Reach,
    poison: float,
    said: str,
    is_of_its_algorithm: Callable[[Tensor, Callable[[Tensor], Tensor]], bool],
) -> Iterator[Judgement]:
    actual = value.detach().to("cpu")
    if reach.sure.dim() > 1:
        reach = reach.reshape(actual.shape)
    finite = reach.sure & actual.isfinite()
    if bool(finite.any()):
        yield first_missed(row, quantity, actual, finite, "not finite", f"{said} reaches")
        return
    if not math.isnan(poison):
        lost = _lost(row, quantity, actual, reach, said)
        if lost is not None and transforms(trial, quantity):
            yield observed(row, quantity, f"{A_TRANSFORM} makes NaN of an infinity in {quantity}")
        elif lost is not None and is_of_its_algorithm(reach.sign != 0, torch.isnan):
            yield observed(
                row, quantity, f"products with zeros make NaN of an infinity in {quantity}"
            )
        elif lost is not None:
            yield lost
            return
    # What is reached cannot be compared; everything else must be what it is without the poison.
    reached = reach.sure | reach.open
    rest = torch.where(reached, wanted.value.to(actual.dtype), actual)
    judgement = trial.judge(row, quantity, rest, replace(wanted, device=rest.device))
    spreads = judgement.verdict == Verdict.WRONG and not bool(rest.isfinite().all())
    if spreads and transforms(trial, quantity):
        yield observed(row, quantity, f"{A_TRANSFORM} spreads what is not finite in {quantity}")
        return
    if spreads and is_of_its_algorithm(~reached, _not_finite):
        yield observed(
            row, quantity, f"products with zeros spread what is not finite in {quantity}"
        )
        return
    yield explained(judgement, f"{said} does not take part in this element of {quantity}")
    spread = reach.open & ~reach.sure
    if bool((spread & ~actual.isfinite()).any()):
        yield observed(row, quantity, f"NaN and infinity spread in {quantity} to {_ZEROS}")


def _is_of_its_algorithm(
    trial: Trial,
    role: str,
    marks: Tensor,
    poison: float,
    quantity: str,
    where: Tensor,
    is_strange: Callable[[Tensor], Tensor],
) -> bool:
    """Whether it answers as strangely in another dtype, and is exact there on what is finite.

    Some right algorithms multiply every number by zeros: a convolution by kernels of 0 and 1 that
    unfolds, Strassen's products, complex ones. A fault of one dtype is none of these.

    Args:
        trial: the case.
        role: of the operand that is poisoned.
        marks: where.
        poison: with what.
        quantity: Y, dX, dK or db.
        where: the elements that are looked at.
        is_strange: what of them should not be.
    """
    own = trial.case.dtype
    others = [own] if own == torch.float64 else [d for d in DTYPES.values() if d != own]
    for other in (replace(trial, case=replace(trial.case, dtype=dtype)) for dtype in others):
        if not other.has_room:
            continue
        given = other.operands
        poisoned = replace(given, **{role: getattr(given, role).masked_fill(marks != 0, poison)})
        try:
            finite, found = (observe(other.call(o)).get(quantity) for o in (given, poisoned))
        except TargetRaised:
            continue
        expected = other.expect(only=(quantity,))[quantity]
        exact = other.judge("", quantity, finite, expected).is_exact
        if not exact or not isinstance(found, Tensor) or found.shape != expected.value.shape:
            continue
        looked_at = where.expand(found.shape)  # one truth for all, where nothing is reached
        if bool(is_strange(found.detach().cpu()[looked_at]).any()):
            return True
    return False


def _not_finite(tensor: Tensor) -> Tensor:
    return ~tensor.isfinite()


def _lost(row: str, quantity: str, actual: Tensor, reach: Reach, said: str) -> Judgement | None:
    """An element with one infinite product, finite ones beside it, that is not that infinity."""
    infinity = math.inf * reach.sign.to(torch.float64)  # NaN where there is none
    wrong = ((reach.sign != 0) & (actual.to(torch.float64) != infinity)).nonzero()
    if not len(wrong):
        return None
    index = tuple(int(i) for i in wrong[0])
    should, shown = digits(float(infinity[index])), digits(float(actual[index]))
    explanation = (
        f"{said} is the one infinite product of {quantity}{list(index)}, finite ones beside it: "
        f"should be {should}, is {shown}"
    )
    lost = whole(row, quantity, should, shown, explanation, of_numbers=True)
    return replace(lost, index=index)
