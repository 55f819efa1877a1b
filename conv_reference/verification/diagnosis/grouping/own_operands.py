"""A failing case's own operands, put to the certificate as they are.

Where a fault is guarded by values (a kernel whose taps sum to zero, a product that overflows) the
certificate of the case draws others, on which it does not show. What the check itself has handed
to the target is on this side of the guard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor
from torch._C._functorch import (
    get_unwrapped,
    is_batchedtensor,
    is_functorch_wrapped_tensor,
    maybe_get_bdim,
)

from conv_reference.operands import Operands
from conv_reference.quantities import LETTERS, QUANTITIES
from conv_reference.verification.diagnosis.bench import Bench
from conv_reference.verification.diagnosis.kinds import Kind, kind_of, size
from conv_reference.verification.execution import Settings, guarded, judge_case
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Failure, Judgement
from conv_reference.verification.model.result import Verdict
from conv_reference.verification.target.target import Call, Target
from conv_reference.verification.trial.observation import observe
from conv_reference.verification.trial.trial import TargetRaised

_MOST = 100  # operands of one case


def behind_own_operands(
    failures: Iterable[Failure],
    first: Iterable[Failure],
    explains: Callable[[Judgement, Judgement], bool],
    bench: Bench,
) -> dict[Failure, Failure]:
    """The certificate's failure, by each failure on whose operands it shows, too.

    Args:
        failures: on whose cases no certificate fails.
        first: those of the certificate, of which the smallest of a kind stands for it.
        explains: whether one judgement may be the cause of another.
        bench: what runs cases again.
    """
    smallest: dict[Kind, Failure] = {}
    for failure in sorted(first, key=size):
        smallest.setdefault(kind_of(failure), failure)
    behind = {
        (f.judgement.check, f.judgement.quantity): f
        for f in smallest.values()
        if f.judgement.verdict == Verdict.WRONG
    }
    # What was met under a setting of the environment is run under it, elsewhere.
    numbers = [
        f
        for f in failures
        if behind and f.judgement.verdict == Verdict.WRONG and not f.judgement.setting
    ]
    if not numbers:
        return {}
    answers = bench.ask(wrong_as_called, [f.case for f in numbers], bench.settings)
    return {
        failure: origin
        for failure in numbers
        for judgement in answers.get(failure.case, ())
        if (origin := behind.get((judgement.check, judgement.quantity))) is not None
        and explains(judgement, failure.judgement)
    }


def wrong_as_called(target: Target, case: Case, settings: Settings) -> tuple[Judgement, ...]:
    """What is wrong of Y, dX, dK and db on the operands that a check hands to the target.

    Args:
        target: that fails on the case.
        case: with all its questions.
        settings: of the run.
    """
    handed: list[tuple[Case, Operands]] = []

    def prepared(asked: Case, operands: Operands) -> Call:
        kept = _copied(operands)

        def add(role: str, tensor: Tensor) -> None:
            own = getattr(kept, role)
            if len(handed) < _MOST and tensor.numel() == own.numel():
                copy = tensor.detach().cpu().clone().reshape(own.shape)
                handed.append((asked, replace(kept, **{role: copy})))

        return _overheard(target.prepare(asked, operands), add)

    judge_case(replace(target, prepare=prepared), case, settings)
    return tuple(wrong for each in handed for wrong in _wrong_on(target, *each, settings))


def _overheard(call: Call, add: Callable[[str, Tensor], None]) -> Call:
    """The call, of which each X, K and G is handed on, by its operand's role."""

    def function(X: Tensor, K: Tensor, b: Tensor | None) -> Any:
        for role, tensor in (("input", X), ("weight", K)):
            for part in _parts(tensor):
                add(role, part)
        Y = call.function(X, K, b)
        if type(Y) is Tensor and Y.requires_grad and not is_functorch_wrapped_tensor(Y):
            Y.register_hook(partial(add, "grad_output"))
        return Y

    return replace(call, function=function)


def _wrong_on(
    target: Target, case: Case, operands: Operands, settings: Settings
) -> Iterator[Judgement]:
    """As the certificate judges it, with all gradients."""
    trial = settings.trial(target, replace(case, requires_grad=case.arguments))
    with guarded(), suppress(TargetRaised):
        answers = observe(trial.call(operands))
        for name, expected in trial.expect(operands, only=tuple(answers)).items():
            if answers[name] is not None:
                row = QUANTITIES[name].row
                judgement = trial.judge(row, name, answers[name], expected)
                if judgement.verdict == Verdict.WRONG:
                    yield judgement


def _copied(operands: Operands) -> Operands:
    """Contiguous and on the CPU: the call may change its own."""
    return Operands(
        **{role: getattr(operands, role).detach().cpu().clone().contiguous() for role in LETTERS}
    )


def _parts(tensor: Tensor) -> Iterator[Tensor]:
    """The tensor; of one that is mapped over, each of what it is made of."""
    if is_batchedtensor(tensor):
        for part in get_unwrapped(tensor).unbind(maybe_get_bdim(tensor)):
            yield from _parts(part)
    elif not is_functorch_wrapped_tensor(tensor):
        yield tensor
