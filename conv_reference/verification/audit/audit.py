"""The side that judges: it holds the oracle, and has never run the target.

The verdicts of a run come from the processes in which the target runs, and a target can turn
them, by a trick or by carelessness. So some hundred of those that passed, chosen after the fact,
are run once more, by a process that knows nothing of verdicts, on memory without the engine's
marks; what comes back is bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from conv_reference.quantities import FIRST_ORDER
from conv_reference.verification.audit.answer import RAISED, Asked, answered
from conv_reference.verification.checks import certifying
from conv_reference.verification.execution import Settings
from conv_reference.verification.model.case import Case
from conv_reference.verification.model.judgement import Crash, Judgement, exact
from conv_reference.verification.model.notes import Note, NoteKind
from conv_reference.verification.model.result import FAILURES, Verdict
from conv_reference.verification.target.target import Target
from conv_reference.verification.trial.judge import whole
from conv_reference.verification.trial.trial import Trial
from conv_reference.verification.work.backend import Backend
from conv_reference.verification.work.messages import Broken

ROW = "audit"
MOST = 120  # certificates of one run
_MOST_PRODUCTS = 20_000  # of one
DISAGREES = (
    "What the process of the target says of itself is not what it computes: there this passed; "
    "in a process that only calls the target, on memory without the engine's marks, "
)
NOT_HERE = (
    "not audited: whether the process in which the target runs reports what the target computes; "
    "that takes a target that another process can import (isolate=True, or the command)"
)


@dataclass(frozen=True)
class Audit:
    """What came of it."""

    results: tuple[tuple[Case, tuple[Judgement, ...]], ...] = ()
    notes: tuple[Note, ...] = ()


def audit(
    results: Sequence[tuple[Case, Any]],
    target: Target,
    auditor: Backend | None,
    settings: Settings,
    deadline: float | None = None,
) -> Audit:
    """Ask some certificates that passed once more.

    Args:
        results: of the run: its cases, each with its judgements, or with how it crashed.
        target: its description.
        auditor: that answers; closed here. None where there can be none.
        settings: of the run.
        deadline: of ``time.monotonic``, after which none is asked; None for no limit.
    """
    if auditor is None:
        return Audit(notes=(Note(NoteKind.NOT_ASKED, NOT_HERE),))
    with closing(auditor):
        chosen = _chosen(results, settings.seed)
        if not chosen:
            return Audit()
        trials = [_trial(target, case, settings) for case in chosen]
        asked = [Asked(str(trial.case), _raw(trial)) for trial in trials]
        came: dict[int, Any] = dict(
            auditor.run(answered, asked, settings.device, deadline=deadline)
        )
    judged = tuple(
        (trial.case, tuple(_judged(trial, came[number])))
        for number, trial in enumerate(trials)
        if number in came and not isinstance(came[number], Broken)
    )
    return Audit(judged, _missed(len(trials) - len(judged), auditor))


def _missed(number: int, auditor: Backend) -> tuple[Note, ...]:
    if not number:
        return ()
    why = "; ".join(map(str, auditor.notes))
    those = "one case" if number == 1 else f"{number} cases"
    chosen = f"{those} chosen to be asked again in another process"
    text = f"not audited: {chosen}{f' ({why})' if why else ''}"
    return (Note(NoteKind.NOT_REACHED, text),)


def _chosen(results: Sequence[tuple[Case, Any]], seed: int) -> list[Case]:
    """Some of the certificates that passed, small ones, drawn when all is over."""
    passed = [
        case
        for case, result in results
        if case.check == certifying().name
        and not isinstance(result, Crash)
        and _products(case) <= _MOST_PRODUCTS
        and not any(j.verdict in FAILURES | {Verdict.UNSUPPORTED} for j in result)
    ]
    return Random(f"{seed} audit").sample(passed, min(MOST, len(passed)))


def _products(case: Case) -> int:
    geometry = case.geometry
    return math.prod((*geometry.weight_shape, *geometry.output_size, geometry.batch))


def _trial(target: Target, case: Case, settings: Settings) -> Trial:
    """On the CPU, where the judge's own operands are, too."""
    return Trial(target, case, settings.seed, torch.device("cpu"), settings.allowed_bits)


def _raw(trial: Trial) -> Mapping[str, tuple[tuple[int, ...], bytes]]:
    """The operands as bytes: numpy has no bfloat16."""
    own = vars(trial.operands).items()
    return {role: (tuple(tensor.shape), _bytes(tensor)) for role, tensor in own}


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def _judged(trial: Trial, came: Mapping[str, Any] | Crash) -> Iterator[Judgement]:
    if isinstance(came, Crash):
        yield replace(_disagreeing("Y", "an answer", came.how), verdict=Verdict.CRASHED, crash=came)
        return
    if RAISED in came:
        raised = _disagreeing("Y", "an answer", came[RAISED])
        yield replace(raised, verdict=Verdict.RAISED)
        return
    names = tuple(name for name in FIRST_ORDER if name in came)
    for name, expected in trial.expect(only=names).items():
        answer = came[name]
        if isinstance(answer, str):
            yield _disagreeing(name, "a tensor", answer)
            continue
        judgement = trial.judge(ROW, name, _tensor(answer), expected)
        if judgement.verdict == Verdict.WRONG:
            yield replace(judgement, explanation=f"{DISAGREES}{judgement.explanation}")
        else:
            yield exact(ROW, name) if judgement.is_exact else judgement


def _disagreeing(quantity: str, expected: str, actual: str) -> Judgement:
    said = f"{DISAGREES}should be {expected}, is {actual}"
    return whole(ROW, quantity, expected, actual, said)


def _tensor(answer: tuple[tuple[int, ...], str, bytes]) -> Tensor:
    shape, name, data = answer
    dtype = getattr(torch, name)
    if not data:
        return torch.empty(shape, dtype=dtype)
    flat = torch.from_numpy(np.frombuffer(bytearray(data), dtype=np.uint8))
    return flat.view(dtype).reshape(shape)
