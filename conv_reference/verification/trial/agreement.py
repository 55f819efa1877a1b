"""Two answers of one target that must be the same: judged without the oracle's values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from conv_reference.operands import Operands
from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.digits import digits
from conv_reference.verification.model.judgement import Judgement, Thrown
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.trial.judge import judge, whole
from conv_reference.verification.trial.trial import Trial


def agree(
    trial: Trial,
    row: str,
    actual: Mapping[str, Any],
    reference: Mapping[str, Any],
    said: str,
    *,
    operands: Operands | None = None,
    same: bool = False,
    other: Case | None = None,
) -> Iterator[Judgement]:
    """Whether two answers to one question agree: bit for bit, or else up to rounding.

    Args:
        trial: the question; its geometry determines how far rounding may reach.
        row: of the report.
        actual: Y and gradients, as ``observe`` returns them.
        reference: the same by another route, or at another time. What is not a tensor in it
            is left to the certificate.
        said: what should agree with what: "a second pass agrees with the first".
        operands: in place of the trial's own.
        same: the very same computation, so that where it is exact once nothing may round.
        other: the case that ``reference`` was computed on, where that is another.
    """
    for quantity in FIRST_ORDER:
        wanted = reference.get(quantity)
        if isinstance(wanted, Tensor):
            answer: Any = actual.get(quantity)
            judgement = _agreement(trial, row, quantity, answer, wanted, operands)
            if same and judgement.verdict == Verdict.ROUNDED:
                judgement = _not_rounded(trial, judgement, answer, wanted, operands)
            if judgement.verdict == Verdict.WRONG:
                judgement = _at_fault(trial, judgement, answer, wanted, operands, other)
            yield explained(judgement, said)


def against_oracle(
    trial: Trial,
    row: str,
    found: Mapping[str, Any],
    said: str,
    *,
    operands: Operands | None = None,
    missing: bool = False,
) -> Iterator[Judgement]:
    """Each answer against the oracle's.

    The oracle's own numbers are wiped out after use: freed memory must not hold the answer to
    the next question.

    Args:
        trial: the question.
        row: of the report.
        found: Y and gradients, as ``observe`` returns them.
        said: under which circumstances, or what should hold: "under torch.no_grad".
        operands: in place of the trial's own.
        missing: whether a gradient that is missing is reported here, too. Otherwise that is left
            to the row ``requires_grad``.
    """
    expected = trial.expect(operands, only=tuple(name for name in FIRST_ORDER if name in found))
    for quantity, wanted in expected.items():
        actual = found[quantity]
        if actual is not None or missing:
            yield explained(trial.judge(row, quantity, actual, wanted), said)
        wanted.value.fill_(math.nan)


def explained(judgement: Judgement, said: str) -> Judgement:
    """The judgement; one that is wrong states what should have held."""
    if judgement.verdict != Verdict.WRONG:
        return judgement
    return replace(judgement, explanation=f"{said}: {judgement.explanation}")


def observed(row: str, quantity: str, what: str, *, of: str = "", warns: bool = False) -> Judgement:
    """What is reported in the notes and judged neither right nor wrong.

    Args:
        row: of the report.
        quantity: as it is reported.
        what: was seen, in words.
        of: the subject, where it is one of several answers to one question: those are listed
            together, each with its dtypes.
        warns: whether it stands at the top of the report: who reads the verdict must know it.
    """
    return Judgement(row, quantity, Verdict.EXACT, observation=what, subject=of, warns=warns)


def not_judged(row: str, reason: str, thrown: Thrown | None = None) -> Judgement:
    """That nothing is claimed of a case, and why: it is counted as unsupported.

    Args:
        row: of the report.
        reason: in words.
        thrown: what was raised, where that is the reason.
    """
    return Judgement(row, "", Verdict.UNSUPPORTED, explanation=reason, thrown=thrown)


def _not_rounded(
    trial: Trial, judgement: Judgement, answer: Tensor, wanted: Tensor, operands: Operands | None
) -> Judgement:
    """Wrong where the algorithm has been exact once; else the judgement."""
    exact = trial.expect(operands, only=(judgement.quantity,))[judgement.quantity].value
    if not torch.equal(wanted.detach().to("cpu", torch.float64), exact):
        return judgement
    index = tuple(int(i) for i in (answer != wanted).nonzero()[0])
    should, found = digits(float(wanted[index])), digits(float(answer[index]))
    explanation = f"the first to differ should be {should}, is {found}"
    row, quantity = judgement.check, judgement.quantity
    wrong = whole(row, quantity, should, found, explanation, of_numbers=True)
    return replace(wrong, index=index)


def _at_fault(
    trial: Trial,
    judgement: Judgement,
    answer: Any,
    wanted: Tensor,
    operands: Operands | None,
    other: Case | None,
) -> Judgement:
    """That of the two which is not what the oracle computes, where the first is."""
    oracle = trial.expect(operands, only=(judgement.quantity,))[judgement.quantity]
    if not isinstance(answer, Tensor) or answer.shape != oracle.value.shape:
        return judgement
    if not torch.equal(answer.detach().to("cpu", torch.float64), oracle.value):
        return judgement
    kind = replace(oracle, dtype=wanted.dtype, device=wanted.device)
    found = judge(judgement.check, judgement.quantity, wanted, kind)
    if found.verdict != Verdict.WRONG:
        return judgement
    where = "" if other is None else f" ({other.question})"
    explanation = f"the second of the two{where} is at fault: {found.explanation}"
    return replace(found, explanation=explanation, case=other)


def _agreement(
    trial: Trial, row: str, quantity: str, actual: Any, wanted: Tensor, operands: Operands | None
) -> Judgement:
    if isinstance(actual, Tensor) and actual.dtype == wanted.dtype and torch.equal(actual, wanted):
        return Judgement(row, quantity, Verdict.EXACT)
    oracle = trial.expect(operands, only=(quantity,))[quantity]
    if wanted.shape != oracle.value.shape:  # of which no bound is known
        said = f"of shape {tuple(wanted.shape)}, which the quantity has not"
        return whole(row, quantity, "the same numbers", f"others, {said}", of_numbers=True)
    if isinstance(actual, Tensor) and actual.shape == wanted.shape:
        # Where both are NaN they agree; that it is NaN is no matter of agreement.
        both = actual.isnan() & wanted.isnan()
        actual, wanted = (torch.where(both, 0.0, each) for each in (actual, wanted))
    expected = replace(
        oracle,
        value=wanted.detach().to("cpu", torch.float64),
        dtype=wanted.dtype,
        # Either answer may round.
        terms=2 * oracle.terms,
    )
    return trial.judge(row, quantity, actual, expected)
